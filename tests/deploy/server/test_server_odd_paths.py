import subprocess
import sys

import numpy as np
import pytest
import tritonclient.grpc as triton

from ocdrnet_deploy.server import TritonServer
from ocdrnet_deploy.server.shared_memory import SHARED_MEMORY

pytestmark = pytest.mark.triton
ODD = ["with space", """it's "Größe 大"; $HOME & (a)\t[b]* `true`"""]


@pytest.mark.parametrize("name", ODD)
def test_repository_and_cache_may_lie_under_any_name(tmp_path, monkeypatch, make_repository, name):
    monkeypatch.setenv("OCDRNET_CACHE", str(tmp_path / name / "cache"))
    repository = make_repository()
    odd = tmp_path / name / "repository"
    odd.parent.mkdir(exist_ok=True)
    repository.rename(odd)
    with TritonServer(odd) as server:
        prefix = server._prefix
        with triton.InferenceServerClient(server.addresses.grpc_url.removeprefix("grpc://")) as client:
            picture = triton.InferInput("IN", [3], "UINT8")
            picture.set_data_from_numpy(np.array([1, 2, 3], np.uint8))
            answer = client.infer("ocdrnet", [picture])
            assert answer.as_numpy("OUT").tolist() == [1, 2, 3]
    assert not list(SHARED_MEMORY.glob(f"{prefix}*"))


def test_the_links_of_a_server_that_never_started_are_removed_by_the_next(tmp_path, make_repository):
    odd = make_repository().rename(tmp_path / "with space")
    code = (
        "import sys, pathlib; from ocdrnet_deploy.server import TritonServer; TritonServer(pathlib.Path(sys.argv[1]))"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(odd)])
    assert starter.wait(timeout=60) == 0
    left = [path for path in SHARED_MEMORY.glob("ocdrnet_*") if path.name.split("_")[2] == str(starter.pid)]
    assert left
    assert all(path.is_symlink() for path in left)
    server = TritonServer(odd)
    server.start()
    server.stop()
    assert not [path for path in left if path.is_symlink()]
