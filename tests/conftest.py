"""Rules of the whole run: which tests `make test` leaves to `make test-all`, who runs beside whom, what was not run."""

import os
import shutil
from collections import Counter
from functools import cache
from pathlib import Path

import hypothesis
import onnxruntime
import pytest

from ocdrnet_deploy.errors import RefusalError, RepositoryNotBuiltError
from ocdrnet_deploy.graphs.deform_conv import OLDEST_RUNTIME
from ocdrnet_deploy.server import TritonServer

ROOT = Path(__file__).parents[1]
# Images with truth that are not part of the project.
EVAL = Path(os.environ.get("OCDRNET_EVAL", ROOT.parent / "shared" / "eval"))
# Fixtures behind which a Triton runs; a test that starts one by other means is marked `triton`.
TRITON_FIXTURES = {"served", "serve_built", "serve_folder"}
# Files of `integration/` that do without the common Triton or use it little, and so may run beside those on it.
OWN_SERVERS = {
    f"test_{name}.py"
    for name in (
        *("ensembles_refused", "nothing_leaves", "plans_load", "plans_read", "plans_spoiled", "answer_batch"),
        *("throughput_profile", "twin_exports", "twin_mutations", "twins"),
    )
}
# Files whose tests mostly wait: for a time limit, a retry, a lease, a server's start, a program. With three processes
# the third takes these and nothing else, so that two cores are busy, and servers are not starved by three that compute.
WAITING = {
    f"tests/{name}.py"
    for name in (
        *(f"client/test_client_{name}" for name in ("replicas", "retries", "several_servers")),
        *(f"gateway/api/test_{name}" for name in ("jobs", "jobs_replicas", "hosted_replicas", "hosted_reading")),
        "gateway/api/test_hosted_taken_over",
        *("gateway/test_gateway_server", "deploy/server/test_server_draining", "deploy/ngc/test_models_download"),
        *("loadtest/test_loadtest_command", "loadtest/test_loadtest_staircase", "docker/test_docker_pods"),
        *(f"integration/test_{name}" for name in ("shared_serving_cases", "stalled_step", "gateway_up")),
        *(f"integration/test_{name}" for name in ("gateway_triton_restart", "stub_death_metrics")),
    )
}
# A long one, whose tests of each engine may run in another process.
BY_ENGINE = "tests/integration/test_plans_load.py"
# Debian's packages of programs that have another name.
PACKAGES = {
    "promtool": "prometheus",
    "node": "nodejs",
    "pdftotext": "poppler-utils",
    "pdftoppm": "poppler-utils",
}

# A machine that is busy with something else is no failure.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@cache
def why_no_triton():
    """Why this machine or this Python cannot serve; empty where they can."""
    try:
        TritonServer(Path("no repository"))
    except RepositoryNotBuiltError:
        return ""
    except RefusalError as error:
        return f"no Triton here: {error}"
    raise AssertionError("a folder without a repository was taken for one")


def why_no_deformable():
    """Python 3.10 has no ONNX Runtime that runs OCDNet v1; what refuses it there is tested everywhere."""
    version = onnxruntime.__version__
    if tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_RUNTIME:
        return ""
    return f"ONNX Runtime {version} has no deformable convolution: use Python 3.11 or newer"


def why_no_images():
    return "" if (EVAL / "evaluate.py").is_file() else "no development images: OCDRNET_EVAL names their folder"


def why_no_program(name):
    return "" if shutil.which(name) else f"{name} is not installed: Debian's package {PACKAGES.get(name, name)}"


def why_not(item):
    """What this machine lacks for a test; empty if nothing."""
    if not TRITON_FIXTURES.isdisjoint(item.fixturenames):
        item.add_marker(pytest.mark.triton)
    reasons = {"triton": why_no_triton, "deformable": why_no_deformable, "images": why_no_images}
    lacking = [ask() for name, ask in reasons.items() if item.get_closest_marker(name)]
    lacking += [why_no_program(name) for mark in item.iter_markers("program") for name in mark.args]
    return "; ".join(filter(None, lacking))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Gives a process all tests that share the Triton of `integration/`, or those of one other file, at a time."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _assign_work_unit(self, node):
            waits = node.gateway.id == "gw2"
            own = next((scope for scope in self.workqueue if (scope in WAITING) == waits), None)
            if own:
                self.workqueue.move_to_end(own, last=False)
            super()._assign_work_unit(node)

        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            if file == BY_ENGINE:
                return nodeid.partition("-")[0]  # the engine is the first word of the test's id
            if file in WAITING or Path(file).name in OWN_SERVERS or not file.startswith("tests/integration/"):
                return file
            return "triton"

    return Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)  # before pytest deselects
def pytest_collection_modifyitems(config, items):
    config.found = {"collected": len(items), "deselected": {}}
    for item in items:
        if reason := why_not(item):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_deselected(items):
    """Counts by what stands in the way of running them as often as the others."""
    for item in items:
        programs = [name for mark in item.iter_markers("program") for name in mark.args]
        wish = f"want {', '.join(programs)}" if programs else "want the development images"
        kind = wish if programs or item.get_closest_marker("images") else "take long"
        counts = item.config.found["deselected"]
        counts[kind] = counts.get(kind, 0) + 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """With OCDRNET_NO_SKIPS, as CI sets it, a skipped test fails the run: CI has all that a test may want."""
    if hasattr(session.config, "workeroutput"):  # a process of pytest-xdist tells the one that started it
        session.config.workeroutput["found"] = session.config.found
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("OCDRNET_NO_SKIPS") and reporter.stats.get("skipped"):
        session.exitstatus = 1


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.found = getattr(node, "workeroutput", {}).get("found")


def pytest_terminal_summary(terminalreporter, config):
    """What was not run, and what it would take; then the count of all, so that no test is lost unseen."""
    found, stats = getattr(config, "found", None), terminalreporter.stats
    if not found:  # the run ended before its tests were known
        return
    skipped = stats.get("skipped", [])
    ran = sum(len(stats.get(outcome, [])) for outcome in ("passed", "failed", "error", "xfailed", "xpassed"))
    deselected = sum(found["deselected"].values())
    terminalreporter.section("not run")
    for reason, count in Counter(map(reason_of, skipped)).most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}")
    if deselected:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found["deselected"].items()))
        terminalreporter.write_line(f"{deselected} further tests run with `make test-all`: {kinds}")
    if os.environ.get("OCDRNET_NO_SKIPS") and skipped:
        terminalreporter.write_line("skipped tests fail this run (OCDRNET_NO_SKIPS)", red=True)
    terminalreporter.write_line(
        f"tests: {found['collected']} collected, {ran} run, {len(skipped)} skipped, {deselected} deselected"
    )


def reason_of(report):
    """A skipped test's report has (file, line, "Skipped: reason")."""
    return report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else str(report.longrepr)
