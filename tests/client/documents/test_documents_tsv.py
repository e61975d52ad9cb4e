from document_pages import CURVED, DOCUMENT, HOSTILE, PLAIN, WORDLESS, one, pieces_before_the_end

from ocdrnet_client.documents.tsv import tsv_of

HEADER = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"


def rows(pages):
    head, *found = "".join(tsv_of(pages, None)).splitlines()
    assert f"{head}\n" == HEADER
    return [row.split("\t") for row in found]


def test_rows_are_numbered_as_tesseract_does():
    written = "".join(tsv_of(one(PLAIN, number=4), "file.pdf"))
    assert written == HEADER + "".join(
        row.replace(" ", "\t") + "\n"
        for row in (
            "1 4 0 0 0 0 0 0 1000 1400 -1 ",
            "2 4 1 0 0 0 100 50 90 50 -1 ",
            "3 4 1 1 0 0 100 50 90 50 -1 ",
            "4 4 1 1 1 0 100 50 90 20 -1 ",
            "5 4 1 1 1 1 100 50 30 20 90.00 Two",
            "5 4 1 1 1 2 140 50 50 20 90.00 words",
            "4 4 1 1 2 0 100 80 40 20 -1 ",
            "5 4 1 1 2 1 100 80 40 20 90.00 next",
            "2 4 2 0 0 0 100 150 50 20 -1 ",
            "3 4 2 1 0 0 100 150 50 20 -1 ",
            "4 4 2 1 1 0 100 150 50 20 -1 ",
            "5 4 2 1 1 1 100 150 50 20 90.00 alone",
        )
    )


def test_every_row_has_every_column_whatever_the_text():
    assert {len(row) for row in rows(DOCUMENT)} == {12}


def test_what_ends_a_cell_or_a_line_is_a_blank_and_signs_of_control_are_gone():
    words = [row[11] for row in rows(one(HOSTILE)) if row[0] == "5"]
    assert words == ["a]]>b", "<&\">'", "bell", "--><!--", "&amp;", "x", "tab here", "a b"]


def test_failed_and_empty_pages_have_a_row_of_their_own():
    pages = [row for row in rows(DOCUMENT) if row[0] == "1"]
    assert [row[1] for row in pages] == [str(number) for number in range(1, 10)]
    assert [row for row in rows(DOCUMENT) if row[1] in "23"] == [
        ["1", "2", "0", "0", "0", "0", "0", "0", "0", "0", "-1", ""],
        ["1", "3", "0", "0", "0", "0", "0", "0", "1000", "1400", "-1", ""],
    ]


def test_curved_line_has_the_rectangle_of_its_polygon():
    (row,) = (row for row in rows(one(CURVED)) if row[0] == "4")
    assert row[6:10] == ["100", "40", "100", "50"]


def test_line_without_words_is_one_word_and_one_without_text_none():
    assert [row[4:6] + row[11:] for row in rows(one(WORDLESS)) if row[0] in "45"] == [
        ["1", "0", ""],
        ["1", "1", "no words"],
        ["2", "0", ""],
    ]


def test_page_is_written_before_the_next_is_there():
    assert pieces_before_the_end(tsv_of) == [HEADER, "".join(tsv_of(one(PLAIN), None))[len(HEADER) :]]
