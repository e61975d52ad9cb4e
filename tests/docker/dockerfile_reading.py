"""The Dockerfile's stages and their instructions."""

import itertools
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from dockerfile_parse import DockerfileParser

CHECKOUT = Path(__file__).parents[2]
DOCKER = CHECKOUT / "deploy/docker"


@dataclass(frozen=True)
class Instruction:
    """One instruction of a stage; its text has continued lines joined."""

    kind: str
    text: str

    def words(self) -> list[str]:
        return shlex.split(self.text)

    def json(self) -> list[str]:
        return json.loads(self.text[self.text.index("[") :])


@dataclass(frozen=True)
class Stage:
    """From one FROM to the next."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def of(self, kind: str) -> list[Instruction]:
        return [each for each in self.instructions if each.kind == kind]

    def environment(self) -> dict[str, str]:
        pairs = [word.split("=", 1) for each in self.of("ENV") for word in each.words()]
        return dict(pairs)


def _parsed() -> list[Instruction]:
    parser = DockerfileParser(fileobj=(DOCKER / "Dockerfile").open("rb"))
    found = parser.structure
    return [Instruction(each["instruction"], each["value"]) for each in found if each["instruction"] != "COMMENT"]


def arguments() -> dict[str, str]:
    """The ARGs before the first stage, with their defaults."""
    before = itertools.takewhile(lambda each: each.kind != "FROM", _parsed())
    return dict(each.text.split("=", 1) for each in before if each.kind == "ARG")


def stages() -> dict[str, Stage]:
    """All stages by name, with the ARGs put into their bases."""
    found: dict[str, Stage] = {}
    name, base, inside = "", "", []
    for each in [*_parsed(), Instruction("FROM", "end AS end")]:
        if each.kind != "FROM":
            inside.append(each)
            continue
        if name:
            found[name] = Stage(name, base, tuple(inside))
        base, name = re.fullmatch(r"(\S+) AS (\S+)", each.text).groups()
        base = re.sub(r"\$\{(\w+)\}", lambda match: arguments()[match[1]], base)
        inside = []
    return found


def lineage(name: str) -> list[Stage]:
    """A stage and those that it is made from, the oldest first."""
    found = [stages()[name]]
    while found[0].base in stages():
        found.insert(0, stages()[found[0].base])
    return found


def runs(name: str) -> str:
    """Every command of a stage and of those that it is made from."""
    return "\n".join(each.text for stage in lineage(name) for each in stage.of("RUN"))
