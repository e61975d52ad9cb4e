"""The README's commands on fresh machines: minimal Debian 12 and 13, as root and as an ordinary user.

    python3 .ci/fresh_machines.py [NAME ...]        # as root; names: see MACHINES; all by default

Each machine is a debootstrapped Debian with what README names as needed and no more, mounted fresh for each run (an
overlay over a kept folder), with a checkout of HEAD in it. uv's own archive of Pythons stands on loopback: uv's index
and archive, with Debian 12's Python in it, so that the real uv fetches, unpacks and finds it in its own way.
Prints a table with the seconds of each command; exits with 1 if one went otherwise than it should.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
KEPT = Path(os.environ.get("OCDRNET_CI_CACHE", "/var/cache/ocdrnet-ci"))
NEEDED = "python3,python3-venv,ca-certificates,make,git"  # what README names for Debian
RELEASES = {12: "bookworm", 13: "trixie"}
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Machine:
    """One fresh machine, and what shall happen on it.

    Attributes:
        debian: 12 (Python 3.11 without a shared library) or 13 (Python 3.13).
        user: who runs the commands.
        folder: of the checkout.
        commands: the make targets to run, in order.
        mirror: whether uv's archive is reachable.
        home: whether the home can be written.
        refused: what the first command shall say within 5 s, if it shall be refused.
    """

    debian: int
    user: str = "newcomer"
    folder: str = "ocdrnet"
    commands: tuple[str, ...] = ("demo",)
    mirror: bool = True
    home: bool = True
    refused: str = ""


MACHINES = {
    "12-user": Machine(12, folder="my own ocdrnet"),
    "13-root": Machine(13, user="root"),
    "12-root-offline": Machine(12, user="root", mirror=False, commands=("doctor", "demo")),
    "12-user-no-home": Machine(12, home=False),
    "13-user": Machine(13),
    "13-user-offline": Machine(13, mirror=False, refused="uv's Pythons cannot be reached"),
}
# Only when named: it takes minutes, and some of make test's tests fail here still.
WHOLE = {
    "12-user-whole": Machine(12, folder="my own ocdrnet", commands=("demo", "test")),
    "13-root-whole": Machine(13, user="root", commands=("demo", "test")),
}
REFUSED_WITHIN_S = 5.0
_UV_PYTHONS = "https://github.com/astral-sh/python-build-standalone/releases/download"


def main(names: list[str]) -> int:
    """Run the machines; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="fresh-machines-") as work:
        mirror = serve_pythons(Path(work))
        machines = MACHINES | WHOLE
        rows = [row for name in names or MACHINES for row in run(name, machines[name], Path(work), mirror)]
    print("\nfresh machine       command   seconds  result")
    for name, command, seconds, result in rows:
        print(f"{name:18}  {command:8}  {seconds:7.1f}  {result}")
    return 0 if all(result in {"passed", "refused, as it should be"} for *_, result in rows) else 1


