"""What locust's users can be told: on its command line, by environment variables, and some on its web page."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ocdrnet_client.address import Address
from ocdrnet_client.protocol import MODEL
from ocdrnet_loadtest.drawing import DEFAULT_SPECS, DrawingSpec, drawn_pictures
from ocdrnet_loadtest.errors import SettingError
from ocdrnet_loadtest.pictures import Picture, load_pictures
from ocdrnet_loadtest.sending.base import SendSettings
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import parse_options


def add_options(parser: Any) -> None:  # noqa: ANN401 (locust is untyped)
    """Add them to locust's own."""
    parser.add_argument("--pictures", env_var="OCDRNET_PICTURES", default="", help="Folder or file; drawn by default.")
    drawn = " ".join(DEFAULT_SPECS)
    parser.add_argument("--draw", env_var="OCDRNET_DRAW", default=drawn, help="WIDTHxHEIGHT:LINES, by spaces.")
    parser.add_argument("--params", env_var="OCDRNET_PARAMS", default="", help="Options, NAME=VALUE, by spaces.")
    parser.add_argument("--ocr-model", env_var="OCDRNET_MODEL", default=MODEL, help="The ensemble's name.")
    parser.add_argument("--think", type=float, default=0.0, help="Seconds a user rests after an answer.")
    parser.add_argument("--answer-timeout", type=float, default=60.0, help="Seconds to wait for an answer.")
    parser.add_argument("--seed", type=int, default=1, help="Of the drawing and of the order of pictures.")
    parser.add_argument("--shots-file", default="", include_in_web_ui=False, help="Write every request to this file.")


def pictures_of(options: Namespace) -> tuple[Picture, ...]:
    """What users send.

    Raises:
        LoadTestError: no picture, or one that cannot be drawn or read.
    """
    if options.pictures:
        return load_pictures([options.pictures])
    return drawn_pictures([DrawingSpec.parse(text) for text in options.draw.split()], options.seed)


def send_settings_of(options: Namespace, host: str) -> SendSettings:
    """How a user sends to `host`.

    Raises:
        SettingError: an option is unknown or out of range.
        ConfigurationError: the host is no url of a server.
    """
    pairs = [text.partition("=")[::2] for text in options.params.split()]
    try:
        parameters = parse_options(dict(pairs))
    except OptionError as error:
        raise SettingError(str(error)) from error
    return SendSettings(Address.parse(host), options.ocr_model, parameters, {}, options.answer_timeout)
