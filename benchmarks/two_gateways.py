"""Two gateways on one store, one killed: `python -m benchmarks.two_gateways --triton grpc://... [--jobs 100]`.

So many requests at once, each of a drawn text of its own, by six protocols in turns and with five callers' keys: jobs,
Azure's operations, the hosted endpoint with its assets, Mistral's files, Google Vision, `/v1/read`. A third of the way
one gateway ends by SIGKILL, and its callers turn to the other, as behind a load balancer. Every answer is held against
its text: nothing that was accepted may be lost, or answered to another caller. Whatever a gateway answered with a
success counts as accepted: the 202 of a job or of a slow request, a file that it keeps.
"""

from __future__ import annotations

import argparse
import base64
import difflib
import io
import json
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from PIL import Image, ImageDraw, ImageFont

from benchmarks.machine import machine_line

CALLERS = 5
LEASE_S = 4
PATIENCE_S = 1200.0  # in which a request has to be answered, tries included
_PAUSE_S = 0.3
_POLLED, _POLLED_S = 2, 20.0
_SURE = 0.8  # share of a text's characters that its answer has in their order
_API = "api-version=2024-11-30"
_TRY_AGAIN = {429, 502, 503, 504}


class LostError(Exception):
    """What had been accepted is not there any more."""


@dataclass
class Gateway:
    """A gateway in a process of its own."""

    process: subprocess.Popen[str]
    url: str

    def kill(self) -> None:
        """End it at once, as a node that fails."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def started_gateway(triton: str, folder: Path, secret: str) -> Iterator[Gateway]:
    """A gateway on the common store in a folder, with all interfaces and the keys there."""
    command = [str(Path(sys.executable).with_name("ocdrnet")), "gateway", "--triton", triton, "--port", "0"]
    interfaces = "own,hosted,azure,mistral,vision"
    settings = {
        "STORE": folder / "store",
        "SECRET": secret,
        "INTERFACES": interfaces,
        "KEYS_FILE": folder / "keys.json",
    }
    settings |= {"JOB_LEASE_S": LEASE_S, "LOG_LEVEL": "error", "MAX_WAITING": 256, "MAX_DOCUMENTS": 4}
    environment = {f"OCDRNET_GATEWAY_{name}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        if not found:
            raise SystemExit(f"the gateway did not start: {said}")
        yield Gateway(process, found[0])
    finally:
        process.kill()
        process.communicate()


@dataclass
class Tally:
    """What has been accepted so far, and by whom; of it, requests of the hosted endpoint that are polled for."""

    accepted: Counter[str] = field(default_factory=Counter)
    polled: Counter[str] = field(default_factory=Counter)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, url: str) -> None:
        """One more by a gateway."""
        with self.changed:
            self.accepted[url] += 1
            self.changed.notify_all()

    def note_polled(self, url: str) -> None:
        """One more is polled for."""
        with self.changed:
            self.polled[url] += 1
            self.changed.notify_all()

    def wait_for(self, url: str, count: int) -> None:
        """Until a gateway has accepted so many, and two of them are polled for, as far as the server is slow enough."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.accepted[url] >= count, PATIENCE_S):
                raise SystemExit(f"{url} accepted {self.accepted[url]} of {count} in {PATIENCE_S:g} s")
            self.changed.wait_for(lambda: self.polled[url] >= _POLLED, _POLLED_S)


@dataclass
class Caller:
    """One request's caller, who knows both gateways and turns to the other where one does not answer.

    Attributes:
        urls: of the gateways, that which it asks first in front.
        key: of the caller.
        tally: of all.
    """

    urls: list[str]
    key: str
    tally: Tally
    end: float = field(default_factory=lambda: time.monotonic() + PATIENCE_S)

    def ask(self, method: str, path: str, *, is_kept: bool = False, **said: Any) -> httpx.Response:  # noqa: ANN401
        """An answer that is no failure of a gateway's; what is away or overloaded is asked again, elsewhere.

        Args:
            method: of HTTP.
            path: or a URL, whose host does not count.
            is_kept: the answer is about something that was accepted: that it is not there means that it is lost.
            said: arguments of httpx.
        """
        parts = urlsplit(path)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {"authorization": f"Bearer {self.key}", **said.pop("headers", {})}
        while time.monotonic() < self.end:
            url = self.urls[0]
            try:
                answer = httpx.request(method, url + target, headers=headers, trust_env=False, timeout=90, **said)
            except httpx.TransportError:
                self.urls.reverse()
                time.sleep(_PAUSE_S)
                continue
            if is_kept and "is gone" in answer.text:
                raise LostError(f"{method} {parts.path}: {answer.status_code} {answer.text[:200]}")
            if answer.status_code in _TRY_AGAIN:
                self.urls.reverse()
                time.sleep(_PAUSE_S)
                continue
            if is_kept and answer.status_code in (404, 410):
                raise LostError(f"{method} {parts.path}: {answer.status_code} {answer.text[:200]}")
            if answer.status_code >= 400:
                return answer
            if answer.status_code in (200, 201, 202) and method != "GET":
                self.tally.note(url)
            return answer
        raise LostError(f"{method} {parts.path}: no answer in {PATIENCE_S:g} s")


