"""PDFs made to harm: each is a sentence, or its page is; no process is left, and none takes more than its limits."""

import io
import random
import time
import zlib

import pikepdf
import pytest
from drawn_documents import letter, page_workers, pdf, scan

from ocdrnet_client.documents.opened import DocumentLimits, OpenDocument
from ocdrnet_client.errors import InvalidRequestError, RequestTimeoutError

LIMITS = DocumentLimits(memory=1 << 30, open_s=10, page_s=10, pixels=25_000_000)


@pytest.fixture(autouse=True)
def none_is_left():
    yield
    assert not page_workers()


def raw(*objects, root=1):
    """A PDF of these objects, numbered from 1, with a sound table."""
    body, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, root, len(body))
    return bytes(body) + head + table + tail


def stream(data, entries=b""):
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(data), entries, data)


CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"


def one_page(content, resources=b"<<>>", box=b"0 0 595 842", *more):
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R/Resources %s>>" % (box, resources)
    return raw(CATALOG, PAGES, page, content, *more)


BOMB = zlib.compress(bytes(1 << 28), 9)
HOSTILE = {
    "page tree in a circle": raw(CATALOG, b"<</Type/Pages/Kids[2 0 R]/Count 1>>"),
    "page that is its own parent": raw(CATALOG, PAGES, b"<</Type/Page/Parent 3 0 R/MediaBox[0 0 9 9]>>"),
    "more pages than there are": raw(CATALOG, b"<</Type/Pages/Kids[]/Count 2000000000>>"),
    "pages below nothing": raw(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count -5>>", b"<</Type/Page>>"),
    "length far beyond the end": one_page(b"<</Length 4294967296>>\nstream\nBT ET\nendstream"),
    "length in a circle": one_page(b"<</Length 4 0 R>>\nstream\nBT ET\nendstream"),
    "content that unpacks to 256 MiB": one_page(stream(BOMB, b"/Filter/FlateDecode")),
    "filters of filters": one_page(stream(zlib.compress(BOMB), b"/Filter[/FlateDecode/FlateDecode]")),
    "form that draws itself": one_page(
        stream(b"/F Do"),
        b"<</XObject<</F 5 0 R>>>>",
        b"0 0 595 842",
        stream(b"/F Do /F Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>"),
    ),
    "image of 10 billion pixels": one_page(
        stream(b"100 0 0 100 0 0 cm /I Do"),
        b"<</XObject<</I 5 0 R>>>>",
        b"0 0 595 842",
        stream(
            BOMB,
            b"/Type/XObject/Subtype/Image/Width 100000/Height 100000/BitsPerComponent 8/ColorSpace/DeviceRGB"
            b"/Filter/FlateDecode",
        ),
    ),
    "page without an end": one_page(stream(b""), b"<<>>", b"0 0 1e30 1e30"),
    "page of no size": one_page(stream(b""), b"<<>>", b"0 0 0 0"),
    "page of sizes that are no numbers": one_page(stream(b""), b"<<>>", b"/a /b (c) null"),
    "arrays in arrays": one_page(stream(b"[" * 200_000)),
    "states without an end": one_page(stream(b"q " * 2_000_000)),
    "dictionaries in dictionaries": one_page(stream(b""), b"<</A" * 20_000),
    "name without an end": one_page(stream(b"/" + b"a" * 5_000_000)),
    "only the head": b"%PDF-1.7",
    "table that points at itself": (
        b"%PDF-1.7\nxref\n0 1\n0000000009 00000 n \ntrailer<</Prev 9/Root 1 0 R>>startxref\n9\n%%EOF"
    ),
    "encrypted by nothing known": raw(CATALOG, PAGES).replace(b"/Root", b"/Encrypt<</Filter/X/V 99/R 99>>/Root"),
}


@pytest.mark.full
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_a_sentence(name):
    begin = time.monotonic()
    try:
        with OpenDocument(HOSTILE[name], limits=LIMITS) as document:
            errors = [document.draw(number).error for number in list(document.numbers)[:3]]
    except (InvalidRequestError, RequestTimeoutError) as error:
        errors = [error]
    assert all("\n" not in str(error) and "Traceback" not in str(error) for error in errors if error)
    assert time.monotonic() - begin < 40


def test_a_hundred_thousand_pages_are_refused_at_once():
    kids = b" ".join(b"%d 0 R" % (number + 3) for number in range(100_000))
    pages = [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"] * 100_000
    data = raw(CATALOG, b"<</Type/Pages/Kids[%s]/Count 100000>>" % kids, *pages)
    with pytest.raises(InvalidRequestError, match=r"100,000 pages; the limit is 10,000"):
        OpenDocument(data, limits=LIMITS)


def test_a_document_without_pages_says_so():
    empty = raw(CATALOG, b"<</Type/Pages/Kids[]/Count 0>>")
    with pytest.raises(InvalidRequestError, match="has no pages"):
        OpenDocument(empty, limits=LIMITS)


def test_the_other_pages_of_a_hostile_document_are_read():
    bomb = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf(letter, scan, letter))) as opened:
        opened.pages[1].Contents = opened.make_stream(b"q " * 50)
        opened.pages[1].MediaBox = pikepdf.Array([0, 0, 0, 0])
        opened.save(bomb)
    with OpenDocument(bomb.getvalue(), limits=LIMITS) as document:
        pages = [document.draw(number) for number in document.numbers]
    assert pages[0].page is not None
    assert pages[2].page is not None


@pytest.mark.full
def test_mutated_documents_end_in_answers():
    """Seeded: bytes of sound documents changed, cut and doubled."""
    sound = [pdf(letter, scan), pdf(scan, Rotate=90), *HOSTILE.values()]
    sentences = []
    for seed in range(150):
        chance = random.Random(seed)
        data = bytearray(chance.choice(sound[:2] if seed % 4 else sound)[:200_000])
        for _ in range(chance.randint(1, 30)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        begin = time.monotonic()
        try:
            with OpenDocument(bytes(data) or b"%PDF", limits=LIMITS, dpi=72) as document:
                for number in list(document.numbers)[:2]:
                    document.draw(number)
        except (InvalidRequestError, RequestTimeoutError) as error:
            sentences.append(str(error))
        assert time.monotonic() - begin < 45, seed
    assert sentences
    assert not any("\n" in each for each in sentences)
