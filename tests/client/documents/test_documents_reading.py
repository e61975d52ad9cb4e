"""`read_document` of both clients: order, bounded concurrency, and that a failure costs its page only."""

import io
import time

import pytest
from client_answers import tensors_of
from client_model import Refused
from drawn_documents import LINES, letter, page_workers, pdf, scan, scanned, tiff
from PIL import Image

from ocdrnet_client import ConfigurationError, InvalidRequestError, Page, ServerError
from ocdrnet_client.documents.reading import is_document


def by_size(request):
    """The page is as large as the image."""
    return tensors_of(Page(*Image.open(io.BytesIO(request.image)).size))


def with_sizes(*sizes):
    return tiff(*(scanned(size=size) for size in sizes))


def no_child_is_left():
    return not page_workers()


@pytest.fixture
def protocol():
    return "grpc"


def test_pages_come_in_the_order_of_the_file(connect, model, tmp_path):
    def later_ones_first(request):
        answer = by_size(request)
        time.sleep(max(0.0, 0.2 - answer["IMAGE_SIZE"][0] / 100))
        return answer

    model.respond = later_ones_first
    path = tmp_path / "five.tiff"
    path.write_bytes(with_sizes((5, 9), (6, 9), (7, 9), (8, 9), (9, 9)))
    document = connect().read_document(path, concurrency=3)
    assert [page.page.width for page in document.pages] == [5, 6, 7, 8, 9]
    assert [page.number for page in document.pages] == [1, 2, 3, 4, 5]
    assert (document.name, document.page_count) == ("five.tiff", 5)
    assert all(page.text_source == "ocr" and page.seconds > 0 for page in document.pages)
    assert 1 < model.most_running <= 3
    assert no_child_is_left()


def test_only_the_pages_that_were_asked_for_are_read(connect, model):
    model.respond = by_size
    document = connect().read_document(with_sizes((5, 9), (6, 9), (7, 9), (8, 9)), pages="2,4")
    assert [(page.number, page.page.width) for page in document.pages] == [(2, 6), (4, 8)]
    assert (document.name, document.page_count, len(model.requests)) == (None, 4, 2)


def test_text_that_is_there_is_not_read_again(connect, model):
    model.respond = by_size
    document = connect().read_document(pdf(letter, scan), dpi=72)
    first, second = document.pages
    assert (first.text_source, second.text_source) == ("text_layer", "ocr")
    assert [line.text for line in first.page.lines] == LINES
    assert (second.page.width, second.page.height, second.dpi) == (595, 842, 72)
    assert len(model.requests) == 1


def test_options_go_with_every_page(connect, model):
    model.respond = by_size
    connect().read_document(pdf(scan, scan), dpi=72, min_text_score=0.5, text_layer="ocr")
    assert [float(request.parameters["min_text_score"]) for request in model.requests] == [0.5, 0.5]


def test_a_page_that_fails_costs_that_page_only(connect, model):
    def respond(request):
        answer = by_size(request)
        if answer["IMAGE_SIZE"][0] == 6:
            raise Refused(13, "the step failed")
        return answer

    model.respond = respond
    document = connect().read_document(with_sizes((5, 9), (6, 9), (7, 9)))
    assert [page.number for page in document.pages if page.page] == [1, 3]
    assert list(document.errors) == [2]
    assert isinstance(document.errors[2], ServerError)
    assert document.to_dict()["pages"][1]["error"] == str(document.errors[2])


def test_a_page_that_cannot_be_drawn_costs_that_page_only(connect, model):
    model.respond = by_size
    data = bytearray(tiff(scanned(), scanned(), scanned(), compression="tiff_lzw"))
    data[len(data) // 2 - 200 : len(data) // 2 + 200] = bytes(400)
    document = connect().read_document(bytes(data))
    assert len(document.pages) == 3
    assert document.errors
    assert all(isinstance(error, InvalidRequestError) for error in document.errors.values())


@pytest.mark.parametrize("options", [{"pages": "9"}, {"dpi": 1}, {"text_layer": "no"}])
def test_wrong_arguments_are_refused_before_anything_is_read(connect, model, options):
    with pytest.raises(InvalidRequestError):
        connect().read_document(pdf(letter), **options)
    assert not model.requests
    assert no_child_is_left()


def test_concurrency_below_1_is_refused(connect):
    with pytest.raises(ConfigurationError, match="concurrency is 0"):
        connect().read_document(pdf(letter), concurrency=0)
    assert no_child_is_left()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pdf(letter), True),
        (b"\n" * 100 + pdf(letter), True),
        (with_sizes((5, 5), (5, 5)), True),
        (with_sizes((5, 5)), False),
        (b"II*\0 and nothing", False),
        (b"text about a %PDF", False),
        (b"", False),
    ],
)
def test_what_is_a_document(data, expected, tmp_path):
    assert is_document(data) is expected
    path = tmp_path / "file"
    path.write_bytes(data)
    assert is_document(path) is expected
    assert not is_document(tmp_path / "missing")
