"""One step of the hosted endpoint's flow each, as a caller takes it."""

import base64
import io
import json
import zipfile
from dataclasses import dataclass

from click.testing import CliRunner
from PIL import Image

from ocdrnet_gateway.commands.keys import keys

OCDRNET = "/v1/cv/nvidia/ocdrnet"
ASSETS = "/v2/nvcf/assets"
STATUS = "/v2/nvcf/pexec/status"
DESCRIPTION = "x-amz-meta-nvcf-asset-description"


def make_key(path, name, *options):
    return CliRunner().invoke(keys, ["create", name, "--file", str(path), *options]).stdout.strip()


def bearer(key):
    return {"authorization": f"Bearer {key}"} if key else {}


def inline(image, kind="png"):
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def create(http, url, key=None, content_type="image/png", description="Input Image"):
    body = {"contentType": content_type, "description": description}
    answer = http.post(f"{url}{ASSETS}", json=body, headers=bearer(key))
    assert answer.status_code == 200, answer.text
    return answer.json()


def put(http, asset, image, **changes):
    headers = {"content-type": asset["contentType"], DESCRIPTION: asset["description"], **changes}
    return http.put(asset["uploadUrl"], content=image, headers=headers)


def uploaded(http, url, image, key=None):
    """The id of a new asset that holds the image."""
    asset = create(http, url, key)
    answer = put(http, asset, image)
    assert answer.status_code == 200, answer.text
    return asset["assetId"]


def ask(http, url, image, key=None, render_label=False, headers=()):
    body = {"image": image, "render_label": render_label}
    return http.post(f"{url}{OCDRNET}", json=body, headers={**bearer(key), **dict(headers)}, follow_redirects=False)


def poll(http, url, request_id, key=None, seconds=20):
    headers = {**bearer(key), "NVCF-POLL-SECONDS": str(seconds)}
    return http.get(f"{url}{STATUS}/{request_id}", headers=headers, follow_redirects=False)


@dataclass(frozen=True)
class Answer:
    """What a zip holds."""

    names: list
    metadata: list
    picture: Image.Image


def unzipped(content, request_id):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        body = json.loads(archive.read(f"{request_id}.response"))
        (name,) = set(names) - {f"{request_id}.response"}
        picture = Image.open(io.BytesIO(archive.read(name)))
        picture.load()
    assert set(body) == {"metadata"}
    return Answer(names, body["metadata"], picture)


def fetched(http, answer):
    """The zip that a 302 leads to, got without a key."""
    assert answer.status_code == 302, answer.text
    got = http.get(answer.headers["location"])
    assert got.status_code == 200, got.text
    assert got.headers["content-type"] == "application/zip"
    return unzipped(got.content, answer.headers["nvcf-reqid"])


def is_problem(answer, status, *words):
    """Whether it is a problem of that status whose detail has the words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["requestId"] == answer.headers["x-request-id"]
    for word in words:
        assert word in body["detail"]
    return True
