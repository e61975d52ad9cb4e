import string

import pytest

from ocdrnet_ops.scripts import SCRIPTS, script_of, scripts_of

CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
GREEK = "αβγδεζηθικλμνξοπρςστυφχψω"


@pytest.mark.parametrize(
    ("characters", "names"),
    [
        (string.digits, ()),
        (string.digits + string.ascii_lowercase, ("Latin",)),
        (string.ascii_uppercase, ("Latin",)),  # either case will do
        (string.ascii_lowercase[1:], ()),
        (CYRILLIC + string.ascii_letters, ("Latin", "Cyrillic")),
        (GREEK, ()),  # as PP-OCRv6 has it, for formulas: no text is without accents
        (GREEK + "άέήίΰόύώϊϋ", ("Greek",)),
        (map(chr, range(0x4E00, 0x4E00 + 3000)), ("Chinese",)),
        (map(chr, range(0x4E00, 0x4E00 + 2999)), ()),
    ],
)
def test_a_script_is_read_where_nearly_all_of_its_letters_are(characters, names):
    assert scripts_of(characters) == names


def test_classes_of_several_characters_are_no_letters():
    assert scripts_of(["ab", *string.ascii_lowercase[1:]]) == ()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_script_has_as_many_letters(script):
    letters = [chr(code) for code in range(script.first, script.last + 1)]
    assert sum(letter.isalpha() for letter in letters) >= script.least
    assert scripts_of(letters) == (script.name,)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Grüße 12", "Latin"),
        ("Total: ΑΒΓΔΕΖ", "Greek"),
        ("Москва, a", "Cyrillic"),
        ("你好 ABCDE 世界", "Latin"),
        ("你好 A", "Han"),
        ("東京へ行", "Hiragana"),  # three Han beside one: it is Japanese nonetheless
        ("東京タワー", "Katakana"),
        ("ｶﾀｶﾅ", "Katakana"),
        ("ＡＢＣ", "Latin"),
        ("안녕", "Hangul"),
        ("שלום", "Hebrew"),
        ("مرحبا", "Arabic"),
        ("नमस्ते", "Devanagari"),
        ("12.50 €", "Common"),
        ("", "Common"),
    ],
)
def test_a_text_has_the_script_of_most_of_its_letters(text, script):
    assert script_of(text) == script
