"""The page in a headless Chromium, before a real gateway and a real Triton."""

import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from drawn_documents import LINES, pdf, scan, scanned
from page_browser import PHONE, REFUSED, browser, serious_faults, visits
from PIL import Image
from pypdfium2 import PdfDocument
from sample_truth import overlap, sample, truth_lines, without_spaces

from ocdrnet_gateway.core.keys import new_key, save_keys
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import GatewaySettings

pytestmark = pytest.mark.program("chromium")

LEVELS = {"word": "Words", "line": "Lines", "paragraph": "Paragraphs"}


@pytest.fixture(scope="module")
def gateway(served, tmp_path_factory):
    store = str(tmp_path_factory.mktemp("page-store"))
    with GatewayServer(GatewaySettings(triton=served.addresses.grpc_url, port=0, store=store)) as server:
        yield server


# Of the module, not of the session: Playwright's event loop runs as long as it does, and others want one of their own.
@pytest.fixture(scope="module")
def chromium():
    with browser() as launched:
        yield launched


@pytest.fixture
def visiting(chromium, gateway):
    with visits(chromium, gateway.url) as opened:
        yield opened


def test_a_dropped_image_shows_boxes_and_texts_where_they_stand(visiting):
    on = visiting()
    on.drop(("storefront.jpg", sample("storefront.jpg")))
    on.until_read()
    read = list(zip(on.texts(), on.outlines(), strict=True))
    truth = truth_lines("storefront.jpg")
    matched = [
        line
        for line in truth
        if any(
            without_spaces(line["text"]) == without_spaces(text) and overlap(line["box"], outline) > 0.5
            for text, outline in read
        )
    ]
    print(f"{len(matched)} of {len(truth)} lines")
    assert len(matched) >= 29
    assert len(read) <= len(truth) + 2
    assert on.page.locator("#result-view-title").inner_text() == "storefront.jpg"
    assert on.page.locator("#facts").inner_text() == "1280 × 720 pixels"


def test_boxes_lie_over_their_place_in_the_image(visiting):
    on = visiting().sample("Turned text")
    image, drawing = (on.page.locator(f"#image-overlay {tag}").bounding_box() for tag in ("img", "svg"))
    assert image == pytest.approx(drawing)
    assert image["width"] / image["height"] == pytest.approx(920 / 600, rel=0.01)


def test_a_pasted_image_is_read(visiting):
    on = visiting()
    on.paste("rotated.jpg", sample("rotated.jpg"))
    on.until_read()
    assert "Handle with care" in on.texts()


def test_several_images_are_a_list(visiting):
    on = visiting()
    on.drop(("rotated.jpg", sample("rotated.jpg")), ("blank.png", sample("blank.png")), ("notes.txt", b"no picture"))
    entries = on.page.locator("#queue button")
    entries.nth(1).filter(has_text="0 lines").wait_for()
    assert entries.locator(".name").all_inner_texts() == ["rotated.jpg", "blank.png"]
    assert "Handle with care" in on.texts()
    entries.nth(1).click()
    assert on.page.locator("#count").inner_text() == "No text was found in this image."
    assert (on.texts(), on.outlines()) == ([], [])
    assert [entry.get_attribute("aria-current") for entry in entries.all()] == ["false", "true"]


def test_the_camera_takes_an_image(visiting):
    on = visiting()
    on.page.get_by_role("button", name="Use the camera").click()
    on.until("document.getElementById('camera-video').videoWidth > 0")
    on.page.get_by_role("button", name="Take the photo").click()
    on.until_read()
    assert on.page.locator("#result-view-title").inner_text() == "camera.jpg"
    assert on.page.evaluate("document.getElementById('camera-video').srcObject") is None


def test_pointing_at_either_side_marks_both(visiting):
    on = visiting().sample("Turned text")
    on.page.get_by_role("option").nth(3).hover()
    assert on.active() == ([3], [3])
    on.page.locator("#image-overlay polygon").nth(1).hover()
    assert on.active() == ([1], [1])
    assert on.page.locator(".tag").inner_text().startswith(on.texts()[1])
    on.page.locator("#result-view-title").hover()
    assert on.active() == ([], [])
    on.page.get_by_role("option").nth(2).focus()
    assert on.active() == ([2], [2])
    on.page.locator("#image-overlay polygon").nth(4).click()
    assert on.page.evaluate("document.activeElement.innerText").startswith(on.texts()[4])


