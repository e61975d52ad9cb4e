"""The arithmetic behind the benchmarks' tables."""

import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

from benchmarks.box_matching import match_boxes
from benchmarks.cpu_time import model_of, python_share, used_between
from benchmarks.image_sets import ImageSet, load_set
from benchmarks.isa import limit_instructions
from benchmarks.limit import rebatched
from benchmarks.pipeline import LIMIT, Contender, accuracy_of, passes_of, summary, take_turns
from benchmarks.readers import Reading, Round
from benchmarks.report import Conditions, Table, shown, write_report
from benchmarks.results import read_results, write_record
from benchmarks.scaling import with_instances
from benchmarks.triton_statistics import parse_statistics
from benchmarks.trtexec_output import Performance, TrtexecOutputError, parse_performance
from benchmarks.usual_postprocess import usual_boxes
from ocdrnet_deploy.repository.configs import read_config
from ocdrnet_evaluation.datasets import Region
from ocdrnet_ops.detection.dbnet import DbnetSettings, detect_boxes

STUB = "/somewhere/python/triton_python_backend_stub"
SUMMARY = """[I] === Performance summary ===
[I] Throughput: 512.5 qps
[I] Latency: min = 2.1 ms, max = 3.5 ms, mean = 2.4 ms, median = 2.3 ms, percentile(99%) = 3.2 ms
[I] Enqueue Time: min = 0.1 ms, max = 0.4 ms, mean = 0.2 ms, median = 0.15 ms
[I] GPU Compute Time: min = 1.8 ms, max = 2.9 ms, mean = 1.95 ms, median = 1.91 ms, percentile(99%) = 2.7 ms
"""


def square(x, y, side=10):
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]], np.float32)


def test_boxes_match_one_to_one_the_best_overlap_first():
    first = np.stack([square(0, 0), square(2, 0), square(100, 0)])
    second = np.stack([square(2, 0), square(0, 1)])
    matching = match_boxes(first, second)
    assert matching.overlaps == pytest.approx((1.0, 90 / 110))
    assert (matching.only_first, matching.only_second) == (1, 0)


def test_nothing_matches_nothing():
    assert match_boxes(np.zeros((0, 4, 2), np.float32), square(0, 0)[None]).only_second == 1


def test_a_stub_is_named_after_its_model_and_all_else_is_the_server():
    assert model_of([STUB, "/repository/text_crop/1/model.py", "region"]) == "text_crop"
    assert model_of(["/somewhere/tritonserver", "--model-repository=/repository"]) == "tritonserver"
    assert model_of([]) == "tritonserver"


def test_the_python_share_leaves_out_networks_and_server():
    used = used_between({"ocdnet": 1.0}, {"ocdnet": 7.0, "ocrnet": 2.0, "tritonserver": 1.0, "text_crop": 1.0})
    assert used["ocdnet"] == 6.0
    assert python_share(used) == pytest.approx(0.1)
    assert python_share({}) == 0


def test_rebatched_keeps_every_row_and_never_mixes_shapes():
    batches = [np.full((3, 48, 64, 3), 1, np.uint8), np.full((2, 48, 96, 3), 2, np.uint8), batch_of(2, 64, 3)]
    found = rebatched(batches, 4)
    assert [batch.shape[:3] for batch in found] == [(2, 48, 96), (4, 48, 64), (1, 48, 64)]
    assert sorted(row[0, 0, 0] for batch in found for row in batch) == [1, 1, 1, 2, 2, 3, 3]
    assert rebatched(batches, 0) == batches


def batch_of(count, width, value):
    return np.full((count, 48, width, 3), value, np.uint8)


def test_a_summary_holds_readers_against_one_client_and_the_limit():
    measured = {
        "ours": [Round(2.0, 9, (1.0, 1.0), 3.0), Round(4.0, 9, (1.0, 3.0), 3.0), Round(2.0, 9, (1.0, 1.0), 4.0)],
        "theirs": [Round(4.0, 8, (), 4.5), Round(4.0, 8, (), 6.0), Round(6.0, 8, (), 8.0)],
        "limit": [Round(1.0, 9, ()), Round(1.0, 9, ()), Round(1.5, 9, ())],
    }
    ours, theirs, limit = summary(measured, 2)
    assert ours["images_per_second"] == ours["times_faster"] == ours["times_less_cpu"] == 1.0
    assert (ours["p50_ms"], ours["p95_ms"], ours["lines"], ours["cpu_seconds"]) == (1000.0, 3000.0, 9, 1.5)
    assert (theirs["images_per_second"], theirs["p50_ms"], theirs["cpu_seconds"]) == (0.5, None, 3.0)
    assert (theirs["times_faster"], theirs["times_less_cpu"], theirs["of_limit"]) == (2.0, 2.0, 0.25)
    assert limit["of_limit"] == 1.0


