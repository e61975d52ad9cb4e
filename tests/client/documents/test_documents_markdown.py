import dataclasses
from html.parser import HTMLParser
from pathlib import Path

import pytest
from document_pages import CHINESE, CURVED, DOCUMENT, HOSTILE, box, line, one, page, pieces_before_the_end
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ocdrnet_client import Line, Word
from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.markdown import markdown_of

GOLDEN = Path(__file__).parent / "markdown"


def markdown(*lines):
    return "".join(markdown_of(one(page(*lines)), None))


def rows(*texts, x=100, y=300, size=20, paragraph=0, **more):
    """One paragraph, a row under the other."""
    return [
        line(text, x, y + index * size * 1.5, size, paragraph=paragraph, **more) for index, text in enumerate(texts)
    ]


def cells(*texts, y=300, size=20, columns=(100, 400, 700), paragraph=0, flush_right=()):
    """Rows of cells, each a line of its own, at the columns' left edges or, of some columns, at these right edges."""
    found = []
    for index, row in enumerate(texts):
        for column, (text, edge) in enumerate(zip(row, columns, strict=False)):
            left = edge - len(text) * size / 2 if column in flush_right else edge
            if text:
                found.append(line(text, left, y + index * size * 1.5, size, paragraph=paragraph + index))
    return found


BODY = rows(*["body text that is as high as most of the page is"] * 3, y=1000, paragraph=50)


def above_body(*lines):
    """What Markdown makes of lines on a page that has text of 20 pixels, too."""
    text = markdown(*lines, *BODY)
    return text.split("\n\nbody text")[0]


class _Shown(HTMLParser):
    def __init__(self):
        super().__init__()
        self.text = ""
        self.tags = []

    def handle_starttag(self, tag, _attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def shown(text):
    """What a reader of the Markdown sees, and by which elements."""
    shown = _Shown()
    shown.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))
    return shown.text.strip(), shown.tags


# Running text


def test_rows_of_a_paragraph_are_running_text_and_paragraphs_stand_apart():
    assert markdown(*rows("One sentence that goes on", "in the next row."), *rows("Another.", y=500, paragraph=1)) == (
        "One sentence that goes on in the next row.\n\nAnother.\n"
    )


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("it was a long hyphen-", "ation there", "it was a long hyphenation there"),
        ("it was a long hyphen\u2010", "ation there", "it was a long hyphenation there"),
        ("it was a long soft\u00ad", "ened one", "it was a long softened one"),
        ("by the author Jean-", "Paul of France", "by the author Jean-Paul of France"),
        ("in all of the years 1990-", "1995 it rained", "in all of the years 1990-1995 it rained"),
        ("it has to be UTF-", "friendly as well", "it has to be UTF-friendly as well"),
        ("as it was in UTF-", "8 from the start", "as it was in UTF-8 from the start"),
        ("words and a dash -", "and then more", "words and a dash - and then more"),
        ("words and then an x-", "(see there) or so", "words and then an x- (see there) or so"),
        ("你好世界，今天天气", "很好我们出去玩吧", "你好世界，今天天气很好我们出去玩吧"),
        ("你好世界，今天天气很好我们", "OK we go out", "你好世界，今天天气很好我们 OK we go out"),
        ("한국어 문장은 띄어", "쓰기가 있는 말이다", "한국어 문장은 띄어 쓰기가 있는 말이다"),
    ],
)
def test_rows_are_joined_as_the_words_were(first, second, joined):
    assert markdown(*rows(first, second)) == f"{joined}\n"


def test_a_row_that_ends_early_although_the_next_word_had_room_keeps_its_break():
    assert markdown(*rows("To whom it may concern,", "we write to you because of this", "letter.")) == (
        "To whom it may concern,\\\nwe write to you because of this letter.\n"
    )


