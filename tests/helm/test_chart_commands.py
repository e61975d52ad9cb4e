"""What the containers run exists, and the scripts do what they say."""

import os
import re
import shlex
import subprocess

import click
import pytest
from chart_matrix import combinations
from chart_pods import builder, containers, script
from chart_render import CI, ci_values, objects, of_kind, the

from ocdrnet_cli.main import COMMANDS
from ocdrnet_deploy.server.install import find_install

MATRIX = [ci_values(path) for path in CI] + [values for _, values in combinations()]
# Of Triton 25.06 and later; the pip package's is older.
NEWER_FLAGS = {"--http-max-input-size"}


def command_lines():
    """Every `ocdrnet ...` that some container runs, as words."""
    found = set()
    for values in MATRIX:
        for container in containers(objects(values)):
            found.update(tuple(words) for words in ocdrnet_words(container))
    return sorted(found)


def ocdrnet_words(container):
    if container["command"][0] == "ocdrnet":
        yield container["command"] + container.get("args", [])
    elif container["command"][0] == "sh":
        for line in script(container).splitlines():
            if line.strip().startswith("ocdrnet "):
                yield shlex.split(line.partition(">")[0])


def command_of(words):
    """The click command that the words name, and what is left."""
    command = COMMANDS[words[1]].load()
    rest = list(words[2:])
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
    return command, rest


@pytest.mark.full
def test_every_command_of_the_cluster_is_run_somewhere():
    assert {words[1] for words in command_lines()} == {"models", "serve", "gateway", "bulk", "read"}


def test_options_are_those_of_the_commands():
    for words in command_lines():
        command, rest = command_of(words)
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known, shlex.join(words)


@pytest.mark.triton
def test_flags_are_those_of_triton():
    found = find_install()
    environment = {**os.environ, "LD_LIBRARY_PATH": str(found.libraries)}
    help_text = subprocess.run([found.binary, "--help"], capture_output=True, text=True, env=environment, check=False)
    known = set(re.findall(r"--[a-z0-9-]+", help_text.stdout + help_text.stderr))
    assert len(known) > 50
    used = {arg.partition("=")[0] for values in MATRIX for arg in triton_args(values)}
    assert {"--exit-timeout-secs", "--grpc-use-ssl-mutual", "--trace-config"} <= used
    assert used - known <= NEWER_FLAGS


def triton_args(values):
    for deployment in of_kind(values, "Deployment"):
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        if container["command"] == ["tritonserver"]:
            yield from container["args"]


@pytest.fixture
def path_with_ocdrnet(tmp_path):
    """A PATH whose `ocdrnet` notes its words and answers with an image's lines."""
    program = tmp_path / "ocdrnet"
    program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\nprintf "Harbour\\n20 2026 x\\n"\n')
    program.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def run(text, path, tmp_path):
    for folder in ("/tmp/read.txt", "/cache", "/picture"):
        text = text.replace(folder, f"{tmp_path}{folder.removeprefix('/tmp')}")
    return subprocess.run(
        ["sh", "-euc", text], env={"PATH": path}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("words", "code"), [(["harbour", "2026"], 0), (["harbour", "missing"], 1)])
def test_helm_test_fails_where_a_word_is_not_read(words, code, tmp_path, path_with_ocdrnet):
    (container,) = the({"tests": {"words": words}}, "Pod", "demo-ocdrnet-test-read")["spec"]["containers"]
    ended = run(script(container), path_with_ocdrnet, tmp_path)
    assert ended.returncode == code, ended.stderr
    assert ("missing was not read" in ended.stderr) == bool(code)


def test_a_pod_builds_when_the_mark_is_there(tmp_path, path_with_ocdrnet):
    nvidia = {"models": {"detector": "ocdnet-v2.4", "acceptNvidiaEula": True, "ngc": {"existingSecret": "k"}}}
    (job,) = of_kind(nvidia, "Job")
    (tmp_path / "cache").mkdir()
    done = run(script(job["spec"]["template"]["spec"]["containers"][0]), path_with_ocdrnet, tmp_path)
    assert done.returncode == 0, done.stderr
    built = run(script(builder(nvidia)), path_with_ocdrnet, tmp_path)
    assert built.returncode == 0, built.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[1] for call in calls] == ["download", "build"]


def test_a_download_that_fails_leaves_no_mark(tmp_path):
    program = tmp_path / "ocdrnet"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    nvidia = {"models": {"detector": "ocdnet-v2.4", "acceptNvidiaEula": True, "ngc": {"existingSecret": "k"}}}
    (job,) = of_kind(nvidia, "Job")
    (tmp_path / "cache").mkdir()
    ended = run(script(job["spec"]["template"]["spec"]["containers"][0]), f"{tmp_path}:{os.environ['PATH']}", tmp_path)
    assert ended.returncode == 1
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_shard_of_a_bulk_job_is_a_pod_of_an_indexed_job():
    values = {
        "networkPolicy": {"enabled": False},
        "bulk": {
            "enabled": True,
            "source": "s3://in",
            "output": "s3://out",
            "shards": 12,
            "parallelism": 3,
            "run": "a",
        },
    }
    (manifest,) = of_kind(values, "Job")
    assert re.fullmatch(r"demo-ocdrnet-bulk-a-[0-9a-f]{6}", manifest["metadata"]["name"])
    job = manifest["spec"]
    assert (job["completionMode"], job["completions"], job["parallelism"], job["backoffLimitPerIndex"]) == (
        "Indexed",
        12,
        3,
        6,
    )
    (container,) = job["template"]["spec"]["containers"]
    assert container["command"] + container["args"][:3] == [
        "ocdrnet",
        "bulk",
        "s3://in",
        "--output=s3://out",
        "--shards=12",
    ]


def test_locust_has_a_master_that_waits_for_its_workers():
    values = {"loadtest": {"enabled": True, "workers": 5, "users": 50, "runTime": "3m"}}
    master = script(of_kind(values, "Job")[0]["spec"]["template"]["spec"]["containers"][0])
    worker = script(
        the(values, "Deployment", "demo-ocdrnet-loadtest-worker")["spec"]["template"]["spec"]["containers"][0]
    )
    assert "--master --headless" in master
    assert "--users 50 --spawn-rate 4 --run-time 3m --expect-workers 5" in master
    assert "--worker --master-host demo-ocdrnet-loadtest --host grpc://demo-ocdrnet-headless:8001" in worker
    workers = the(values, "Deployment", "demo-ocdrnet-loadtest-worker")["spec"]
    assert workers["replicas"] == 5
    assert workers["selector"]["matchLabels"].items() <= workers["template"]["metadata"]["labels"].items()
    assert the(values, "Service", "demo-ocdrnet-loadtest")["spec"]["publishNotReadyAddresses"] is True
    service = the(values, "Service", "demo-ocdrnet-loadtest")["spec"]["selector"]
    (job,) = of_kind(values, "Job")
    assert service.items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert not service.items() <= workers["template"]["metadata"]["labels"].items()
