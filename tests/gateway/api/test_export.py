"""`POST /v1/export`: what was read, in every format, without reading it again."""

import asyncio
import io
import json
import re
import threading
import tracemalloc

import httpx
import pikepdf
import pypdfium2
import pytest
from drawn_documents import LINES, letter, page_workers, pdf, scan, scanned, tiff

from ocdrnet_client.documents.formats import FORMATS
from ocdrnet_gateway.core.keys import new_key, save_keys

SCANS = pdf(scan, letter, scan)
STREAMED = [name for name, each in FORMATS.items() if each.is_streamed]


@pytest.fixture(autouse=True)
def no_process_is_left(until):
    yield
    until(lambda: not page_workers())


@pytest.fixture
def read_lines(gateway, http):
    return http.post(f"{gateway}/v1/read?output=jsonl&dpi=72", content=SCANS).content


def export(http, url, body, query, **headers):
    return http.post(f"{url}/v1/export?{query}", content=body, headers=headers)


def words_of(data):
    return [page.get_textpage().get_text_bounded().split() for page in pypdfium2.PdfDocument(data)]


@pytest.mark.full
@pytest.mark.parametrize("name", STREAMED)
def test_it_is_what_reading_answers_in_that_format(gateway, http, reader, read_lines, name):
    calls = len(reader.calls)
    answer = export(http, gateway, read_lines, f"output={name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, FORMATS[name].media_type)
    assert len(reader.calls) == calls, "it was read again"
    again = http.post(f"{gateway}/v1/read?output={name}&dpi=72", content=SCANS)
    if name == "jsonl":  # with times, which differ
        assert answer.content == read_lines
        return
    # `/v1/read` sends boxes to a tenth of a pixel, and these formats round to whole ones.
    (texts, numbers), (own_texts, own_numbers) = (apart(each.text) for each in (again, answer))
    assert own_texts == texts
    assert own_numbers == pytest.approx(numbers, abs=1)


def apart(text):
    """What is no number, and the numbers."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return parts[::2], [float(number) for number in parts[1::2]]


def test_a_searchable_pdf_is_made_of_the_pages_and_the_document(gateway, http, reader, read_lines):
    calls = len(reader.calls)
    answer = export(http, gateway, read_lines + b"\n" + SCANS, "output=pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    first, second, third = words_of(answer.content)
    assert {"Grüße", "你好", "tilted"} <= set(first)
    assert first == third
    assert second == " ".join(LINES).split()
    assert len(reader.calls) == calls


def test_pages_that_are_not_there_stay_as_they_are(gateway, http, read_lines):
    answer = export(http, gateway, read_lines.splitlines()[2] + b"\n\n" + SCANS, "output=pdf")
    first, _, third = words_of(answer.content)
    assert first == []
    assert "Grüße" in third


def test_a_tiff_becomes_a_pdf(gateway, http):
    data = tiff(scanned(size=(64, 48)), scanned(size=(64, 48)))
    lines = http.post(f"{gateway}/v1/read?output=jsonl&pages=1-", content=data).content
    assert all(
        "Grüße" in words for words in words_of(export(http, gateway, lines + b"\n" + data, "output=pdf").content)
    )


def test_an_encrypted_pdf_wants_its_password_again(gateway, http, read_lines):
    closed = io.BytesIO()
    with pikepdf.open(io.BytesIO(SCANS)) as plain:
        plain.save(closed, encryption=pikepdf.Encryption(owner="own", user="sesame"))
    body = read_lines + b"\n" + closed.getvalue()
    assert "encrypted; give its password" in export(http, gateway, body, "output=pdf").json()["detail"]
    assert export(http, gateway, body, "output=pdf", **{"ocdrnet-password": "sesame"}).status_code == 200


def test_characters_are_written_where_they_were_asked_for(gateway, http, picture):
    spelled, plain = (
        http.post(f"{gateway}/v1/read?characters={value}", content=picture).content for value in ("on", "off")
    )
    for output, sign in (("alto", "<Glyph "), ("hocr", 'ocrx_cinfo" title')):
        assert export(http, gateway, spelled, f"output={output}").text.count(sign) == len("Grüße你好tilted")
        assert sign not in export(http, gateway, plain, f"output={output}").text


def test_what_is_written_of_long_characters_is_within_what_is_counted(gateway, http):
    """Of three code points, which XML has no short way to write, in the shortest JSON."""
    box = [[0, 0], [0, 0], [0, 0], [0, 0]]
    word = {"text": "&&&" * 1000, "score": 0, "box": box}
    word["characters"] = [{"text": "&&&", "score": 0, "box": box}] * 1000
    body = json.dumps({**SOUND, "lines": [{**LINE, "text": "", "words": [word]}]}, separators=(",", ":"))
    for output in ("alto", "hocr"):
        written = export(http, gateway, body, f"output={output}").text
        assert len(written) + len(body) < 6 * len(body)


def test_an_image_is_a_page_too(gateway, http, picture):
    line = http.post(f"{gateway}/v1/read", content=picture).content
    assert export(http, gateway, line, "output=markdown").text.startswith("Grüße 你好")


def test_a_page_that_failed_keeps_its_place(gateway, http, read_lines):
    first, second, third = map(json.loads, read_lines.splitlines())
    failed = {name: second[name] for name in ("page", "dpi", "angle", "text_source", "seconds")} | {"error": "no"}
    body = "\n".join(map(json.dumps, (first, failed, third)))
    assert export(http, gateway, body, "output=text").text.count("\f") == 2
    assert "<!-- page 2" in export(http, gateway, body, "output=markdown").text


BOX = [[0, 0], [9, 0], [9, 9], [0, 9]]
WORD = {"text": "a", "score": 1, "box": BOX}
LINE = {**WORD, "box_score": 1, "words": [WORD], "paragraph": 0}
SOUND = {"page": 1, "dpi": 72, "text_source": "ocr", "seconds": 0, "width": 9, "height": 9, "lines": [LINE]}


def with_line(**values):
    return json.dumps({**SOUND, "lines": [{**LINE, **values}]})


@pytest.mark.parametrize(
    ("body", "query", "named"),
    [
        ("", "output=text", "the body has no pages"),
        ("\n\n", "output=pdf", "a PDF needs the document"),
        (json.dumps(SOUND), "output=pdf", "a PDF needs the document"),
        (json.dumps(SOUND) + "\n\n%PDF-1.7 nothing", "output=pdf", "the PDF is damaged, or is none"),
        (json.dumps(SOUND) + "\n\n%PDF-1.7", "output=text", "there is something after an empty line"),
        ("no json", "output=text", "line 1: Invalid JSON"),
        ("[" * 5000, "output=text", "line 1: Invalid JSON"),
        ('{"page": 1}', "output=text", "width, height and lines, or an error"),
        (f"{json.dumps(SOUND)}\n{json.dumps(SOUND)}", "output=text", "line 2 is page 1 after page 1"),
        (with_line(score=float("nan")), "output=tsv", "line 1: "),
        (with_line(box=[[0, 0], [1e300, 0], [9, 9], [0, 9]]), "output=alto", "lines.0.box.1.0: "),
        (with_line(polygon=[[1, 1]]), "output=hocr", "it has 1 points; an outline has 4 or more"),
        (with_line(box=BOX[:3]), "output=alto", "lines.0.box"),
        (json.dumps({**SOUND, "lines": [1] * 500_001}), "output=text", "values and names; the limit is 500,000"),
        (json.dumps(SOUND), "", "give output once"),
        (json.dumps(SOUND), "output=json", "output is 'json'; it must be one of pdf, "),
        (json.dumps(SOUND), "output=text&dpi=3", "there is no option 'dpi'"),
    ],
)
def test_what_is_wrong_is_named(gateway, http, body, query, named):
    answer = export(http, gateway, body.encode(), query)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert named in answer.json()["detail"]


ODD_BOXES = {
    "a point": [[5, 5]] * 4,
    "far out": [[-1e6, -1e6], [1e6, -1e6], [1e6, 1e6], [-1e6, 1e6]],
    "twisted": [[0, 0], [9, 9], [9, 0], [0, 9]],
    "mirrored": BOX[::-1],
}


@pytest.mark.full
@pytest.mark.parametrize("box", ODD_BOXES)
def test_no_box_that_is_taken_breaks_a_format(gateway, http, box):
    words = [{"text": text, "score": 0, "box": ODD_BOXES[box]} for text in ("", " ", "\0￾<&", "a b", "🎈" * 50)]
    lines = [{**word, "box_score": 0, "words": words, "paragraph": 1_000_000} for word in words]
    body = json.dumps({**SOUND, "lines": [*lines, {**lines[0], "words": [], "polygon": [[1, 1]] * 5}]}).encode()
    for name in STREAMED:
        answer = export(http, gateway, body, f"output={name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, FORMATS[name].media_type), answer.text
    assert export(http, gateway, body + b"\n\n" + pdf(scan), "output=pdf").status_code in (200, 422)


def test_it_costs_no_pages(start_gateway, http, read_lines):
    url = start_gateway(rate_per_minute=1).url
    for _ in range(3):
        assert export(http, url, read_lines, "output=text").status_code == 200


def test_it_counts_as_a_request_of_its_caller(start_gateway, http, reader, read_lines, picture, until):
    url, go_on = start_gateway(concurrency=1).url, threading.Event()

    async def respond(call):
        await asyncio.to_thread(go_on.wait, 60)
        return reader.page

    reader.respond = respond
    reading = threading.Thread(target=httpx.post, args=(f"{url}/v1/read",), kwargs={"content": picture, "timeout": 60})
    reading.start()
    until(lambda: reader.running)
    assert export(http, url, read_lines, "output=text").status_code == 429
    go_on.set()
    reading.join()
    assert export(http, url, read_lines, "output=text").status_code == 200


@pytest.mark.full
@pytest.mark.parametrize("output", ["text", "pdf"])
def test_it_waits_for_a_documents_place(start_gateway, http, reader, read_lines, until, output):
    server, go_on = start_gateway(max_documents=1, deadline_s=2), threading.Event()

    async def respond(call):
        await asyncio.to_thread(go_on.wait, 60)
        return reader.page

    reader.respond = respond
    query = f"{server.url}/v1/read?output=jsonl&text_layer=ocr"
    reading = threading.Thread(target=httpx.post, args=(query,), kwargs={"content": SCANS, "timeout": 60})
    reading.start()
    until(page_workers)
    refused = export(http, server.url, read_lines + b"\n" + (SCANS if output == "pdf" else b""), f"output={output}")
    go_on.set()
    reading.join()
    assert refused.status_code == 504


def test_what_is_written_is_counted_as_memory(start_gateway, http, read_lines):
    url = start_gateway(memory_bytes=2 << 20).url
    lines = [{**json.loads(read_lines.splitlines()[0]), "page": number} for number in range(1, 400)]
    body = "\n".join(map(json.dumps, lines)).encode()
    assert len(body) * 3 < 1 << 20 < len(body) * 5
    answer = export(http, url, body, "output=text")
    assert (answer.status_code, "of the gateway's memory" in answer.json()["detail"]) == (413, True)


@pytest.mark.full
def test_the_pages_of_a_pdf_are_not_held_together(gateway, http):
    box = [[10, 10], [19, 10], [19, 19], [10, 19]]
    word = {"text": "a", "score": 1, "box": box}
    line = {**word, "box_score": 1, "paragraph": 0, "words": [word] * 500}
    page = {"width": 100, "height": 100, "lines": [line]}
    count = 60
    lines = "".join(json.dumps({"page": number, **page}) + "\n" for number in range(1, count + 1)).encode()
    body = lines + b"\n" + pdf(*[letter] * count)
    assert len(body) > 2_000_000
    tracemalloc.start()
    try:
        answer = export(http, gateway, body, "output=pdf")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-")
    assert most < 8 * len(body)


def test_it_wants_a_key_where_reading_does(start_gateway, http, read_lines, tmp_path):
    key, entry = new_key("reader")
    save_keys(tmp_path / "keys.json", [entry])
    url = start_gateway(keys_file=tmp_path / "keys.json").url
    assert export(http, url, read_lines, "output=text").status_code == 401
    assert export(http, url, read_lines, "output=text", authorization=f"Bearer {key}").status_code == 200
