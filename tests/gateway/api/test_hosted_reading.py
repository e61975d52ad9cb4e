"""`POST /v1/cv/nvidia/ocdrnet`: the redirect, the zip, polling, deadlines, and what is refused."""

import asyncio
import io
import json
import socket
import time
import uuid

import pytest
from gateway_reader import PAGE, StandInReader
from hosted_flow import OCDRNET, STATUS, ask, fetched, inline, is_problem, make_key, poll, unzipped, uploaded
from PIL import Image

from ocdrnet_gateway.http_errors import ReaderFailedError

FAST = {"NVCF-POLL-SECONDS": "1"}


def png(size=(64, 48), mode="RGB", color="white"):
    buffer = io.BytesIO()
    Image.new(mode, size, color).save(buffer, format="PNG")
    return buffer.getvalue()


def test_the_answer_redirects_to_a_zip(gateway, http, picture):
    answer = ask(http, gateway, inline(picture))
    assert (answer.status_code, answer.content) == (302, b"")
    assert answer.headers["location"].startswith(f"{gateway}/v2/nvcf/results/")
    request_id = answer.headers["nvcf-reqid"]
    zipped = fetched(http, answer)
    assert zipped.names == [f"{request_id}.response", f"{request_id}.jpg"]
    assert zipped.metadata == [
        {
            "label": line.text,
            "polygon": {f"{axis}{n}": point["xy".index(axis)] for n, point in enumerate(line.box, 1) for axis in "xy"},
            "confidence": line.score,
        }
        for line in PAGE.lines
    ]


def test_header_names_are_lower_case_on_the_wire(gateway, picture):
    host, port = gateway.removeprefix("http://").split(":")
    body = json.dumps({"image": inline(picture)}).encode()
    head = f"POST {OCDRNET} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        answer = connection.makefile("rb")
        lines = list(iter(answer.readline, b"\r\n"))
    names = [line.partition(b":")[0] for line in lines[1:]]
    assert {b"location", b"nvcf-reqid", b"nvcf-status"} <= set(names)
    assert names == [name.lower() for name in names]


def test_python_clients_follow_by_themselves(gateway, http, picture):
    answer = http.post(gateway + OCDRNET, json={"image": inline(picture)}, follow_redirects=True)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].endswith('.zip"')
    assert "no-store" in answer.headers["cache-control"]


def test_boxes_alone_keep_the_images_size_and_are_seen(gateway, http, picture):
    drawn = fetched(http, ask(http, gateway, inline(picture))).picture
    assert drawn.size == (64, 48)
    red, green, _ = drawn.convert("RGB").getpixel((30, 6))
    assert red > green + 60
    assert min(drawn.convert("RGB").getpixel((30, 12))) > 200


def test_labels_are_beside_the_boxes(gateway, http, picture):
    drawn = fetched(http, ask(http, gateway, inline(picture), render_label=True)).picture
    assert drawn.width > 64
    assert drawn.width / drawn.height == pytest.approx(2 * 64 / 48, rel=0.02)
    panel = drawn.convert("L").crop((drawn.width // 2, 0, drawn.width, drawn.height))
    assert panel.getextrema()[0] < 150


def test_the_image_is_upright_before_boxes_are_drawn(gateway, http):
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (48, 64), "white").save(buffer, format="JPEG", exif=exif)
    assert fetched(http, ask(http, gateway, inline(buffer.getvalue(), "jpeg"))).picture.size == (64, 48)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "1", "L"])
@pytest.mark.parametrize("labels", [False, True])
def test_every_kind_of_image_can_be_drawn_on(gateway, http, mode, labels):
    color = {"RGBA": (255, 255, 255, 0), "LA": (0, 0)}.get(mode, 1)
    zipped = fetched(http, ask(http, gateway, inline(png(mode=mode, color=color)), render_label=labels))
    assert zipped.picture.format == "JPEG"


def test_no_text_is_an_empty_list(gateway, http, picture, reader):
    reader.page = type(PAGE)(64, 48)
    assert fetched(http, ask(http, gateway, inline(picture), render_label=True)).metadata == []


@pytest.mark.parametrize("text", ['"},{"label":"x', "\r\nlocation: http://x", "../../x", "\x00\u2028", "a\ud7ff"])
def test_no_text_breaks_the_zip(gateway, http, picture, reader, text):
    line = PAGE.lines[0]
    reader.page = type(PAGE)(64, 48, (type(line)(text, 1.5, line.box, 0.5),))
    zipped = fetched(http, ask(http, gateway, inline(picture), render_label=True))
    assert [(found["label"], found["confidence"]) for found in zipped.metadata] == [(text, 1.0)]
    assert len(zipped.names) == 2


def test_a_callers_own_request_id_names_nothing(gateway, http, picture):
    own = str(uuid.uuid4())
    answers = [ask(http, gateway, inline(picture), headers={"x-request-id": own}) for _ in range(2)]
    ids = {answer.headers["nvcf-reqid"] for answer in answers}
    assert len(ids | {own}) == 3
    assert {answer.headers["x-request-id"] for answer in answers} == {own}


