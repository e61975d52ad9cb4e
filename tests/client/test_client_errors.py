"""What a refusal or a damaged answer becomes, over both protocols and in both clients."""

import grpc
import pytest
from client_http_stand_in import Raw
from client_model import Refused
from tritonclient.utils import InferenceServerException

import ocdrnet_client
from ocdrnet_client import (
    Client,
    ClientClosedError,
    ConfigurationError,
    InvalidRequestError,
    ModelNotFoundError,
    OcdrnetError,
    RequestTimeoutError,
    Retry,
    ServerError,
    ServerUnavailableError,
    UnexpectedResponseError,
)
from ocdrnet_client.transports.errors import from_triton, without_noise

ONCE = Retry(attempts=1)
GRPC = {
    "INVALID_ARGUMENT": InvalidRequestError,
    "OUT_OF_RANGE": InvalidRequestError,
    "NOT_FOUND": ModelNotFoundError,
    "UNAVAILABLE": ServerUnavailableError,
    "DEADLINE_EXCEEDED": RequestTimeoutError,
    "CANCELLED": ClientClosedError,
    "UNIMPLEMENTED": UnexpectedResponseError,
    "INTERNAL": ServerError,
    "UNKNOWN": ServerError,
    "PERMISSION_DENIED": ServerError,
    "UNAUTHENTICATED": ServerError,
    "RESOURCE_EXHAUSTED": ServerError,
    "FAILED_PRECONDITION": ServerError,
    "ABORTED": ServerError,
    "ALREADY_EXISTS": ServerError,
    "DATA_LOSS": ServerError,
}
HTTP = {
    400: InvalidRequestError,
    413: InvalidRequestError,
    404: ModelNotFoundError,
    429: ServerUnavailableError,
    502: ServerUnavailableError,
    503: ServerUnavailableError,
    408: RequestTimeoutError,
    504: RequestTimeoutError,
    401: ServerError,
    403: ServerError,
    500: ServerError,
}


def refusal_of(client, model, status, message):
    def refuse(request):
        raise Refused(status, message)

    model.respond = refuse
    with pytest.raises(OcdrnetError) as raised:
        client.read(b"picture")
    return raised.value


def test_every_grpc_status_has_its_error():
    assert sorted(GRPC) == sorted(code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK)


@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_every_grpc_status(connect, model, server):
    client = connect(retry=ONCE)
    for name, kind in GRPC.items():
        error = refusal_of(client, model, grpc.StatusCode[name], "the reason")
        assert type(error) is kind, name
        assert "the reason" in str(error)
        assert kind is InvalidRequestError or server.url in str(error)
        assert (f"({name})" in str(error)) == (kind is ServerError)


@pytest.mark.parametrize("protocol", ["http"], indirect=True)
def test_every_http_status(connect, model, server):
    client = connect(retry=ONCE)
    for status, kind in HTTP.items():
        error = refusal_of(client, model, status, "the reason")
        assert type(error) is kind, status
        assert "the reason" in str(error)
        assert kind is InvalidRequestError or server.url in str(error)
        assert (f"({status})" in str(error)) == (kind is ServerError)


def test_a_bad_image_says_what_the_model_said_and_nothing_else(connect, server, model):
    said = "[request id: <id_unknown>] in ensemble 'ocdrnet', in ensemble 'ocdrnet', the image has 0 bytes"
    assert str(refusal_of(connect(), model, server.status("invalid"), said)) == "the image has 0 bytes"


@pytest.mark.parametrize(
    ("message", "clean"),
    [
        ("in ensemble 'ocdrnet', the image is bad", "the image is bad"),
        ("[request id: 7] inference failed", "inference failed"),
        ("[request id: 7] in ensemble 'a b', [request id: 8]in ensemble 'c',x", "x"),
        ("the file in ensemble 'ocdrnet', stays", "the file in ensemble 'ocdrnet', stays"),
        ("  plain  ", "plain"),
        ("", ""),
    ],
)
def test_noise_in_front_is_cut(message, clean):
    assert without_noise(message) == clean


@pytest.mark.parametrize("status", ["StatusCode.NOT_FOUND", "404"])
def test_a_model_that_is_stopping_is_away_and_an_unknown_one_is_missing(status):
    def kind(said):
        return type(
            from_triton(InferenceServerException(f"Request for unknown model: 'ocdrnet' {said}", status), "here")
        )

    assert kind("has no available versions") is ServerUnavailableError
    assert kind("is not found") is ModelNotFoundError


