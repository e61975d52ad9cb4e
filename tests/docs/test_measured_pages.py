"""The pages of what was measured: every network within the limits in every engine, and built by the real builder."""

import dataclasses
import re

import pytest
from twin_files import networks_at_hand, place_twins

from docs import write_engines
from docs.write_engines import Cell, Key, read_page
from docs.write_precision import PAGE, VARIANTS, Comparison, kept_files, page

TEXT = PAGE.read_text(encoding="utf-8")
OF_CATALOG = TEXT.partition("## The catalog")[2].partition("\n## ")[0]
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in OF_CATALOG.splitlines() if "`" in line]


def test_every_network_is_there_in_every_engine_and_precision():
    wanted = [
        [f"{entry.description.kind} `{entry.name}`", variant.title, variant.precision]
        for entry in networks_at_hand()
        for variant in VARIANTS
    ]
    assert [row[:3] for row in ROWS] == wanted


def test_every_row_is_within_the_limits_or_says_why_it_is_not_served():
    for row in ROWS:
        if row[3].startswith("not asked: "):
            assert row[0].startswith("detector `ocdnet-v1")
            assert row[1] == "OpenVINO"
            continue
        assert row[5] == "yes", row
        found = re.match(r"([\d.]+)(% of (\d+) ids| of 255, at most \d+)$", row[3])
        assert float(found[1]) >= 99 if found[3] else float(found[1]) <= 8
        compared = int(found[3] or row[4].rpartition(" ")[2])
        assert compared > 300, "too few to say anything"


def test_what_was_said_of_files_is_kept():
    assert kept_files(TEXT).startswith("| network |")
    assert page("of the catalog\n", kept_files(TEXT)).endswith(TEXT.partition("\n## Exports")[2])


@pytest.mark.full
@pytest.mark.parametrize("variant", [VARIANTS[0], VARIANTS[-1]], ids=lambda variant: variant.precision)
def test_a_row_is_made_again(tmp_path, monkeypatch, variant):
    place_twins(tmp_path, monkeypatch)
    row = Comparison().row("recognizer", "ocrnet-v1.0", variant, is_twin=True)
    assert row.agreement.is_enough
    assert row.agreement.compared > 300
    assert row.texts[1] == 24 + 5


CAPABILITIES = ["8.0", "8.6", "8.9", "12.0"]
ENGINES = write_engines.PAGE.read_text(encoding="utf-8")
RECORD = read_page(ENGINES, CAPABILITIES)


def test_the_page_of_engines_is_its_own_record():
    assert write_engines.page(RECORD, CAPABILITIES) == ENGINES


def test_every_network_was_built_at_its_published_size():
    wanted = {
        Key("published", entry.description.kind, entry.name, precision, capability)
        for entry in networks_at_hand()
        for precision in ("fp16", "fp32")
        for capability in CAPABILITIES
    }
    assert wanted <= RECORD.cells.keys()


def test_a_refusal_and_a_gap_are_kept():
    first, second, third, *_ = RECORD.cells
    cells = {**RECORD.cells, first: Cell(0, 654, reason="node 7: no"), third: Cell(0, 654, 1.5, 2.5)}
    del cells[second]
    record = dataclasses.replace(RECORD, cells=cells)
    written = write_engines.page(record, CAPABILITIES)
    assert "| 654 | node 7: no | not built | 1.5, 2.5 s |" in written
    assert f"{len(cells) - 1} of {len(cells)} were accepted" in written
    assert read_page(written, CAPABILITIES) == record