def region(text, x, width=10):
    return Region(text, ((x, 0), (x + width, 0), (x + width, 10), (x, 10)))


def test_accuracy_is_of_the_level_of_the_truth_and_of_words_alone_where_a_reader_has_no_boxes_of_words():
    truth = (region("one", 0), region("two", 20), replace(region("###", 40), is_dont_care=True))
    images = ImageSet("photos", "a folder", (b"a",), (truth,), "word")
    lines, words = (region("one two", 0, 30),), (region("one", 0), region("tow", 20), region("dim", 40))
    assert accuracy_of(images, [Reading(lines, words)]) == {"words": 0.5, "detection": 1.0, "end_to_end": 0.5}
    assert accuracy_of(images, [Reading(lines)]) == {"words": 1.0}
    by_line = replace(images, level="line", truths=(lines,))
    assert accuracy_of(by_line, [Reading(lines, words)]) == {"words": 1.0, "detection": 1.0, "end_to_end": 1.0}
    assert accuracy_of(by_line, [Reading((Region("one two", ()),))]) == {}  # a reader without boxes
    assert accuracy_of(replace(images, truths=()), [Reading(lines, words)]) == {}


def test_a_round_has_images_from_the_whole_of_a_set():
    images = ImageSet("receipts", "a folder", tuple(bytes([number]) for number in range(20)))
    assert [image[0] for image in images.timed] == [0, 2, 5, 7, 10, 12, 15, 17]
    assert replace(images, images=images.images[:3]).timed == images.images[:3]


def test_drawn_sets_hold_what_their_truth_says():
    crops = load_set("crops")
    heights = [cv2.imdecode(np.frombuffer(crop, np.uint8), 1).shape[0] for crop in crops.images]
    assert sorted(set(heights)) == [16, 18, 20, 24, 28, 32, 36, 40, 44, 48, 56, 64, 72, 80, 90, 100]
    assert len(crops.timed) == len({heights[crops.images.index(crop)] for crop in crops.timed}) == 16
    plan = load_set("a0")
    pixels = cv2.imdecode(np.frombuffer(plan.images[0], np.uint8), 0)
    assert pixels.shape == (7022, 4967)
    for text in plan.truths[0]:
        (left, top), (right, bottom) = text.points[0], text.points[2]
        assert 0 < left < right < 4967, text
        assert pixels[round(top) : round(bottom) + 1, round(left) : round(right)].min() < 90 < pixels[0, 0]


def test_records_replace_those_of_their_set_alone_and_the_page_says_where_we_lose(tmp_path):
    ours = {"reader": "ocdrnet", "images_per_second": 2.0, "times_faster": 1.0, "times_less_cpu": 1.0, "words": 0.9}
    theirs = {"reader": "other", "images_per_second": 4.0, "times_faster": 0.5, "times_less_cpu": 0.75, "words": 0.8}
    missing = {"reader": "gone", "not measured": "not installed"}
    record = {
        **{"set": "photos", "isa": "native", "source": "s", "images": 9, "timed": 3, "rounds": 5, "commit": "abc"},
        **{"measured": "2026-01-02T03:04+00:00", "busy_elsewhere": 0.4, "readers": [ours, theirs, missing]},
        "machine": {"cpu": "a CPU", "cores": 2, "versions": {"openvino": "1"}},
    }
    write_record(tmp_path, record, {"metric": "M"})
    write_record(tmp_path, record | {"set": "dense", "busy_elsewhere": 0.0}, {"metric": "M"})
    write_record(tmp_path, record | {"measured": "later"}, {"metric": "M"})
    found = read_results(tmp_path)
    assert list(found) == ["photos, native", "dense, native"]
    assert [each["measured"] for each in found.values()] == ["later", "2026-01-02T03:04+00:00"]
    page = (tmp_path / "pipeline.md").read_text()
    assert "| other | 4 (0.50, 0.75) | 4 (0.50, 0.75) |" in page
    assert "| gone (not measured: not installed) | - |" in page
    assert "other work took 40% of its processor time" in page
    assert "The machine was quiet." in page


