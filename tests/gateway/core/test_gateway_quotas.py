"""What one caller may use, and that it is counted for each caller alone."""

import asyncio
from types import SimpleNamespace

import pytest

from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.quotas import Quotas
from ocdrnet_gateway.http_errors import (
    DeadlineError,
    OverloadedError,
    QuotaError,
    ReaderFailedError,
    UnavailableError,
    UnprocessableError,
)


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    # Of that module alone: others, such as the watch of a server that runs meanwhile, go by the real one.
    monkeypatch.setattr("ocdrnet_gateway.core.quotas.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def use(quotas, caller, pictures=1):
    async def once():
        async with quotas.use(caller, pictures):
            pass

    asyncio.run(once())


def test_a_minutes_images_then_a_wait(clock):
    quotas, ann = Quotas(), Principal("ann", rate_per_minute=6)
    for _ in range(6):
        use(quotas, ann)
    with pytest.raises(QuotaError, match="6 images a minute") as refused:
        use(quotas, ann)
    assert refused.value.status_code == 429
    assert refused.value.headers == {"retry-after": "10"}
    clock[0] += 9.9
    with pytest.raises(QuotaError):
        use(quotas, ann)
    clock[0] += 0.2
    use(quotas, ann)


def test_each_image_of_a_request_counts(clock):
    quotas, ann = Quotas(), Principal("ann", rate_per_minute=6)
    use(quotas, ann, 4)
    with pytest.raises(QuotaError) as refused:
        use(quotas, ann, 3)
    assert refused.value.headers == {"retry-after": "10"}
    use(quotas, ann, 2)


def test_what_is_saved_is_at_most_a_minutes(clock):
    quotas, ann = Quotas(), Principal("ann", rate_per_minute=6)
    use(quotas, ann)
    clock[0] += 3600
    use(quotas, ann, 6)
    with pytest.raises(QuotaError):
        use(quotas, ann)


def test_a_rate_below_one_a_minute_lets_one_through_in_time(clock):
    quotas, ann = Quotas(), Principal("ann", rate_per_minute=0.5)
    with pytest.raises(QuotaError) as refused:
        use(quotas, ann)
    clock[0] += int(refused.value.headers["retry-after"])
    use(quotas, ann)


def test_another_callers_use_does_not_count(clock):
    quotas = Quotas()
    use(quotas, Principal("ann", rate_per_minute=1))
    use(quotas, Principal("bob", rate_per_minute=1))
    with pytest.raises(QuotaError):
        use(quotas, Principal("ann", rate_per_minute=1))


def test_no_limit_means_none(clock):
    for _ in range(50):
        use(Quotas(), Principal("ann"), 100)


def test_requests_at_once_are_bounded_and_given_back():
    async def run():
        quotas, ann, bob = Quotas(), Principal("ann", concurrency=2), Principal("bob", concurrency=2)
        async with quotas.use(ann, 1), quotas.use(ann, 1):
            with pytest.raises(QuotaError, match="2 requests of this key are under way"):
                async with quotas.use(ann, 1):
                    pass
            async with quotas.use(bob, 1):
                pass
        with pytest.raises(ValueError, match="mine"):
            async with quotas.use(ann, 1):
                raise ValueError("mine")
        async with quotas.use(ann, 1), quotas.use(ann, 1):
            pass

    asyncio.run(run())


SERVERS = [OverloadedError("full"), ReaderFailedError("failed"), UnavailableError("away"), DeadlineError("late")]


@pytest.mark.parametrize("error", [*SERVERS, RuntimeError("a fault")])
def test_what_the_server_refused_is_given_back(clock, error):
    quotas, ann = Quotas(), Principal("ann", rate_per_minute=6)

    async def refused():
        async with quotas.use(ann, 4) as charge:
            charge.note_read()
            raise error

    for _ in range(3):
        with pytest.raises(type(error)):
            asyncio.run(refused())
    # Each time one of four was read.
    use(quotas, ann, 3)
    with pytest.raises(QuotaError):
        use(quotas, ann)


def test_a_caller_that_leaves_gets_nothing_back(clock):
    quotas, ann = Quotas(), Principal("ann", rate_per_minute=6)

    async def leaves():
        async with quotas.use(ann, 6):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(leaves())
    with pytest.raises(QuotaError):
        use(quotas, ann)


def test_more_images_than_a_minute_has_are_refused_without_a_wait_that_would_not_help(clock):
    with pytest.raises(QuotaError, match="send at most 6 in one request"):
        use(Quotas(), Principal("ann", rate_per_minute=6), 7)


@pytest.mark.parametrize("error", SERVERS)
def test_through_the_gateway_a_failure_costs_nothing(start_gateway, http, picture, reader, error):
    url = start_gateway(rate_per_minute=1).url

    async def fail(call):
        raise error

    reader.respond = fail
    for _ in range(3):
        assert http.post(f"{url}/v1/read", content=picture).status_code == error.status_code
    del reader.respond
    statuses = [http.post(f"{url}/v1/read", content=picture).status_code for _ in range(2)]
    assert statuses == [200, 429]


def test_an_image_that_the_server_found_damaged_was_work(start_gateway, http, picture, reader):
    url = start_gateway(rate_per_minute=1).url

    async def refuse(call):
        raise UnprocessableError("damaged")

    reader.respond = refuse
    statuses = [http.post(f"{url}/v1/read", content=picture).status_code for _ in range(2)]
    assert statuses == [422, 429]
