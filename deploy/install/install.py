"""Makes .venv: looks at the machine, finds or brings a Python that can serve, and installs this checkout into it.

Started by install.sh, with whatever Python the machine has (3.8 or later) and nothing installed:

    python -I deploy/install/install.py serve|dev|doctor

Nothing is downloaded before the machine was looked at. What is downloaded is kept in the cache folder, for all
checkouts: uv, Pythons that uv brings, and the packages.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "deploy"))

from ocdrnet_deploy.machine import checks  # noqa: E402
from ocdrnet_deploy.machine.cache import cache_folder, kept_libraries  # noqa: E402
from ocdrnet_deploy.machine.interpreter import Interpreter, dotted, library_name, probe, span  # noqa: E402

VENV = CHECKOUT / ".venv"
# What the Makefile's targets need: the extras of pyproject.toml, and MiB in .venv and in the cache (measured with the
# pinned versions, Python 3.11; the cache holds the same files, linked where both are on one disk).
EXTRAS = {"serve": ("serve,gateway", 920), "dev": ("dev", 2470)}
# The one that is brought where the machine has none that can serve: the version that CI tests with.
BROUGHT = (3, 11)

_NAMES = ("python3", "python3.12", "python3.11", "python3.10")
_OLDEST_UV = (0, 5)
# Where uv takes its Pythons from, unless UV_PYTHON_INSTALL_MIRROR names another place (uv's documentation).
_UV_PYTHONS = "https://github.com/astral-sh/python-build-standalone/releases/download"


class RefusedError(Exception):
    """Something has to change first; the text says what, and how."""


def main(arguments: list[str]) -> int:
    """Install, or only look; returns the exit code: 0, or 2 if something has to change first."""
    what = arguments[0] if arguments else ""
    if what not in (*EXTRAS, "doctor"):
        print("usage: sh deploy/install/install.sh serve|dev|doctor", file=sys.stderr)
        return 2
    try:
        if what == "doctor":
            return doctor()
        install(what)
    except RefusedError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; run the same command again to go on.", file=sys.stderr)
        return 130
    return 0


def doctor() -> int:
    """Say what this machine has and lacks; install nothing."""
    found = [*look("serve"), checks.check_ports()]
    interpreter = chosen_interpreter()
    if interpreter is not None:
        found.append(checks.check_interpreter(interpreter))
    else:
        text = f"none of this machine's Pythons can serve ({span()} with a shared library)"
        found.append(checks.Finding("python", "note", text, f"make demo brings Python {dotted(BROUGHT)} by uv."))
    print(checks.report(found))
    return 2 if any(finding.state == "no" for finding in found) else 0


def install(what: str) -> None:
    """Make .venv hold the checkout with the extras of `what`.

    Raises:
        RefusedError: the machine lacks something; nothing was installed then, or what was is kept for the next try.
    """
    for finding in look(what):
        if finding.state == "no":
            raise RefusedError(f"{finding.text} {finding.advice}")
        if finding.state == "note":
            say(f"{finding.text}. {finding.advice}")
    interpreter = chosen_interpreter(allow_no_stub=what == "dev") or repaired_interpreter()
    uv = Uv(find_or_bring_uv(interpreter))
    if interpreter is None:
        interpreter = brought_interpreter(uv)
    extras, mib = EXTRAS[what]
    make_venv(uv, interpreter)
    say(f"installing ocdrnet[{extras}] into .venv ({mib:,} MiB; packages are kept in {cache_folder()})")
    # On a terminal uv shows bars; without one it would write a line for each package.
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    uv.run("pip", "install", *quiet, "--python", str(VENV), "-c", "constraints.txt", "-e", f".[{extras}]")


def look(what: str) -> list[checks.Finding]:
    """Everything that can be known about the machine at once."""
    mib = EXTRAS[what][1]
    return [
        checks.check_platform(),
        checks.check_path(CHECKOUT),
        checks.check_cache(),
        checks.check_disk({CHECKOUT: mib, cache_folder(): mib // 2}),
        checks.check_shared_memory(),
    ]


def chosen_interpreter(allow_no_stub: bool = False) -> Interpreter | None:
    """The machine's Python that shall serve: `PYTHON` if that is set, else the first that can.

    Args:
        allow_no_stub: take a `PYTHON` that cannot serve all the same; the tests that need a server are skipped then.

    Returns:
        None if the machine has none that can.

    Raises:
        RefusedError: `PYTHON` is set, and cannot.
    """
    chosen = os.environ.get("PYTHON")
    if chosen:
        interpreter = probe(chosen, kept_libraries())
        if interpreter is None:
            raise RefusedError(f"PYTHON={chosen} does not run, or is no Python. Give the path of one, {span()}.")
        if not interpreter.can_serve and not allow_no_stub:
            finding = checks.check_interpreter(interpreter)
            raise RefusedError(f"{finding.text} {finding.advice}")
        say(f"{interpreter.name}, as PYTHON says. {interpreter.problem}".strip())
        return interpreter
    for interpreter in machine_interpreters():
        if interpreter.can_serve:
            say(f"{interpreter.name} can serve")
            return interpreter
        say(interpreter.problem.rstrip("."))
    return None


def machine_interpreters() -> list[Interpreter]:
    """The Pythons in PATH and in pyenv's folder, then the one that was brought before; each once."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"), "versions")
    paths = [found for found in map(shutil.which, _NAMES) if found]
    paths += sorted(map(str, pyenv.glob("3.1[0-2].*/bin/python")), reverse=True)
    paths += sorted(map(str, pythons_folder().glob(f"cpython-{dotted(BROUGHT)}.*/bin/python3")))
    found = {}
    for path in paths:
        interpreter = probe(path, kept_libraries())
        if interpreter is not None:
            found.setdefault((interpreter.version, interpreter.libpython), interpreter)
    return list(found.values())


