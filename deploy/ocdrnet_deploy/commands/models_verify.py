"""`ocdrnet models verify`: the networks of a running server against their originals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from ocdrnet_deploy.catalog.catalog import DEFAULT
from ocdrnet_deploy.errors import DeployError
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer, prepare_detector, prepare_recognizer
from ocdrnet_deploy.precision.agreement import Agreement, compare_ids, compare_maps, original_inputs, output_names
from ocdrnet_deploy.precision.trial import drawn_inputs
from ocdrnet_ops.recognition.charset import ALL

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_TYPES = {"uint8": "UINT8", "int32": "INT32"}
_GRPC = "grpc://"
Arrays = dict[str, npt.NDArray[Any]]


@click.command("verify")
@click.argument("url")
@click.option("--detector", default=DEFAULT, show_default=True, help="As it was given to `models build`.")
@click.option("--recognizer", default=DEFAULT, show_default=True, help="Likewise.")
@click.option("--detector-card", type=_FILE, help="Likewise.")
@click.option("--recognizer-card", type=_FILE, help="Likewise.")
@click.option("--charset", default=ALL, show_default=True, help="Likewise.")
@click.option("--timeout", default=120.0, show_default=True, help="Seconds that an answer may take.")
def verify(
    *,
    url: str,
    detector: str,
    recognizer: str,
    detector_card: Path | None,
    recognizer_card: Path | None,
    charset: str,
    timeout: float,
) -> None:
    """Compare the networks that the server at URL (grpc://HOST:PORT) runs with the originals in FP32.

    Both get drawn text; the originals run here, on the CPU. Meant for TensorRT plans, whose arithmetic is known only
    where they run. Exit codes: 0 both agree, 1 one does not, 2 wrong usage or no server.
    """
    if "://" in url and not url.startswith(_GRPC):
        raise click.BadParameter(f"{url} is no address for gRPC; it must be {_GRPC}HOST:PORT", param_hint="URL")
    try:
        found = prepare_detector(detector, card_file=detector_card, engine="tensorrt")
        read_by = prepare_recognizer(recognizer, card_file=recognizer_card, engine="tensorrt", charset=charset)
        client = triton.InferenceServerClient(url.removeprefix(_GRPC))
        agreements = [_verified(network, _asker(client, timeout)) for network in (found, read_by)]
    except DeployError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    except InferenceServerException as error:
        click.echo(f"Error: {url}: {error.message()}", err=True)
        raise SystemExit(2) from None
    raise SystemExit(0 if all(each.is_enough for each in agreements) else 1)


def _asker(client: triton.InferenceServerClient, timeout: float) -> Callable[[str, Arrays], Arrays]:
    """Asks a model of the server; inputs that it does not have are left out, as a plan has no widths."""

    def ask(model: str, inputs: Arrays) -> Arrays:
        known = {each.name for each in client.get_model_metadata(model).inputs}
        tensors = []
        for name, array in inputs.items():
            if name in known:
                tensors.append(triton.InferInput(name, list(array.shape), _TYPES[array.dtype.name]))
                tensors[-1].set_data_from_numpy(array)
        answer = client.infer(model, tensors, client_timeout=timeout)
        return {output.name: answer.as_numpy(output.name) for output in answer.get_response().outputs}

    return ask


def _verified(network: PreparedDetector | PreparedRecognizer, ask: Callable[[str, Arrays], Arrays]) -> Agreement:
    assert network.original is not None
    original, pixels = network.original, drawn_inputs(network)
    session = ort.InferenceSession(_runnable(original.model), providers=["CPUExecutionProvider"])
    names = output_names(original)
    planes = original_inputs(pixels, original.description.normalization)
    expected = dict(zip(names, session.run(names, {session.get_inputs()[0].name: planes}), strict=True))
    if isinstance(network, PreparedDetector):
        served = ask("ocdnet", {"input": pixels})
        agreement = compare_maps(expected, original.description, served["pred"])
    else:
        widths = np.full((len(pixels), 1), pixels.shape[2], np.int32)
        served = ask("ocrnet", {"input": pixels, "CROP_WIDTHS": widths})
        steps = next(iter(expected.values())).shape[1]  # a free width's answer is padded to the stride
        ids, sure = served["output_id"][:, :steps], served["output_prob"][:, :steps]
        agreement = compare_ids(expected, original.description, ids, sure)
    verdict = "" if agreement.is_enough else ": NOT as exact as it must be"
    click.echo(f"{network.card.name}: {agreement}{verdict}")
    return agreement


def _runnable(model: Any) -> bytes:  # noqa: ANN401 - onnx has no types
    """The original in operators that ONNX Runtime knows."""
    from ocdrnet_deploy.graphs.deform_conv import rewrite_deform_conv  # noqa: PLC0415 - few networks need it

    content: bytes = rewrite_deform_conv(model).SerializeToString()
    return content
