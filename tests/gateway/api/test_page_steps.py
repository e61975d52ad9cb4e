"""Times of the steps inside Triton, from its counters before and after."""

import asyncio

import pytest

from ocdrnet_gateway.api.own.step_times import StepTime, StepWatch, Tally, TritonStatistics, step_times

USES = {"decode": 1, "network": 2}
MS = 1_000_000


class StandInStatistics:
    """Tells the given counters one after the other, the last again and again."""

    def __init__(self, *tallies, uses=USES):
        self.told = list(tallies)
        self.asked = 0
        self._uses = uses

    async def tallies(self):
        self.asked += 1
        return self.told.pop(0) if len(self.told) > 1 else self.told[0]

    async def uses(self):
        return self._uses


def watched(statistics):
    async def run():
        watch = StepWatch(statistics)
        await watch.start()
        return await watch.stop()

    return asyncio.run(run())


BEFORE = {"decode": Tally(10, 100 * MS, 4 * MS), "network": Tally(20, 900 * MS, 0), "other": Tally(3, 7, 7)}
AFTER = {"decode": Tally(11, 103 * MS, 5 * MS), "network": Tally(22, 930 * MS, 2 * MS), "other": Tally(9, 70, 70)}


def test_a_reading_alone_has_its_own_times():
    times = watched(StandInStatistics(BEFORE, AFTER))
    assert times.requests == 1
    assert times.models == [
        StepTime(model="decode", ms=3.0, queue_ms=1.0),
        StepTime(model="network", ms=30.0, queue_ms=2.0),
    ]


def test_with_others_beside_it_the_times_are_the_mean():
    times = step_times({"decode": Tally(1, 4 * MS, 0), "network": Tally(6, 60 * MS, 12 * MS)}, USES)
    assert times.requests == 3
    assert times.models[1] == StepTime(model="network", ms=20.0, queue_ms=4.0)


def test_counters_that_come_late_are_waited_for():
    half = {**BEFORE, "decode": AFTER["decode"], "network": Tally(21, 910 * MS, 0)}
    statistics = StandInStatistics(BEFORE, half, AFTER)
    assert watched(statistics).models[1].ms == 30.0
    assert statistics.asked == 3


@pytest.mark.parametrize(
    "statistics",
    [
        StandInStatistics(None),
        StandInStatistics(BEFORE, None),
        StandInStatistics(BEFORE),
        StandInStatistics(AFTER, BEFORE),
        StandInStatistics(BEFORE, AFTER, uses=None),
    ],
    ids=["silent", "silent later", "never moved", "another server", "no ensemble"],
)
def test_what_cannot_be_known_is_not_told(statistics):
    assert watched(statistics) is None


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_that_is_away_says_nothing(scheme):
    async def ask():
        statistics = TritonStatistics(f"{scheme}://127.0.0.1:1")
        answers = await statistics.tallies(), await statistics.uses()
        await statistics.close()
        return answers

    assert asyncio.run(ask()) == (None, None)
