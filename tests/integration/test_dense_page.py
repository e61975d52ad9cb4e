"""A page of more than 250 lines comes back whole, or says that it did not."""

from collections import Counter

import pytest
from sample_truth import SAMPLES, truth_lines, without_spaces

from ocdrnet_client import InvalidRequestError

PAGE = SAMPLES / "page.png"


def test_every_line_is_read_once(read_alone):
    page = read_alone["page.png"]
    wanted = Counter(without_spaces(line["text"]) for line in truth_lines("page.png"))
    read = Counter(without_spaces(line.text) for line in page.lines)
    exact = (wanted & read).total() / wanted.total()
    print(f"page.png: {exact:.2%} of {wanted.total()} lines exact, {len(page.lines)} answered")
    assert exact >= 0.99
    assert max(read.values()) == 1
    assert len(page.lines) == wanted.total()
    assert not page.truncated


def test_over_the_request_s_cap_the_answer_is_flagged(client):
    page = client.read(PAGE, max_candidates=100)
    assert page.truncated
    assert 95 <= len(page.lines) <= 100
    assert "max_candidates" in page.warnings[0]


@pytest.mark.full
def test_a_repository_with_a_lower_cap_flags_and_refuses(serve_built):
    with serve_built("--max-candidates", "50") as server, server.client() as client:
        page = client.read(PAGE)
        assert page.truncated
        assert 45 <= len(page.lines) <= 50
        with pytest.raises(InvalidRequestError, match=r"max_candidates is 51.*at most 50"):
            client.read(PAGE, max_candidates=51)
