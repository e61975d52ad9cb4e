"""NGC on loopback: an API that wants a key and redirects, and a storage on another port that must not see the key."""

import json
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY = "nvapi-Very-Secret-0123456789"
ETAG = '"first"'
SMALL = b"\x08\x07" + random.Random(0).randbytes(200_000)  # begins as an ONNX file does
DETECTOR = "nvidia/tao/ocdnet:deployable_v1.0/dcn_resnet18.onnx"
CHARACTERS = "nvidia/tao/ocrnet:deployable_v2.0.1/character_list"


@dataclass
class Storage:
    """What is published, how the servers misbehave, and what they saw.

    Attributes:
        files: content by `model:version/name`.
        etag: of every file.
        api_failures, storage_failures: status codes that the next requests are answered with, before any works.
        retry_after: header of those.
        truncate: bytes after which the next bodies end early, one each.
        dribble: bytes a piece, a pause after each; 0 sends all at once.
        ranges: whether the storage honours `Range`.
        heeds_if_range: whether it sends a file that changed from its start.
        location: to redirect to, instead of the file's.
        redirects: whether the API redirects to the storage, instead of answering the file itself.
        page_size: of lists.
        seen: server, path and headers of each request.
        sent: bytes of files.
    """

    files: dict = field(default_factory=dict)
    etag: str = ETAG
    api_failures: list = field(default_factory=list)
    storage_failures: list = field(default_factory=list)
    retry_after: str = ""
    truncate: list = field(default_factory=list)
    dribble: int = 0
    ranges: bool = True
    heeds_if_range: bool = True
    location: str | None = None
    redirects: bool = True
    page_size: int = 1000
    seen: list = field(default_factory=list)
    sent: int = 0
    running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def idle(self):
        return self.running == 0

    def requests(self, server):
        return [path for name, path, _ in self.seen if name == server]

    def names(self, version):
        return sorted(key.split("/", 3)[3] for key in self.files if key.startswith(f"{version}/"))

    def versions(self, model):
        return sorted({key.split(":")[1].split("/")[0] for key in self.files if key.startswith(f"{model}:")})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    name = ""

    def log_message(self, *_):
        pass

    @property
    def storage(self):
        return self.server.storage

    def do_GET(self):
        with self.storage.lock:
            self.storage.running += 1
            self.storage.seen.append((self.name, self.path, dict(self.headers)))
            failures = getattr(self.storage, f"{self.name}_failures")
            status = failures.pop(0) if failures else 0
        try:
            self.answer_or_fail(status)
        finally:
            with self.storage.lock:
                self.storage.running -= 1

    def answer_or_fail(self, status):
        if status:
            self.answer(status, b"no", {"Retry-After": self.storage.retry_after} if self.storage.retry_after else {})
            return
        self.serve()

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_file(self, content):
        start = 0
        asked = self.headers.get("Range", "")
        fresh = not self.storage.heeds_if_range or self.headers.get("If-Range") in (None, self.storage.etag)
        headers = {"ETag": self.storage.etag} if self.storage.etag else {}
        if asked and fresh and self.storage.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.answer(416, headers={"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.send_response(206 if start else 200)
        for key, value in {**headers, "Content-Length": str(len(content) - start)}.items():
            self.send_header(key, value)
        self.end_headers()
        self.send_pieces(content[start:])

    def send_pieces(self, body):
        if self.storage.truncate:
            body = body[: self.storage.truncate.pop(0)]
            self.close_connection = True
        size = self.storage.dribble or len(body) or 1
        for at in range(0, len(body), size):
            try:
                self.wfile.write(body[at : at + size])
            except OSError:  # the client was killed
                self.close_connection = True
                return
            self.storage.sent += len(body[at : at + size])
            if self.storage.dribble:
                self.wfile.flush()
                time.sleep(0.02)


class Api(Handler):
    name = "api"

    def serve(self):
        authorization = self.headers.get("Authorization", "")
        if authorization != f"Bearer {KEY}":
            self.answer(403 if authorization == "Bearer no-access" else 401)
            return
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        parts = url.path.strip("/").split("/")
        if parts[1:3] == ["models", "org"]:
            # v2/models/org/<organization>/team/<team>/<model>/<version>/files?redirect=true&path=<file>
            _, _, _, organization, _, team, model, version, files = parts
            assert (files, query["redirect"]) == ("files", "true")
            self.find_file(f"{organization}/{team}/{model}:{version}/{query['path']}")
        else:
            # v2/org/<organization>/team/<team>/models/<model>/versions[/<version>/files]
            model = f"{parts[2]}/{parts[4]}/{parts[6]}"
            if len(parts) == 8:
                self.list("modelVersions", "versionId", self.storage.versions(model), query)
            else:
                self.list("modelFiles", "path", self.storage.names(f"{model}:{parts[8]}"), query)

    def find_file(self, key):
        if key not in self.storage.files:
            self.answer(404)
        elif self.storage.redirects:
            place = f"http://127.0.0.1:{self.server.storage_port}/bucket/{key}?signature=pre-signed"
            self.answer(302, headers={"Location": place if self.storage.location is None else self.storage.location})
        else:
            self.send_file(self.storage.files[key])

    def list(self, items, name, values, query):
        if not values:
            self.answer(404)
            return
        size, page = self.storage.page_size, int(query["page-number"])
        body = {
            items: [{name: value} for value in values[page * size : (page + 1) * size]],
            "paginationInfo": {"index": page, "totalPages": -(-len(values) // size)},
        }
        self.answer(200, json.dumps(body).encode())


class Bucket(Handler):
    name = "storage"

    def serve(self):
        url = urlsplit(self.path)
        if self.headers.get("Authorization") or url.query != "signature=pre-signed":
            self.answer(400)  # as a storage does that finds two permissions in one request
            return
        self.send_file(self.storage.files[url.path.removeprefix("/bucket/")])


class Plain(Handler):
    """A host without keys: `/<key of a file>` is the file, or a redirect to it; failures are `api_failures`."""

    name = "api"
    find_file = Api.find_file

    def serve(self):
        self.find_file(urlsplit(self.path).path.removeprefix("/"))


@contextmanager
def serving(storage, first=Api):
    """Run both servers; gives the first one's URL."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in (first, Bucket)]
    for server in servers:
        server.storage = storage
        server.daemon_threads = True
        server.storage_port = servers[1].server_port
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{servers[0].server_port}"
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
