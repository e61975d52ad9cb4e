import json

import pytest
from small_networks import small_request

from ocdrnet_deploy.errors import NoGpuError, PlanError
from ocdrnet_deploy.files import sha256_of
from ocdrnet_deploy.tensorrt.cache import find_or_build_plan
from ocdrnet_deploy.tensorrt.machine import Gpu, Machine
from ocdrnet_deploy.tensorrt.plan import check_plan, sidecar
from ocdrnet_deploy.tensorrt.version import TensorRtVersion

HERE = Machine(Gpu("NVIDIA L4", "8.9"), TensorRtVersion(10, 12, 0))


@pytest.fixture
def own_plan(tmp_path):
    """A plan that the user built, with the sidecar that is needed at least."""
    plan = tmp_path / "mine.plan"
    plan.write_bytes(b"ftrt")
    facts = {"compute_capability": "8.9", "tensorrt": "10.12.0", "plan_sha256": sha256_of(plan)}
    sidecar(plan).write_text(json.dumps(facts))
    return plan


def test_plan_of_this_machine(own_plan):
    check_plan(own_plan, HERE)


def test_compute_capability_written_as_a_number(own_plan):
    facts = json.loads(sidecar(own_plan).read_text())
    sidecar(own_plan).write_text(json.dumps(facts | {"compute_capability": 8.9}))
    check_plan(own_plan, HERE)


def test_this_machine_is_asked_when_none_is_given(gpu_machine):
    plan = find_or_build_plan(small_request())
    check_plan(plan)
    gpu_machine.use(110100)
    with pytest.raises(PlanError, match=r"built by TensorRT 10\.12\.0 and this machine has 11\.1\.0: .*own version"):
        check_plan(plan)
    gpu_machine.break_program("nvidia-smi", "exit 9")
    with pytest.raises(NoGpuError):
        check_plan(plan)


def test_another_compute_capability(own_plan):
    with pytest.raises(
        PlanError, match=r"compute capability 8\.9 .*this GPU is NVIDIA A100 \(compute capability 8\.0\)"
    ):
        check_plan(own_plan, Machine(Gpu("NVIDIA A100", "8.0"), HERE.version))


@pytest.mark.parametrize("version", [(10, 12, 1), (10, 13, 0), (11, 1, 0), (8, 6, 1)])
def test_another_version(own_plan, version):
    with pytest.raises(PlanError, match=r"ocdrnet models build --engine tensorrt"):
        check_plan(own_plan, Machine(HERE.gpu, TensorRtVersion(*version)))


def test_changed_plan(own_plan):
    own_plan.write_bytes(b"ftr")
    with pytest.raises(PlanError, match=r"not the file that mine\.plan\.json describes"):
        check_plan(own_plan, HERE)


def test_no_plan(tmp_path):
    with pytest.raises(PlanError, match="there is no plan"):
        check_plan(tmp_path / "model.plan", HERE)


def test_no_sidecar(own_plan):
    sidecar(own_plan).unlink()
    with pytest.raises(PlanError, match=r"has no mine\.plan\.json beside it"):
        check_plan(own_plan, HERE)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "cannot be read"), ("[]", "does not state compute_capability, plan_sha256, tensorrt"), ("{}", "not state")],
)
def test_sidecar_that_is_none(own_plan, text, reason):
    sidecar(own_plan).write_text(text)
    with pytest.raises(PlanError, match=reason):
        check_plan(own_plan, HERE)