def _checked(answer: httpx.Response, *statuses: int) -> httpx.Response:
    if answer.status_code not in statuses:
        raise LostError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    return answer


def _read(caller: Caller, image: bytes) -> str:
    lines = _checked(caller.ask("POST", "/v1/read", content=image), 200).json()["lines"]
    return " ".join(line["text"] for line in lines)


def _job(caller: Caller, image: bytes) -> str:
    path = _checked(caller.ask("POST", "/v1/jobs", content=image), 202).headers["location"]
    while (state := _checked(caller.ask("GET", path, is_kept=True), 200).json())["status"] != "done":
        if state["status"] == "failed":
            raise LostError(str(state["error"]))
        time.sleep(_PAUSE_S)
    pages = _checked(caller.ask("GET", f"{path}/result?output=json", is_kept=True), 200).json()["pages"]
    return " ".join(line["text"] for page in pages for line in page["lines"])


def _azure(caller: Caller, image: bytes) -> str:
    path = f"/documentintelligence/documentModels/prebuilt-read:analyze?{_API}"
    headers = {"Ocp-Apim-Subscription-Key": caller.key}
    body = {"base64Source": base64.b64encode(image).decode()}
    answer = _checked(caller.ask("POST", path, json=body, headers=headers), 202)
    operation = answer.headers["operation-location"]
    while True:
        state = _checked(caller.ask("GET", operation, is_kept=True, headers=headers), 200).json()
        if state["status"] == "succeeded":
            return str(state["analyzeResult"]["content"])
        if state["status"] == "failed":
            raise LostError(str(state["error"]))
        time.sleep(_PAUSE_S)


def _hosted(caller: Caller, image: bytes) -> str:
    """An asset, a request for it, polls, and the zip."""
    named = {"contentType": "image/png", "description": "drawn"}
    asset = _checked(caller.ask("POST", "/v2/nvcf/assets", json=named), 200).json()
    headers = {"content-type": "image/png", "x-amz-meta-nvcf-asset-description": "drawn"}
    _checked(caller.ask("PUT", asset["uploadUrl"], content=image, headers=headers), 200)
    body, patience = {"image": asset["assetId"], "render_label": False}, {"NVCF-POLL-SECONDS": "1"}
    answer = caller.ask("POST", "/v1/cv/nvidia/ocdrnet", is_kept=True, json=body, headers=patience)
    if answer.status_code == 202:
        caller.tally.note_polled(caller.urls[0])
    while answer.status_code == 202:
        status = f"/v2/nvcf/pexec/status/{answer.headers['nvcf-reqid']}"
        answer = caller.ask("GET", status, is_kept=True, headers=patience)
    found = caller.ask("GET", _checked(answer, 302).headers["location"], is_kept=True)
    with zipfile.ZipFile(io.BytesIO(_checked(found, 200).content)) as archive:
        read = json.loads(archive.read(f"{answer.headers['nvcf-reqid']}.response"))["metadata"]
    return " ".join(line["label"] for line in read)


def _mistral(caller: Caller, image: bytes) -> str:
    """A file that is kept, and read by its id."""
    sent = caller.ask("POST", "/v1/files", files={"file": ("drawn.png", image)}, data={"purpose": "ocr"})
    file = _checked(sent, 200).json()["id"]
    body = {"model": "mistral-ocr-latest", "document": {"type": "file", "file_id": file}}
    pages = _checked(caller.ask("POST", "/v1/ocr", is_kept=True, json=body), 200).json()["pages"]
    return " ".join(page["markdown"] for page in pages)


