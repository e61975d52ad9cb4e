"""Many callers at once: each gets what it would get alone, while the networks work on several callers' input."""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest

import pytest
from sample_truth import SAMPLES, SMALL

CLIENTS = 8
ROUNDS = 2
SCORE_TOLERANCE = 1e-3
STRICT = {"min_text_score": 0.99, "box_threshold": 0.9, "detector_side": 480}


def differences(page, expected):
    """Pairs of lines that are not the same; scores may differ within the tolerance."""
    return [
        (line, other)
        for line, other in zip_longest(page.lines, expected.lines)
        if line is None or other is None or parts(line) != parts(other) or not are_close(scores(line), scores(other))
    ]


def parts(line):
    return [(part.text, part.box) for part in (line, *line.words)]


def scores(line):
    return [line.score, line.box_score, *(word.score for word in line.words)]


def are_close(ours, theirs):
    return all(math.isclose(a, b, abs_tol=SCORE_TOLERANCE) for a, b in zip(ours, theirs, strict=True))


def all_at_once(client, jobs):
    """Pages of (name, options) jobs, `CLIENTS` at a time."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(lambda job: client.read(SAMPLES / job[0], **job[1]), jobs))


def statistics(grpc_call, model):
    """Requests that a model has answered, and runs it took to do so."""
    own = grpc_call.client.get_inference_statistics(model).model_stats[0]
    return own.inference_stats.success.count, own.execution_count


@pytest.mark.full
def test_concurrent_answers_equal_those_of_one_client_and_share_executions(client, grpc_call, read_alone):
    before = {model: statistics(grpc_call, model) for model in ("ocdnet", "ocrnet")}
    # Every client begins with another sample, so that different images meet in one batch.
    names = [SMALL[(turn + shift) % len(SMALL)] for turn in range(ROUNDS * len(SMALL)) for shift in range(CLIENTS)]
    names += ["page.png"] * 2
    pages = all_at_once(client, [(name, {}) for name in names])
    changed = {
        name: found for name, page in zip(names, pages, strict=True) if (found := differences(page, read_alone[name]))
    }
    assert changed == {}
    # The recognizer is also asked for the doubtful lines, turned, and the detector for the images without text.
    asked = {"ocdnet": len(names) + names.count("blank.png"), "ocrnet": 2 * len(names)}
    for model, (requests, runs) in before.items():
        now_requests, now_runs = statistics(grpc_call, model)
        print(f"{model}: {now_requests - requests} requests in {now_runs - runs} executions")
        assert len(names) <= now_requests - requests <= asked[model]
        assert now_runs - runs < 0.8 * (now_requests - requests)


@pytest.mark.full
def test_options_do_not_reach_other_requests(client, read_alone):
    names = [name for name in SMALL if name != "blank.png"]
    strict_alone = {name: client.read(SAMPLES / name, **STRICT) for name in names}
    jobs = [(name, options) for _ in range(2) for name in names for options in (STRICT, {})]
    for (name, options), page in zip(jobs, all_at_once(client, jobs), strict=True):
        assert differences(page, (strict_alone if options else read_alone)[name]) == []
    assert any(len(strict_alone[name].lines) < len(read_alone[name].lines) for name in names)
