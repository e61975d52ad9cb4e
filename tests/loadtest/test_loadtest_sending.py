import asyncio
import socket

import grpc
import pytest
from loadtest_queue import IMAGES
from loadtest_triton import SERVED, StandIn

from ocdrnet_client.address import Address
from ocdrnet_loadtest.errors import SettingError
from ocdrnet_loadtest.sending.base import Reply, SendSettings
from ocdrnet_loadtest.sending.opening import api_of, open_sender


@pytest.fixture
def model():
    return StandIn()


def reply_of(api, url, **settings):
    async def sent():
        sender = open_sender(api, SendSettings(Address.parse(url), **settings))
        try:
            return await sender.send(IMAGES[1])
        finally:
            await sender.close()

    return asyncio.run(sent())


@pytest.mark.parametrize(("api", "status"), [("grpc", "OK"), ("http", "200"), ("nim", "200")])
def test_an_answer_is_counted_by_its_boxes(model, api, status):
    model.boxes = 5
    with SERVED[api](model) as url:
        assert reply_of(api, url) == Reply(status, 5)


@pytest.mark.parametrize("api", ["grpc", "http"])
def test_the_bare_image_and_its_options_arrive(model, api):
    with SERVED[api](model) as url:
        reply_of(api, url, options={"min_text_score": 0.5, "max_candidates": 7})
    ((image, options),) = model.seen
    assert image == IMAGES[1].content
    grpc_options = {"min_text_score": 0.5, "max_candidates": 7}
    http_options = {"ocdrnet-min-text-score": "0.5", "ocdrnet-max-candidates": "7"}
    assert options == (grpc_options if api == "grpc" else http_options)


@pytest.mark.parametrize(("api", "status"), [("grpc", "UNAVAILABLE"), ("http", "503"), ("nim", "503")])
def test_a_refusal_is_its_status(model, api, status):
    model.refusal = (grpc.StatusCode.UNAVAILABLE, 503)
    with SERVED[api](model) as url:
        assert reply_of(api, url) == Reply(status)


@pytest.mark.parametrize("api", ["grpc", "http", "nim"])
def test_a_late_answer_is_a_timeout_in_every_protocol(model, api):
    model.hold.clear()
    with SERVED[api](model) as url:
        assert reply_of(api, url, timeout_s=0.2) == Reply("TIMEOUT")


@pytest.mark.parametrize("api", ["grpc", "http"])
def test_an_answer_of_another_model_is_no_success(model, api):
    model.is_ocr = False
    with SERVED[api](model) as url:
        assert reply_of(api, url) == Reply("ANSWER")


@pytest.mark.parametrize(("api", "status"), [("grpc", "UNAVAILABLE"), ("http", "CONNECTION")])
def test_nobody_there_is_a_reply_too(api, status):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert reply_of(api, f"{api}://127.0.0.1:{port}", timeout_s=5) == Reply(status)


@pytest.mark.parametrize(
    ("url", "wanted", "api"),
    [("grpc://a", None, "grpc"), ("http://a", None, "http"), ("http://a", "nim", "nim"), ("a:1", None, "grpc")],
)
def test_the_protocol_follows_the_url(url, wanted, api):
    assert api_of(Address.parse(url), wanted) == api


@pytest.mark.parametrize(("url", "wanted"), [("http://a", "grpc"), ("grpc://a", "http"), ("grpc://a", "nim")])
def test_a_protocol_that_the_url_is_not_of_is_refused(url, wanted):
    with pytest.raises(SettingError, match="must begin with"):
        api_of(Address.parse(url), wanted)