def find_or_bring_uv(interpreter: Interpreter | None) -> Path:
    """uv, which installs packages several times as fast as pip, and brings Pythons.

    Returns:
        the one in PATH, the one kept in the cache, or one brought there from PyPI by pip.

    Raises:
        RefusedError: it could not be had.
    """
    own = shutil.which("uv")
    if own and uv_version(own) >= _OLDEST_UV:
        return Path(own)
    kept = cache_folder() / "uv"
    pin = re.search(r"^uv==(\S+)", (CHECKOUT / "constraints.txt").read_text(), re.MULTILINE)
    wanted = pin.group(1) if pin else ""
    program = kept / "bin" / "uv"
    if uv_version(str(program)) >= _OLDEST_UV:
        return program
    say(f"getting uv {wanted} from PyPI, 25 MB, into {kept}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=str(kept.parent), prefix=".uv-") as making:
        target = Path(making, "uv")
        pip = pip_command(interpreter, Path(making))
        answer = subprocess.run(
            [*pip, "install", "--quiet", "--disable-pip-version-check", "--target", str(target), f"uv=={wanted}"],
            stderr=subprocess.PIPE,
            check=False,
        )
        if answer.returncode != 0:
            last = answer.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["pip ended without a word"]
            raise RefusedError(
                f"pip could not install uv {wanted}: {last[0]} Is PyPI, or your mirror of it, reachable?"
            )
        if kept.exists():
            kept.rename(Path(making, "old"))
        target.rename(kept)
    return program


def pip_command(interpreter: Interpreter | None, making: Path) -> list[str]:
    """How to call pip: the one of a Python of this machine, else one in a virtual environment made for it."""
    pythons = [sys.executable, *([interpreter.path] if interpreter else []), *filter(None, map(shutil.which, _NAMES))]
    for python in pythons:
        if succeeds([python, "-m", "pip", "--version"]):
            return [python, "-m", "pip"]
    for python in pythons:
        if succeeds([python, "-m", "venv", str(making / "venv")]):
            return [str(making / "venv" / "bin" / "python"), "-m", "pip"]
    command = checks.venv_command()
    advice = f"Run: {command}" if command else "Install pip"
    raise RefusedError(f"Python ({sys.executable}) has neither pip nor venv to install packages with. {advice}")


def repaired_interpreter() -> Interpreter | None:
    """A Python of the machine that lacked its shared library alone, with that library; for want of uv's Pythons.

    Returns:
        None if uv's Pythons can be reached: one of those is brought then.

    Raises:
        RefusedError: they cannot, and the library cannot be had either.
    """
    reason = why_unreachable()
    if not reason:
        return None
    interpreters = machine_interpreters()
    lacking = [interpreter for interpreter in interpreters if interpreter.has_stub]
    for interpreter in lacking:
        if unpack_libpython(interpreter.version):
            return Interpreter(interpreter.path, interpreter.version, str(kept_libraries()))
    problems = " ".join(interpreter.problem for interpreter in interpreters)
    problems = problems or f"No Python of this machine can serve ({span()} with its shared library)."
    command = checks.libpython_command(lacking[0].version) if lacking else checks.python_command()
    if command:
        advice = f"Run: {command}"
    else:
        advice = (
            f"This system's packages have none either: give one with PYTHON=/path/to/python{dotted(BROUGHT)}, connect "
            "this machine (UV_PYTHON_INSTALL_MIRROR names a mirror), or use the container (deploy/docker)."
        )
    raise RefusedError(f"{problems} uv's Pythons cannot be reached: {reason}. {advice}")


def why_unreachable() -> str:
    """Why uv could not bring a Python, "" if it could; asked before uv itself is brought, with a limit of 3 s."""
    if os.environ.get("UV_PYTHON_DOWNLOADS") == "never" or os.environ.get("UV_OFFLINE"):
        return "uv is told not to download"
    mirror = os.environ.get("UV_PYTHON_INSTALL_MIRROR") or _UV_PYTHONS
    try:
        urllib.request.urlopen(urllib.request.Request(mirror, method="HEAD"), timeout=3).close()
    except urllib.error.HTTPError:
        return ""  # somebody answers there
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"{mirror}: {getattr(error, 'reason', error)}"
    return ""


def brought_interpreter(uv: Uv) -> Interpreter:
    """A Python that can serve, by uv, without root, into the cache folder.

    Raises:
        RefusedError: it could not be had.
    """
    version = dotted(BROUGHT)
    say(f"getting Python {version} by uv, 30 MB, into {pythons_folder()}")
    uv.run("python", "install", "--no-bin", version)
    ready = next((interpreter for interpreter in machine_interpreters() if interpreter.can_serve), None)
    if ready is None:
        raise RefusedError(
            f"The Python {version} that uv brought into {pythons_folder()} cannot serve. Remove that folder."
        )
    return ready


def unpack_libpython(version: tuple[int, int]) -> bool:
    """Take the shared library out of Debian's or Ubuntu's own package, without root and without installing it."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return False
    package, library = f"libpython{dotted(version)}", library_name(version)
    say(f"uv's Pythons cannot be reached; taking {library} out of the package {package}, into {kept_libraries()}")
    kept_libraries().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=str(kept_libraries()), prefix=".deb-") as making:
        own_lists = [
            "-o",
            f"Dir::State={making}/state",
            "-o",
            "Dir::State::status=/var/lib/dpkg/status",
            "-o",
            f"Dir::Cache={making}/cache",
        ]
        Path(making, "state", "lists", "partial").mkdir(parents=True)
        Path(making, "cache", "archives", "partial").mkdir(parents=True)
        if not succeeds(["apt-get", "-qq", "download", package], cwd=making):
            # This machine has no lists of packages, or old ones.
            if not succeeds(["apt-get", "-qq", *own_lists, "update"], cwd=making):
                return False
            if not succeeds(["apt-get", "-qq", *own_lists, "download", package], cwd=making):
                return False
        for archive in Path(making).glob("*.deb"):
            succeeds(["dpkg-deb", "-x", str(archive), str(Path(making, "root"))])
        for found in Path(making, "root").glob(f"usr/lib/*/{library}"):
            found.resolve().replace(kept_libraries() / library)
            return True
    return False


def make_venv(uv: Uv, interpreter: Interpreter) -> None:
    """Make .venv of an interpreter, unless it is there already."""
    there = probe(str(VENV / "bin" / "python"), kept_libraries())
    if there is not None and there.version == interpreter.version and (there.can_serve or not interpreter.can_serve):
        return
    uv.run("venv", "--quiet", "--clear", "--python", interpreter.path, str(VENV))


class Uv:
    """uv, with its folders in the cache folder."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.environment = {
            **pip_settings(),
            # One folder to remove; a cache that the user has named, or shares with other projects, stays.
            "UV_CACHE_DIR": str(cache_folder() / "packages"),
            "UV_PYTHON_INSTALL_DIR": str(pythons_folder()),
            **os.environ,
        }
        if VENV.parent.stat().st_dev != cache_folder().stat().st_dev:
            self.environment.setdefault("UV_LINK_MODE", "copy")

    def run(self, *arguments: str) -> None:
        """Run uv in the checkout, its progress shown.

        Raises:
            RefusedError: it failed; uv has said why.
        """
        command = [str(self.program), *arguments]
        if subprocess.run(command, cwd=str(CHECKOUT), env=self.environment, check=False).returncode != 0:
            raise RefusedError("uv could not do it; see above. What was downloaded is kept for the next try.")


