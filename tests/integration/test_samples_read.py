"""What is read on the drawn samples: texts, and where they stand."""

import pytest
from sample_truth import is_middle_inside, overlap, truth_lines, without_spaces

# Boxes that must be found, texts and words that must be read exactly: a couple below what the default networks read.
FLOORS = {
    "storefront.jpg": (29, 29, 62),
    "receipt.jpg": (29, 29, 59),
    "languages.png": (16, 16, 57),
    "rotated.jpg": (7, 6, 15),
}


def best_overlaps(wanted, read):
    """Pairs of a truth and what was read where it stands: more than half of their union in common."""
    pairs = []
    for truth in wanted:
        nearest = max(read, key=lambda part: overlap(truth["box"], part.box))
        if overlap(truth["box"], nearest.box) > 0.5:
            pairs.append((truth, nearest))
    return pairs


def count_exact(pairs):
    return sum(without_spaces(truth["text"]) == without_spaces(read.text) for truth, read in pairs)


def count_placed(true_words, read_words):
    """Words read in their place; a word's box is as high as its line, so its overlap with the ink says little."""
    return sum(
        any(truth["text"] == read.text and is_middle_inside(truth["box"], read.box) for read in read_words)
        for truth in true_words
    )


@pytest.mark.parametrize("name", FLOORS)
def test_lines_and_words_are_read_where_they_stand(read_alone, name):
    page, truth = read_alone[name], truth_lines(name)
    lines = best_overlaps(truth, page.lines)
    true_words = [word for line in truth for word in line["words"]]
    read_words = [word for line in page.lines for word in line.words]
    counts = (len(lines), count_exact(lines), count_placed(true_words, read_words))
    print(f"{name}: boxes, texts, words {counts} of {len(truth)}, {len(truth)}, {len(true_words)}")
    assert len(page.lines) <= len(truth) + 2
    assert all(count >= floor for count, floor in zip(counts, FLOORS[name], strict=True))


@pytest.mark.parametrize("name", FLOORS)
def test_words_are_their_line(read_alone, name):
    for line in read_alone[name].lines:
        assert without_spaces("".join(word.text for word in line.words)) == without_spaces(line.text)


def test_a_blank_image_has_no_lines(read_alone):
    assert read_alone["blank.png"].lines == ()