def test_a_word_that_would_only_just_have_had_room_is_no_reason_for_a_break():
    assert markdown(*rows("aaaa bbbb", "cc dddd eeee")) == "aaaa bbbb cc dddd eeee\n"
    assert markdown(*rows("aaa bbb", "cc dddd eeee")) == "aaa bbb\\\ncc dddd eeee\n"


def test_chinese_had_room_for_one_character():
    assert markdown(*rows("今天天气", "很好我们出去玩吧很好我们")) == "今天天气\\\n很好我们出去玩吧很好我们\n"


def test_right_to_left_rows_end_on_the_left():
    lines = [line("שלום", 340, 300), line("עולם שלום עולם שלום עולם שלום", 100, 330), line("שלום", 340, 360)]
    wide = lines[1].box[1][0]
    first = dataclasses.replace(lines[0], box=box(wide - 40, 300, 40, 20))
    assert markdown(first, lines[1]) == "שלום\\\nעולם שלום עולם שלום עולם שלום\n"
    assert markdown(dataclasses.replace(first, box=box(120, 300, wide - 120, 20)), lines[1]) == (
        "שלום עולם שלום עולם שלום עולם שלום\n"
    )


def test_pieces_of_one_row_are_joined_whatever_stands_between_them():
    pieces = [line("left", 100, 300), line("right", 160, 304), line("a row over the whole width of it", 100, 330)]
    assert markdown(*pieces).startswith("left right\\\n")


def test_rows_that_all_begin_with_a_number_stay_rows():
    assert markdown(*rows("1001 Acacia", "1002 Agave", "1003 Alder")) == "1001 Acacia\\\n1002 Agave\\\n1003 Alder\n"
    assert markdown(*rows("1001 nights of", "stories")) == "1001 nights of stories\n"


# Headings


@pytest.mark.parametrize(("size", "mark"), [(27, ""), (28, "### "), (34, "### "), (35, "## "), (43, "## "), (44, "# ")])
def test_size_makes_the_level_of_a_heading(size, mark):
    assert above_body(line("Heading here", 100, 100, size)) == f"{mark}Heading here"


def test_size_is_across_the_writing_direction():
    turned = [
        line("Heading here", 800, 100, 50, turned=90),
        *(line("body text that is as high as most is", 600 - 30 * n, 100, turned=90, paragraph=1) for n in range(3)),
    ]
    assert markdown(*turned).startswith("# Heading here\n\nbody text")


@pytest.mark.parametrize(
    "lines",
    [
        rows("one", "two", "three rows", size=50, y=50),
        [line("9.99", 100, 100, 50)],
        [line("EUR 1,234,567.00", 100, 100, 50)],
        [line("It is a sentence in large letters, that ends.", 10, 100, 40)],
        [line("this goes on,", 100, 100, 50)],
        [line("Total", 100, 100, 50), line("9.99", 600, 100, 50, paragraph=1)],
        [line("aslant", 100, 300, 50, turned=-30)],
        [dataclasses.replace(CURVED.lines[0], text="round arch")],
        [line("x" * 101, 0, 100, 44)],
    ],
    ids=["rows", "number", "price", "sentence", "comma", "beside", "aslant", "curved", "long"],
)
def test_what_is_large_and_no_heading(lines):
    assert "# " not in markdown(*lines, *BODY)


def test_heading_beside_the_body_of_another_column_is_one():
    assert above_body(line("Heading", 100, 300, 40), line("small text", 600, 310, 20, paragraph=1)).startswith(
        "## Heading\n\nsmall"
    )


def test_heading_of_two_rows_is_one_line():
    assert above_body(*rows("A long head", "line", size=44, y=100)) == "# A long head line"


def test_signs_that_would_close_a_heading_are_shown():
    assert shown(above_body(line("Sharp ##", 100, 100, 50))) == ("Sharp ##", ["h1"])
    assert shown(above_body(line("1. Sharp", 100, 100, 50))) == ("1. Sharp", ["h1"])


def test_page_with_no_other_size_has_no_heading():
    assert "#" not in markdown(*rows("All", "of", "it", "is", "large", size=90))


