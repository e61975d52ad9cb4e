"""The user's NGC key: read from a file or the environment, and never shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ocdrnet_deploy.errors import NgcKeyError

VARIABLES = ("NGC_API_KEY", "NGC_CLI_API_KEY")
KEYS_PAGE = "https://org.ngc.nvidia.com/setup/api-keys"


class NgcKey:
    """An API key that no repr, log line or error message shows.

    Args:
        text: the key itself.
        origin: where it was read, for messages.

    Raises:
        NgcKeyError: it holds a space, a line break or another character that no HTTP header carries. It is refused
            here because the HTTP library would quote the whole header in its own error.
    """

    __slots__ = ("_text", "origin")

    def __init__(self, text: str, origin: str) -> None:
        if not text:
            raise NgcKeyError(f"the NGC key in {origin} is empty; make one at {KEYS_PAGE}")
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise NgcKeyError(f"the NGC key in {origin} holds a space, a line break or a character that is not ASCII")
        self._text = text
        self.origin = origin

    def __repr__(self) -> str:
        return f"NgcKey(from {self.origin})"

    def authorization(self) -> str:
        """Value of the HTTP header for NGC's own host; it goes nowhere else."""
        return f"Bearer {self._text}"


def read_key(file: Path | None, environment: Mapping[str, str]) -> NgcKey:
    """The key from a file, else from `NGC_API_KEY`, else from `NGC_CLI_API_KEY`.

    Raises:
        NgcKeyError: there is none, it is no key, or the file cannot be read.
    """
    if file is not None:
        return NgcKey(_content(file), str(file))
    for name in VARIABLES:
        if text := environment.get(name, "").strip():
            return NgcKey(text, name)
    raise NgcKeyError(f"NGC asks for a key. Set {VARIABLES[0]} or give --key-file FILE; make one at {KEYS_PAGE}")


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise NgcKeyError(f"{file} is no text file; it must hold the NGC key alone") from None
    except OSError as error:
        raise NgcKeyError(f"the NGC key cannot be read from {file}: {error.strerror}") from None
