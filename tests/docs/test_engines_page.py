"""The page of engines is its own record: what it holds is read back and written again."""

import dataclasses

from docs.write_engines import PAGE, Cell, Key, page, read_page
from ocdrnet_deploy.networks.catalog import catalog

CAPABILITIES = ["8.0", "8.6", "8.9", "12.0"]
TEXT = PAGE.read_text(encoding="utf-8")
RECORD = read_page(TEXT, CAPABILITIES)


def test_what_is_read_is_written_again():
    assert page(RECORD, CAPABILITIES) == TEXT


def test_every_network_was_built_at_its_published_size():
    wanted = {
        Key("published", entry.description.kind, entry.name, precision, capability)
        for entry in catalog()
        for precision in ("fp16", "fp32")
        for capability in CAPABILITIES
    }
    assert wanted <= RECORD.cells.keys()


def test_a_refusal_and_a_gap_are_kept():
    first, second, third, *_ = RECORD.cells
    cells = {**RECORD.cells, first: Cell(0, 654, reason="node 7: no"), third: Cell(0, 654, 1.5, 2.5)}
    del cells[second]
    record = dataclasses.replace(RECORD, cells=cells)
    written = page(record, CAPABILITIES)
    assert "| 654 | node 7: no | not built | 1.5, 2.5 s |" in written
    assert f"{len(cells) - 1} of {len(cells)} were accepted" in written
    assert read_page(written, CAPABILITIES) == record