# Lists


def test_bullets_make_a_list_with_their_further_rows():
    assert markdown(*rows("• first item of which the text", "goes on", "• second item")) == (
        "- first item of which the text goes on\n- second item\n"
    )


def test_text_before_a_list_is_a_paragraph():
    assert markdown(*rows("We bring:", "- bread", "- butter", "- jam")) == "We bring:\n\n- bread\n- butter\n- jam\n"


@pytest.mark.parametrize("text", ["— Bonjour, dit-il.", "- 5 degrees", "* see below", "1. Introduction", "+ 3 more"])
def test_one_dash_or_number_makes_no_list(text):
    assert shown(markdown(*rows(text))) == (text, ["p"])
    within, tags = shown(markdown(*rows("What was said there:", text, "and the end of that text")))
    assert within.split() == f"What was said there: {text} and the end of that text".split()
    assert set(tags) <= {"p", "br"}
    assert tags.count("p") == 1


def test_one_bullet_makes_a_list():
    assert markdown(*rows("•glued")) == "- glued\n"


def test_numbers_that_follow_make_a_list_that_begins_at_the_first():
    paragraphs = [rows(f"{number}) item", y=300 + 40 * number, paragraph=number)[0] for number in (3, 4, 5)]
    assert markdown(*paragraphs) == "3. item\n4. item\n5. item\n"


def test_numbers_that_do_not_follow_are_text():
    written = markdown(*rows("1984. a year", y=300), *rows("12. of December", y=500, paragraph=1))
    assert shown(written)[1] == ["p", "p"]


def test_two_lists_of_numbers_stay_two():
    written = markdown(*rows("1. one", "2. two"), *rows("1. one", "2. two", y=500, paragraph=1))
    assert shown(written)[1] == ["ol", "li", "li", "ol", "li", "li"]


def test_break_within_an_item_stays_in_it():
    written = markdown(*rows("1. a", "and a much longer row than that", "2. b"))
    assert written == "1. a\\\n   and a much longer row than that\n2. b\n"


# Tables

PRICES = (("Item", "Number", "Price"), ("Bread", "2", "3.10"), ("Butter", "1", "12.25"), ("Jam", "10", "4.00"))


def test_rows_of_aligned_cells_are_a_table():
    assert markdown(*cells(*PRICES, flush_right=(2,), columns=(100, 400, 760))) == (
        "| Item | Number | Price |\n| --- | --- | ---: |\n"
        "| Bread | 2 | 3.10 |\n| Butter | 1 | 12.25 |\n| Jam | 10 | 4.00 |\n"
    )


def test_table_stands_between_the_text_around_it():
    written = markdown(*rows("Before."), *cells(*PRICES, y=400, paragraph=1), *rows("After it.", y=700, paragraph=9))
    assert shown(written)[1].count("td") == 9
    assert written.startswith("Before.\n\n| Item")
    assert written.endswith("| Jam | 10 | 4.00 |\n\nAfter it.\n")


def test_cells_within_one_line_are_told_apart_by_wide_gaps():
    def wide(left, right, y):
        words = (
            Word(left, 0.9, box(100, y, 60, 20)),
            Word("x", 0.9, box(170, y, 10, 20)),
            Word(right, 0.9, box(400, y, 60, 20)),
        )
        return Line(f"{left} x {right}", 0.9, box(100, y, 360, 20), 0.8, words, y)

    assert markdown(*(wide(f"a{n}", f"b{n}", 100 + 30 * n) for n in range(3))) == (
        "| a0 x | b0 |\n| --- | --- |\n| a1 x | b1 |\n| a2 x | b2 |\n"
    )


def test_header_may_stand_otherwise_than_the_cells():
    rows_of = (("Name", "Amount due"), ("Ann", "1.00"), ("Bob", "22.00"), ("Cid", "333.00"))
    lines = cells(*rows_of, columns=(100, 700), flush_right=(1,))
    header = line("Amount due", 650, 300)
    assert markdown(lines[0], header, *lines[2:]).splitlines()[:2] == ["| Name | Amount due |", "| --- | ---: |"]