@pytest.mark.parametrize("least", [0, 99, 100])
def test_the_confidence_filter_leaves_what_is_sure_enough(visiting, client, least):
    on = visiting().sample("Storefront")
    whole = json.loads(on.download("JSON")[0])["lines"]
    on.set_confidence(least)
    kept = [line for line in whole if line["score"] >= least / 100]
    assert on.texts() == [line["text"] for line in kept]
    assert on.outlines() == [[tuple(point) for point in line["box"]] for line in kept]
    told = "31 lines" if len(kept) == len(whole) else f"{len(kept)} of {len(whole)} lines"
    assert on.page.locator("#count").inner_text() == told
    assert least == 0 or 0 < len(kept) < len(whole)


@pytest.mark.parametrize("name", ["receipt.jpg", "languages.png"])
@pytest.mark.parametrize("level", LEVELS)
def test_each_level_is_what_the_server_answers_for_it(visiting, client, level, name):
    on = visiting()
    on.drop((name, sample(name)))
    on.until_read().page.get_by_role("radio", name=LEVELS[level]).check()
    data, file = on.download("JSON")
    shown, expected = json.loads(data), client.read(sample(name), merge=level).to_dict()
    assert file == f"{name.split('.')[0]}.json"
    told = {"dpi": 0, "angle": pytest.approx(0, abs=1)}  # by the gateway: these files say no dpi, their text is level
    assert shown == {**expected, **told, "image": name, "lines": shown["lines"]}
    for mine, theirs in zip(shown["lines"], expected["lines"], strict=True):
        # Which script a text is in the server says of its own lines alone.
        assert mine.keys() == theirs.keys() - (set() if level == "line" else {"script"})
        assert (mine["text"], mine["words"], mine["paragraph"]) == (
            theirs["text"],
            theirs["words"],
            theirs["paragraph"],
        )
        # Means and boxes of what was rounded before.
        assert [mine["score"], mine["box_score"]] == pytest.approx([theirs["score"], theirs["box_score"]], abs=2e-4)
        assert np.allclose(mine["box"], theirs["box"], atol=0.2)
    assert len(on.outlines()) == len(expected["lines"])


@pytest.mark.parametrize("level", LEVELS)
def test_text_that_is_downloaded_and_copied_is_what_is_shown(visiting, client, level):
    on = visiting(permissions=["clipboard-read", "clipboard-write"]).sample("Turned text")
    on.page.get_by_role("radio", name=LEVELS[level]).check()
    on.set_confidence(99)
    rows = on.page.locator(".words" if level == "word" else ".row .text").all_inner_texts()
    expected = ("\n\n" if level == "paragraph" else "\n").join(rows)
    on.page.get_by_role("button", name="Copy text").click()
    on.page.get_by_role("button", name="Copied").wait_for()
    assert on.page.evaluate("navigator.clipboard.readText()") == expected
    assert on.download("Text") == (f"{expected}\n".encode(), "rotated.txt")
    assert len(rows) > 1


def test_the_downloaded_image_has_the_boxes_that_are_shown_and_no_others(visiting):
    on = visiting()
    on.drop(("languages.png", sample("languages.png")))
    on.until_read()
    every = on.outlines()
    on.set_confidence(100)
    shown = on.outlines()
    data, name = on.download("Image")
    drawn, plain = (np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in (data, sample("languages.png")))
    changed = np.abs(drawn.astype(int) - plain).max(axis=2) > 40
    assert (name, drawn.shape) == ("languages-overlay.png", plain.shape)
    assert 0 < len(shown) < len(every)
    for outline in every:
        (x0, y0), (x1, _) = outline[:2]
        x, y = round((x0 + x1) / 2), round(y0)
        assert changed[max(0, y - 2) : y + 3, x].any() == (outline in shown)


def test_an_image_the_browser_cannot_show_is_read_all_the_same(visiting):
    heic = (Path(__file__).parents[1] / "ops" / "pictures" / "turned.heic").read_bytes()
    on = visiting()
    on.drop(("photo.heic", heic))
    on.until_read()
    assert on.page.locator("#image-overlay .no-preview").inner_text() == "This browser has no preview of photo.heic."
    shown = json.loads(on.download("JSON")[0])
    assert Image.open(io.BytesIO(on.download("Image")[0])).size == (shown["width"], shown["height"])


