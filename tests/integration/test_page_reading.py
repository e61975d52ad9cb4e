"""`POST /v1/read` before a real Triton: its page is the client's, its steps are the ensemble's."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sample_truth import sample

from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import GatewaySettings

STEPS = ["image_preprocess", "ocdnet", "dbnet_postprocess", "text_crop", "ocrnet", "text_turn", "text_decode"]


@pytest.fixture(scope="module", params=["grpc_url", "http_url"])
def read(request, served, tmp_path_factory):
    triton, store = getattr(served.addresses, request.param), str(tmp_path_factory.mktemp("read-store"))
    with GatewayServer(GatewaySettings(triton=triton, port=0, store=store)) as server:

        def post(name, **options):
            with httpx.Client(trust_env=False, timeout=60) as http:
                return http.post(f"{server.url}/v1/read", params=options, content=sample(name)).json()

        yield post


def test_the_page_is_what_the_client_reads(read, client):
    answer = read("receipt.jpg", min_text_score=0.9)
    assert answer.pop("timing").keys() == {"receive_ms", "wait_ms", "read_ms", "total_ms"}
    assert (answer.pop("dpi"), answer.pop("angle")) == (0, pytest.approx(0, abs=1.5))
    assert answer == client.read(sample("receipt.jpg"), min_text_score=0.9).to_dict()


def test_the_steps_of_a_reading_alone_are_its_own(read):
    timing = read("storefront.jpg", timing="steps")["timing"]
    steps = timing["steps"]
    assert [step["model"] for step in steps["models"]] == STEPS
    assert steps["requests"] == 1
    assert all(0 <= step["queue_ms"] < step["ms"] for step in steps["models"])
    within = sum(step["ms"] for step in steps["models"])
    # A step's answer is on its way to the next one while Triton still clears up behind it.
    assert 0.5 * timing["read_ms"] < within < 1.2 * timing["read_ms"]


@pytest.mark.full
def test_readings_beside_each_other_say_so(read):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: read("rotated.jpg", timing="steps"), range(4)))
    assert max(answer["timing"]["steps"]["requests"] for answer in answers) > 1