def test_a_missing_cell_is_empty():
    holed = (*PRICES[:2], ("Butter", "", "12.25"), PRICES[3])
    assert "| Butter |  | 12.25 |" in markdown(*cells(*holed))


def test_long_table_is_one():
    written = markdown(*cells(*((f"name {n}", str(n)) for n in range(23)), y=50))
    assert written.count("---") == 2
    assert written.count("\n") == 24


def test_two_tables_with_text_between_them_are_two():
    under = cells(*PRICES, y=600, paragraph=20)
    written = markdown(*cells(*PRICES), line("Note", 100, 420, paragraph=10), *under)
    assert shown(written)[1].count("table") == 2
    assert "\n\nNote\n\n" in written


def test_table_of_a_turned_page():
    turned = [
        line(text, 800 - 30 * row, 100 + 300 * column, turned=90, paragraph=row)
        for row, texts in enumerate(PRICES)
        for column, text in enumerate(texts)
    ]
    assert markdown(*turned).startswith("| Item | Number | Price |\n| --- | --- | --- |\n| Bread | 2 | 3.10 |\n")


def test_signs_in_cells_are_shown():
    signs = (("a|b", "c\\"), ("\\|", "*d*"), ("<e>", "`f|`"))
    text, tags = shown(markdown(*cells(*signs)))
    assert text.split() == ["a|b", "c\\", "\\|", "*d*", "<e>", "`f|`"]
    assert tags.count("td") == 4


@pytest.mark.parametrize(
    "lines",
    [
        cells(*PRICES[:2]),
        [line(text, 100 + 37 * n * (n + 2), 300 + 30 * n, paragraph=n) for n, text in enumerate("abc")],
        cells(("a", "b"), ("c", "d"), ("e", "f"), columns=(100, 115)),
        cells(
            *[(f"prose that fills its column, row {n}", f"as does this one at its side, too {n}") for n in range(5)],
            columns=(0, 500),
        ),
        cells(("1.", "first"), ("2.", "second"), ("3.", "third"), columns=(100, 200)),
        [
            line(t, x + 60 * n * (n + 1) * (x > 100), 300 + 30 * n, paragraph=n)
            for n in range(3)
            for t, x in (("a", 100), ("b", 300))
        ],
        cells(*PRICES[:1]) + cells(*PRICES[1:3], y=900, paragraph=5),
        cells(("a", "b"), ("c", "d"), ("e", "f"), y=900)[::-1],
    ],
    ids=["two rows", "one column", "close", "prose", "list", "not aligned", "far apart", "upwards"],
)
def test_what_is_no_table(lines):
    assert "|" not in markdown(*lines)


def test_numbers_apart_from_their_items_are_a_list():
    items = cells(("1.", "first"), ("2.", "second"), ("3.", "third"), columns=(100, 200))
    assert markdown(*items) == "1. first\n2. second\n3. third\n"


def test_text_under_a_table_is_none_of_it():
    written = markdown(*cells(*PRICES), *rows("A note about all of the prices in this table", y=420, paragraph=9))
    assert written.endswith("| Jam | 10 | 4.00 |\n\nA note about all of the prices in this table\n")


# Signs of Markdown


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([*"#*_`~<>[]()!&|\\-+=.:1a \"'", "&amp;", "1.", "---", "  "]), max_size=12))
def test_text_is_shown_as_it_was_read(parts):
    text = " ".join("".join(parts).split())
    heading = f"Aa {text}".strip()
    written = markdown(line(text, 100, 100), line(heading, 100, 200, 60, paragraph=1), *BODY[:1])
    expected = f"{text} {heading} {BODY[0].text}".split()
    assert shown(written)[0].split() == expected
    assert set(shown(written)[1]) <= {"p", "h1"}


