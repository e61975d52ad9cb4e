"""Two gateways before a real Triton, one killed among requests of six protocols: none is lost, or another caller's."""

import pytest

from benchmarks.two_gateways import PROTOCOLS, kill_one_of_two


@pytest.mark.full
def test_what_was_accepted_outlives_a_gateway(served):
    report = kill_one_of_two(served.addresses.grpc_url, 4 * len(PROTOCOLS))
    assert not report.faults
    assert report.outcomes == {"right": 4 * len(PROTOCOLS)}
    assert min(report.accepted) >= 4
