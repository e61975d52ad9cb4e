"""The folder where this project keeps what it can make or download again."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Where this project keeps files that it can make again.

    Returns:
        `$OCDRNET_CACHE` if that is set. Else `ocdrnet` in `$XDG_CACHE_HOME` or `~/.cache`. Where that cannot be made or
        written, as without a home, a folder of this user's own among the temporary files.
    """
    own = os.environ.get("OCDRNET_CACHE")
    if own:
        return Path(os.path.abspath(os.path.expanduser(own)))
    usual = _usual_folder()
    return usual if usual is not None and can_be_written(usual) else _temporary_folder()


def kept_libraries() -> Path:
    """Where shared libraries of this machine's own Pythons lie that the installer took out of its packages."""
    return cache_folder() / "libpython"


def can_be_written(folder: Path) -> bool:
    """Whether this user can make files in a folder, or can make the folder."""
    for path in (folder, *folder.parents):
        try:
            path.lstat()
        except FileNotFoundError:
            continue
        except OSError:
            return False
        # access() asks the file system too, which may be mounted read-only.
        return path.is_dir() and os.access(str(path), os.W_OK | os.X_OK)
    return False


def _usual_folder() -> Path | None:
    # The XDG base directory specification: a relative path in the variable is to be ignored.
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if shared.is_absolute():
        return shared / "ocdrnet"
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and a user id that is in no list of users
        return None
    return home / ".cache" / "ocdrnet" if home.is_absolute() else None


def _temporary_folder() -> Path:
    """`ocdrnet-UID` among the temporary files; only if it is this user's own, since anybody can make that name."""
    folder = Path(tempfile.gettempdir(), f"ocdrnet-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            return Path(tempfile.mkdtemp(prefix="ocdrnet-"))
    return folder