def _vision(caller: Caller, image: bytes) -> str:
    one = {"image": {"content": base64.b64encode(image).decode()}, "features": [{"type": "TEXT_DETECTION"}]}
    answer = caller.ask("POST", "/v1/images:annotate", json={"requests": [one]}, headers={"x-goog-api-key": caller.key})
    (said,) = _checked(answer, 200).json()["responses"]
    return str(said["fullTextAnnotation"]["text"]) if "fullTextAnnotation" in said else str(said)


PROTOCOLS: dict[str, Callable[[Caller, bytes], str]] = {
    "/v1/jobs": _job,
    "Azure": _azure,
    "hosted endpoint": _hosted,
    "Mistral": _mistral,
    "Google Vision": _vision,
    "/v1/read": _read,
}


def drawn_text(number: int, seed: int) -> tuple[str, bytes]:
    """Words that no other number has, and a picture of them."""
    chance = random.Random(f"{seed}/{number}")
    text = " ".join("".join(chance.choices("abcdefghkmnoprstuvwxyz", k=6)) for _ in range(3))
    image = Image.new("RGB", (640, 100), "white")
    ImageDraw.Draw(image).text((30, 25), text, "black", ImageFont.load_default(40))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return text, buffer.getvalue()


@dataclass
class Report:
    """What became of the requests.

    Attributes:
        outcomes: `right`, `another's`, `unlike all`, `lost`.
        faults: of each that is not right, a sentence.
        accepted: by each gateway.
        polled: by each, requests of the hosted endpoint that it answered 202.
        seconds: of all.
        slowest_s: of one.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    polled: list[int] = field(default_factory=list)
    seconds: float = 0.0
    slowest_s: float = 0.0


def kill_one_of_two(triton: str, jobs: int, seed: int = 1) -> Report:
    """Ask for so many at once, and kill one gateway when it has accepted a third of what it will be asked."""
    report, tally, drawn = Report(), Tally(), [drawn_text(number, seed) for number in range(jobs)]
    texts, names = [text for text, _ in drawn], list(PROTOCOLS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keys = [_new_key(folder / "keys.json", f"caller-{number}") for number in range(CALLERS)]
        secret = secrets.token_urlsafe(32)
        gateways = [stack.enter_context(started_gateway(triton, folder, secret)) for _ in range(2)]

        def one(number: int) -> None:
            begin, name = time.monotonic(), names[number % len(names)]
            urls = [gateway.url for gateway in gateways]
            caller = Caller(urls if number // len(names) % 2 else urls[::-1], keys[number % CALLERS], tally)
            try:
                outcome, fault = judged(PROTOCOLS[name](caller, drawn[number][1]), number, texts)
            except LostError as error:
                outcome, fault = "lost", str(error)
            with tally.changed:
                report.outcomes[outcome] += 1
                report.slowest_s = max(report.slowest_s, time.monotonic() - begin)
                if fault:
                    report.faults.append(f"{name}, {number}: {fault}")

        begin = time.monotonic()
        with ThreadPoolExecutor(jobs) as pool:
            asked = [pool.submit(one, number) for number in range(jobs)]
            tally.wait_for(gateways[0].url, max(1, jobs // 6))
            gateways[0].kill()
            for each in asked:
                each.result()
        report.seconds = time.monotonic() - begin
        report.accepted = [tally.accepted[gateway.url] for gateway in gateways]
        report.polled = [tally.polled[gateway.url] for gateway in gateways]
    return report


def judged(read: str, number: int, texts: list[str]) -> tuple[str, str]:
    """Whose text was read, and a sentence if it is not that of this number."""
    shares = [difflib.SequenceMatcher(None, text, read, autojunk=False).ratio() for text in texts]
    nearest = max(range(len(texts)), key=shares.__getitem__)
    if shares[nearest] < _SURE:
        return "unlike all", f"{read!r} for {texts[number]!r}"
    return ("right", "") if nearest == number else ("another's", f"{read!r}, which is {nearest}'s")


def _new_key(path: Path, name: str) -> str:
    command = [str(Path(sys.executable).with_name("ocdrnet")), "keys", "create", name, "--file", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Kill one, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triton", default="grpc://127.0.0.1:8001", help="a running server")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    report = kill_one_of_two(given.triton, given.jobs, given.seed)
    print(json.dumps({"machine": machine_line(), **vars(report)}, indent=1))
    raise SystemExit(bool(report.faults))


if __name__ == "__main__":
    main()
