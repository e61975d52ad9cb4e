import io

import pytest

from ocdrnet_deploy.tensorrt.run import BuildProgress, explain_failure

STAMP = "[11/22/2026-10:00:00]"


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("[E] [TRT] getPluginCreator could not find plugin: ModulatedDeformConv2d version: 1", "libnvinfer_plugin"),
        (
            "[E] Error[2]: [virtualMemoryBuffer.cpp] Requested size 8 GiB, OutOfMemory (no further information)",
            "memory",
        ),
        ("[E] Error[10]: Could not find any implementation for node {ForeignNode[...]}", "memory"),
        ("[E] [TRT] ModelImporter.cpp:771: UNSUPPORTED_NODE: no importer registered for op: Foo", "a later one"),
        ("[E] [TRT] 6: CUDA initialization failure with error: 35", "driver"),
        ("[E] Unknown option: --frobnicate", "does not take the options"),
    ],
)
def test_known_failures_come_with_advice(line, advice):
    text = explain_failure([f"{STAMP} [I] fine", f"{STAMP} {line}"], 1)
    assert text.startswith("trtexec failed (exit code 1):\n  ")
    assert line.removeprefix("[E] ") in text
    assert advice in text
    assert "fine" not in text


def test_unknown_failure_is_its_errors():
    text = explain_failure([f"{STAMP} [E] strange", f"{STAMP} [E] strange", f"{STAMP} [W] odd"], 1)
    assert text == "trtexec failed (exit code 1):\n  strange"


def test_without_errors_the_last_lines_speak():
    text = explain_failure([f"line {i}" for i in range(20)], -11)
    assert text.startswith("trtexec failed (signal 11):\n  line 14\n")
    assert text.endswith("line 19")


def test_silence():
    assert explain_failure([], 127) == "trtexec failed (exit code 127):\n  it printed nothing"


def test_killed_by_the_kernel():
    assert "main memory" in explain_failure([], -9)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal_is_one_line():
    stream = Terminal()
    with BuildProgress("detector x for NVIDIA L4", stream) as progress:
        progress.see(f"{STAMP} [I] [TRT] Detected 1 inputs")
        progress._show()
    assert "\n" not in stream.getvalue()
    assert "detector x for NVIDIA L4: 0:00, Detected 1 inputs" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_progress_in_a_log_is_lines():
    stream = io.StringIO()
    with BuildProgress("x", stream):
        pass
    assert stream.getvalue() == "x: 0:00, starting trtexec\nx: built in 0:00\n"
