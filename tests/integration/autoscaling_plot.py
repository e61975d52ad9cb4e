"""Draw and print what the chart's autoscaling query says of a Triton here: at rest, with one caller, with eight.

python tests/integration/autoscaling_plot.py docs/images/autoscaling.png
"""

import sys
import tempfile
import time
from pathlib import Path

from chart_queries import NAMESPACE, POD, autoscaling_queries, autoscaling_target
from matplotlib.figure import Figure
from ocdrnet_command import run_ocdrnet
from prometheus_server import eventually, scraping

from ocdrnet_deploy.server import TritonServer

WINDOW = "15s"
REST_S = 25
LOAD_S = 40
PAGES = f"sum(rate(nv_inference_request_success{{model='ocdrnet'}}[{WINDOW}]))"


def measured(repository, folder):
    """Start and end; spans of load with their callers; the query's and the pages' times and values."""
    with (
        TritonServer(repository) as server,
        scraping(folder, server.addresses, {"namespace": NAMESPACE, "pod": POD}) as prometheus,
    ):
        eventually(lambda: prometheus.query("nv_inference_count"), 60)
        start = time.time()
        spans = [_loaded(server.addresses, users) for users in (1, 8)]
        time.sleep(REST_S)
        series = [prometheus.query_range(q, start, time.time()) for q in (autoscaling_queries(WINDOW)["keda"], PAGES)]
    return start, spans, series


def _loaded(addresses, users):
    time.sleep(REST_S)
    start = time.time()
    done = run_ocdrnet(
        *("loadtest", "--url", addresses.grpc_url, "--metrics", "none", "--quiet", "--users", users),
        *("--seconds", f"{LOAD_S}s", "--requests", 8, "--warm-up", 1, "--draw", "640x480:6"),
    )
    assert done.returncode == 0, done.stderr
    return start, time.time(), users


def draw(start, spans, series, path):
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    queue, pages = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for axes, (times, values) in zip((queue, pages), series, strict=True):
        axes.plot([at - start for at in times], values, color="#0072B2")
        for begin, end, _ in spans:
            axes.axvspan(begin - start, end - start, color="#E69F00", alpha=0.15)
        axes.spines[["top", "right"]].set_visible(False)
    target = autoscaling_target()
    queue.axhline(target, color="#D55E00", linestyle="--")
    queue.annotate(f"target, {target:g} ms", (0, target), (2, 4), textcoords="offset points", color="#D55E00")
    for begin, _, users in spans:
        what = "one caller" if users == 1 else f"{users} callers"
        queue.annotate(
            what, (begin - start, 1), (4, -12), xycoords=("data", "axes fraction"), textcoords="offset points"
        )
    # Both a few milliseconds and seconds are to be seen, and zero.
    queue.set_yscale("symlog", linthresh=10)
    queue.set(ylabel="queue of the slowest step, ms", ylim=(0, 4 * max(series[0][1])))
    pages.set(ylabel="pages/s", xlabel="seconds", ylim=(0, None))
    figure.savefig(path, dpi=110)


def figures(spans, series):
    """Of each load, without the seconds in which locust starts and the window fills: the range of both curves."""
    settling_s = 20
    for begin, end, users in spans:
        for what, (times, values) in zip(("queue, ms", "pages/s"), series, strict=True):
            seen = [value for at, value in zip(times, values, strict=True) if begin + settling_s < at < end]
            print(f"{users} callers: {what}: {min(seen):.1f} to {max(seen):.1f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        built = run_ocdrnet("models", "build", "--output", Path(name) / "repository")
        assert built.returncode == 0, built.stderr
        start, spans, series = measured(Path(name) / "repository", Path(name))
        draw(start, spans, series, sys.argv[1])
        figures(spans, series)
