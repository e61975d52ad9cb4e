"""Google Vision by its own client, `google-cloud-vision`."""

import base64
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import (
    BadRequest,
    InternalServerError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from google.auth.credentials import AnonymousCredentials
from google.cloud import vision

from ocdrnet_client import Line, Page, Word
from ocdrnet_gateway.api.vision.routes import annotated
from ocdrnet_gateway.commands.keys import keys
from ocdrnet_gateway.http_errors import OverloadedError, ReaderFailedError, UnavailableError
from ocdrnet_gateway.settings import load_settings

TEXT = "Grüße 你好\ntilted\n"
Break = vision.TextAnnotation.DetectedBreak.BreakType


def connect(url, key="any"):
    options = ClientOptions(api_endpoint=url, api_key=key)
    return vision.ImageAnnotatorClient(client_options=options, transport="rest")


@pytest.fixture
def url(start_gateway):
    return start_gateway(interfaces="vision").url


@pytest.fixture
def client(url):
    return connect(url)


def image(data):
    return vision.Image(content=data)


def failing(reader, error):
    async def respond(call):
        raise error

    reader.respond = respond


@pytest.mark.parametrize("method", ["text_detection", "document_text_detection"])
def test_pages_blocks_paragraphs_words_symbols_and_breaks(client, picture, reader, method):
    answer = getattr(client, method)(image=image(picture))
    assert answer.error.code == 0
    assert [each.description for each in answer.text_annotations] == [TEXT, "Grüße", "你好", "tilted"]
    vertices = answer.text_annotations[1].bounding_poly.vertices
    assert [(vertex.x, vertex.y) for vertex in vertices] == [(8, 6), (56, 6), (56, 18), (8, 18)]
    full = answer.full_text_annotation
    (page,) = full.pages
    assert (full.text, page.width, page.height) == (TEXT, 64, 48)
    assert page.confidence == pytest.approx((0.5 + 1 + 0.625) / 3)
    assert [block.block_type for block in page.blocks] == [vision.Block.BlockType.TEXT] * 2
    words = [word for block in page.blocks for paragraph in block.paragraphs for word in paragraph.words]
    assert ["".join(symbol.text for symbol in word.symbols) for word in words] == ["Grüße", "你好", "tilted"]
    assert [word.confidence for word in words] == [0.5, 1.0, 0.625]
    ends = [word.symbols[-1].property.detected_break.type_ for word in words]
    assert ends == [Break.SPACE, Break.LINE_BREAK, Break.LINE_BREAK]
    assert [call.image for call in reader.calls] == [picture]


def test_symbols_of_a_document_have_boxes_and_confidence(client, picture, reader):
    answers = [getattr(client, name)(image=image(picture)) for name in ("document_text_detection", "text_detection")]
    assert [call.options for call in reader.calls] == [{"characters": "on"}, {}]
    told, plain = (
        [
            symbol
            for block in answer.full_text_annotation.pages[0].blocks
            for paragraph in block.paragraphs
            for word in paragraph.words
            for symbol in word.symbols
        ]
        for answer in answers
    )
    assert [symbol.text for symbol in told] == [symbol.text for symbol in plain] == list("Grüße你好tilted")
    assert [symbol.property for symbol in told] == [symbol.property for symbol in plain]
    assert [symbol.confidence for symbol in told] == [0.5] * 5 + [1.0] * 2 + [0.625] * 6
    corners = [(vertex.x, vertex.y) for vertex in told[5].bounding_box.vertices]
    assert corners == [(8, 6), (32, 6), (32, 18), (8, 18)]
    assert all(len(symbol.bounding_box.vertices) == 4 for symbol in told)
    assert not any(symbol.bounding_box.vertices or symbol.confidence for symbol in plain)


def test_symbols_with_boxes_take_memory_until_all_images_are_read(start_gateway, picture):
    server, held = start_gateway(interfaces="vision"), []
    memory = server._server.config.app.state.services.memory
    change = memory.change_bodies
    memory.change_bodies = lambda growth: (change(growth), held.append(memory._bodies))
    feature = vision.Feature(type_=vision.Feature.Type.DOCUMENT_TEXT_DETECTION)
    one = vision.AnnotateImageRequest(image=image(picture), features=[feature])
    connect(server.url).batch_annotate_images(requests=[one] * 3)
    assert max(held) - held[0] >= 3 * len("Grüße你好tilted") * 4000


def words_of(*texts):
    return tuple(Word(text, 1.0, ((0, 0), (9, 0), (9, 9), (0, 9))) for text in texts)


def test_breaks_follow_the_line_and_the_paragraph():
    box = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
    lines = (
        Line("今日は", 1.0, box, 1.0, words_of("今日", "は"), 0),  # no space between
        Line("a b", 1.0, box, 1.0, words_of("a", "b"), 0),
        Line("alone", 1.0, box, 1.0, (), 1),  # without words it is one
    )
    full = annotated(Page(9, 9, lines)).full_text_annotation
    assert full.text == "今日は\na b\nalone\n"
    symbols = [
        symbol
        for block in full.pages[0].blocks
        for paragraph in block.paragraphs
        for word in paragraph.words
        for symbol in word.symbols
    ]
    breaks = [symbol.property.detected_break.type if symbol.property else None for symbol in symbols]
    assert breaks[:5] == [None, None, "EOL_SURE_SPACE", "SPACE", "LINE_BREAK"]
    assert breaks[5:] == [None] * 4 + ["LINE_BREAK"]


def test_an_image_without_text_has_no_annotations(client, picture, reader):
    reader.page = Page(64, 48)
    answer = client.text_detection(image=image(picture))
    assert (len(answer.text_annotations), answer.full_text_annotation.text, answer.error.code) == (0, "", 0)


def test_what_is_wrong_with_one_image_is_its_own_error(client, picture):
    text = [vision.Feature(type_=vision.Feature.Type.TEXT_DETECTION)]
    labels = [vision.Feature(type_=vision.Feature.Type.LABEL_DETECTION), *text]
    bucket = vision.Image(source=vision.ImageSource(gcs_image_uri="gs://bucket/a.png"))
    remote = vision.Image(source=vision.ImageSource(image_uri="http://169.254.169.254/latest"))
    asked = [(image(picture), text), (image(b"nope"), text), (image(picture), labels), (bucket, text), (remote, text)]
    requests = [vision.AnnotateImageRequest(image=each, features=features) for each, features in asked]
    requests.append(vision.AnnotateImageRequest(image=image(picture)))
    answers = client.batch_annotate_images(requests=requests).responses
    assert [answer.error.code for answer in answers] == [0, 3, 12, 7, 7, 3]
    assert answers[0].full_text_annotation.text == TEXT
    assert "LABEL_DETECTION" in answers[2].error.message
    assert [bool(answer.full_text_annotation.text) for answer in answers] == [True] + [False] * 5


def test_a_failure_of_the_server_costs_only_the_images_it_hit(client, picture, reader):
    page = reader.page

    async def respond(call):
        if len(reader.calls) == 2:
            raise ReaderFailedError("it failed")
        return page

    reader.respond = respond
    text = [vision.Feature(type_=vision.Feature.Type.TEXT_DETECTION)]
    requests = [vision.AnnotateImageRequest(image=image(picture), features=text)] * 3
    answers = client.batch_annotate_images(requests=requests).responses
    assert [answer.error.code for answer in answers] == [0, 13, 0]


@pytest.mark.parametrize(
    ("error", "raised"), [(UnavailableError("away"), ServiceUnavailable), (OverloadedError("busy"), TooManyRequests)]
)
def test_where_nothing_was_read_the_status_says_it(client, picture, reader, error, raised):
    failing(reader, error)
    with pytest.raises(raised):
        client.text_detection(image=image(picture), retry=None)


def test_a_fault_has_googles_form_and_no_details(client, picture, reader):
    failing(reader, RuntimeError("a secret"))
    with pytest.raises(InternalServerError, match="the gateway failed") as caught:
        client.text_detection(image=image(picture), retry=None)
    assert "secret" not in str(caught.value)


def test_too_many_images_and_too_many_bytes(start_gateway, picture):
    client = connect(start_gateway(interfaces="vision", max_images=2, max_upload_bytes=4096).url)
    text = [vision.Feature(type_=vision.Feature.Type.TEXT_DETECTION)]
    one = vision.AnnotateImageRequest(image=image(picture), features=text)
    with pytest.raises(BadRequest, match="there are 3 images; the limit is 2"):
        client.batch_annotate_images(requests=[one] * 3)
    with pytest.raises(BadRequest, match="larger than 4,096 bytes"):
        client.text_detection(image=image(bytes(9000)))


def test_keys(start_gateway, picture, http, tmp_path):
    path = tmp_path / "keys.json"
    key = CliRunner().invoke(keys, ["create", "ann", "--file", str(path)]).stdout.strip()
    url = start_gateway(interfaces="vision", keys_file=path).url
    assert connect(url, key).text_detection(image=image(picture)).full_text_annotation.text == TEXT
    with pytest.raises(Unauthorized, match="x-goog-api-key"):
        connect(url, "wrong").text_detection(image=image(picture))
    where = f"{url}/v1/images:annotate"
    # Before the body; and a URL stands in logs.
    refused = http.post(f"{where}?key={key}", content=b"no JSON")
    assert refused.status_code == 401
    assert refused.json()["error"]["status"] == "UNAUTHENTICATED"
    bearer = http.post(where, content=b"no JSON", headers={"authorization": f"Bearer {key}"})
    assert (bearer.status_code, bearer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_names_of_fields_and_enums_as_protobuf_has_them(url, http, picture):
    content = base64.b64encode(picture).decode()
    body = {"requests": [{"image": {"content": content}, "features": [{"type": 11, "max_results": 1}]}]}
    body["requests"][0]["image_context"] = {"language_hints": ["de"]}
    answer = http.post(f"{url}/v1/images:annotate", json=body).json()["responses"][0]
    assert answer["fullTextAnnotation"]["text"] == TEXT
    assert answer["fullTextAnnotation"]["pages"][0]["blocks"][0]["blockType"] == "TEXT"


def test_an_image_is_fetched_from_an_allowed_host(start_gateway, picture):
    class Remote(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Remote) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        client = connect(start_gateway(interfaces="vision", allowed_hosts=host).url)
        source = vision.ImageSource(image_uri=f"http://{host}/a.png")
        answer = client.text_detection(image=vision.Image(source=source))
        server.shutdown()
    assert answer.full_text_annotation.text == TEXT


def test_an_image_that_did_not_come_holds_no_memory_for_the_next(start_gateway, http):
    server, most = start_gateway(interfaces="vision", allowed_hosts="127.0.0.1:9"), []
    memory = server._server.config.app.state.services.memory
    change = memory.change_bodies
    memory.change_bodies = lambda growth: (change(growth), most.append(memory._bodies))
    one = {"image": {"source": {"imageUri": "http://127.0.0.1:9/a.png"}}, "features": [{"type": "TEXT_DETECTION"}]}
    answers = http.post(f"{server.url}/v1/images:annotate", json={"requests": [one] * 4}).json()["responses"]
    assert ["cannot be reached" in answer["error"]["message"] for answer in answers] == [True] * 4
    limit = load_settings({}).max_upload_bytes
    assert limit <= max(most) < 2 * limit


def test_a_client_without_credentials(url, picture):
    options = ClientOptions(api_endpoint=url)
    client = vision.ImageAnnotatorClient(credentials=AnonymousCredentials(), client_options=options, transport="rest")
    assert client.text_detection(image=image(picture)).full_text_annotation.text == TEXT
