"""Text of an image, through a real Triton started for it: `python -m samples.demo [PICTURE ...]`.

What `make demo` runs. Builds the served repository, serves it on free ports, reads the images, prints their text,
draws overlays into build/demo, and stops the server.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ocdrnet_client import Client, OcdrnetError, Page, draw_overlay
from ocdrnet_deploy.catalog.catalog import DEFAULT
from ocdrnet_deploy.errors import DeployError
from ocdrnet_deploy.repository.build import build_repository
from ocdrnet_deploy.server import TritonServer

OVERLAYS = Path("build/demo")
REPOSITORY = Path("build/repository")
STOREFRONT = Path(__file__).parent / "storefront.jpg"


def main(arguments: list[str]) -> int:
    """Read the images; returns the process's exit code."""
    start = time.monotonic()
    pictures = [Path(argument) for argument in arguments] or [STOREFRONT]
    try:
        build_repository(REPOSITORY, DEFAULT, DEFAULT)
        with TritonServer(REPOSITORY) as server, Client(server.addresses.grpc_url) as client:
            print(f"Triton is ready after {time.monotonic() - start:.1f} s at {server.addresses.grpc_url}")
            for picture in pictures:
                _show(picture, client.read(picture))
    except (DeployError, OcdrnetError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _show(picture: Path, page: Page) -> None:
    OVERLAYS.mkdir(parents=True, exist_ok=True)
    overlay = OVERLAYS / f"{picture.stem}.overlay.png"
    draw_overlay(picture, page).save(overlay)
    print(f"\n{picture.name}: {len(page.lines)} lines, drawn over the image in {overlay}\n")
    for line in page.lines:
        print(f"  {line.score:4.0%}  {line.text}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
