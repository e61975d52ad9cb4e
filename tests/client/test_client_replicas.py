"""Three machines behind one name, as pods behind a headless Service, under load.

A process is killed, a machine is cut off without a word, pods come and go: no answer is wrong, and none is lost.
"""

import time

import pytest
from replica_hosts import Hosts, Load, until, why_not

KINDS = ["grpc-blocking", "grpc-awaited", "http-blocking", "http-awaited", "grpc-gateway", "http-gateway"]
# A request under way on a machine that goes silent is with another one within 2 s over gRPC, and 2.1 s over HTTP, where
# the kernel's timer counts whole seconds. The rest is for a machine that is busy with other tests.
ELSEWHERE_S = 6.0
# A name is looked up every 5 s.
NOTICED_S = 8.0
LOADTEST = "grpc-loadtest"  # over HTTP it sends what the stand-in does not take: tests/loadtest has that


def some(quick, kinds):
    """One kind in every run, all of them in the full one."""
    return [pytest.param(kind, marks=[] if kind == quick else pytest.mark.full) for kind in kinds]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    if reason := why_not():
        pytest.skip(reason)
    with Hosts(tmp_path_factory.mktemp("hosts")) as hosts:
        yield hosts


def all_busy(hosts, since):
    until(lambda: all(host.arrivals(since) for host in hosts.each), why="a machine gets nothing")


def slowest(load, moment, window=0.0):
    """Of the requests that were under way at a moment, or sent within so many seconds of it."""
    return max(
        result["end"] - result["begin"]
        for result in load.results
        if result["begin"] < moment + window and result["end"] > moment
    )


def nothing_under_way_from(load, moment):
    """Wait until every request that was under way then is answered."""
    # Each caller has one at a time.
    until(lambda: sum(result["begin"] > moment for result in load.results) >= 2 * load.callers)


@pytest.mark.parametrize("kind", some("grpc-awaited", [*KINDS, LOADTEST]))
def test_each_machine_has_its_share(hosts, kind):
    with Load(hosts, kind) as load:
        all_busy(hosts, time.monotonic())
        begin = time.monotonic()
        until(lambda: sum(result["begin"] > begin for result in load.results) >= 300)
        end = time.monotonic()
        load.stop()
    counts = [sum(at < end for at in host.arrivals(begin)) for host in hosts.each]
    assert max(counts) <= 1.1 * sum(counts) / 3, counts
    assert min(counts) >= 0.9 * sum(counts) / 3, counts
    assert load.faults == []


@pytest.mark.parametrize("kind", some("grpc-blocking", KINDS))
def test_a_killed_server_costs_no_request(hosts, kind):
    first = hosts.each[0]
    with Load(hosts, kind) as load:
        all_busy(hosts, time.monotonic())
        first.kill()
        killed = time.monotonic()
        nothing_under_way_from(load, killed)
        first.start()
        back = until(lambda: first.arrivals(killed + 1e-3)) - killed
        load.stop()
    assert load.faults == []
    # Where a caller was just between two requests.
    late = slowest(load, killed, window=0.1)
    print(f"{kind}: slowest {late:.2f} s, back {back:.2f} s after the end")
    assert late < ELSEWHERE_S


@pytest.mark.parametrize("kind", some("grpc-gateway", KINDS))
def test_a_machine_that_goes_silent_costs_no_request(hosts, kind):
    second = hosts.each[1]
    with Load(hosts, kind) as load:
        all_busy(hosts, time.monotonic())
        second.cut()
        try:
            cut = time.monotonic()
            nothing_under_way_from(load, cut)
            until(lambda: time.monotonic() > cut + 3)
            silent = time.monotonic()
        finally:
            second.mend()
        mended = time.monotonic()
        back = until(lambda: second.arrivals(mended)) - mended
        load.stop()
    late = slowest(load, cut, window=2)
    print(f"{kind}: slowest {late:.2f} s, back after {back:.2f} s, {len(load.results)} requests")
    assert load.faults == []
    assert late < ELSEWHERE_S
    # By then nobody tries it any more.
    last = [result["end"] - result["begin"] for result in load.results if silent - 0.5 < result["begin"] < silent]
    assert last
    assert max(last) < 1


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
def test_a_lone_request_on_a_silent_machine_is_answered_by_another(hosts, kind):
    """Nothing else is sent on its connection that would show that nobody is there."""
    with Load(hosts, kind, callers=1, ms=3000) as load:
        begin = time.monotonic()
        until(lambda: any(host.arrivals(begin) for host in hosts.each))
        holder = next(host for host in hosts.each if host.arrivals(begin))
        time.sleep(0.5)  # its request is long acknowledged
        holder.cut()
        try:
            cut = time.monotonic()
            load.stop()
        finally:
            holder.mend()
    assert load.faults == []
    (again,) = (at for host in hosts.each if host is not holder for at in host.arrivals(begin))
    print(f"{kind}: {again - cut:.2f} s after the cut")
    assert again - cut < ELSEWHERE_S


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
def test_pods_come_and_go(hosts, kind):
    first, second, third = hosts.each
    with Load(hosts, kind) as load:
        all_busy(hosts, time.monotonic())
        hosts.point_name_at(first, second)
        gone = time.monotonic()
        until(lambda: not third.arrivals(time.monotonic() - 1), NOTICED_S + 1)
        last = max(third.arrivals()) - gone
        hosts.point_name_at(*hosts.each)
        listed = time.monotonic()
        back = until(lambda: third.arrivals(listed), NOTICED_S) - listed
        load.stop()
    print(f"{kind}: the last request {last:.2f} s after it went, the first {back:.2f} s after it came")
    assert load.faults == []


@pytest.mark.parametrize("kind", some("grpc-gateway", KINDS))
def test_a_machine_that_is_not_ready_gets_nothing(hosts, kind):
    """It answers every request with an error, as a Triton with a dead stub does."""
    first = hosts.each[0]
    first.say_ready(False)
    try:
        with Load(hosts, kind) as load:
            until(lambda: len(load.results) > 100)
            load.stop()
            assert load.faults == []
    finally:
        first.say_ready(True)


@pytest.mark.full
def test_a_load_test_counts_what_a_lost_machine_costs(hosts):
    """It sends nothing twice; but those that come later go elsewhere."""
    second = hosts.each[1]
    with Load(hosts, LOADTEST) as load:
        all_busy(hosts, time.monotonic())
        second.kill()
        killed = time.monotonic()
        nothing_under_way_from(load, killed)
        second.start()
        until(lambda: second.arrivals(killed))
        load.stop()
    assert len(load.faults) <= 2 * load.callers
    assert all(fault["begin"] < killed + ELSEWHERE_S for fault in load.faults)
