"""A real Prometheus of Debian's package that scrapes once a second, with its data in a folder of its own."""

import os
import socket
import subprocess
import time
from contextlib import contextmanager

import httpx
import yaml

STARTUP_S = 60


class Prometheus:
    """Asks one over its HTTP API."""

    def __init__(self, port):
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)

    def is_ready(self):
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def query(self, expr):
        """Now: each series' labels with its value."""
        return [(each["metric"], float(each["value"][1])) for each in self._ask("query", query=expr)]

    def query_range(self, expr, start, end, step=1):
        """Times, in seconds since the epoch, and values of the one series."""
        (series,) = self._ask("query_range", query=expr, start=start, end=end, step=step)
        return [float(at) for at, _ in series["values"]], [float(value) for _, value in series["values"]]

    def close(self):
        self._http.close()

    def _ask(self, what, **parameters):
        answer = self._http.get(f"/api/v1/{what}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]["result"]


@contextmanager
def scraping(folder, addresses, labels, rules=()):
    """Scrapes a Triton, its series labelled so; tests with it are marked `program("prometheus")`."""
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(_config(addresses, labels, rules)), encoding="utf-8")
    port = _free_port()
    command = [
        *("prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"),
    ]
    process = subprocess.Popen(command, env={**os.environ, "GOMAXPROCS": "1"})
    prometheus = Prometheus(port)
    try:
        eventually(prometheus.is_ready, STARTUP_S)
        yield prometheus
    finally:
        prometheus.close()
        process.terminate()
        process.wait(timeout=30)


def eventually(holds, patience_s):
    """Asks until it holds."""
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, f"not within {patience_s} s: {holds}"
        time.sleep(0.5)


def _config(addresses, labels, rules):
    target = {"targets": [addresses.metrics_url.split("/")[2]], "labels": labels}
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [{"job_name": "ocdrnet-triton", "static_configs": [target]}],
    }


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
