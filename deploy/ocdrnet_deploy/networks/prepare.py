"""A network, by name or path -> one that fits the pipeline and an engine, and its card."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import onnx

from ocdrnet_deploy.catalog.description import NetworkDescription
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.adapt import adapt_detector, adapt_recognizer, prune_classes
from ocdrnet_deploy.graphs.deform_conv import check_runtime, needs_deform_conv, rewrite_deform_conv
from ocdrnet_deploy.graphs.openvino_rewrites import join_residual_gates, upsample_last
from ocdrnet_deploy.graphs.signature import custom_operators
from ocdrnet_deploy.networks.description_file import character_count, special_classes
from ocdrnet_deploy.networks.find import FoundNetwork, find_described
from ocdrnet_ops.cards import CardError, DetectorCard, RecognizerCard
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.recognition.charset import ALL, Charsets

Engine = Literal["cpu", "cuda", "tensorrt"]
Runtime = Literal["openvino", "onnxruntime", "tensorrt"]
Card = TypeVar("Card", DetectorCard, RecognizerCard)


@dataclass(frozen=True)
class Original:
    """A network before it was adapted: what the adapted one must answer like.

    Attributes:
        model: in standard operators, cut to its charset.
        description: of it.
    """

    model: onnx.ModelProto
    description: NetworkDescription


@dataclass(frozen=True)
class PreparedDetector:
    """An adapted detector.

    Attributes:
        model: takes `input` uint8 [N, h, w, 3] BGR, answers `pred` uint8 [N, 1, h, w].
        card: for the pipeline.
        max_batch: images that one run takes at most; 0 where the graph does not limit it.
        runtime: what runs it.
        precision: that the runtime must keep to, `f32`; its own choice when empty.
        warm_ups: how often each shape is run before the network counts as ready.
        original: as it was trained.
    """

    model: onnx.ModelProto
    card: DetectorCard
    max_batch: int = 0
    runtime: Runtime = "openvino"
    precision: str = ""
    warm_ups: int = 3
    original: Original | None = None


@dataclass(frozen=True)
class PreparedRecognizer:
    """An adapted recognizer.

    Attributes:
        model: takes `input` uint8 [N, h, w, 3] BGR, answers `output_id` int32 [N, T] and `output_prob` float32 [N, T].
        card: for the pipeline.
        max_batch: crops that one run takes at most; 0 where the graph does not limit it.
        runtime: what runs it.
        charset_model: takes the input `charset` int32 [K] too, the ids that it may answer; none where the graph, or
            the engine, lets nothing be ruled out.
        precision: as of `PreparedDetector`.
        warm_ups: likewise.
        original: likewise.
    """

    model: onnx.ModelProto
    card: RecognizerCard
    max_batch: int = 0
    runtime: Runtime = "openvino"
    charset_model: onnx.ModelProto | None = None
    precision: str = ""
    warm_ups: int = 3
    original: Original | None = None


def prepare_detector(name_or_path: str, *, card_file: Path | None = None, engine: Engine = "cpu") -> PreparedDetector:
    """Find, check and adapt a detector.

    Args:
        name_or_path: a name in the catalog, or the path of an ONNX file.
        card_file: description of such a file, as `models inspect` proposes it; that proposal when left out.
        engine: that is to run it.

    Raises:
        BuildError: it is unknown, its weights are missing, or it does not fit; the text states the difference.
    """
    found = find_described("detector", name_or_path, card_file)
    original = _for_engine(found.model, engine)
    card = _card(DetectorCard, found)
    model = adapt_detector(original, found.description)
    runtime = _runtime(original, engine)
    if runtime == "openvino":
        model = upsample_last(join_residual_gates(model))
    known = Original(original, found.description)
    return PreparedDetector(model, card, found.description.max_batch, runtime, original=known)


def prepare_recognizer(
    name_or_path: str, *, card_file: Path | None = None, engine: Engine = "cpu", charset: str = ALL
) -> PreparedRecognizer:
    """Find, check, cut and adapt a recognizer.

    Args:
        name_or_path: as of `prepare_detector`.
        card_file: likewise.
        engine: likewise.
        charset: the characters that it is cut to, as the request option of that name.

    Raises:
        BuildError: as of `prepare_detector`; or it has not such characters, or cannot be cut.
    """
    found = find_described("recognizer", name_or_path, card_file)
    found = replace(found, model=_for_engine(found.model, engine))
    card = _card(RecognizerCard, found, characters=_characters(found), max_batch=found.description.max_batch)
    runtime = _runtime(found.model, engine)
    found, card = _cut(found, card, charset)
    model = adapt_recognizer(found.model, found.description, in_groups=runtime == "openvino")
    with_charset = None if engine == "tensorrt" else _with_charset(found)
    known = Original(found.model, found.description)
    return PreparedRecognizer(model, card, found.description.max_batch, runtime, with_charset, original=known)


def embedded_characters(model: onnx.ModelProto) -> tuple[str, ...]:
    """Characters from the metadata that PaddleOCR's exports carry; the space comes last.

    Raises:
        NetworkError: there are none.
    """
    text = next((entry.value for entry in model.metadata_props if entry.key == "character"), None)
    if text is None:
        raise NetworkError(
            "the recognizer carries no character list in its metadata, and its card has no characters: put them into "
            "the card as `characters`, or name a file beside it as `characters_file`"
        )
    return (*text.split("\n"), " ")


def _characters(found: FoundNetwork) -> tuple[str, ...]:
    """The card's characters, or the graph's own; as many as its classes where those are counted."""
    description = found.description
    characters = tuple(description.card.get("characters", ())) or embedded_characters(found.model)
    wanted, special = character_count(found.model, description), special_classes(description)
    if wanted and wanted != len(characters):
        what = "[GO] and [s]" if special == 2 else "a blank, or the end of a text"
        raise NetworkError(
            f"the recognizer has {wanted + special} classes, its list {len(characters)} characters and {what}: it must "
            f"list {wanted}"
        )
    return characters


def _cut(found: FoundNetwork, card: RecognizerCard, charset: str) -> tuple[FoundNetwork, RecognizerCard]:
    """Both with the characters of a charset alone."""
    try:
        kept = Charsets(card).characters(charset)
    except OptionError as error:
        raise NetworkError(f"--{error}") from None
    if kept.all():
        return found, card
    model, description = prune_classes(found.model, found.description, kept)
    characters = tuple(character for character, is_kept in zip(card.characters, kept, strict=True) if is_kept)
    return replace(found, model=model, description=description), replace(card, characters=characters)


def _with_charset(found: FoundNetwork) -> onnx.ModelProto | None:
    try:
        return adapt_recognizer(found.model, found.description, with_charset=True)
    except NetworkError:
        return None  # a charset is then a matter of decoding alone


def _card(kind: type[Card], found: FoundNetwork, **more: Any) -> Card:  # noqa: ANN401 - fields of the card
    try:
        return kind(**(found.provenance | found.description.card | more))
    except (TypeError, CardError) as error:
        raise NetworkError(f"the card of {found.provenance['name']} does not fit: {error}") from None


def _for_engine(model: onnx.ModelProto, engine: Engine) -> onnx.ModelProto:
    """The graph in operators that the engine knows: TensorRT has plugins, the others standard ONNX."""
    if engine == "tensorrt":
        return model
    standard = rewrite_deform_conv(model)
    if needs_deform_conv(standard):
        import onnxruntime  # noqa: PLC0415 - takes long to load, and only such a network needs it

        check_runtime(onnxruntime.__version__)
    if unknown := custom_operators(standard):
        raise NetworkError(f"the network uses {', '.join(unknown)}, which standard ONNX has not; TensorRT may know it")
    return standard


def _runtime(model: onnx.ModelProto, engine: Engine) -> Runtime:
    if engine == "tensorrt":
        return "tensorrt"
    return "onnxruntime" if engine == "cuda" or needs_deform_conv(model) else "openvino"
