"""`ocdrnet up`: one command from nothing to text, and one Ctrl-C that ends all of it."""

import base64
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from sample_truth import SAMPLES

OCDRNET = Path(sys.executable).with_name("ocdrnet")


def start(folder, repository, *arguments, **variables):
    """A browser that only notes which address it was to open."""
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {folder}/opened\n')
    browser.chmod(0o755)
    own = {"BROWSER": f"{browser} %s", "OCDRNET_GATEWAY_STORE": str(folder / "store"), **variables}
    return subprocess.Popen(
        [OCDRNET, "up", "--port", "0", "--repository", repository, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **own},
    )


@pytest.mark.parametrize(
    ("has_browser", "variables"),
    [
        pytest.param(True, {}, id="plain"),
        pytest.param(False, {"OCDRNET_GATEWAY_LOG_LEVEL": "info"}, id="asked", marks=pytest.mark.full),
    ],
)
def test_up_serves_until_ctrl_c(served, tmp_path, has_browser, variables):
    process = start(tmp_path, served.repository, *([] if has_browser else ["--no-browser"]), **variables)
    try:
        line = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", line).group()
        data = base64.b64encode((SAMPLES / "storefront.jpg").read_bytes()).decode()
        body = {"input": [{"type": "image_url", "url": f"data:image/jpeg;base64,{data}"}]}
        answer = httpx.post(f"{url}/v1/infer", json=body, trust_env=False, timeout=60)
        assert "Copper Kettle" in answer.text
        assert "<html" in httpx.get(url, trust_env=False).text
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("tritonserver" in child.name() for child in children)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert ('"route": "/v1/infer"' in errors) == bool(variables), "requests are logged where that is asked for"
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    opened = tmp_path / "opened"
    assert (opened.read_text().strip() if opened.exists() else None) == (url if has_browser else None)
