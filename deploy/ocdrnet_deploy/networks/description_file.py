"""Lists of a recognizer's characters, read as the toolkits that wrote them do, and counted against the network.

TAO strips every line and joins what is left (`ocrnet/scripts/export.py`): a blank line is nothing, and a line of
several characters is several. PaddleOCR takes a line as it is, and its networks know a space more than they list.
Where the network tells how many characters it has, the reading that gives so many is the right one.

Descriptions as JSON: the form that `models inspect` proposes, `models build` reads, and the catalog is written in.

    {"kind": "recognizer", "answer": "ids", "normalization": "gray-half", "max_batch": 0,
     "card": {"height": 32, "width": 100, "decoder": "ctc", "characters": "0123456789"}}

`normalization` is a name of `NORMALIZATIONS`, or `{"planes": "rgb", "mean": [...], "scale": [...]}`. Instead of
`characters`, `characters_file` names a file beside the description.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

from ocdrnet_deploy.catalog.description import ANSWERS, NORMALIZATIONS, Kind, NetworkDescription, Normalization
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.class_layer import find_class_layer, scores_behind
from ocdrnet_deploy.graphs.signature import outputs


def read_characters(path: Path, wanted: int = 0, *, joins_lines: bool = False) -> tuple[str, ...]:
    """Characters in the order of the ids.

    Args:
        path: of the list, UTF-8, one character a line; lines may end with CR LF, and have blanks around the character.
        wanted: how many the network has; 0 where it does not tell.
        joins_lines: it is TAO's list, whose lines may be blank or hold several characters.

    Raises:
        NetworkError: it cannot be read, holds something else, or has another number of characters.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").replace("\r", "").rstrip("\n").split("\n")
    except UnicodeDecodeError:
        raise NetworkError(f"the character list {path} is not text in UTF-8") from None
    except OSError as error:
        raise NetworkError(f"the character list {path} cannot be read: {error}") from None
    wrong = next((number for number, line in enumerate(lines, 1) if len(_character(line)) != 1), 0)
    joined = tuple("".join(line.strip() for line in lines))
    listed = joined if wrong else tuple(map(_character, lines))
    readings = [] if wrong else [listed]
    readings += [joined] if joins_lines else []
    whole = tuple(map(_character, lines))
    if wanted and all(whole):  # a flag, or a letter with its mark, is one class of several code points
        readings += [whole, (*whole, " ")]
    found = next((reading for reading in readings if len(reading) == (wanted or len(reading))), ())
    if not found and wrong:
        raise NetworkError(f"line {wrong} of the character list {path} is {lines[wrong - 1]!r}, not one character")
    if not found:
        raise NetworkError(f"the character list {path} has {len(listed)} characters, the network {wanted}")
    return found


def character_count(model: onnx.ModelProto, description: NetworkDescription) -> int:
    """How many characters a recognizer has, without its blank, or its [GO] and [s]; 0 where the graph does not tell."""
    classes = _class_count(model, description)
    return classes - special_classes(description) if classes else 0


def special_classes(description: NetworkDescription) -> int:
    """Classes that are no characters: a CTC's blank; [GO] and [s] of attention, or the one that ends a text."""
    has_start = description.card.get("decoder") == "attention" and description.blank == 0
    return 2 if has_start else 1


def _character(line: str) -> str:
    """The character of a line; of white space alone it is that, as in lists that have the space."""
    return line.strip() or line


def _class_count(model: onnx.ModelProto, description: NetworkDescription) -> int:
    if description.answer != "ids":
        return outputs(model)[0].fixed(2)
    # An attention decoder chooses a character in each step from a layer of its own; all are as large.
    chosen = [node.input[0] for node in model.graph.node if node.op_type == "ArgMax"]
    for scores in (scores_behind(model, "output_id"), *chosen):
        try:
            return find_class_layer(model, scores).classes
        except NetworkError:
            continue
    return 0


_FIELDS = {field.name for field in dataclasses.fields(NetworkDescription)}
_PLANES = {"bgr": 3, "rgb": 3, "gray": 1}


