import pytest

from ocdrnet_ops.recognition.right_to_left import is_right_to_left, logical_order, to_logical
from ocdrnet_ops.recognition.words import LineSegment, WordSpan

# What is read, and how it stands in the image from left to right: as the bidirectional algorithm shows it.
LINES = {
    "يولد جميع الناس": "سانلا عيمج دلوي",
    "رقم 12345 في 12/03/2024": "12/03/2024 يف 12345 مقر",
    "السعر 3.50 ريال": "لاير 3.50 رعسلا",
    "العدد 1,250.00 دينار": "رانيد 1,250.00 ددعلا",
    "رقم ١٢٣٤ هنا": "انه ١٢٣٤ مقر",
    "شركة Acme Trading المحدودة": "ةدودحملا Acme Trading ةكرش",
    "نظام Windows 11": "Windows 11 ماظن",
    "هاتف: +966 50 123 4567": "4567 123 50 966+ :فتاه",
    "البريد: info@example.com": "info@example.com :ديربلا",
    "(مرحبا) بكم": "مكب )ابحرم(",
    "مرحبا [1] بكم": "مكب ]1[ ابحرم",
    "שלום עולם": "םלוע םולש",
    'המחיר 25 ש"ח': 'ח"ש 25 ריחמה',
    "הנחה 15% היום": "םויה 15% החנה",
    "The word שלום means peace": "The word םולש means peace",
    "A B שלום עולם 25 ב C D": "A B ב 25 םלוע םולש C D",
    "يُولَدُ جَمِيعُ": "ُعيِمَج ُدَلوُي",
    "no such letters, 12:30": "no such letters, 12:30",
    "Ελληνικά και русский": "Ελληνικά και русский",
}


def segment(text):
    """A line in visual order; each word's place is that of its characters."""
    words, end = [], 0
    for word in text.split():
        start = text.index(word, end)
        end = start + len(word)
        words.append(WordSpan(word, start / 100, start / len(text), end / len(text)))
    return LineSegment(text, 0.5, tuple(words), True)


@pytest.mark.parametrize(("read", "seen"), LINES.items(), ids=list(LINES))
def test_text_and_words_are_in_the_order_of_reading(read, seen):
    found, places = to_logical(segment(seen))
    assert found.text == read
    assert [word.text for word in found.words] == read.split()
    old = segment(seen).words
    assert [(word.start, word.end, word.score) for word in found.words] == [
        (old[place].start, old[place].end, old[place].score) for place in places
    ]
    assert sorted(places) == list(range(len(old)))


def test_every_character_is_read_once():
    for seen in LINES.values():
        assert sorted(logical_order(seen)) == list(range(len(seen)))
    assert logical_order("") == []


def test_first_word_stands_at_the_right():
    found, places = to_logical(segment("םלוע םולש"))
    assert places == [1, 0]
    assert found.words[0].start > found.words[1].start


@pytest.mark.parametrize("seen", ["مكب (ابحرم)", "مكب )ابحرم("])
def test_brackets_open_before_they_close_however_a_recognizer_calls_them(seen):
    assert to_logical(segment(seen))[0].text == "(مرحبا) بكم"


def test_bracket_without_a_partner_and_those_of_latin_words_stay():
    assert to_logical(segment("(ابحرم"))[0].text == "مرحبا("
    assert to_logical(segment("ةكرش (Acme) ةدودحملا"))[0].text == "المحدودة (Acme) شركة"


def test_direction_of_a_text():
    assert is_right_to_left("مرحبا info@example.com")
    assert not is_right_to_left("The word שלום means peace")
    assert not is_right_to_left("12.50")
    assert not is_right_to_left("")
