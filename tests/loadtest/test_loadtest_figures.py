"""Counters, objectives, memory and images: what is worked out from what was seen."""

import pytest
from PIL import Image

from ocdrnet_loadtest import quantities
from ocdrnet_loadtest.errors import ImagesError, SettingError
from ocdrnet_loadtest.objectives import Slo
from ocdrnet_loadtest.observing import model_steps, parse_counters, pending
from ocdrnet_loadtest.sent_images import DrawingSpec, SentImage, drawn_images, load_images
from ocdrnet_loadtest.soak import memory_slopes
from ocdrnet_loadtest.step_result import Batch, MemorySample

PAGE = """# HELP nv_inference_count Number of inferences performed
nv_inference_count{model="ocrnet",version="1"} 40
nv_inference_request_success{model="ocrnet",version="1"} 10
nv_inference_request_success{version="2",model="ocrnet"} 2
nv_inference_request_failure{model="ocrnet",reason="OTHER",version="1"} 1
nv_inference_request_failure{model="ocrnet",reason="BACKEND",version="1"} 2
nv_inference_exec_count{model="ocrnet",version="1"} 4
nv_inference_queue_duration_us{model="ocrnet",version="1"} 1.5e+06
nv_inference_pending_request_count{model="ocrnet",version="1"} 3
nv_inference_pending_request_count{model="ocdnet",version="1"} 4
nv_cpu_utilization 0.5
"""


def test_counters_are_summed_over_versions_and_reasons():
    counters = parse_counters(PAGE)
    assert set(counters) == {"ocrnet", "ocdnet"}
    assert counters["ocrnet"]["request_success"] == 12
    assert counters["ocrnet"]["request_failure"] == 3
    assert pending(counters) == 7


def test_a_step_is_what_the_counters_grew_by():
    before = {"ocrnet": {"request_success": 2.0, "count": 10.0, "queue_duration_us": 500_000.0}}
    step = model_steps(before, parse_counters(PAGE), {"ocrnet": {1: (3, 0.5)}}, {"ocrnet": {1: (5, 0.9), 8: (1, 2.0)}})
    assert set(step) == {"ocrnet"}, "a model without requests is left out"
    model = step["ocrnet"]
    assert (model.requests, model.failures, model.inferences, model.executions) == (10, 3, 30, 4)
    assert model.queue_s == pytest.approx(1.0)
    assert model.batches == (Batch(1, 2, pytest.approx(0.4)), Batch(8, 1, 2.0))


def test_a_server_that_was_started_anew_counts_from_nothing():
    before = {"ocrnet": {"request_success": 99.0}}
    assert model_steps(before, parse_counters(PAGE), {}, {})["ocrnet"].requests == 12


@pytest.mark.parametrize(
    ("text", "met", "missed"),
    [
        ("p99=300ms", 0.3, 0.3001),
        ("p50=1.5s", 1.5, 1.6),
        ("errors=0.1%", 0.001, 0.0011),
        ("rate=5", 4.91, 4.89),
        ("crops=100/s", 99, 97),
        ("goodput=5", 5, 4.8),
        ("ratio=4", 4, 4.1),
        ("growth=1MiB", 2**20, 2**20 + 1),
    ],
)
def test_objectives(text, met, missed):
    slo = Slo.parse(text)
    assert slo.judged(met).met
    assert not slo.judged(missed).met
    assert not slo.judged(None).met


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (quantities.duration, "300ms", 0.3),
        (quantities.duration, "2 min", 120),
        (quantities.duration, ".5", 0.5),
        (quantities.share, "0.1%", 0.001),
        (quantities.share, "1", 1),
        (quantities.rate, "2.5/s", 2.5),
        (quantities.ratio, "4x", 4),
        (quantities.memory, "2KB", 2000),
        (quantities.memory, "7", 7),
    ],
)
def test_quantities(parse, text, value):
    assert parse(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (quantities.duration, "0s"),
        (quantities.duration, "5%"),
        (quantities.duration, ""),
        (quantities.share, "101%"),
        (quantities.rate, "5ms"),
        (quantities.ratio, "nan"),
        (quantities.memory, "1TiBs"),
    ],
)
def test_quantities_that_are_none(parse, text):
    with pytest.raises(SettingError):
        parse(text)


def samples(growth, start=100 * 2**20):
    """Bytes of growth for each request after the first 1,000, in which memory doubles."""
    return [
        MemorySample(
            index, 100 * index, {"ocrnet": int(start * min(1, index / 10) + growth * 100 * max(0, index - 10))}
        )
        for index in range(101)
    ]


@pytest.mark.parametrize(("growth", "flat"), [(0, True), (100, True), (-500, True), (110, False), (5000, False)])
def test_memory_is_flat_up_to_a_hundredth_in_ten_thousand_requests(growth, flat):
    slope = memory_slopes(samples(growth), 1000)["ocrnet"]
    assert slope.bytes_per_1000 == pytest.approx(growth * 1000, abs=10)
    assert slope.is_flat == flat
    assert slope.first == 100 * 2**20


def test_too_few_samples_have_no_slope():
    assert memory_slopes(samples(0)[:13], 1000) == {}
    assert memory_slopes((), 1000) == {}


def test_drawings_repeat_with_their_seed_and_have_their_size():
    specs = [DrawingSpec.parse("480x320:3"), DrawingSpec.parse("200x100:0")]
    images = drawn_images(specs, 1)
    assert [(image.width, image.height) for image in images] == [(480, 320)] * 3 + [(200, 100)] * 3
    assert images == drawn_images(specs, 1)
    assert images != drawn_images(specs, 2)
    assert len({image.content for image in images[:3]}) == 3


def test_images_of_a_folder(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "b.png")
    Image.new("RGB", (50, 60)).save(tmp_path / "a.jpg")
    (tmp_path / "notes.txt").write_text("no image")
    images = load_images([str(tmp_path)])
    assert [(image.name, image.width, image.height) for image in images] == [
        ("a.jpg", 50, 60),
        ("b.png", 40, 30),
    ]
    assert images[1].content == (tmp_path / "b.png").read_bytes()


def test_images_that_are_none(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(ImagesError, match=r"a\.jpg cannot be sent"):
        load_images([str(tmp_path)])
    with pytest.raises(ImagesError, match="no image in"):
        load_images([str(tmp_path / "*.png")])


@pytest.mark.parametrize(("size", "name"), [((500, 500), "0.125 to 0.25 MP"), ((1280, 720), "0.5 to 1 MP")])
def test_size_classes(size, name):
    assert SentImage("a", *size, b"").size_class == name