def run(name: str, machine: Machine, work: Path, mirror: str) -> list[tuple[str, str, float, str]]:
    """Run a machine's commands; returns rows of machine, command, seconds, result."""
    rows = []
    place = work / name
    for part in ("upper", "work", "root"):
        (place / part).mkdir(parents=True)
    base = debian(machine.debian)
    home = Path("/root") if machine.user == "root" else Path("/home") / machine.user
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(place / "checkout")], check=True)
    for command in machine.commands:
        log = place / f"{command}.log"
        with log.open("w") as file:
            shell = _SHELL.format(
                base=base,
                place=place,
                certificates=CERTIFICATES,
                user=machine.user,
                home=home,
                folder=home / machine.folder,
                command=command,
                mode="500" if not machine.home else "755",
                mirror=mirror if machine.mirror else "http://127.0.0.1:1/nobody",
            )
            code = subprocess.run(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-euc", shell],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        text = log.read_text(errors="replace")
        begin, _, text = text.partition("\n")
        seconds = log.stat().st_mtime - float(begin)
        result = verdict(machine, code, seconds, text)
        print(f"--- {name}: make {command}, {seconds:.1f} s: {result}\n{tail(text)}", flush=True)
        rows.append((name, command, seconds, result))
    return rows


def verdict(machine: Machine, code: int, seconds: float, text: str) -> str:
    """What became of a command, in a word or a few."""
    if not machine.refused:
        return "passed" if code == 0 else f"FAILED with {code}"
    if code == 0 or machine.refused not in text:
        return "FAILED: it was not refused with the reason"
    late = seconds > REFUSED_WITHIN_S
    return f"FAILED: refused after more than {REFUSED_WITHIN_S:g} s" if late else "refused, as it should be"


def tail(text: str) -> str:
    """The last lines, indented."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-12:])


# Everything is mounted in a namespace of its own and gone with it. The user sees what a fresh login sees.
# The shell stays: as the first process it reaps orphans, where make would never end.
_SHELL = """
mount -t overlay overlay -o lowerdir={base},upperdir={place}/upper,workdir={place}/work {place}/root
root={place}/root
mount -t proc proc $root/proc
mount --rbind /dev $root/dev
mount --make-rslave $root/dev
umount $root/dev/shm 2>/dev/null || true
mount -t tmpfs -o mode=1777,size=1G tmpfs $root/dev/shm
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
cp --remove-destination /etc/resolv.conf /etc/hosts $root/etc/
cp {certificates} $root{certificates}
if ! [ -e "$root{folder}" ]; then
  [ {user} = root ] || chroot $root useradd --create-home {user}
  cp -a {place}/checkout "$root{folder}"
  chroot $root chown -R {user}: "{folder}"
  chroot $root git config --system --add safe.directory '*'
  chmod {mode} $root{home}
fi
exec chroot $root setpriv --reuid {user} --regid {user} --clear-groups env -i HOME={home} LANG=C.UTF-8 \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
  UV_PYTHON_INSTALL_MIRROR={mirror} UV_PYTHON_DOWNLOADS_JSON_URL={mirror}/index.json \
  bash -c 'cd "$1" && echo $EPOCHREALTIME && make "$2"; exit $?' _ "{folder}" {command}
"""


def debian(number: int) -> Path:
    """The folder of a minimal Debian, made once and kept."""
    folder = KEPT / f"debian-{number}"
    if not (folder / ".made").exists():
        folder.mkdir(parents=True, exist_ok=True)
        archives = KEPT / "archives"
        archives.mkdir(exist_ok=True)
        command = ["debootstrap", "--variant=minbase", f"--include={NEEDED}", f"--cache-dir={archives}"]
        with (KEPT / f"debian-{number}.log").open("w") as log:
            subprocess.run([*command, RELEASES[number], str(folder)], check=True, stdout=log, stderr=subprocess.STDOUT)
        (folder / ".made").touch()
    return folder


def serve_pythons(work: Path) -> str:
    """Serve what uv takes its Pythons from, with Debian 12's 3.11 and its shared library in it; returns the URL."""
    folder = work / "pythons"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    archive = "20260101/cpython-3.11-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
    (folder / archive).parent.mkdir()
    version = pack_python(debian(12), folder / archive)
    entry = {
        "name": "cpython",
        "arch": {"family": "x86_64", "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": version[0],
        "minor": version[1],
        "patch": version[2],
        "prerelease": "",
        "url": f"{_UV_PYTHONS}/{archive}",  # uv puts the mirror in the place of its own host's part
        "sha256": None,
        "variant": None,
        "build": "1",
    }
    key = f"cpython-{'.'.join(map(str, version))}-linux-x86_64-gnu"
    (folder / "index.json").write_text(json.dumps({key: entry}))
    return url


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def pack_python(root: Path, archive: Path) -> tuple[int, int, int]:
    """Pack Debian's Python 3.11 as uv's archive has Pythons: bin, lib and the shared library below `python`."""
    with tempfile.TemporaryDirectory() as unpacked:
        subprocess.run(
            ["chroot", str(root), "bash", "-ec", "cd /tmp && apt-get -qq update && apt-get -qq download libpython3.11"],
            check=True,
        )
        (deb,) = (root / "tmp").glob("libpython3.11_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(deb), unpacked], check=True)
        deb.unlink()
        library = next(Path(unpacked).glob("usr/lib/*/libpython3.11.so.1.0")).resolve()
        with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
            tar.add(root / "usr/bin/python3.11", "python/bin/python3.11")
            for name in ("python3", "python"):
                link = tarfile.TarInfo(f"python/bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "python3.11"
                tar.addfile(link)
            tar.add(root / "usr/lib/python3.11", "python/lib/python3.11", filter=_no_link_outside)
            tar.add(library, "python/lib/libpython3.11.so.1.0")
    code = "import sys; print(*sys.version_info[:3])"
    answer = subprocess.run(
        ["chroot", str(root), "python3.11", "-c", code], check=True, stdout=subprocess.PIPE, text=True
    )
    major, minor, patch = map(int, answer.stdout.split())
    return major, minor, patch


def _no_link_outside(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if entry.issym() and entry.linkname.startswith("/") else entry


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
