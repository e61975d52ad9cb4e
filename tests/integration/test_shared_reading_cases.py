"""Every case of `shared/cases/reading` is read as its right text says; skipped where there is no folder."""

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
READING = Path(os.environ.get("OCDRNET_EVAL", CHECKOUT.parent / "shared" / "eval")).parent / "cases" / "reading"
UNREADABLE = "11_unreadable_script"  # its text is for people; no recognizer here knows Hebrew
NAMES = sorted(path.stem for path in READING.glob("*.png"))

pytestmark = [
    pytest.mark.images,
    pytest.mark.full,
    pytest.mark.skipif(not READING.is_dir(), reason=f"no shared cases: {READING} is not there"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_read_right(client, name):
    right = [line.strip() for line in (READING / f"{name}.txt").read_text(encoding="utf-8").splitlines()]
    expected = [] if name == UNREADABLE else [line for line in right if line]
    assert [line.text for line in client.read(READING / f"{name}.png").lines] == expected


def test_every_case_has_its_right_text():
    assert NAMES
    assert [name for name in NAMES if not (READING / f"{name}.txt").is_file()] == []
