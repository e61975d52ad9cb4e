"""The `ocdrnet` command as a whole: its table of subcommands, and how a process of it ends."""

import os
import pty
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import pytest
from click.testing import CliRunner
from client_answers import TWO_LINES, tensors_of

from ocdrnet_cli import main

COMMAND = [sys.executable, "-c", "from ocdrnet_cli.main import main; main(prog_name='ocdrnet')"]


@pytest.fixture
def pictures(tmp_path):
    files = [tmp_path / f"{index}.jpg" for index in range(3)]
    for file in files:
        file.write_bytes(b"picture")
    return [str(file) for file in files]


def test_help_lists_all_commands_and_imports_none(monkeypatch):
    monkeypatch.setattr(main.LazyCommand, "load", lambda self: pytest.fail("imported"))
    run = CliRunner().invoke(main.main, ["--help"])
    assert run.exit_code == 0
    for name, command in main.COMMANDS.items():
        assert name in run.stdout
        assert command.help.split()[0] in run.stdout


@pytest.mark.parametrize("name", sorted(main.COMMANDS))
def test_every_command_can_be_imported(name):
    assert main.COMMANDS[name].load().name == name


def test_the_version_is_the_distributions():
    run = CliRunner().invoke(main.main, ["--version"])
    assert (run.exit_code, run.stdout) == (0, f"ocdrnet, version {version('ocdrnet')}\n")


def test_an_unknown_command_is_2():
    run = CliRunner().invoke(main.main, ["paint"])
    assert run.exit_code == 2
    assert "No such command 'paint'" in run.stderr


def test_a_command_without_its_packages_says_how_to_get_them():
    """A `None` in sys.modules makes an import fail, as if the package were not installed."""
    blocked = f"import sys; sys.modules['onnx'] = None; {COMMAND[2]}"
    run = subprocess.run([sys.executable, "-c", blocked, "models", "list"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("Error: `ocdrnet models` needs more packages (")
    assert "onnx" in run.stderr
    assert run.stderr.endswith(": pip install 'ocdrnet[serve]'\n")


def test_ctrl_c_ends_with_130_at_once(server, pictures):
    server.model.respond = server.model.stall
    # A run that a shell put into the background hands down an ignored SIGINT.
    heeding = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {COMMAND[2]}"
    process = subprocess.Popen(
        [sys.executable, "-c", heeding, "read", "--url", server.url, *pictures],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not server.model.running:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    output, errors = process.communicate(timeout=10)
    assert time.monotonic() - started < 8
    assert (process.returncode, output, errors) == (130, "", "Interrupted\n")


@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_a_closed_pipe_ends_with_a_sentence(server, pictures):
    server.model.respond = lambda request: tensors_of(TWO_LINES)
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(
        [*COMMAND, "read", "--url", server.url, *pictures],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=20,
    )
    os.close(writer)
    sentence = "Error: cannot write the standard output: it was closed; what followed is not printed\n"
    assert (run.returncode, run.stderr) == (141, sentence)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux that is always full")
@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_a_full_output_ends_with_a_sentence(server, pictures):
    server.model.respond = lambda request: tensors_of(TWO_LINES)
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [*COMMAND, "read", "--url", server.url, *pictures],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=20,
        )
    sentence = "Error: cannot write the standard output: No space left on device; what followed is not printed\n"
    assert (run.returncode, run.stderr) == (2, sentence)


@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_without_an_output_nothing_is_read(server, pictures):
    command = f'exec "{sys.executable}" -c "$0" read --url {server.url} {pictures[0]} >&-'
    run = subprocess.run(["sh", "-c", command, COMMAND[2]], stderr=subprocess.PIPE, text=True, check=False, timeout=20)
    assert run.returncode == 2
    assert run.stderr.endswith("Error: the standard output is closed; give one, such as > results.txt\n")
    assert server.model.requests == []


@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_progress_shows_on_a_terminal_only(server, pictures):
    terminal, end = pty.openpty()
    run = subprocess.run(
        [*COMMAND, "read", "--url", server.url, "--format", "json", *pictures],
        stdout=subprocess.PIPE,
        stderr=end,
        check=False,
        timeout=20,
    )
    os.close(end)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert run.returncode == 0
    assert len(run.stdout.splitlines()) == 3
    assert b"\x1b" not in run.stdout
    assert "\r1/3 images" in shown
    assert "\r2/3 images" in shown
    assert "3/3" not in shown
    assert shown.endswith("\r\x1b[K")


@pytest.mark.skipif(
    sys.version_info < (3, 13) and not sys.prefix.isascii(),
    reason="before 3.13, Python in the C locale finds no package by a path that is not ASCII, as this checkout's is",
)
@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_text_of_any_script_passes_a_pipe_in_any_locale(server, pictures):
    server.model.respond = lambda request: tensors_of(TWO_LINES)
    run = subprocess.run(
        [*COMMAND, "read", "--url", server.url, pictures[0]],
        capture_output=True,
        env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        check=True,
        timeout=20,
    )
    assert run.stdout.decode("utf-8").startswith("Grüße 你好\n")
