import threading

import pytest

from ocdrnet_triton.engines.pool import InferencePool


@pytest.mark.parametrize("count", [1, 3])
def test_results_are_in_the_order_of_the_jobs(count):
    assert InferencePool(count, "s").map(lambda job: job * job, iter(range(50))) == [job * job for job in range(50)]


def test_as_many_jobs_at_once_as_there_are_streams():
    meeting = threading.Barrier(3)
    InferencePool(3, "s").map(lambda _: meeting.wait(timeout=10), range(6))  # with two streams nobody would come third


def test_a_failure_is_raised_when_no_job_is_at_work_any_more():
    started, done = threading.Event(), []

    def work(job):
        if job == 0:
            started.wait(timeout=10)
            raise RuntimeError("the first")
        started.set()
        threading.Event().wait(0.2)
        done.append(job)

    streams = InferencePool(2, "s")
    with pytest.raises(RuntimeError, match="the first"):
        streams.map(work, range(100))
    at_the_raise = list(done)
    assert 1 in at_the_raise
    assert len(at_the_raise) < 10  # what had not begun never does
    streams.map(lambda _: None, range(2))
    assert done == at_the_raise


def test_a_job_that_cannot_be_made_is_raised_when_none_is_at_work_any_more():
    started, done = threading.Event(), []

    def work(job):
        started.set()
        threading.Event().wait(0.2)
        done.append(job)

    def jobs():
        yield 1
        started.wait(timeout=10)
        raise MemoryError("no second job")

    with pytest.raises(MemoryError, match="no second job"):
        InferencePool(1, "s").map(work, jobs())
    assert done == [1]
