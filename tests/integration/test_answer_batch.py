"""`answer_batch` in a Triton of its own: a model whose answer fails for some requests, met in one batch with others."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ensemble_calls import GrpcCall, RefusedError

CONFIG = """
name: "ocdrnet"
backend: "python"
max_batch_size: 8
input { name: "IN" data_type: TYPE_INT32 dims: [ 1 ] }
output { name: "TOGETHER" data_type: TYPE_INT32 dims: [ 1 ] }
dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 5000000 }
"""
MODEL = """
import os

import numpy as np

from ocdrnet_ops.errors import OptionError
from ocdrnet_triton.requests import answer_batch, tensor


class TritonPythonModel:
    def execute(self, requests):
        return answer_batch(requests, self._take, self._answer)

    def _take(self, request):
        value = int(tensor(request, "IN")[0, 0])
        if value == REFUSED:
            raise OptionError("refused when taken")
        return value

    def _answer(self, values):
        if not values:
            os._exit(1)
        if FAILING in values:
            raise ValueError("secret")
        return [{"TOGETHER": np.array([[len(values)]], np.int32)} for _ in values]
"""
REFUSED, FAILING = 100, 200


@pytest.fixture(scope="module")
def ask(tmp_path_factory, serve_folder):
    """Outcomes of four values that meet in one batch: how many were answered together, or the error."""
    folder = tmp_path_factory.mktemp("repository")
    version = folder / "ocdrnet" / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text(CONFIG)
    (version / "model.py").write_text(MODEL.replace("REFUSED", str(REFUSED)).replace("FAILING", str(FAILING)))

    with serve_folder(folder) as server:
        call = GrpcCall(server.addresses)

        def outcome(value):
            tensor = call.input_class("IN", [1, 1], "INT32")
            tensor.set_data_from_numpy(np.array([[value]], np.int32))
            try:
                return int(call.infer([tensor]).as_numpy("TOGETHER")[0, 0])
            except RefusedError as error:
                return f"{error.status}: {error.message}"

        def outcomes(*values):
            with ThreadPoolExecutor(len(values)) as pool:
                return list(pool.map(outcome, values))

        yield outcomes
        call.close()


def test_good_requests_are_answered_together(ask):
    assert ask(1, 2, 3, 4) == [4, 4, 4, 4]


def test_refused_request_leaves_the_others_together(ask):
    assert ask(1, REFUSED, 3, 4) == [3, "INVALID_ARGUMENT: refused when taken", 3, 3]


def test_request_that_fails_is_the_only_one_to_fail(ask):
    internal = "INTERNAL: internal error (ValueError); the server's log has the details"
    assert ask(1, FAILING, REFUSED, 4) == [1, internal, "INVALID_ARGUMENT: refused when taken", 1]


def test_nothing_is_asked_where_all_are_refused(ask):
    assert ask(*[REFUSED] * 4) == ["INVALID_ARGUMENT: refused when taken"] * 4
