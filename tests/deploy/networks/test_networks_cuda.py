import sys
import types

import onnx

from ocdrnet_deploy.repository.build import CUDA, cuda_refusal


def runtime_with(monkeypatch, available, session):
    module = types.ModuleType("onnxruntime")
    module.__version__ = "1.2.3"
    module.get_available_providers = lambda: available
    module.InferenceSession = session
    monkeypatch.setitem(sys.modules, "onnxruntime", module)


class Session:
    used = (CUDA, "CPUExecutionProvider")

    def __init__(self, model, providers):
        assert providers[0] == CUDA
        onnx.checker.check_model(onnx.ModelProto.FromString(model))

    def get_providers(self):
        return self.used


def test_no_refusal_where_a_session_gets_cuda(monkeypatch):
    runtime_with(monkeypatch, [CUDA], Session)
    assert cuda_refusal() is None


def test_refusal_without_onnx_runtime(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "not installed: pip" in cuda_refusal()


def test_refusal_of_a_build_for_the_cpu(monkeypatch):
    runtime_with(monkeypatch, ["CPUExecutionProvider"], Session)
    assert "ONNX Runtime 1.2.3 is built for the CPU alone" in cuda_refusal()


def test_refusal_where_cuda_falls_back(monkeypatch):
    runtime_with(monkeypatch, [CUDA], type("Fallen", (Session,), {"used": ("CPUExecutionProvider",)}))
    assert "finds no GPU that it can use: check nvidia-smi" in cuda_refusal()


def test_refusal_where_the_session_fails(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no CUDA-capable device is detected")

    runtime_with(monkeypatch, [CUDA], fail)
    assert "(no CUDA-capable device is detected)" in cuda_refusal()
