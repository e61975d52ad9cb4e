"""The commands and snippets of README.md and docs/interface.md, run as they stand there but for the ports."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from readme_blocks import Block, marked_blocks
from sample_truth import ROOT

PAGES = ("README.md", "docs/interface.md")
BLOCKS = [block for page in PAGES for block in marked_blocks((ROOT / page).read_text(encoding="utf-8"))]

TWO_BLOCKS = """
<!-- test: one -->
```python
print("marked")
```

```python
print("not marked")
```
<!-- test: two words -->
```sh
echo marked
```
"""


def with_ports(code, addresses):
    grpc, http = (url.partition("://")[2] for url in (addresses.grpc_url, addresses.http_url))
    return code.replace("127.0.0.1:8001", grpc).replace("127.0.0.1:8000", http)


def program(block, code, folder):
    if block.language == "python":
        script = folder / "snippet.py"
        script.write_text(code, encoding="utf-8")
        return [sys.executable, script]
    return ["bash", "-euo", "pipefail", "-c", code]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_marked_block_of_the_pages_runs(served, tmp_path, block):
    # Not marked `program`: `make test`, too, runs the blocks wherever it can.
    if block.language == "sh" and not shutil.which("curl"):
        pytest.skip("curl is not installed: Debian's package curl")
    run = subprocess.run(
        program(block, with_ports(block.code, served.addresses), tmp_path),
        cwd=ROOT,
        env={**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])},
        capture_output=True,
        encoding="utf-8",
        errors="replace",  # an answer over plain HTTP may carry tensors in binary
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()
    assert '{"error"' not in run.stdout  # curl ends with 0 for a refusal, too


def test_the_pages_mark_their_python_and_their_shell_blocks():
    """Without a mark a block is not run, and a block that is not run drifts."""
    names = [block.name for block in BLOCKS]
    assert set(names) >= {"client", "tritonclient", "curl", "curl-json"}
    assert len(names) == len(set(names))


def test_marked_blocks_are_found_and_others_left_alone():
    assert marked_blocks(TWO_BLOCKS) == [
        Block("one", "python", 'print("marked")\n'),
        Block("two words", "sh", "echo marked\n"),
    ]