def test_otherwise_one_id_is_everywhere(gateway, http, picture, reader):
    answer = ask(http, gateway, inline(picture))
    assert answer.headers["nvcf-reqid"] == answer.headers["x-request-id"] == reader.calls[0].request_id


class TestResultUrl:
    def test_no_part_of_it_can_be_changed(self, gateway, http, picture):
        first, second = (ask(http, gateway, inline(picture)).headers["location"] for _ in range(2))
        address, _, query = first.partition("?")
        for changed in (
            address,
            f"{second.partition('?')[0]}?{query}",
            first[:-1] + ("1" if first[-1] != "1" else "2"),
        ):
            assert is_problem(http.get(changed), 403)
        assert http.get(first).status_code == 200

    def test_result_and_url_expire(self, start_gateway, http, picture, tmp_path, until):
        url = start_gateway(result_lifetime_s=1, sweep_interval_s=0.1).url
        answer = ask(http, url, inline(picture))
        fetched(http, answer)
        until(lambda: http.get(answer.headers["location"]).status_code == 403)
        assert is_problem(poll(http, url, answer.headers["nvcf-reqid"]), 404)
        until(lambda: not [path for path in (tmp_path / "store").rglob("*") if path.is_file()])


class TestPolling:
    def test_a_slow_request_is_answered_202_and_polled(self, gateway, http, picture, reader):
        reader.seconds = 2.5
        answer = ask(http, gateway, inline(picture), headers=FAST)
        assert (answer.status_code, answer.content) == (202, b"")
        assert answer.headers["nvcf-status"] == "in-progress"
        request_id = answer.headers["nvcf-reqid"]
        again = poll(http, gateway, request_id, seconds=1)
        assert (again.status_code, again.headers["nvcf-reqid"]) == (202, request_id)
        done = poll(http, gateway, request_id)
        assert fetched(http, done).metadata
        assert done.headers["nvcf-reqid"] == request_id
        assert poll(http, gateway, request_id).status_code == 302
        assert len(reader.calls) == 1

    def test_a_failure_is_told_while_waiting_and_afterwards(self, gateway, http, picture, reader):
        async def fail(call):
            await asyncio.sleep(1.5)
            raise ReaderFailedError("the server failed", {"x-hint": "1"})

        reader.respond = fail
        request_id = ask(http, gateway, inline(picture), headers=FAST).headers["nvcf-reqid"]
        for _ in range(2):
            answer = poll(http, gateway, request_id)
            assert is_problem(answer, 502, "the server failed")
            assert answer.headers["x-hint"] == "1"

    def test_a_fault_is_told_without_its_words(self, gateway, http, picture, reader):
        async def fail(call):
            await asyncio.sleep(call.image != picture and 1.5)
            raise RuntimeError("the text was secret")

        reader.respond = fail
        assert is_problem(ask(http, gateway, inline(picture)), 500, "its log has the details")
        request_id = ask(http, gateway, inline(png((65, 48))), headers=FAST).headers["nvcf-reqid"]
        for _ in range(2):
            answer = poll(http, gateway, request_id)
            assert is_problem(answer, 500)
            assert "secret" not in answer.text

    def test_only_the_caller_may_poll(self, start_gateway, http, picture, reader, tmp_path):
        path = tmp_path / "keys.json"
        ann, bob = make_key(path, "ann"), make_key(path, "bob")
        url = start_gateway(keys_file=path).url
        reader.seconds = 1.5
        request_id = ask(http, url, inline(picture), ann, headers=FAST).headers["nvcf-reqid"]
        for _ in range(2):
            assert is_problem(poll(http, url, request_id, bob, seconds=1), 404)
            assert poll(http, url, request_id, ann).status_code == 302

    def test_who_never_asked_is_not_found(self, gateway, http):
        assert is_problem(http.get(f"{gateway}{STATUS}/{uuid.uuid4()}"), 404, "no such request")

    @pytest.mark.parametrize("seconds", ["0", "3601", "-1", "x", "1.5", ""])
    def test_poll_seconds_have_a_range(self, gateway, http, picture, seconds, reader):
        answer = ask(http, gateway, inline(picture), headers={"NVCF-POLL-SECONDS": seconds})
        assert is_problem(answer, 422, "NVCF-POLL-SECONDS")
        assert reader.calls == []

    def test_poll_seconds_end_the_wait(self, gateway, http, picture, reader):
        reader.seconds = 20
        begin = time.monotonic()
        assert ask(http, gateway, inline(picture), headers=FAST).status_code == 202
        assert 0.9 < time.monotonic() - begin < 15

    def test_a_caller_that_leaves_while_polling_loses_nothing(self, gateway, http, picture, reader, until):
        reader.seconds = 2
        request_id = ask(http, gateway, inline(picture), headers=FAST).headers["nvcf-reqid"]
        with pytest.raises(Exception, match="timed out"):
            http.get(f"{gateway}{STATUS}/{request_id}", headers={"NVCF-POLL-SECONDS": "30"}, timeout=0.2)
        assert fetched(http, poll(http, gateway, request_id)).metadata
        assert reader.cancelled == 0

    def test_a_caller_that_leaves_before_it_knows_the_id_cancels_the_work(self, gateway, http, picture, reader, until):
        reader.seconds = 60
        with pytest.raises(Exception, match="timed out"):
            http.post(gateway + OCDRNET, json={"image": inline(picture)}, timeout=1)
        until(lambda: reader.cancelled == 1)


