"""A headless Chromium before a gateway's page, that notes what the page must not do."""

import base64
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

CHROMIUM = Path("/usr/bin/chromium")
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
# Chromium says this of every answer of 400 or more; a test that provokes one allows it.
REFUSED = "Failed to load resource"
_NOTE_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""
_TRANSFER = """(files) => {
    const transfer = new DataTransfer();
    for (const { name, type, data } of files) {
        const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
}"""


@dataclass
class Visit:
    """One visit of the page, in a browser session of its own."""

    page: object
    url: str
    complaints: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    @property
    def hosts(self):
        return {urlsplit(request).netloc for request in self.requests}

    def open(self):
        self.page.goto(self.url)
        self.page.wait_for_selector("body[data-ready]")
        return self

    def drop(self, *pictures, on="#drop"):
        """Drop (name, bytes) pairs, as a file manager would."""
        transfer = self.page.evaluate_handle(_TRANSFER, [_file(*picture) for picture in pictures])
        for kind in ("dragenter", "dragover", "drop"):
            self.page.dispatch_event(on, kind, {"dataTransfer": transfer})

    def paste(self, name, data):
        transfer = self.page.evaluate_handle(_TRANSFER, [_file(name, data)])
        self.page.evaluate(
            """(clipboardData) => document.dispatchEvent(
                new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))""",
            transfer,
        )

    def sample(self, title):
        self.page.get_by_role("button", name=title).click()
        return self.until_read()

    def until_read(self):
        self.page.wait_for_selector("#result:not([hidden])", timeout=60_000)
        return self

    def until_all_read(self):
        """Waits for the last page of a document."""
        self.until_read().page.locator("#progress").wait_for(state="hidden", timeout=60_000)
        return self

    def until(self, script):
        """Waits for an expression to become true; Playwright's own way needs eval, which the page forbids."""
        end = time.monotonic() + 20
        while not self.page.evaluate(script):
            assert time.monotonic() < end, f"never true: {script}"
            self.page.wait_for_timeout(20)

    def until_said(self, words):
        end = time.monotonic() + 20
        while not any(said.startswith(words) for said in self.complaints):
            assert time.monotonic() < end, f"{words!r} is not among {self.complaints}"
            self.page.wait_for_timeout(20)

    def set_confidence(self, percent):
        self.page.locator("#confidence").fill(str(percent))

    def texts(self):
        return self.page.locator("#list [role=option] .text").all_inner_texts()

    def outlines(self):
        """Points of every outline that is drawn, in pixels of the image."""
        drawn = self.page.eval_on_selector_all(
            "#image-overlay polygon", "all => all.map((one) => one.getAttribute('points'))"
        )
        return [_points(points) for points in drawn]

    def active(self):
        """Indices of what is marked: on the image, and in the list."""
        script = "all => all.flatMap((one, index) => one.classList.contains('active') ? [index] : [])"
        return tuple(
            self.page.eval_on_selector_all(part, script) for part in ("#image-overlay polygon", "#list [role=option]")
        )

    def download(self, button):
        """Bytes and name of what the button gives."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=button, exact=True).click()
        return Path(waiting.value.path()).read_bytes(), waiting.value.suggested_filename


@contextmanager
def browser():
    """A Chromium; tests with it are marked `program("chromium")`."""
    sync_api = pytest.importorskip("playwright.sync_api")
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_api.sync_playwright() as playwright:
        # No sandbox: a container's root has none.
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", *camera])
        yield launched
        launched.close()


@contextmanager
def visit(chromium, url, **settings):
    """A visit whose requests and complaints are noted."""
    context = chromium.new_context(**{**DESKTOP, **settings})
    context.add_init_script(_NOTE_VIOLATIONS)
    made = Visit(context.new_page(), url)
    made.page.set_default_timeout(20_000)
    made.page.on("console", lambda said: made.complaints.append(said.text) if said.type != "log" else None)
    made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
    made.page.on("request", lambda request: made.requests.append(request.url))
    yield made
    context.close()


@contextmanager
def visits(chromium, url):
    """Opens the page; whatever was done, nothing complained and no request left the gateway's host."""
    made = []

    def opened(url=url, **settings):
        allowed = settings.pop("allowed", ())
        entered = visit(chromium, url, **settings)
        made.append((entered, entered.__enter__(), allowed))
        return made[-1][1].open()

    yield opened
    for entered, visited, allowed in made:
        complaints = [text for text in visited.complaints if not text.startswith(tuple(allowed))]
        hosts = {host for host in visited.hosts if host}  # none: a blob, made by the page itself
        entered.__exit__(None, None, None)
        assert complaints == []
        assert hosts == {visited.url.removeprefix("http://")}


def serious_faults(page):
    """What axe finds that is serious: rule, place, and why; the test is skipped where there is no axe."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    violations = axe.run(page).response["violations"]
    serious = [one for one in violations if one["impact"] in ("serious", "critical")]
    return [(one["id"], node["html"][:120], node["failureSummary"]) for one in serious for node in one["nodes"]]


def _file(name, data):
    suffix = name.rsplit(".")[-1]
    kind = {"jpg": "image/jpeg", "txt": "text/plain", "pdf": "application/pdf"}.get(suffix, f"image/{suffix}")
    return {"name": name, "type": kind, "data": base64.b64encode(data).decode()}


def _points(attribute):
    numbers = [float(number) for number in attribute.replace(",", " ").split()]
    return list(zip(numbers[::2], numbers[1::2], strict=True))
