"""Requests to three machines behind one name: shares, a dead server, a silent machine, pods that come and go."""

import time

import pytest
from replica_hosts import Hosts, Load, until, why_not

# A dead or silent machine's requests are elsewhere within this; the look-up of a name takes up to 5 s more.
ELSEWHERE_S = 2.0


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    if reason := why_not():
        pytest.skip(reason)
    with Hosts(tmp_path_factory.mktemp("hosts")) as hosts:
        yield hosts


def shares(hosts, begin, end):
    counts = [sum(at < end for at in host.arrivals(begin)) for host in hosts.each]
    return [count / sum(counts) for count in counts]


@pytest.mark.parametrize("kind", ["grpc-awaited", "grpc-blocking", "http-awaited", "http-blocking"])
def test_whole(hosts, kind):
    first, second, third = hosts.each
    with Load(hosts, kind) as load:
        until(lambda: all(host.arrivals() for host in hosts.each))
        begin = time.monotonic()
        until(lambda: len(load.results) > 300)
        print(kind, "shares", shares(hosts, begin, time.monotonic()))
        first.kill()
        killed = time.monotonic()
        time.sleep(3)
        late = [r["end"] - r["begin"] for r in load.results if r["end"] > killed]
        print("kill: slowest", max(late), "faults", load.faults)
        first.start()
        started = time.monotonic()
        print("back", until(lambda: first.arrivals(started)) - started)
        second.cut()
        cut = time.monotonic()
        time.sleep(4)
        late = [r["end"] - r["begin"] for r in load.results if r["end"] > cut]
        print("cut: slowest", max(late), "faults", load.faults, "longest gap", max(late))
        second.mend()
        mended = time.monotonic()
        print("back", until(lambda: second.arrivals(mended)) - mended)
        hosts.point_name_at(first, second)
        gone = time.monotonic()
        time.sleep(7)
        print("gone: last", max(third.arrivals()) - gone)
        hosts.point_name_at(*hosts.each)
        back = time.monotonic()
        print("back", until(lambda: third.arrivals(back)) - back)
        second.say_ready(False)
        said = time.monotonic()
        time.sleep(2)
        print("unready: last", max(second.arrivals()) - said, load.faults)
        second.say_ready(True)
        said = time.monotonic()
        print("back", until(lambda: second.arrivals(said)) - said)
        load.stop()
        print(len(load.results), load.faults)