def test_no_sign_is_escaped_that_needs_none():
    text = "snake_case costs $5 (or 3-4) at https://example.com/a_b?c=d&e=f#g, see 1.5 + 2 = 3.5!"
    assert markdown(line(text, 0, 100)) == f"{text}\n"


def test_hostile_text_has_no_signs_of_control():
    assert shown(markdown(*HOSTILE.lines))[0].split() == [
        "a]]>b", "<&\">'", "bell", "--><!--", "&amp;", "x", "tab", "here", "a", "b",
    ]  # fmt: skip


def test_line_of_signs_of_control_alone_is_none():
    assert markdown(line("a", 0, 0), line("\x07", 0, 50, paragraph=1), line("b", 0, 100, paragraph=2)) == "a\n\nb\n"


# Pages


def test_pages_are_parted_by_a_rule_and_named():
    pages = [
        DocumentPage(1, page(line("one", 0, 0))),
        DocumentPage(2, page()),
        DocumentPage(5, page(line("five", 0, 0))),
    ]
    assert "".join(markdown_of(pages, None)) == ("one\n\n---\n\n<!-- page 2 -->\n\n---\n\n<!-- page 5 -->\n\nfive\n")


def test_first_page_that_is_not_number_1_is_named():
    assert "".join(markdown_of(one(page(line("three", 0, 0)), number=3), None)) == "<!-- page 3 -->\n\nthree\n"


def test_failed_page_says_why_where_no_reader_sees_it():
    written = "".join(markdown_of(DOCUMENT[:2], None))
    assert written.endswith('\n\n---\n\n<!-- page 2 failed: the page is "damaged" <- - at - -> 7 -->\n')
    assert "damaged" not in shown(written)[0]


def test_page_is_written_before_the_next_is_there():
    assert pieces_before_the_end(markdown_of) == ["Two words next\n\nalone\n"]


def test_chinese_is_written_as_it_stands():
    assert "".join(markdown_of(one(CHINESE), None)) == "你好世界 OK\n"


# Whole pages, looked at by eye


def columns_page():
    left = [
        "The harbour opens at dawn, when",
        "the first boats come in from the",
        "night's work, and the market be-",
        "gins. Nets are hung up to dry and",
        "fish is sold from the boats.",
    ]
    right = [
        "Visitors are asked to keep",
        "off the quays before nine.",
    ]
    rules = ["• No dogs on the quay", "• No bathing between the", "boats", "• No fires"]
    return page(
        line("The Harbour Gazette", 250, 40, 52),
        line("Morning on the quay", 100, 150, 36, paragraph=1),
        *rows(*left, y=220, paragraph=2),
        *rows("A second paragraph_with_signs costs", "*5 to 6* coins [each].", y=400, paragraph=3),
        line("For visitors", 550, 150, 30, paragraph=4),
        *rows(*right, x=550, y=220, paragraph=5),
        *rows(*rules, x=550, y=320, paragraph=6),
    )


def table_page():
    fares = (
        ("Ferry", "Leaves", "Arrives", "Fare"),
        ("North | Isle", "06:10", "07:25", "4.50"),
        ("Seal Rock", "06:40", "", "12.00"),
        ("Old Harbour", "08:00", "08:20", "2.25"),
        ("St. Anne's", "09:15", "11:05", "108.00"),
    )
    return page(
        line("Summer timetable", 100, 40, 44),
        *rows("All ferries run daily from May to", "September, weather permitting.", y=140, paragraph=1),
        *cells(*fares, y=260, columns=(100, 350, 550, 840), flush_right=(3,), paragraph=2),
        *rows("1. Be there ten minutes before.", "2. Dogs travel free.", y=500, paragraph=20),
    )


@pytest.mark.parametrize(("name", "read"), [("columns", columns_page()), ("table", table_page())])
def test_page_is_as_it_was_looked_at(name, read):
    assert "".join(markdown_of(one(read), None)) == (GOLDEN / f"{name}.md").read_text("utf-8")
