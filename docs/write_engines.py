"""Builds an engine of every network of the catalog, and writes what came of it: `python -m docs.write_engines`.

It takes the better part of an hour, and so is no part of `make docs`. What `build/engines.json` holds of an earlier run
is not built again; remove the file to begin anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/tensorrt-engines.md"
KEPT = ROOT / "build/engines.json"
_MIB = 1 << 20
_SIZES = {
    "published": (
        "At published size",
        "The profile is that of `models build --engine tensorrt`. The default networks are themselves; of NVIDIA's, "
        "whose weights are not here, a stand-in has the file's inputs, outputs and quirks, but few layers. Versions "
        "with the same stand-in share a build.",
    ),
    "small": (
        "Small",
        "Batches to 2; the default networks whole, with the smallest inputs; NVIDIA's as graphs of a few nodes.",
    ),
}


def main() -> None:
    """Build what is not built yet, and write the page after every network."""
    sys.path[:0] = [str(ROOT / folder) for folder in ("tests/twins", "tests/deploy", "tests/deploy/networks")]
    import pytest  # noqa: PLC0415 - its monkeypatch places the stand-ins
    from engine_matrix import CAPABILITIES, NETWORKS, PRECISIONS, SIZES, wanted  # noqa: PLC0415 - of the tests
    from twin_files import place_twins  # noqa: PLC0415

    from ocdrnet_deploy.tensorrt.builder_check import check_build  # noqa: PLC0415

    rows: dict[str, dict[str, Any]] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        place_twins(Path(folder), patch)
        for size in SIZES:
            for kind, name in NETWORKS:
                for precision in PRECISIONS:
                    engine = None
                    for capability in CAPABILITIES:
                        key = " ".join((size, kind, name, precision, capability))
                        if key in rows:
                            continue
                        engine = engine or wanted(kind, name, precision, size, Path(folder))
                        asked = f"{engine.shapes} {capability}".encode() + engine.model.SerializeToString()
                        digest = hashlib.sha256(asked).hexdigest()
                        if same := next((row for row in rows.values() if row.get("digest") == digest), None):
                            rows[key] = same  # versions that differ in their weights have one stand-in
                            continue
                        found = check_build(engine, capability)
                        rows[key] = {
                            "digest": digest,
                            "builder": found.builder,
                            "is_accepted": found.is_accepted,
                            "reason": [*map(str, found.refusals), *found.errors, *found.differences],
                            "stand_ins": len(found.stand_ins),
                            "layers": found.layers,
                            "mib": found.engine_bytes / _MIB,
                            "seconds": found.seconds,
                            "load": os.getloadavg()[0],
                        }
                        KEPT.parent.mkdir(exist_ok=True)
                        KEPT.write_text(json.dumps(rows, indent=1))
                    PAGE.write_text(page(rows, list(CAPABILITIES)), encoding="utf-8")


def page(rows: dict[str, dict[str, Any]], capabilities: list[str]) -> str:
    """The page in Markdown, with what was built so far."""
    loads = [row["load"] for row in rows.values()]
    builder = next(iter(rows.values()))["builder"]
    accepted = sum(row["is_accepted"] for row in rows.values())
    lines = [
        "# Engines that NVIDIA's builder made of the catalog",
        "",
        f"Written by `python -m docs.write_engines`, with {builder}, on {os.cpu_count()} "
        f"CPU cores without a GPU, beside other work: a load of {min(loads):.0f} to {max(loads):.0f}, so that an idle "
        "machine takes a fraction of these seconds. What an engine that was built proves, and what not: "
        "[tensorrt.md](tensorrt.md#without-a-gpu).",
        "",
        f"{accepted} of {len(rows)} were accepted: parsed, with all shapes of the profile and the config that Triton "
        "gets, and built. A cell has the engine's MiB and the seconds of parsing and building.",
    ]
    for size, (title, about) in _SIZES.items():
        if not any(key.startswith(f"{size} ") for key in rows):
            continue
        lines += ["", f"## {title}", "", about, ""]
        lines += [
            f"| network | precision | layers | {' | '.join(capabilities)} |",
            "|---" * (3 + len(capabilities)) + "|",
        ]
        for key, row in rows.items():
            of, kind, name, precision, capability = key.split(" ")
            if of != size or capability != capabilities[0]:
                continue
            mark = f" ({row['stand_ins']} plugin nodes)" if row["stand_ins"] else ""
            cells = [_cell(rows.get(" ".join((of, kind, name, precision, each)))) for each in capabilities]
            lines.append(f"| {kind} `{name}`{mark} | {precision} | {row['layers']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "not built"
    return f"{row['mib']:.1f}, {row['seconds']:.1f} s" if row["is_accepted"] else "; ".join(row["reason"])


if __name__ == "__main__":
    main()
