"""The installer's decisions, with Pythons, package managers and mirrors that are small programs of the test's own.

Whole installations, on fresh machines, are run by .ci/fresh_machines.py.
"""

import importlib.util
import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

CHECKOUT = Path(__file__).parents[2]
SCRIPT = CHECKOUT / "deploy" / "install" / "install.sh"


@pytest.fixture
def install(monkeypatch):
    """install.py, not yet run."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("install", CHECKOUT / "deploy" / "install" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder that is all of PATH; `programs(name, text)` writes a shell script into it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "no-pyenv"))
    monkeypatch.setenv("OCDRNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PYTHON", raising=False)

    def write(name, text):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def python(programs):
    """Writes a program that describes itself as a Python of this version."""

    def write(name, version, libpython):
        answer = {"path": f"/usr/bin/{name}", "version": version, "libpython": libpython}
        return programs(name, f"echo '{json.dumps(answer)}'")

    return write


@pytest.fixture
def mirror(monkeypatch):
    """A host that answers for uv's Pythons."""

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(404)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", f"http://127.0.0.1:{server.server_port}/archive")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def no_mirror(monkeypatch):
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", "http://127.0.0.1:1/nobody")


def test_the_first_python_that_can_serve_is_taken(install, python):
    python("python3", [3, 13], "/lib")
    python("python3.12", [3, 12], None)
    python("python3.11", [3, 11], "")
    python("python3.10", [3, 10], "/lib")
    assert install.chosen_interpreter().version == (3, 11)


def test_none_is_taken_where_none_can_serve(install, python, capsys):
    python("python3", [3, 11], None)
    assert install.chosen_interpreter() is None
    assert "libpython3.11.so.1.0" in capsys.readouterr().out


def test_PYTHON_comes_before_all_others(install, python, monkeypatch):
    python("python3", [3, 11], "/lib")
    monkeypatch.setenv("PYTHON", str(python("mine", [3, 10], "/lib")))
    assert install.chosen_interpreter().version == (3, 10)


@pytest.mark.parametrize(("version", "libpython"), [([3, 13], "/lib"), ([3, 11], None), ([3, 9], "/lib")])
def test_a_PYTHON_that_cannot_serve_is_refused(install, python, monkeypatch, version, libpython):
    monkeypatch.setenv("PYTHON", str(python("mine", version, libpython)))
    with pytest.raises(install.RefusedError, match="cannot serve"):
        install.chosen_interpreter()
    assert install.chosen_interpreter(allow_no_stub=True).version == tuple(version)


def test_a_PYTHON_that_does_not_run_is_named(install, programs, monkeypatch):
    monkeypatch.setenv("PYTHON", "/nowhere/python")
    with pytest.raises(install.RefusedError, match=r"PYTHON=/nowhere/python .* 3\.10 to 3\.12"):
        install.chosen_interpreter()


def test_uv_brings_a_python_where_it_can(install, python, mirror):
    python("python3", [3, 11], None)
    assert install.repaired_interpreter() is None


@pytest.mark.parametrize("word", [("UV_OFFLINE", "1"), ("UV_PYTHON_DOWNLOADS", "never")])
def test_uv_is_not_asked_where_the_user_forbids_it(install, mirror, monkeypatch, word):
    monkeypatch.setenv(*word)
    assert "not to download" in install.why_unreachable()


def test_without_network_the_one_command_is_told(install, python, programs, no_mirror):
    python("python3", [3, 11], None)
    programs("apt-get", "exit 100")
    programs("dpkg-deb", "exit 100")
    with pytest.raises(
        install.RefusedError, match=r"127\.0\.0\.1:1/nobody.*Run: sudo apt-get install -y libpython3\.11$"
    ):
        install.repaired_interpreter()


def test_a_distribution_without_a_fitting_python_is_told_other_ways(install, python, programs, no_mirror):
    python("python3", [3, 13], "")
    programs("apt-get", "exit 100")
    with pytest.raises(install.RefusedError, match=r"PYTHON=/path/to/python3\.11.*container"):
        install.repaired_interpreter()


def test_a_distribution_with_a_fitting_python_is_told_its_command(install, python, programs, no_mirror):
    python("python3", [3, 14], "")
    programs("dnf", "exit 1")
    with pytest.raises(install.RefusedError, match=r"Run: sudo dnf install -y python3\.12 python3\.12-libs$"):
        install.repaired_interpreter()


UNPACK = """
mkdir -p "$3/usr/lib/x86_64-linux-gnu"
echo library > "$3/usr/lib/x86_64-linux-gnu/libpython3.11.so.1"
ln -s libpython3.11.so.1 "$3/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0"
"""


@pytest.mark.parametrize("lists", ["fresh", "none"])
def test_debians_own_library_is_unpacked_without_root(install, python, programs, no_mirror, tmp_path, lists):
    """With the machine's lists of packages, or, where it has none, with lists made for this."""
    python("python3", [3, 11], None)
    log = tmp_path / "asked"
    has_lists = "true" if lists == "fresh" else 'case "$*" in *Dir::State=*) true;; *) false;; esac'
    programs("apt-get", f'PATH=/usr/bin:/bin; echo "$*" >> {log}; {has_lists} && touch libpython.deb')
    programs("dpkg-deb", f"PATH=/usr/bin:/bin; {UNPACK}")
    found = install.repaired_interpreter()
    assert (Path(found.libpython) / "libpython3.11.so.1.0").read_text() == "library\n"
    assert found.can_serve
    assert len(log.read_text().splitlines()) == (1 if lists == "fresh" else 3)
    assert not [path for path in Path(found.libpython).iterdir() if path.name.startswith(".")]


