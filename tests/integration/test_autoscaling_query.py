"""The chart's autoscaling query, asked of a real Prometheus about a real Triton, overloaded and at rest."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from chart_queries import NAMESPACE, POD, autoscaling_queries, autoscaling_target
from prometheus_server import eventually, scraping
from sample_truth import SAMPLES

# Instead of a minute, so that the test is short: ten scrapes, where a cluster has four.
WINDOW = "10s"
PATIENCE_S = 120
CALLERS = 8

pytestmark = pytest.mark.program("prometheus")


class Overload:
    """Eight callers, each of whom sends his next image after his last answer, until it is left."""

    def __init__(self, served):
        self._served, self._over = served, threading.Event()
        self._pool = ThreadPoolExecutor(CALLERS)

    def __enter__(self):
        self._calls = [self._pool.submit(self._call) for _ in range(CALLERS)]

    def __exit__(self, *_):
        self._over.set()
        self._pool.shutdown()
        assert min(call.result() for call in self._calls) > 0

    def _call(self):
        answers = 0
        with self._served.client() as client:
            while not self._over.is_set():
                client.read(SAMPLES / "storefront.jpg")
                answers += 1
        return answers


@pytest.fixture
def prometheus(served, tmp_path):
    with scraping(tmp_path, served.addresses, {"namespace": NAMESPACE, "pod": POD}) as server:
        eventually(lambda: server.query("nv_inference_count"), PATIENCE_S)
        yield server


def test_the_query_rises_above_its_target_under_overload_and_falls_at_rest(served, prometheus):
    queries, target = autoscaling_queries(WINDOW), autoscaling_target()

    def all_are(met):
        answers = [value for query in queries.values() for _, value in prometheus.query(query)]
        return len(answers) == len(queries) and all(map(met, answers))

    eventually(lambda: all_are(lambda queue_ms: queue_ms < target), PATIENCE_S)
    with Overload(served):
        eventually(lambda: all_are(lambda queue_ms: queue_ms > 2 * target), PATIENCE_S)
    eventually(lambda: all_are(lambda queue_ms: queue_ms == 0), PATIENCE_S)


def test_pods_of_another_deployment_are_not_counted(prometheus):
    keda = autoscaling_queries(WINDOW)["keda"]
    assert POD.rsplit("-", 2)[0] in keda
    assert prometheus.query(keda.replace("demo-ocdrnet", "demo-ocdrnet-street")) == []
