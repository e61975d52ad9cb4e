"""The clients and the `ocdrnet read` command against a real server."""

import asyncio
import json
import shutil

import pytest
from encoded_images import pixels_of
from ocdrnet_command import run_ocdrnet
from PIL import Image
from sample_truth import SAMPLES, sample

from ocdrnet_client import AsyncClient, Client, InvalidRequestError

NAME = "rotated.jpg"
URLS = ("grpc_url", "http_url")


def image_sources():
    """One image as a path, as bytes and as an array; the array has the pixels that the server decodes itself."""
    bgr = pixels_of(SAMPLES / NAME)
    return {
        "path": (SAMPLES / NAME, {}),
        "bytes": (sample(NAME), {}),
        "RGB array": (bgr[..., ::-1], {}),
        "BGR array": (bgr, {"channel_order": "BGR"}),
    }


@pytest.mark.full
@pytest.mark.parametrize("url", URLS)
def test_an_image_reads_alike_in_every_form(served, read_alone, url):
    with Client(getattr(served.addresses, url)) as client:
        for form, (image, options) in image_sources().items():
            page = client.read(image, **options)
            assert page.lines == read_alone[NAME].lines, form


@pytest.mark.parametrize("url", URLS)
def test_the_asynchronous_client_reads_the_same(served, read_alone, url):
    async def read_all():
        async with AsyncClient(getattr(served.addresses, url)) as client:
            assert await client.is_ready()
            return [await client.read(image, **options) for image, options in image_sources().values()]

    assert [page.lines for page in asyncio.run(read_all())] == 4 * [read_alone[NAME].lines]


def many(read_alone):
    """Samples with a file between them that is no image, and what each must become."""
    sources = [SAMPLES / "receipt.jpg", b"no picture", SAMPLES / "blank.png", SAMPLES / NAME]
    return sources, [read_alone["receipt.jpg"], None, read_alone["blank.png"], read_alone[NAME]]


def assert_in_order(outcomes, sources, pages):
    assert [outcome.source for outcome in outcomes] == sources
    assert [outcome.page for outcome in outcomes] == pages
    assert isinstance(outcomes[1].error, InvalidRequestError)


@pytest.mark.parametrize("url", URLS)
def test_read_many_keeps_the_order_and_goes_on_after_a_failure(served, read_alone, url):
    sources, pages = many(read_alone)
    with Client(getattr(served.addresses, url)) as client:
        assert_in_order(list(client.read_many(sources)), sources, pages)


@pytest.mark.full
@pytest.mark.parametrize("url", URLS)
def test_the_asynchronous_read_many_does_too(served, read_alone, url):
    sources, pages = many(read_alone)

    async def read_all():
        async with AsyncClient(getattr(served.addresses, url)) as client:
            return [outcome async for outcome in client.read_many(sources)]

    assert_in_order(asyncio.run(read_all()), sources, pages)


def test_the_command_prints_a_json_object_a_line(served, read_alone, tmp_path):
    names = [NAME, "blank.png"]
    run = run_ocdrnet(
        "read",
        *(SAMPLES / name for name in names),
        *("--url", served.addresses.grpc_url, "--format", "json", "--overlay", tmp_path),
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert [json.loads(line) for line in run.stdout.splitlines()] == [read_alone[name].to_dict() for name in names]
    with Image.open(tmp_path / "rotated.overlay.jpg") as overlay:
        assert overlay.height >= read_alone[NAME].height
    assert (tmp_path / "blank.overlay.png").exists()


def test_the_command_prints_text_and_takes_options(served, read_alone):
    url = served.addresses.http_url
    run = run_ocdrnet("read", SAMPLES / NAME, "--url", url)
    assert (run.returncode, run.stdout.strip()) == (0, read_alone[NAME].text)
    none = run_ocdrnet("read", SAMPLES / NAME, "--url", url, "--param", "min_text_score=1")
    assert (none.returncode, none.stdout.strip()) == (0, "")


def test_the_command_names_what_it_could_not_read(served, tmp_path):
    (tmp_path / "bad.jpg").write_text("no picture")
    shutil.copy(SAMPLES / NAME, tmp_path / "good.jpg")
    run = run_ocdrnet(
        "read", tmp_path, tmp_path / "missing.jpg", "--url", served.addresses.grpc_url, "--format", "json"
    )
    assert run.returncode == 1
    assert [json.loads(line)["image"] for line in run.stdout.splitlines()] == ["good.jpg"]
    assert "bad.jpg: not a readable image" in run.stderr
    assert "missing.jpg" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["--url", "grpc://127.0.0.1:9"], "ocdrnet serve"),
        (["--param", "shade=1"], "unknown parameter 'shade'"),
        (["--param", "max_candidates=0"], "from 1 to 10000"),
    ],
    ids=["no server", "unknown option", "out of range"],
)
def test_the_command_refuses_wrong_usage(arguments, advice):
    run = run_ocdrnet("read", SAMPLES / NAME, *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert advice in run.stderr
