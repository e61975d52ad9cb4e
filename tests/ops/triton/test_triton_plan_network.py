"""Crops of a free width come to a plan in the groups in which the CPU engine reads them."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.recognition.width_groups import padded_width
from ocdrnet_triton.engines.factory import open_network
from ocdrnet_triton.engines.recognizer import recognize

CARD = RecognizerCard("r", "s", "MIT", "0", 48, "ctc", ("a", "b"))
WIDTHS = np.array([40, 300, 41, 1200, 299], np.int32)


class Tensor:
    def __init__(self, name, array):
        self.name, self.array = name, array

    def as_numpy(self):
        return self.array


@pytest.fixture
def plan(monkeypatch):
    """Triton's part: answers with each crop's padded width and mean; what it was asked is in `asked`."""
    asked = []

    class InferenceRequest:
        def __init__(self, model_name, requested_output_names, inputs, preferred_memory):
            (tensor,) = inputs
            asked.append((model_name, list(requested_output_names), tensor.name, tensor.array.shape))
            self.batch, self.names = tensor.array, requested_output_names

        def exec(self):
            if np.any(self.batch == 13):
                return SimpleNamespace(has_error=lambda: True, error=lambda: SimpleNamespace(message=lambda: "no"))
            shape = len(self.batch), self.batch.shape[2] // CARD.stride
            ids = np.full(shape, self.batch.shape[2], np.int32)
            means = np.broadcast_to(self.batch[:, :, 0].mean(axis=(1, 2))[:, None], shape).astype(np.float32)
            found = dict(zip(self.names, (ids, means), strict=True))
            return SimpleNamespace(has_error=lambda: False, found=found)

    module = SimpleNamespace(
        Tensor=Tensor,
        InferenceRequest=InferenceRequest,
        PreferredMemory=lambda kind: kind,
        TRITONSERVER_MEMORY_CPU="cpu",
        get_output_tensor_by_name=lambda response, name: Tensor(name, response.found[name]),
    )
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", module)
    for name in ("ask", "plan_network"):
        monkeypatch.delitem(sys.modules, f"ocdrnet_triton.{name}", raising=False)
    parameters = {"runtime": "plan", "plan": "ocrnet_plan", "threads": "0", "streams": "3"}
    return SimpleNamespace(network=open_network(None, ["output_id", "output_prob"], parameters), asked=asked)


def crops():
    pixels = np.full((len(WIDTHS), 48, 1216, 3), 200, np.uint8)
    for value, crop in enumerate(pixels):
        crop[...] = 20 * value
    return pixels


def test_groups_of_one_width_are_asked_for(plan):
    (answer,) = recognize(plan.network, [crops()], [WIDTHS], CARD, 8192)
    assert sorted(plan.asked, key=lambda one: one[-1]) == [
        ("ocrnet_plan", ["output_id", "output_prob"], "input", (1, 48, padded_width(1200), 3)),
        ("ocrnet_plan", ["output_id", "output_prob"], "input", (2, 48, 96, 3)),
        ("ocrnet_plan", ["output_id", "output_prob"], "input", (2, 48, padded_width(300), 3)),
    ]
    assert answer["output_id"][:, 0].tolist() == [padded_width(int(width)) for width in WIDTHS]
    assert np.argsort(answer["output_prob"][:, 0]).tolist() == list(range(len(WIDTHS))), "answers in the crops' order"


def test_error_of_the_plan_is_raised(plan):
    wrong = crops()
    wrong[2] = 13
    with pytest.raises(RuntimeError, match="ocrnet_plan answered: no"):
        recognize(plan.network, [wrong], [WIDTHS], CARD, 8192)