def pip_settings() -> dict[str, str]:
    """What uv shall take over from pip: the index, and the machine's own certificates where it has them."""
    settings = {}
    index = os.environ.get("PIP_INDEX_URL")
    if not index:
        answer = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        index = answer.stdout.decode().strip() if answer.returncode == 0 else ""
    if index:
        settings["UV_DEFAULT_INDEX"] = index
    bundles = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")
    if any(map(os.path.exists, bundles)):
        # Without this, uv knows only the authorities that it carries, and no company's own.
        settings.update(UV_SYSTEM_CERTS="1", UV_NATIVE_TLS="1")
    return settings


def uv_version(program: str) -> tuple[int, ...]:
    """Such as (0, 13, 9); (0,) if it does not run."""
    try:
        answer = subprocess.run([program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return (0,)
    match = re.match(r"uv (\d+)\.(\d+)\.(\d+)", answer.stdout.decode(errors="replace"))
    return tuple(map(int, match.groups())) if match else (0,)


def pythons_folder() -> Path:
    """Where the Pythons lie that uv has brought."""
    return cache_folder() / "python"


def succeeds(command: list[str], cwd: str | None = None) -> bool:
    """Whether a command runs and ends with 0; what it says is dropped."""
    try:
        quiet = subprocess.DEVNULL
        return subprocess.run(command, cwd=cwd, stdin=quiet, stdout=quiet, stderr=quiet, check=False).returncode == 0
    except OSError:
        return False


def say(text: str) -> None:
    """One line of what is being done."""
    print(f"install: {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
