"""The profile for a busy server: two detectors, and crops of many requests in one job."""

import os
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from sample_truth import SAMPLES, SMALL

from benchmarks.cpu_time import model_of


@pytest.mark.full
def test_a_server_for_throughput_reads_what_the_default_one_reads(serve_built, read_alone):
    names = SMALL * 4
    with serve_built("--profile", "throughput") as server:
        with server.client() as client, ThreadPoolExecutor(16) as callers:
            pages = list(callers.map(lambda name: client.read(SAMPLES / name), names))
        stubs = [model_of(process.cmdline()) for process in psutil.Process(server.pid).children(recursive=True)]
    assert [page.text for page in pages] == [read_alone[name].text for name in names]
    assert stubs.count("ocdnet") == min(2, len(os.sched_getaffinity(0)))
    assert stubs.count("ocrnet") == 1