def test_braces_in_a_message_are_kept():
    error = from_triton(InferenceServerException("{message} {0} {", "StatusCode.INTERNAL"), "here")
    assert str(error) == "the server at here failed: {message} {0} { (INTERNAL); its log has the details"


def test_an_error_without_status_or_message_still_says_where():
    error = from_triton(InferenceServerException(None), "here")
    assert type(error) is UnexpectedResponseError
    assert "here" in str(error)
    assert "no reason given" in str(error)


def test_the_cause_is_not_shown_as_a_second_traceback(connect, server, model):
    error = refusal_of(connect(), model, server.status("internal"), "broken")
    assert error.__suppress_context__


@pytest.mark.parametrize("protocol", ["http"], indirect=True)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Raw(b"<html>hello</html>"), UnexpectedResponseError),
        (Raw(b"{}"), UnexpectedResponseError),
        (Raw(b"[]"), UnexpectedResponseError),
        (Raw(b"\xff\xfe"), UnexpectedResponseError),
        (Raw(b""), UnexpectedResponseError),
        (Raw(b"{}", headers={"Inference-Header-Content-Length": "2"}), UnexpectedResponseError),
        (Raw(b"{}", headers={"Inference-Header-Content-Length": "many"}), UnexpectedResponseError),
        (Raw(b'{"outputs": [{}]}'), UnexpectedResponseError),
        (Raw(b'{"outputs": 5}'), UnexpectedResponseError),
        (Raw(b"short", promised=5000), ServerUnavailableError),
        (Raw(b"<html>bad gateway</html>", 502), ServerUnavailableError),
        (Raw(b"", 503), ServerUnavailableError),
        (Raw(b'"text"', 500), ServerError),
    ],
    ids=lambda value: getattr(
        value, "__name__", f"{value.body[:20]!r} {value.status}" if hasattr(value, "body") else ""
    ),
)
def test_an_answer_that_is_no_tritons(connect, model, answer, kind):
    def respond(request):
        raise answer

    model.respond = respond
    with pytest.raises(OcdrnetError) as raised:
        connect(retry=ONCE).read(b"picture")
    assert type(raised.value) is kind


@pytest.mark.parametrize("protocol", ["http"], indirect=True)
def test_tensor_bytes_that_do_not_fill_their_shape(connect, model):
    def respond(request):
        header = b'{"outputs":[{"name":"BOXES","datatype":"FP32","shape":[1,4,2],"parameters":{"binary_data_size":8}}]}'
        raise Raw(header + bytes(8), headers={"Inference-Header-Content-Length": str(len(header))})

    model.respond = respond
    with pytest.raises(UnexpectedResponseError, match="cannot be read"):
        connect().read(b"picture")


def test_no_server_is_named_with_advice(connect, server, unused_port):
    url = f"{server.protocol}://127.0.0.1:{unused_port}"
    client = connect(url, retry=ONCE)
    with pytest.raises(ServerUnavailableError) as raised:
        client.read(b"picture")
    assert url in str(raised.value)
    assert "ocdrnet serve" in str(raised.value)
    assert not client.is_ready()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_wrong_protocol_is_no_crash(connect, server, protocol):
    other = "http" if protocol == "grpc" else "grpc"
    client = connect(server.url.replace(protocol, other), retry=ONCE, timeout=3)
    with pytest.raises(OcdrnetError):
        client.read(b"picture")


def test_ready_only_if_the_model_is(connect, model):
    client = connect()
    assert client.is_ready()
    model.ready = False
    assert not client.is_ready()
    assert not connect(model="other").is_ready()
    assert model.requests == []


def test_ready_is_no_when_the_server_says_it_is_not(connect, model, server):
    client = connect()
    for cause in ("unavailable", "missing", "late"):
        model.ready = Refused(server.status(cause))
        assert client.is_ready() is False


def test_ready_is_an_error_when_the_server_refuses_to_say(connect, model, server):
    model.ready = Refused(server.status("forbidden"), "no token")
    with pytest.raises(ServerError, match="no token"):
        connect().is_ready()


def test_the_tree_of_errors():
    for name in ocdrnet_client.__all__:
        if name.endswith("Error"):
            assert issubclass(getattr(ocdrnet_client, name), OcdrnetError)
            assert name in ocdrnet_client.errors.__doc__
    assert issubclass(ConfigurationError, ValueError)
    with pytest.raises(ValueError, match="scheme"):
        Client("ftp://host")
