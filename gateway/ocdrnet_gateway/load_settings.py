"""Settings from arguments and environment, with errors in words."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_settings import SettingsError as SourceError

from ocdrnet_client.address import Address
from ocdrnet_client.errors import ConfigurationError
from ocdrnet_gateway.errors import SettingsError
from ocdrnet_gateway.settings import PREFIX, GatewaySettings


def load_settings(arguments: Mapping[str, object]) -> GatewaySettings:
    """The settings; an argument that is None is left to the environment or the default.

    Raises:
        SettingsError: one cannot be used; the text names it, its variable and why.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        settings = GatewaySettings(**given)  # type: ignore[arg-type]  # pydantic checks them
        Address.parse(settings.triton)
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(item["loc"], item["msg"]) for item in error.errors())) from None
    except (ConfigurationError, SourceError) as error:
        raise SettingsError(str(error)) from None
    return settings


def _sentence(place: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    if not place:
        return text
    return f"{place[0]} (or {PREFIX}{str(place[0]).upper()}): {text}"
