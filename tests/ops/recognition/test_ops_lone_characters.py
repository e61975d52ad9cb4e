import numpy as np
import pytest

from ocdrnet_ops.recognition.lone_characters import cut_off_characters, settle_look_alikes, stand_among_equals


def box(x, y, width=30, height=40):
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def turned(quads, degrees):
    angle = np.deg2rad(degrees)
    matrix = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return (np.array(quads) @ matrix).astype(np.float32)


def believed(quads, lone=None, sure=None, degrees=0):
    """Whether the first box, a doubtful lone character, is believed for the others."""
    count = len(quads)
    lone = [True] * count if lone is None else lone
    sure = [False] + [True] * (count - 1) if sure is None else sure
    return bool(stand_among_equals(turned(quads, degrees), np.array(lone), np.array(sure))[0])


@pytest.mark.parametrize("degrees", [0, 20, -70])
def test_a_doubtful_character_is_believed_beside_a_sure_one_of_its_size(degrees):
    assert believed([box(0, 0), box(100, 0)], degrees=degrees)
    assert believed([box(100, 0), box(0, 4)], degrees=degrees)
    assert believed([box(0, 0), box(200, 0, 300)], lone=[True, False], degrees=degrees)
    assert believed([box(0, 0), box(6, 120)], degrees=degrees)


@pytest.mark.parametrize(
    "other",
    [
        box(100, 0, 30, 60),  # larger
        box(100, 10, 20, 20),  # smaller
        box(100, 20),  # in another row
        box(460, 0),  # far away
        box(0, 260),  # far below
        box(40, 90),  # below, but in no column
    ],
)
def test_what_is_of_another_size_or_elsewhere_says_nothing(other):
    assert not believed([box(0, 0), other])


def test_lines_of_several_characters_make_no_column():
    """A heading stands above every first character of a paragraph."""
    assert not believed([box(0, 0), box(0, 80, 30)], lone=[True, False])


def test_doubtful_neighbours_say_nothing_and_a_character_is_not_its_own_witness():
    assert not believed([box(0, 0), box(100, 0)], sure=[False, False])
    assert not believed([box(0, 0)], sure=[True])


def test_lines_of_several_characters_are_not_chosen():
    quads = np.array([box(0, 0, 200), box(220, 0)], np.float32)
    chosen = stand_among_equals(quads, np.array([False, True]), np.array([True, True]))
    assert chosen.tolist() == [False, True]


KNOWN = frozenset(map(chr, range(0x20, 0x3000)))


def row(texts, y=0.0):
    return [box(100 * index, y) for index in range(len(texts))]


@pytest.mark.parametrize(
    ("read", "right"),
    [
        ("QWE0P", "QWEOP"),
        ("SIGNAL", "SIGNAL"),
        ("S工GNAL", "SIGNAL"),
        ("abd0", "abdo"),
        ("abdIe", "abdle"),
        ("26O75", "26075"),
        ("26l75", "26175"),
        ("abdX", "abdx"),
        ("ABDx", "ABDX"),
        ("AB45O", "AB45O"),  # neither letters nor digits
        ("A0", "A0"),  # one neighbour is not enough
        ("人口手", "人口手"),
        ("OOO", "OOO"),
        ("03/05", "03/05"),
        ("A|B|D", "A|B|D"),
    ],
)
def test_a_look_alike_is_what_stands_beside_it(read, right):
    assert "".join(settle_look_alikes(list(read), np.array(row(read), np.float32), KNOWN)) == right


def test_nothing_is_meant_that_the_recognizer_does_not_know():
    read = list("26O75")
    assert settle_look_alikes(read, np.array(row(read), np.float32), KNOWN - {"0"}) == read


def test_the_row_tells_before_the_column():
    """Heads A, B, 0 of a table whose rows are numbered: the ring is in the row of letters, above digits."""
    texts = ["A", "B", "0", "3", "4"]
    quads = np.array([*row("AB0"), box(200, 80), box(200, 160)], np.float32)
    assert settle_look_alikes(texts, quads, KNOWN)[2] == "O"
    assert settle_look_alikes(["AA", "BB", "0", "3", "4"], quads, KNOWN)[2] == "0"


def test_longer_lines_are_left_alone():
    texts = ["A", "B", "D", "1O0"]
    assert settle_look_alikes(texts, np.array(row(texts), np.float32), KNOWN) == texts


@pytest.mark.parametrize("degrees", [0, 35, 180])
def test_a_character_whose_box_reaches_into_a_lines_was_cut_off_it(degrees):
    line, behind, before = box(100, 0, 300), box(388, 2, 40), box(72, -2, 40)
    assert cut_off_characters(["ABC", "D"], turned([line, behind], degrees)) == [(1, 0, True)]
    assert cut_off_characters(["D", "ABC"], turned([before, line], degrees)) == [(0, 1, False)]


@pytest.mark.parametrize(
    "character",
    [
        box(402, 0, 40),  # beside the line
        box(396, 0, 40),  # hardly touches it
        box(365, 0, 40),  # nearly inside
        box(385, 12, 20, 20),  # small
        box(388, 25, 40),  # lower
    ],
)
def test_a_character_of_its_own_is_left_alone(character):
    assert not cut_off_characters(["ABC", "D"], np.array([box(100, 0, 300), character], np.float32))


def test_a_line_takes_one_character_back():
    quads = np.array([box(100, 0, 300), box(388, 0, 40), box(390, 0, 40)], np.float32)
    assert len(cut_off_characters(["ABC", "D", "D"], quads)) == 1


def test_nothing_is_found_in_nothing():
    none = np.zeros((0, 4, 2), np.float32)
    assert settle_look_alikes([], none, KNOWN) == cut_off_characters([], none) == []
    assert stand_among_equals(none, np.zeros(0, bool), np.zeros(0, bool)).tolist() == []
