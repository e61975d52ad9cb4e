"""`ocdrnet loadtest` against a real server, at a rate that it surely keeps."""

import pytest
from ocdrnet_command import run_ocdrnet

from ocdrnet_loadtest.result import LoadTestResult


@pytest.mark.full
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_real_servers_counters_fill_a_step(served, tmp_path, protocol):
    url = getattr(served.addresses, f"{protocol}_url")
    file = tmp_path / "result.json"
    done = run_ocdrnet(
        *("loadtest", "--url", url, "--metrics", served.addresses.metrics_url),
        *("--draw", "320x240:2", "--rate", 2, "--requests", 8, "--seconds", "1s", "--warm-up", 3, "--json", file),
        *("--slo", "errors=0%", "--slo", "p99=60s"),
    )
    assert done.returncode == 0, done.stderr
    result = LoadTestResult.load(file)
    (step,) = result.steps
    assert (step.sent, step.answered, step.foreign_requests) == (8, 8, 0)
    assert step.models["ocdrnet"].requests == 8 + step.settling
    assert set(result.target.models["ocdrnet"].depends_on) <= set(step.models)
    assert result.target.models["ocrnet"].max_batch_size > 1
    recognizer = step.models["ocrnet"]
    assert sum(batch.executions for batch in recognizer.batches) == recognizer.executions
    assert sum(batch.size * batch.executions for batch in recognizer.batches) == recognizer.inferences
    assert {"tritonserver", "ocdnet", "ocrnet"} <= set(step.server_cpu_s)
    assert all(picture.boxes == 2 for picture in result.mix.pictures)