class TestReplicas:
    """Two gateways on one folder; `test_hosted_replicas` has the same on a bucket."""

    @pytest.fixture
    def replicas(self, start_gateway):
        return [start_gateway(secret="s" * 32, deadline_s=8, reader=StandInReader()) for _ in range(2)]

    def test_a_poll_at_the_other_waits_and_finds_the_result(self, replicas, http, picture):
        one, two = replicas
        for server in replicas:
            reader_of(server).seconds = 2.5
        request_id = ask(http, one.url, inline(picture), headers=FAST).headers["nvcf-reqid"]
        assert poll(http, two.url, request_id, seconds=1).status_code == 202
        done = poll(http, two.url, request_id)
        assert done.headers["location"].startswith(two.url)
        assert fetched(http, done).metadata
        for server, calls in zip(replicas, (1, 0), strict=True):
            assert len(reader_of(server).calls) == calls

    def test_a_url_of_one_is_good_at_the_other(self, replicas, http, picture):
        one, two = replicas
        answer = ask(http, one.url, uploaded(http, two.url, picture))
        got = http.get(answer.headers["location"].replace(one.url, two.url))
        assert unzipped(got.content, answer.headers["nvcf-reqid"]).metadata


def reader_of(server):
    return server._server.config.app.state.services.reader


class TestLimits:
    def test_a_deadline_is_504(self, start_gateway, http, picture, reader):
        reader.seconds = 30
        url = start_gateway(deadline_s=0.5).url
        assert is_problem(ask(http, url, inline(picture)), 504, "0.5 s")
        assert reader.cancelled == 1
        assert reader.calls[0].deadline_s <= 0.5

    def test_a_deadline_after_202_is_504_too(self, start_gateway, http, picture, reader):
        reader.seconds = 30
        url = start_gateway(deadline_s=2).url
        request_id = ask(http, url, inline(picture), headers=FAST).headers["nvcf-reqid"]
        for _ in range(2):
            assert is_problem(poll(http, url, request_id), 504, "2 s")

    def test_too_many_jobs_are_429(self, start_gateway, http, picture, reader):
        reader.seconds = 20
        url = start_gateway(max_in_flight=1, max_waiting=1).url
        statuses = [ask(http, url, inline(picture), headers=FAST).status_code for _ in range(2)]
        assert statuses == [202, 202]
        answer = ask(http, url, inline(picture), headers=FAST)
        assert is_problem(answer, 429, "limit")
        assert int(answer.headers["retry-after"]) >= 1

    def test_a_quota_is_429(self, start_gateway, http, picture, tmp_path):
        path = tmp_path / "keys.json"
        ann = make_key(path, "ann", "--rate", "1")
        url = start_gateway(keys_file=path).url
        assert ask(http, url, inline(picture), ann).status_code == 302
        assert is_problem(ask(http, url, inline(picture), ann), 429, "1 images a minute")

    def test_too_many_pixels_are_413(self, start_gateway, http, picture, reader):
        url = start_gateway(max_pixels=64 * 48).url
        assert ask(http, url, inline(picture)).status_code == 302
        assert is_problem(ask(http, url, uploaded(http, url, png((64, 49)))), 413, "64 x 49")
        assert len(reader.calls) == 1

    def test_too_many_bytes_are_413(self, start_gateway, http, picture):
        url = start_gateway(max_upload_bytes=2000).url
        assert is_problem(ask(http, url, "x" * 2000), 413)

    @pytest.mark.parametrize("content", [b"%PDF-1.7", b"<svg/>", b"\x00" * 99])
    def test_what_is_no_image_is_422(self, gateway, http, content, reader):
        assert is_problem(ask(http, gateway, inline(content)), 422, "cannot be read")
        assert is_problem(ask(http, gateway, uploaded(http, gateway, content)), 422, "cannot be read")
        assert reader.calls == []

    def test_an_image_damaged_behind_its_header_is_422(self, gateway, http, picture):
        assert is_problem(ask(http, gateway, inline(picture[:60])), 422, "damaged")

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{}", b'{"image": 1}', b'{"image": "", "render_label": false}', b'{"image": "x"', b"\xff"]
    )
    def test_a_body_that_says_nothing_is_422(self, gateway, http, body):
        assert is_problem(http.post(gateway + OCDRNET, content=body), 422)

    def test_render_label_must_be_a_truth_value(self, gateway, http, picture):
        assert is_problem(ask(http, gateway, inline(picture), render_label="perhaps"), 422, "render_label")
