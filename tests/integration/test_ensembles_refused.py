"""The build refuses the ensembles that a real Triton refuses, and no other."""

import copy
import time
import urllib.error
import urllib.request

import psutil
import pytest
from spoiled_ensembles import SPOILED, repository_configs

from ocdrnet_deploy.repository.configs import config_text

# A model that only has to be there.
CODE = """
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        error = pb_utils.TritonError("a stand-in")
        return [pb_utils.InferenceResponse(error=error) for _ in requests]
"""


def logged(log, words):
    """The line with these words, which Triton may write a moment after its answer; where the answer says why, none."""
    end = time.monotonic() + 1
    while not (found := [line for line in log if words in line]) and time.monotonic() < end:
        time.sleep(0.02)
    return "".join(found)


def write(repository, config, code=CODE):
    folder = repository / config.name / "1"
    folder.mkdir(parents=True)
    if config.platform != "ensemble":
        (folder / "model.py").write_text(code)
    (folder.parent / "config.pbtxt").write_text(config_text(config))


def write_spoiled(repository, number, spoil):
    """An ensemble of its own name; it shares every model with the others that the spoiling left alone."""
    whole, configs = repository_configs(), repository_configs()
    spoil(configs["ocdrnet"], configs)
    ensemble = configs.pop("ocdrnet")
    ensemble.name = f"spoiled_{number}"
    for name, config in configs.items():
        if config != whole[name]:
            config.name = f"{name}_{number}"
            write(repository, config)
            for step in ensemble.ensemble_scheduling.step:
                step.model_name = config.name if step.model_name == name else step.model_name
    write(repository, ensemble)
    return ensemble.name


@pytest.fixture(scope="module")
def ask(tmp_path_factory, serve_folder):
    """Has a running Triton load one more ensemble; its error, or nothing."""
    repository = tmp_path_factory.mktemp("ensembles")
    for config in repository_configs().values():
        write(repository, copy.deepcopy(config))
    with serve_folder(repository) as server:
        server.server._watch.stop()  # a load replaces the steps' processes, which would count as deaths
        (flag,) = (one for one in psutil.Process(server.pid).cmdline() if one.startswith("--http-restricted-api"))
        header = dict([flag.rpartition(":")[2].split("=")])

        def load(number, spoil):
            name = write_spoiled(repository, number, spoil)
            url = f"{server.addresses.http_url}/v2/repository/models/{name}/load"
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            try:
                opener.open(urllib.request.Request(url, b"{}", header), timeout=60).close()
            except urllib.error.HTTPError as error:
                return error.read().decode() + logged(server.log, f"model directory '{name}'")
            return ""

        yield load


def test_whole_ensemble_is_loaded(ask):
    assert ask(99, lambda ensemble, configs: None) == ""


@pytest.mark.full
@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_ensemble_is_refused_by_triton_too(ask, name):
    spoil, _, words = SPOILED[name]
    answer = ask(list(SPOILED).index(name), spoil)
    assert any(word in answer for word in words.split("|")), answer
