"""Lists of a recognizer's characters, read as the toolkits that wrote them do, and counted against the network.

TAO strips every line and joins what is left (`ocrnet/scripts/export.py`): a blank line is nothing, and a line of
several characters is several. PaddleOCR takes a line as it is, and its networks know a space more than they list.
Where the network tells how many characters it has, the reading that gives so many is the right one.
"""

from __future__ import annotations

from pathlib import Path

import onnx

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.class_layer import find_class_layer, scores_behind
from ocdrnet_deploy.networks.description import NetworkDescription
from ocdrnet_deploy.networks.signature import outputs


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
