"""Write docs/options.md from the definitions of the options: `make docs`."""

from __future__ import annotations

from pathlib import Path

from ocdrnet_ops.options import OPTIONS

PAGE = Path(__file__).parent / "options.md"
INTRODUCTION = """\
# Options of a request

Each request may set these. If you leave out a number, the server uses the value of the network's card. If you leave
out a choice, it uses the first one listed. Over gRPC and JSON they are request parameters (`box_threshold`), over HTTP
also headers (`ocdrnet-box-threshold`), on the command line `--param box_threshold=0.5`, in the Python client keyword
arguments. An unknown name or a value outside the range is refused with `INVALID_ARGUMENT`.

| option | type | allowed | what it does |
|---|---|---|---|
"""


def options_page() -> str:
    """The page, in Markdown."""
    rows = (f"| `{option.name}` | {option.type_name} | {option.allowed} | {option.help} |\n" for option in OPTIONS)
    return INTRODUCTION + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(options_page(), encoding="utf-8")
