"""Write the table of settings in docs/gateway.md from their definitions: `make docs`."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from ocdrnet_gateway.settings import PREFIX, GatewaySettings

PAGE = Path(__file__).parent / "gateway.md"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"


def gateway_page(text: str) -> str:
    """The page with a table that says what the definitions say."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + settings_table() + END + after


def settings_table() -> str:
    """A row for each setting, in Markdown."""
    rows = (_row(name, field) for name, field in GatewaySettings.model_fields.items())
    return "| setting | default | what it does |\n|---|---|---|\n" + "".join(rows)


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{PREFIX}{name.upper()}` | {_default(field)} | {field.description} |\n"


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    if field.default_factory is not None or isinstance(value, SecretStr):
        return "random"
    return "none" if value is None else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(gateway_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
