import pytest
from gpu_machine import GpuMachine


@pytest.fixture
def gpu_machine(tmp_path, monkeypatch):
    """This machine, as if it had a GPU and TensorRT."""
    return GpuMachine(tmp_path / "machine", monkeypatch.setenv)
