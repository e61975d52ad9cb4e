"""The bounded queue."""

import asyncio

import pytest

from ocdrnet_gateway.core.admission import Admission
from ocdrnet_gateway.http_errors import DeadlineError, OverloadedError


def test_places_then_waiters_then_refusal_in_order():
    async def run():
        admission = Admission(max_in_flight=2, max_waiting=3)
        release, order = asyncio.Event(), []

        async def work(number):
            async with admission.place(5):
                order.append(number)
                await release.wait()

        tasks = [asyncio.create_task(work(number)) for number in range(5)]
        await asyncio.sleep(0.01)
        assert (admission.in_flight, admission.waiting, order) == (2, 3, [0, 1])
        with pytest.raises(OverloadedError, match="5 requests are under way or waiting") as refused:
            async with admission.place(5):
                pass
        assert refused.value.status_code == 429
        assert int(refused.value.headers["retry-after"]) >= 1
        release.set()
        await asyncio.gather(*tasks)
        assert order == [0, 1, 2, 3, 4]
        assert (admission.in_flight, admission.waiting) == (0, 0)
        admission.check()

    asyncio.run(run())


def test_a_burst_may_take_every_place_and_every_seat():
    async def run():
        admission = Admission(max_in_flight=4, max_waiting=4)
        done = []

        async def work():
            async with admission.place(5):
                await asyncio.sleep(0)
                done.append(1)

        results = await asyncio.gather(*(work() for _ in range(9)), return_exceptions=True)
        assert len(done) == 8
        assert [type(result) for result in results if result] == [OverloadedError]

    asyncio.run(run())


def test_no_place_in_time_is_an_error_and_gives_the_seat_back():
    async def run():
        admission = Admission(max_in_flight=1, max_waiting=1)
        async with admission.place(5):
            with pytest.raises(DeadlineError, match=r"within 0.02 s"):
                async with admission.place(0.02):
                    pass
            assert admission.waiting == 0
        async with admission.place(0.02):
            pass

    asyncio.run(run())


def test_whoever_gives_up_waiting_gives_the_seat_back():
    async def run():
        admission = Admission(max_in_flight=1, max_waiting=1)

        async def wait():
            async with admission.place(5):
                pass

        async with admission.place(5):
            waiter = asyncio.create_task(wait())
            await asyncio.sleep(0.01)
            waiter.cancel()
            await asyncio.gather(waiter, return_exceptions=True)
            assert admission.waiting == 0
        async with admission.place(1) as waited_s:
            assert 0 <= waited_s < 0.5

    asyncio.run(run())


def test_an_error_inside_gives_the_place_back():
    async def run():
        admission = Admission(max_in_flight=1, max_waiting=0)
        with pytest.raises(ValueError, match="mine"):
            async with admission.place(1):
                raise ValueError("mine")
        async with admission.place(1):
            pass

    asyncio.run(run())


def test_the_advice_grows_with_the_time_that_requests_take():
    async def run():
        admission = Admission(max_in_flight=1, max_waiting=9)
        assert admission.retry_after_s == 1
        async with admission.place(1):
            await asyncio.sleep(0.6)
        admission.in_flight, admission.waiting = 1, 9
        assert 6 <= admission.retry_after_s <= 9

    asyncio.run(run())
