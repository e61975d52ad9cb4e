"""`ocdrnet doctor`: whether this machine and this environment can serve, and what to do where they cannot."""

import json

import click

from ocdrnet_deploy.errors import RefusalError
from ocdrnet_deploy.machine import checks
from ocdrnet_deploy.machine.cache import kept_libraries
from ocdrnet_deploy.machine.checks import Finding
from ocdrnet_deploy.machine.interpreter import describe
from ocdrnet_deploy.server.install import find_install
from ocdrnet_deploy.server.interpreter import check_numpy

_TRITON_OF_PYTRITON = {"0.7.0": "2.51.0"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
def doctor(*, as_json: bool) -> None:
    """Say whether this machine can serve, and what to do where it cannot; changes nothing.

    Exit codes: 0 it can, 2 something has to change first.
    """
    interpreter = describe(kept_libraries())
    findings = [
        checks.check_platform(),
        checks.check_interpreter(interpreter),
        # For a version that cannot serve, neither is installed; what to do is said already.
        *([_check_triton(), _check_numpy()] if interpreter.has_stub else []),
        checks.check_cache(),
        checks.check_shared_memory(),
        checks.check_ports(),
    ]
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        click.echo(checks.report(findings))
    if any(finding.state == "no" for finding in findings):
        raise SystemExit(2)


def _check_triton() -> Finding:
    try:
        install = find_install()
    except RefusalError as error:
        return Finding("triton", "no", str(error))
    version = _TRITON_OF_PYTRITON.get(install.version, "of an unknown version")
    return Finding("triton", "ok", f"Triton {version}, of nvidia-pytriton {install.version}")


def _check_numpy() -> Finding:
    try:
        check_numpy()
    except RefusalError as error:
        return Finding("numpy", "no", str(error))
    return Finding("numpy", "ok", "NumPy 1, which Triton's Python backend needs")