def test_a_limit_of_instructions_reaches_the_networks_and_the_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("os.environ", {})
    for name in ("ocdnet", "ocrnet"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.pbtxt").write_text(f'name: "{name}"\n')
    limit_instructions("native", tmp_path)
    assert "precision" not in (tmp_path / "ocdnet" / "config.pbtxt").read_text()
    limit_instructions("avx2", tmp_path)
    assert os.environ == {"ONEDNN_MAX_CPU_ISA": "AVX2", "PPOCR_DISABLE_AVX512": "1"}
    for name in ("ocdnet", "ocrnet"):
        assert read_config(tmp_path / name / "config.pbtxt").parameters["precision"].string_value == "f32"


@pytest.mark.parametrize(
    ("in_flight", "pictures", "passes"), [(1, 4, 1), (2, 60, 1), (8, 60, 2), (16, 60, 3), (16, 4, 32)]
)
def test_a_round_keeps_the_server_busy(in_flight, pictures, passes):
    assert passes_of(in_flight, pictures) == passes


def test_the_limit_reads_as_much_in_a_round_as_the_busiest():
    readers = [FakeReader("one"), FakeReader("eight"), FakeReader(LIMIT)]
    contenders = [Contender(readers[0]), Contender(readers[1], 8), Contender(readers[2])]
    taken, _ = take_turns(contenders, ImageSet("own", "a folder", (b"a",) * 20), 2)
    assert [reader.asked for reader in readers] == [[1, 1], [4, 4], [1] * 8]
    assert [[found.seconds for found in taken[reader.name]] for reader in readers] == [[1, 2], [1, 2], [2.5, 6.5]]
    assert [found.lines for found in taken[LIMIT]] == [5, 13]


class FakeReader:
    def __init__(self, name):
        self.name, self.asked = name, []

    def read(self, images, passes=1):
        self.asked.append(passes)
        return Round(len(self.asked), 2 * len(self.asked), ())


def test_a_report_says_everything_and_marks_what_was_not_measured(tmp_path):
    table = Table("one", ("name", "images/s"), (("a|b", 1234.5), ("gone", None)))
    page = write_report("trial", Conditions("metric M", "warm W", "timer T", "unfair U"), [table], tmp_path)
    for text in ("metric M", "warm W", "timer T", "unfair U", "| a\\|b | 1,234 |", "| gone | - |", "cores"):
        assert text in page
    assert (tmp_path / "trial.md").read_text() == page
    assert '"images/s": 1234.5' in (tmp_path / "trial.json").read_text()
    assert shown(0.01234) == "0.0123"


def test_instances_replace_those_that_were_there():
    changed = with_instances('name: "ocdnet" instance_group { count: 9 kind: KIND_GPU }', 2)
    assert "count: 2" in changed
    assert "KIND_CPU" in changed
    assert "9" not in changed


def test_triton_s_counters_are_read_where_zeros_are_left_out():
    stats = {"success": {"count": "3"}, "queue": {"ns": "5"}, "compute_infer": {"ns": "7"}}
    found = parse_statistics({"model_stats": [{"name": "m", "execution_count": "2", "inference_stats": stats}]})["m"]
    assert (found.requests, found.executions, found.queue_ns, found.input_ns, found.infer_ns) == (3, 2, 5, 0, 7)
    assert found.since(found).infer_ns == 0


def test_trtexec_s_summary_is_read_and_its_absence_is_an_error():
    assert parse_performance(SUMMARY) == Performance(512.5, 1.91)
    with pytest.raises(TrtexecOutputError, match="FAILED"):
        parse_performance("&&&& FAILED TensorRT.trtexec")


def test_the_usual_post_processing_finds_the_boxes_of_this_project():
    probability = np.zeros((200, 400), np.uint8)
    probability[20:60, 30:330] = 255
    probability[100:130, 200:380] = 200
    probability[150:152, 10:300] = 255  # too thin for both
    settings = DbnetSettings(0.3, 0.5, 1.5, 100, 3, False)
    placement = np.array([0, 0, 1, 1], np.float32)
    usual, scores = usual_boxes(probability, placement, settings)
    matching = match_boxes(detect_boxes(probability, placement, (400, 200), settings).boxes, usual)
    assert (matching.only_first, matching.only_second) == (0, 0)
    assert min(matching.overlaps) > 0.95
    assert sorted(scores) == pytest.approx([200 / 255, 1.0], abs=0.01)
