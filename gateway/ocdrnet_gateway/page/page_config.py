"""What the page must know of this gateway before it can start."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from ocdrnet_gateway.page.sample_copies import SOURCES, button_name, copy_name
from ocdrnet_gateway.services import Services
from ocdrnet_ops.option_kinds import ChoiceOption, NumberOption, Option
from ocdrnet_ops.options import OPTIONS

_TITLES = {
    "storefront.jpg": "Storefront",
    "receipt.jpg": "Receipt",
    "page.png": "Dense page",
    "languages.png": "Languages",
    "rotated.jpg": "Turned text",
}


def page_config(services: Services) -> dict[str, Any]:
    """JSON-ready: limits, whether a key is needed, the options with their ranges, the samples."""
    return {
        "version": version("ocdrnet"),
        "keys_required": services.keys.are_required,
        "image_bytes": services.settings.max_upload_bytes,
        "options": [_described(option) for option in OPTIONS],
        "samples": [_sample(source) for source in SOURCES],
    }


def _described(option: Option) -> dict[str, Any]:
    if isinstance(option, NumberOption):
        low, high = option.ends
        return {**asdict(option), "kind": option.type_name, "low": low, "high": high}
    return {**asdict(option), "kind": "choice" if isinstance(option, ChoiceOption) else "text"}


def _sample(source: str) -> dict[str, str]:
    folder = "/page/samples"
    return {
        "title": _TITLES[source],
        "picture": f"{folder}/{copy_name(source)}",
        "button": f"{folder}/{button_name(source)}",
    }
