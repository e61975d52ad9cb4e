"""Character lists as TAO and PaddleOCR write and read them, counted against the network."""

import pytest
from twin_contracts import RECOGNIZERS
from twin_recognizer import recognizer_twin

from ocdrnet_deploy.catalog.catalog import find_network
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.description_file import character_count, read_characters


@pytest.fixture
def listed(tmp_path):
    def write(text, *arguments, **options):
        path = tmp_path / "characters.txt"
        path.write_bytes(text.encode())
        return read_characters(path, *arguments, **options)

    return write


@pytest.mark.parametrize("text", ["a\nb\n", "a\r\nb\r\n", "a \nb\t\n", " a\nb", "\ufeffa\nb\n\n"])
def test_blanks_and_line_ends_are_no_characters(listed, text):
    assert listed(text) == ("a", "b")


def test_a_line_of_one_blank_is_the_space(listed):
    assert listed("a\n \n\u3000\nb\n") == ("a", " ", "\u3000", "b")


def test_tao_joins_its_lines(listed):
    assert listed("ab\n\nc\n", joins_lines=True) == ("a", "b", "c")
    assert listed("ab\n\nc\n", 3, joins_lines=True) == ("a", "b", "c")


def test_paddle_has_a_space_more_than_its_dictionary(listed):
    assert listed("a\nb\n", 3) == ("a", "b", " ")
    assert listed("a\nb\n", 2) == ("a", "b")


def test_a_flag_is_one_class_where_the_count_says_so(listed):
    """As in PaddleOCR's dictionary of PP-OCRv5."""
    flag = "\U0001f1e9\U0001f1ea"
    assert listed(f"a\n{flag}\n", 3) == ("a", flag, " ")
    assert listed(f"a\n{flag}\n", 2) == ("a", flag)


@pytest.mark.parametrize(
    ("text", "line"), [("a\n\nb\n", "line 2 of the character list .* is '', not one"), ("a\nb\nxy\n", "line 3 .*'xy'")]
)
def test_other_lines_are_refused_with_their_number(listed, text, line):
    with pytest.raises(NetworkError, match=line):
        listed(text)


@pytest.mark.parametrize("count", [1, 4])
def test_too_few_and_too_many_are_refused_with_both_numbers(listed, count):
    with pytest.raises(NetworkError, match=f"has 2 characters, the network {count}"):
        listed("a\nb\n", count)


@pytest.mark.parametrize("version", RECOGNIZERS, ids=lambda version: version.name)
def test_a_graph_of_ids_tells_how_many_characters_it_has(version):
    description = find_network("recognizer", version.name).description
    counted = character_count(recognizer_twin(version), description)
    assert counted == len(version.characters)
