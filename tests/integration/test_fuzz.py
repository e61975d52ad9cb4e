"""Two thousand damaged images: each is read or refused as the caller's fault, and the server is as it was."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from ensemble_calls import RefusedError
from mutations import mutated, seed_files
from sample_truth import SAMPLES
from server_memory import held_bytes, stub_pids

from ocdrnet_client import Client

CONCURRENCY = 4
ROUND = 1000
MIB = 2**20


def outcome(call, number, seeds):
    # Some go the whole way at the card's own size, the others take a small map: that saves minutes.
    options = {} if number % 5 == 0 else {"detector_side": 64}
    try:
        call(mutated(number, seeds), **options)
    except RefusedError as error:
        return error.status
    return "read"


def run_round(call, numbers, seeds):
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        return Counter(pool.map(lambda number: outcome(call, number, seeds), numbers))


@pytest.mark.full
def test_damaged_images_are_answered_and_leave_no_trace(served, grpc_call, client, read_alone):
    seeds, stubs, lines_before = seed_files(), stub_pids(served.pid), len(served.log)
    outcomes = run_round(grpc_call, range(ROUND), seeds)
    after_one = held_bytes(served.pid)
    outcomes += run_round(grpc_call, range(ROUND, 2 * ROUND), seeds)
    after_two = held_bytes(served.pid)

    print(f"outcomes {dict(outcomes)}; MiB by process {in_mib(after_one)} -> {in_mib(after_two)}")
    assert set(outcomes) == {"read", grpc_call.invalid}
    assert min(outcomes.values()) > ROUND / 10, "the mutations are too weak or too strong to tell much"
    # The decoders write what they stumble over there; an error of the server's own would be a traceback.
    assert [line for line in served.log[lines_before:] if "Traceback" in line or "Error" in line] == []
    assert stub_pids(served.pid) == stubs
    with Client(served.addresses.http_url) as http_client:
        assert http_client.is_ready()
    assert client.read(SAMPLES / "storefront.jpg") == read_alone["storefront.jpg"]
    assert sum(after_two.values()) < 1.1 * sum(after_one.values()) + 32 * MIB, (in_mib(after_one), in_mib(after_two))


def in_mib(held):
    return {name: round(size / MIB) for name, size in held.items()}