def test_pip_is_the_machines_own_or_one_made_for_it(install, programs, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(programs("python3", 'test "$2" = venv')))
    made = install.pip_command(None, tmp_path)
    assert made == [str(tmp_path / "venv" / "bin" / "python"), "-m", "pip"]
    own = programs("python3", "exit 0")
    assert install.pip_command(None, tmp_path) == [str(own), "-m", "pip"]


def test_a_python_that_can_install_nothing_is_refused_with_the_command(install, programs, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(programs("python3", "exit 1")))
    programs("apt-get", "exit 1")
    with pytest.raises(install.RefusedError, match=r"neither pip nor venv.*sudo apt-get install -y python3-venv"):
        install.pip_command(None, tmp_path)


@pytest.mark.parametrize(("version", "taken"), [("uv 0.13.9 (linux)", True), ("uv 0.4.30", False), ("2.0", False)])
def test_a_uv_of_the_user_is_taken_if_it_is_recent(install, programs, monkeypatch, version, taken):
    own = programs("uv", f"echo '{version}'")
    kept = install.cache_folder() / "uv" / "bin"
    kept.mkdir(parents=True)
    (kept / "uv").write_text("#!/bin/sh\necho uv 0.9.0")
    (kept / "uv").chmod(0o755)
    assert install.find_or_bring_uv(None) == (own if taken else kept / "uv")


def test_a_failed_download_of_uv_says_what_pip_said_and_keeps_nothing(install, programs, monkeypatch):
    monkeypatch.setattr(
        sys, "executable", str(programs("python3", 'case "$3" in install) echo "no route" >&2; exit 1;; esac'))
    )
    with pytest.raises(install.RefusedError, match=r"no route.*reachable"):
        install.find_or_bring_uv(None)
    assert list(install.cache_folder().iterdir()) == []


@pytest.mark.parametrize("what", ["serve", "dev"])
def test_nothing_is_downloaded_for_a_machine_that_cannot_serve(install, programs, monkeypatch, what):
    monkeypatch.setattr(
        install.checks, "check_platform", lambda: install.checks.Finding("platform", "no", "Not this one.", "x")
    )
    programs("uv", "exit 3")
    with pytest.raises(install.RefusedError, match="Not this one"):
        install.install(what)
    assert install.main([what]) == 2


def test_a_virtual_environment_is_made_anew_only_if_it_has_to_be(install, python, monkeypatch, tmp_path):
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    monkeypatch.setattr(install, "VENV", venv)
    made = []
    uv = type("Uv", (), {"run": lambda self, *arguments: made.append(arguments)})()
    python("here", [3, 11], "/lib").rename(venv / "bin" / "python")
    install.make_venv(uv, install.Interpreter("/usr/bin/python3", (3, 11), "/lib"))
    assert made == []
    install.make_venv(uv, install.Interpreter("/usr/bin/python3", (3, 12), "/lib"))
    assert made[0][0] == "venv"
    assert "/usr/bin/python3" in made[0]


def test_pips_index_is_uvs_too(install, programs, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(programs("python3", "echo http://index.example/simple")))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    assert install.pip_settings()["UV_DEFAULT_INDEX"] == "http://index.example/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "http://other.example/simple")
    assert install.pip_settings()["UV_DEFAULT_INDEX"] == "http://other.example/simple"


# The shell script, on a machine without any Python.

UV_INSTALLER = """
mkdir -p "$UV_UNMANAGED_INSTALL"
printf '#!/bin/sh\\necho "uv $*"\\n' > "$UV_UNMANAGED_INSTALL/uv"
chmod +x "$UV_UNMANAGED_INSTALL/uv"
"""


def run_script(tmp_path, installer):
    """Run install.sh with a PATH that has a shell's usual programs, curl that prints a file, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mkdir", "chmod", "cat", "sh"):
        (folder / name).symlink_to(f"/bin/{name}")
    curl = folder / "curl"
    curl.write_text('#!/bin/sh\nfor last; do :; done\ncat "$last"\n')
    curl.chmod(0o755)
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), "serve"],
        env={"PATH": str(folder), "OCDRNET_CACHE": str(tmp_path / "cache"), "OCDRNET_UV_INSTALLER": str(installer)},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_any_python_uv_runs_the_installer(tmp_path):
    (tmp_path / "installer").write_text(UV_INSTALLER)
    answer = run_script(tmp_path, tmp_path / "installer")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == (
        "uv run --quiet --no-project --managed-python --python 3.11 -- python -I deploy/install/install.py serve"
    )


def test_without_any_python_or_network_it_says_what_to_install(tmp_path):
    answer = run_script(tmp_path, tmp_path / "missing")
    assert answer.returncode == 2
    assert "Install Python instead" in answer.stderr


def test_any_python_from_3_8_runs_it(tmp_path):
    answer = subprocess.run(
        ["/bin/sh", str(SCRIPT), "nonsense"],
        env={**os.environ, "PYTHON": sys.executable},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert "usage" in answer.stderr


PACKAGES = sorted(path.parent for path in CHECKOUT.glob("*/**/ocdrnet_*/__init__.py") if ".venv" not in path.parts)


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_an_editable_install_takes_every_package_from_the_checkout(folder):
    """A copy in site-packages would hide each later change of it."""
    found = importlib.util.find_spec(folder.name)
    assert Path(found.origin) == folder / "__init__.py"