def test_a_pdf_is_read_page_by_page(visiting):
    pages = [scanned([f"Sheet number {number}", *LINES]) for number in (1, 2, 3)]
    on = visiting()
    on.drop(("scan.pdf", pdf(*[partial(scan, image=page) for page in pages])))
    on.until_all_read()
    assert on.page.locator("#pages [role=option]").count() == 3
    on.page.get_by_role("option", name="Page 3").click()
    assert on.texts()[0] == "Sheet number 3"
    assert len(on.outlines()) == len(LINES) + 1
    on.page.get_by_label("Search all pages").fill("sheet number")
    assert on.page.locator("#search-count").inner_text() == "Hit 3 of 3, on 3 pages"
    on.page.get_by_role("button", name="Download").click()
    with on.page.expect_download() as waiting:
        on.page.get_by_role("button", name="Searchable PDF").click()
    texts = [page.get_textpage().get_text_bounded() for page in PdfDocument(waiting.value.path())]
    assert [f"Sheet number {number}" in text for number, text in enumerate(texts, 1)] == [True] * 3


def test_options_go_with_the_request_and_are_the_servers_own(visiting):
    on = visiting().sample("Receipt")
    on.page.get_by_role("button", name="Options").click()
    on.page.get_by_label("Characters").fill("digits")
    on.page.get_by_label("Shape of a line").select_option("polygon")
    with on.page.expect_response("**/v1/read?*") as waiting:
        on.page.get_by_role("button", name="Done").click()
    on.until_read()
    assert waiting.value.url.split("?")[1] == "geometry=polygon&charset=digits&timing=steps"
    assert "".join(on.texts()).replace(" ", "").isdigit()
    assert {len(outline) for outline in on.outlines()} != {4}


def test_the_timing_tells_every_stage(visiting):
    on = visiting().sample("Turned text")
    names = on.page.locator(".timing dt").all_inner_texts()
    assert names[:2] == ["Send", "Wait for a turn"]
    assert names[2:9] == [
        "Decode, scale",
        "Find text",
        "Make boxes",
        "Cut out lines",
        "Recognize",
        "Doubtful lines",
        "Text and order",
    ]
    assert names[-1] == "Fetch the answer"
    times = [_milliseconds(time) for time in on.page.locator(".timing dd").all_inner_texts()]
    whole = _milliseconds(on.page.locator(".timing summary strong").inner_text())
    assert 0.5 * whole < sum(times) < 1.2 * whole
    assert on.page.locator(".timing .note").inner_text().startswith("Steps: ")


def _milliseconds(time):
    number, unit = time.split()
    return float(number) * {"ms": 1, "s": 1000}[unit]


def test_a_keyboard_is_enough(visiting):
    on = visiting(permissions=["clipboard-read", "clipboard-write"])
    press = on.page.keyboard.press

    def focused():
        return on.page.evaluate("document.activeElement.value || document.activeElement.innerText.trim()")

    def tab_to(wanted):
        for _ in range(30):
            press("Tab")
            if focused().startswith(wanted):
                return
        pytest.fail(f"no way to {wanted!r}")

    tab_to("Turned text")
    press("Enter")
    on.until_read()
    assert focused() == "rotated.webp"
    tab_to("line")
    press("ArrowRight")
    assert on.page.get_by_role("radio", name="Paragraphs").is_checked()
    press("ArrowLeft")
    tab_to("0")
    press("ArrowRight")
    assert on.page.locator("#confidence-value").inner_text() == "≥ 1 %"
    tab_to("Handle with care")
    press("ArrowDown")
    assert on.active() == ([1], [1])
    press("End")
    assert on.active() == ([7], [7])
    tab_to("Copy text")
    press("Enter")
    on.page.get_by_role("button", name="Copied").wait_for()
    assert on.page.evaluate("navigator.clipboard.readText()").splitlines() == on.texts()


def test_a_file_that_is_no_image_is_refused_in_words(visiting):
    on = visiting(allowed=[REFUSED])
    on.drop(("broken.jpg", b"nonsense"))
    problem = on.page.locator("#problem")
    problem.wait_for()
    assert problem.locator("h3").inner_text() == "The server cannot read this"
    assert "send a JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC or AVIF file" in problem.locator(".said").inner_text()
    assert problem.get_by_role("button").inner_text() == "Choose another file"


def test_a_server_that_is_gone_is_told_and_tried_again(visiting):
    on = visiting(allowed=[REFUSED])
    on.page.route("**/v1/read?*", lambda route: route.abort())
    on.page.get_by_role("button", name="Turned text").click()
    on.page.get_by_role("heading", name="The server cannot be reached").wait_for()
    on.page.unroute_all()
    on.page.get_by_role("button", name="Try again").click()
    assert "Handle with care" in on.until_read().texts()