def read_description(
    path: Path, kind: Kind, count: Callable[[NetworkDescription], int] = lambda _: 0
) -> NetworkDescription:
    """Read a description from a file.

    Args:
        path: of the JSON file.
        kind: that the network is to serve as.
        count: tells how many characters the network has, 0 where that is not known.

    Raises:
        NetworkError: the file cannot be read, or its content is not a description of that kind.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NetworkError(f"{path} cannot be read as JSON: {error}") from None
    try:
        found = parse_description(content)
    except NetworkError as error:
        raise NetworkError(f"{path}: {error}") from None
    if "characters_file" in found.card:
        name = found.card.pop("characters_file")
        if not isinstance(name, str):
            raise NetworkError(f"{path}: characters_file is {name!r}; it must be the name of a file")
        joins_lines = found.answer == "ids"
        found.card["characters"] = read_characters(path.parent / name, count(found), joins_lines=joins_lines)
    if found.kind != kind:
        raise NetworkError(f"{path} describes a {found.kind}; a {kind} is needed")
    return found


def parse_description(content: Any) -> NetworkDescription:  # noqa: ANN401 - whatever stands in the JSON
    """A description from parsed JSON.

    Raises:
        NetworkError: a field is missing, unknown or has no such value.
    """
    if not isinstance(content, dict):
        raise NetworkError(f"a description is a JSON object, not a {type(content).__name__}")
    if unknown := sorted(set(content) - _FIELDS):
        raise NetworkError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(_FIELDS))}")
    kind = _one_of(content, "kind", list(ANSWERS))
    answer = _one_of(content, "answer", list(ANSWERS[kind]))
    card = content.get("card", {})
    if not isinstance(card, dict):
        raise NetworkError("card must be a JSON object, the fields of the network's card")
    if not isinstance(card.get("characters", ""), (str, list)):
        raise NetworkError(f"the card's characters are {card['characters']!r}; they must be a string or a list")
    if (max_batch := _integer(content, "max_batch")) < 0:
        raise NetworkError(f"max_batch is {max_batch}; it must be 0, for any number, or more")
    normalization = _normalization(content.get("normalization"))
    return NetworkDescription(kind, answer, normalization, max_batch, card, _integer(content, "blank"))


def description_json(description: NetworkDescription) -> dict[str, Any]:
    """The description as JSON objects, readable by `parse_description`; the normalization by its name if it has one."""
    content = dataclasses.asdict(description)
    names = [name for name, known in NORMALIZATIONS.items() if known == description.normalization]
    return content | ({"normalization": names[0]} if names else {})


def _one_of(content: dict[str, Any], name: str, known: list[Any]) -> Any:  # noqa: ANN401
    if content.get(name) not in known:
        raise NetworkError(f"{name} is {content.get(name)!r}; it must be one of {', '.join(known)}")
    return content[name]


def _integer(content: dict[str, Any], name: str) -> int:
    value = content.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise NetworkError(f"{name} is {value!r}; it must be an integer")
    return value


def _normalization(content: Any) -> Normalization:  # noqa: ANN401
    if isinstance(content, str) and content in NORMALIZATIONS:
        return NORMALIZATIONS[content]
    if not isinstance(content, dict) or set(content) != {"planes", "mean", "scale"}:
        raise NetworkError(
            f"normalization is {content!r}; it must be one of {', '.join(NORMALIZATIONS)}, or an object of planes, "
            "mean and scale"
        )
    planes = _one_of(content, "planes", list(_PLANES))
    return Normalization(planes, *(_numbers(content, name, _PLANES[planes]) for name in ("mean", "scale")))


def _numbers(content: dict[str, Any], name: str, count: int) -> tuple[float, ...]:
    values = content[name]
    if not isinstance(values, list) or len(values) != count or not all(isinstance(v, (int, float)) for v in values):
        raise NetworkError(f"normalization's {name} is {values!r}; it must be a list of {count} numbers")
    return tuple(map(float, values))
