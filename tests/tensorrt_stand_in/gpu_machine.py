"""A machine with a GPU and TensorRT, as far as a build can see: stand-ins on the PATH and a cache of its own."""

import json
import os
import stat
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE / "tensorrt"))  # a folder that Triton takes for a backend, and so no package
from plan_file import read_plan  # noqa: E402

__all__ = ["HERE", "GpuMachine", "read_plan"]
UUID = "GPU-5d0b7b3a-0000-4000-8000-{:012d}"


class GpuMachine:
    """Stand-ins for `trtexec` and `nvidia-smi`, and what was asked of them."""

    def __init__(self, folder, setenv):
        self._bin = folder / "bin"
        self._bin.mkdir(parents=True)
        self._setenv = setenv
        self._calls = folder / "calls.jsonl"
        self.cache = folder / "cache"
        for name, file in (("trtexec", "trtexec.py"), ("nvidia-smi", "nvidia_smi.py")):
            _program(self._bin / name, f'exec "{sys.executable}" "{HERE / file}" "$@"')
        setenv("PATH", f"{self._bin}:{os.environ['PATH']}")
        setenv("OCDRNET_CACHE", str(self.cache))
        setenv("TRTEXEC_CALLS", str(self._calls))
        self.use(101200)
        self.use_gpu("8.9", "NVIDIA L4")

    def use(self, version):
        """Be of another TensorRT, by the banner's number."""
        self._setenv("TRTEXEC_VERSION", str(version))

    def use_gpu(self, capability, name):
        """Have another GPU."""
        self.use_gpus((capability, name))

    def use_gpus(self, *gpus):
        """Have these GPUs, compute capability and name each, in the order of their PCI buses."""
        lines = (
            f"{index}, {UUID.format(index)}, {capability}, {name}" for index, (capability, name) in enumerate(gpus)
        )
        self._setenv("STAND_IN_GPUS", ";".join(lines))

    def fail(self, reason):
        """Fail every build with this error; none when empty."""
        self._setenv("TRTEXEC_FAIL", reason)

    def die(self, number):
        """Have `trtexec` die of a signal in the middle of every build."""
        self._setenv("TRTEXEC_DIE", str(number))

    def delay(self, seconds):
        """Take this long for a build."""
        self._setenv("TRTEXEC_DELAY_S", str(seconds))

    def break_program(self, name, body):
        """Replace a program by a shell script."""
        _program(self._bin / name, body)

    @property
    def commands(self):
        """Arguments of each build so far, by name."""
        if not self._calls.exists():
            return []
        calls = [json.loads(line) for line in self._calls.read_text().splitlines()]
        return [
            {name: value for name, _, value in (item.removeprefix("--").partition("=") for item in call)}
            for call in calls
        ]

    @property
    def plans(self):
        """Files of the cache, by name."""
        return sorted(path.name for path in (self.cache / "plans").glob("*"))


def _program(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
