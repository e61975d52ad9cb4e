"""Callers that do not wait for their answer: the server drops their requests and serves the others as before."""

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

import pytest
from sample_truth import SAMPLES
from server_memory import stub_pids

from ocdrnet_client import RequestTimeoutError

REQUESTS = 60
DEADLINES_S = (0.002, 0.02, 0.05, 0.1)  # during the upload, in the first steps, in a network, between the networks


@pytest.mark.full
def test_given_up_requests_leave_the_server_as_it_was(served, client, read_alone):
    stubs = stub_pids(served.pid)

    def give_up(deadline_s):
        with served.client(timeout=deadline_s) as impatient:
            try:
                return impatient.read(SAMPLES / "receipt.jpg")
            except RequestTimeoutError:
                return None

    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(give_up, islice(cycle(DEADLINES_S), REQUESTS)))
    assert pages.count(None) > REQUESTS / 2
    assert client.read(SAMPLES / "storefront.jpg") == read_alone["storefront.jpg"]
    assert stub_pids(served.pid) == stubs
