"""One thing set wrong between image and text, and the twins read something else."""

import pytest
from twin_contracts import DETECTORS, RECOGNIZERS
from twin_image import draw_image, png
from twin_mutations import DEFORMABLE, MUTATIONS, in_fp16
from twin_pipeline import TwinPipeline
from twin_text import TEXTS

from ocdrnet_ops.cards import CardError

VERSION_1, NEWEST = DETECTORS[0], DETECTORS[-1]
BY_DECODER = {version.decoder: version for version in RECOGNIZERS if version.name in ("ocrnet-v1.0", "ocrnet-v2.0")}
CASES = [(name, decoder) for name, (_, decoders) in MUTATIONS.items() for decoder in decoders]


@pytest.fixture(scope="module")
def pictures():
    return {decoder: png(draw_image(version)) for decoder, version in BY_DECODER.items()}


@pytest.fixture(scope="module")
def table(request):
    """Rows of what was read; printed when the last one is in."""
    rows = []
    yield rows
    lines = ["", "| changed alone | decoder | read instead |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        print("\n".join(lines))


def read_with(pipeline, picture):
    try:
        return pipeline.read(picture)
    except CardError:
        return ["(error: an id without a character)"]


def shown(texts):
    return "; ".join(f"`{text}`".replace("|", "\\|") for text in texts) or "(no line)"


@pytest.mark.parametrize("decoder", BY_DECODER)
def test_unchanged_the_twins_read_every_text(pictures, decoder):
    assert tuple(TwinPipeline.of(NEWEST, BY_DECODER[decoder]).read(pictures[decoder])) == TEXTS[decoder]


@pytest.mark.parametrize("decoder", BY_DECODER)
def test_in_fp16_the_twins_read_every_text(pictures, decoder):
    pipeline = in_fp16(TwinPipeline.of(NEWEST, BY_DECODER[decoder]), None)
    assert tuple(pipeline.read(pictures[decoder])) == TEXTS[decoder]


@pytest.mark.full
@pytest.mark.parametrize(("name", "decoder"), CASES)
def test_changed_alone_something_else_is_read(pictures, table, monkeypatch, name, decoder):
    change, _ = MUTATIONS[name]
    pipeline = change(TwinPipeline.of(NEWEST, BY_DECODER[decoder]), monkeypatch)
    read = read_with(pipeline, pictures[decoder])
    table.append((name, decoder, shown(read)))
    assert tuple(read) != TEXTS[decoder]


@pytest.mark.deformable
@pytest.mark.parametrize("name", DEFORMABLE)
def test_deformable_convolution_changed_alone_something_else_is_read(pictures, table, monkeypatch, name):
    pipeline = DEFORMABLE[name](TwinPipeline.of(VERSION_1, BY_DECODER["ctc"]), monkeypatch)
    read = pipeline.read(pictures["ctc"])
    table.append((name, "ctc", shown(read)))
    assert tuple(read) != TEXTS["ctc"]
