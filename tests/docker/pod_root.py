"""Becomes a container's process: an unprivileged user in a root file system that is read-only but for its volumes.

Run by `pod_container.Container` as root inside fresh mount, network and process namespaces:
`python pod_root.py SPEC`, where SPEC is the JSON of `Root`.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

# What an image's base brings along; all of it read-only.
SYSTEM = ("bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr")


@dataclass(frozen=True)
class Root:
    """What a container sees and is.

    Attributes:
        folder: an empty folder of the host that the root is mounted on.
        command: of the container.
        environment: all of it.
        read_only: paths inside, each with what of the host lies there.
        writable: likewise, for volumes.
        memory: paths inside that are in memory, with their size as mount(8) takes it.
        user: number of user and group; None stays root, with a root that can be written.
    """

    folder: str
    command: list[str]
    environment: dict[str, str]
    read_only: dict[str, str] = field(default_factory=dict)
    writable: dict[str, str] = field(default_factory=dict)
    memory: dict[str, str] = field(default_factory=dict)
    user: int | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _bind(source: str, target: Path, *, read_only: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if Path(source).is_dir():
        target.mkdir(exist_ok=True)
    elif not target.exists():
        target.touch()
    _mount("--bind", source, str(target))
    if read_only:
        _mount("-o", "remount,bind,ro", str(target))


def _lay_out(root: Root) -> None:
    folder = Path(root.folder)
    _mount("--make-rprivate", "/")
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", root.folder)
    for name in SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            (folder / name).symlink_to(os.readlink(path))
        elif path.is_dir():
            _bind(str(path), folder / name, read_only=True)
    for name in ("dev", "proc", "sys", "tmp"):
        (folder / name).mkdir()
    _mount("--rbind", "/dev", str(folder / "dev"))
    _mount("-t", "proc", "proc", str(folder / "proc"))
    _bind("/sys", folder / "sys", read_only=True)
    _place_volumes(root, folder)
    if root.user is not None:
        _mount("-o", "remount,ro", root.folder)


def _place_volumes(root: Root, folder: Path) -> None:
    for volumes, read_only in ((root.read_only, True), (root.writable, False)):
        for path, source in volumes.items():
            _bind(source, folder / path.lstrip("/"), read_only=read_only)
    for path, size in root.memory.items():
        _mount("-t", "tmpfs", "-o", f"size={size},mode=1777", "tmpfs", str(folder / path.lstrip("/")))


def _become(root: Root) -> None:
    os.chroot(root.folder)
    os.chdir("/")
    user = [] if root.user is None else [f"--reuid={root.user}", f"--regid={root.user}", "--clear-groups"]
    limits = [] if root.user is None else ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    os.execvpe("setpriv", ["setpriv", *user, *limits, "--", *root.command], root.environment)


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    wanted = Root(**json.loads(sys.argv[1]))
    _lay_out(wanted)
    _become(wanted)