def test_a_busy_server_says_when_to_come_back(visiting):
    on = visiting(allowed=[REFUSED])
    body = json.dumps({"title": "Too Many Requests", "status": 429, "detail": "the queue is full"})
    answer = {"status": 429, "headers": {"retry-after": "7"}, "content_type": "application/problem+json", "body": body}
    on.page.route("**/v1/read?*", lambda route: route.fulfill(**answer))
    on.page.get_by_role("button", name="Turned text").click()
    on.page.get_by_role("heading", name="The server is busy").wait_for()
    assert "It asks to wait 7 seconds." in on.page.locator("#problem").inner_text()
    assert "the queue is full" in on.page.locator("#problem").inner_text()


def test_a_reading_can_be_cancelled(visiting):
    on = visiting(allowed=[REFUSED])
    on.page.route("**/v1/read?*", lambda route: None)
    on.page.get_by_role("button", name="Turned text").click()
    on.page.get_by_text("Reading, ").or_(on.page.get_by_text("Sending, ")).wait_for()
    on.page.get_by_role("button", name="Cancel", exact=True).click()
    on.page.get_by_role("heading", name="Cancelled").wait_for()


def test_a_key_is_asked_for_and_kept_for_the_tab_alone(visiting, served, tmp_path):
    key, entry = new_key("reader")
    save_keys(tmp_path / "keys.json", [entry])
    settings = GatewaySettings(
        triton=served.addresses.grpc_url, port=0, store=str(tmp_path / "store"), keys_file=tmp_path / "keys.json"
    )
    with GatewayServer(settings) as server:
        on = visiting(server.url, allowed=[REFUSED])
        on.page.get_by_role("button", name="Turned text").click()
        on.page.get_by_role("button", name="Enter a key").click()
        on.page.get_by_label("Key", exact=True).fill(key)
        on.page.keyboard.press("Enter")
        assert "Handle with care" in on.until_read().texts()
        kept = on.page.evaluate(
            "[JSON.stringify({...sessionStorage}), JSON.stringify({...localStorage}), document.cookie]"
        )
        assert kept == [json.dumps({"ocdrnet-api-key": key}, separators=(",", ":")), "{}", ""]
        assert key not in on.page.content()


def test_the_policy_stops_what_does_not_belong_to_the_page(visiting):
    on = visiting(allowed=[""])
    refused = on.page.evaluate(
        """() => {
            const [image, script] = [document.createElement("img"), document.createElement("script")];
            image.src = "http://elsewhere.invalid/pixel.png";
            document.body.append(image, script);
            fetch("http://elsewhere.invalid/").catch(() => {});
            document.body.setAttribute("style", "opacity: 0.5");
            try { script.textContent = "document.body.dataset.taken = 'yes'"; } catch (error) { return error.message; }
        }"""
    )
    assert "requires 'TrustedScript' assignment" in refused
    for directive in ("img-src", "connect-src", "style-src-attr"):
        on.until_said(f"policy: {directive}")
    # Blocked before they left, which Chromium also calls requests.
    on.requests[:] = [request for request in on.requests if "elsewhere.invalid" not in request]


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_nothing_needs_scrolling_sideways(visiting, width):
    on = visiting(viewport={"width": width, "height": 844})
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    before = on.page.evaluate(wide)
    on.sample("Receipt")
    assert (before, on.page.evaluate(wide)) == (0, 0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_persons_colour_scheme(visiting, scheme):
    on = visiting(color_scheme=scheme)
    paper = on.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in paper.removeprefix("rgb(").removesuffix(")").split(",")) / 3
    assert (brightness > 128) == (scheme == "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious(visiting, scheme, screen):
    on = visiting(**screen, color_scheme=scheme, reduced_motion="reduce", allowed=[REFUSED])
    found = {}

    def look(view):
        found[view] = serious_faults(on.page)

    look("before")
    on.page.get_by_role("button", name="Options").click()
    look("options")
    on.page.keyboard.press("Escape")
    on.sample("Turned text")
    look("lines")
    on.page.get_by_role("option").nth(1).focus()
    on.page.get_by_label("Full size").check()
    look("full size, one marked")
    on.page.get_by_role("radio", name="Words").check()
    on.page.locator(".timing summary").click()
    look("words")
    on.drop(("broken.jpg", b"nonsense"), on="body")
    on.page.locator("#problem h3").wait_for()
    look("problem")
    assert {view: faults for view, faults in found.items() if faults} == {}
