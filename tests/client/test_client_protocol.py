"""Answers that are not the `ocdrnet` model's."""

import dataclasses

import numpy as np
import pytest
from client_answers import EMPTY, SPELLED, TWO_LINES, tensors_of

from ocdrnet_client import Character, UnexpectedResponseError
from ocdrnet_client.protocol import OUTPUTS, build_request, parse_page


def test_the_outputs_are_the_models():
    assert sorted(OUTPUTS) == sorted(tensors_of(EMPTY))


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_answer_without_an_output_names_it(name):
    tensors = {key: value for key, value in tensors_of(TWO_LINES).items() if key != name}
    with pytest.raises(UnexpectedResponseError, match=f"the answer has no output {name};"):
        parse_page(tensors)


@pytest.mark.parametrize(
    ("output", "wrong", "text"),
    [
        ("BOXES", np.zeros((3, 8), np.float32), r"BOXES has shape \[3, 8\]; expected \[3, 4, 2\]"),
        ("BOXES", np.zeros((), np.float32), r"BOXES has shape \[\]; expected \[4, 2\]"),
        ("POLYGONS", np.zeros((2, 4, 2), np.float32), r"POLYGONS has shape \[2, 4, 2\]; expected \[3, 4, 2\]"),
        ("POLYGONS", np.zeros(3, np.float32), r"POLYGONS has shape \[3\]; expected \[3, 2\]"),
        ("PARAGRAPHS", np.zeros(2, np.int32), r"PARAGRAPHS has shape \[2\]; expected \[3\]"),
        ("BOX_SCORES", np.zeros(2, np.float32), r"BOX_SCORES has shape \[2\]; expected \[3\]"),
        ("TEXTS", np.array([b"a"] * 4, object), "TEXTS"),
        ("TEXT_SCORES", np.zeros((3, 1), np.float32), "TEXT_SCORES"),
        ("WORD_BOXES", np.zeros((2, 4, 2), np.float32), "WORD_TEXTS"),
        ("WORD_SCORES", np.zeros(2, np.float32), "WORD_SCORES"),
        ("WORD_LINES", np.zeros(4, np.int32), "WORD_LINES"),
        ("WORD_LINES", np.array([0, 0, 3], np.int32), "WORD_LINES names line 3, but there are 3 lines"),
        ("WORD_LINES", np.array([0, 0, -1], np.int32), "WORD_LINES names line -1"),
        ("CHARACTERS", np.zeros((2, 4), np.float32), r"CHARACTERS has shape \[2, 4\]; expected \[2, 5\]"),
        ("CHARACTERS", np.full((1, 5), 3, np.float32), "CHARACTERS names word 3, but there are 3 words"),
        ("CHARACTERS", np.full((1, 5), -1, np.float32), "CHARACTERS names word -1"),
        ("CHARACTERS", np.float32([[1, 0, 1, 1, 2]]), "CHARACTERS has 0 code points of a word that has 5"),
        ("IMAGE_SIZE", np.zeros(3, np.int32), "IMAGE_SIZE"),
        ("FRAMES", np.zeros(0, np.int32), "FRAMES"),
        ("TRUNCATED", np.zeros(2, bool), "TRUNCATED"),
        ("UNREADABLE", np.zeros(2, np.int32), "UNREADABLE"),
        ("TEXTS", np.zeros(3, np.float32), "TEXTS has type float32"),
        ("BOXES", np.full((3, 4, 2), b"x", object), "BOXES has type object"),
    ],
)
def test_an_output_that_does_not_fit_is_refused(output, wrong, text):
    with pytest.raises(UnexpectedResponseError, match=text):
        parse_page({**tensors_of(TWO_LINES), output: wrong})


def test_words_go_to_the_line_they_name_in_their_order():
    tensors = tensors_of(TWO_LINES)
    page = parse_page({**tensors, "WORD_LINES": np.array([2, 0, 2], np.int32)}, "name.png")
    assert [[word.text for word in line.words] for line in page.lines] == [["你好"], [], ["Grüße", "12.5"]]
    assert page.image == "name.png"


def test_characters_are_parts_of_their_word():
    assert parse_page(tensors_of(SPELLED)) == SPELLED
    assert all(word.characters == () for line in parse_page(tensors_of(TWO_LINES)).lines for word in line.words)


def test_characters_of_a_slanted_word_lie_in_it():
    slanted = np.float32([[(0, 0), (80, 40), (60, 80), (-20, 40)]])
    tensors = tensors_of(dataclasses.replace(SPELLED, lines=SPELLED.lines[1:]))
    (read,) = parse_page({**tensors, "WORD_BOXES": slanted}).lines[0].words
    assert read.characters == (
        Character("א", 0.5, ((40, 20), (80, 40), (60, 80), (20, 60))),
        Character("ב", 0.5, ((0, 0), (40, 20), (20, 60), (-20, 40))),
    )


def test_a_request_holds_the_image_without_copying_it():
    request = build_request(b"\x00\xff\x07", {})
    assert request.tensor.tolist() == [0, 255, 7]
    assert request.tensor.dtype == np.uint8
    assert not request.tensor.flags.owndata
    assert "xff" not in repr(request)
