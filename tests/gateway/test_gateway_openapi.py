"""The OpenAPI description is right: whatever is sent, the answer is one that it describes.

CI sends a few hundred requests; OCDRNET_FUZZ_CASES=2000 sends as many in all.
"""

import base64
import json
import os
from collections import Counter

import pytest
import schemathesis
from click.testing import CliRunner
from gateway_nim import data_url, nim_body
from gateway_reader import StandInReader
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from ocdrnet_gateway.app import create_app
from ocdrnet_gateway.commands.keys import keys
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import INTERFACES, load_settings

CASES = int(os.environ.get("OCDRNET_FUZZ_CASES", "300"))


def base64_text(data):
    return base64.b64encode(data).decode()


REAL = {
    "/v1/infer": nim_body,
    "/v1/ocr": lambda picture: {"document": {"image_url": data_url(picture)}},
    "/v1/cv/nvidia/ocdrnet": lambda picture: {"image": data_url(picture), "render_label": True},
    "/v1/images:annotate": lambda picture: {
        "requests": [{"image": {"content": base64_text(picture)}, "features": [{"type": "TEXT_DETECTION"}]}]
    },
    "/textract": lambda picture: {"Document": {"Bytes": base64_text(picture)}},
    "/ocr": lambda picture: {"file": picture, "language": "en"},
    "/v1/files": lambda picture: {"file": picture, "purpose": "ocr"},
}
# Where an interface has errors of its own: by the beginning of the path.
JSON, AWS = "application/json", "application/x-amz-json-1.1"
schemathesis.serializer.alias(AWS, JSON)
schemathesis.deserializer(AWS)(lambda _context, answer: json.loads(answer.content))
OWN_FORMS = {
    "/v1/files": JSON,
    "/ocr": JSON,
    "/v1/images:annotate": JSON,
    "/textract": AWS,
    "/documentintelligence": JSON,
}
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@pytest.fixture(scope="module")
def key_and_url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    path = folder / "keys.json"
    key = CliRunner().invoke(keys, ["create", "fuzz", "--file", str(path)]).stdout.strip()
    chosen = {"port": 0, "keys_file": path, "store": str(folder / "store"), "poll_s": 1, "upload_timeout_s": 2}
    chosen["interfaces"] = ",".join(INTERFACES)
    with GatewayServer(load_settings(chosen), StandInReader()) as server:
        yield key, server.url


@pytest.fixture(scope="module")
def operations(key_and_url):
    schema = schemathesis.openapi.from_url(f"{key_and_url[1]}/openapi.json")
    found = [result.ok() for result in schema.get_all_operations()]
    assert {operation.path for operation in found} >= {"/v1/infer", "/v1/ocr", "/v1/metrics"}
    return found


def fuzz(operation, mode, count, key, picture, seen):
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.booleans())
    def send(case, is_real):
        # A random string is never an image; without a real one no answer of 200 would be seen.
        if is_real and mode is GenerationMode.POSITIVE and operation.path in REAL:
            case.body = REAL[operation.path](picture)
        signed = f"AWS4-HMAC-SHA256 Credential={key}/20261130/us-east-1/textract/aws4_request, Signature=0"
        answer = case.call_and_validate(
            headers={"Authorization": signed if operation.path == "/textract" else f"Bearer {key}"},
            # What fits the schema may still be no image, or an asset that is not there; and what was to be wrong
            # only by its missing key is sent with one.
            excluded_checks=[positive_data_acceptance, negative_data_rejection],
            allow_redirects=False,
            timeout=20,
        )
        seen[operation.path, answer.status_code] += 1

    send()


@pytest.mark.full
def test_every_answer_is_described(operations, key_and_url, picture):
    seen = Counter()
    # Without a parameter or a body there is one request, and nothing about it can be wrong.
    varied = [operation for operation in operations if operation.body or operation.query or operation.path_parameters]
    count = -(-CASES // (len(varied) * len(MODES)))
    for operation in operations:
        for mode in MODES if operation in varied else MODES[:1]:
            fuzz(operation, mode, count, key_and_url[0], picture, seen)
    print(sum(seen.values()), "requests:", dict(sorted(seen.items())))
    assert seen["/v1/infer", 200] > 0
    assert seen["/v1/infer", 422] > 0
    assert seen["/v1/cv/nvidia/ocdrnet", 302] > 0
    assert [path for path in REAL if not seen[path, 302 if "nvidia" in path else 200]] == []
    assert [where for where in seen if where[1] >= 500 and where[1] != 503] == []


def everything(folder):
    chosen = {"store": str(folder), "interfaces": ",".join(INTERFACES)}
    return create_app(load_settings(chosen), StandInReader()).openapi()


def test_the_description_is_valid(tmp_path):
    validate(everything(tmp_path))


def test_no_error_is_described_otherwise_than_as_a_problem(tmp_path):
    paths = everything(tmp_path)["paths"]
    described = [
        (path, method, status, list(response.get("content", {})))
        for path, methods in paths.items()
        for method, operation in methods.items()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]
    assert len(described) > 20
    own_forms = {("/v1/infer", "422"), ("/v1/ocr", "422"), ("/v1/health/ready", "503")}
    for path, method, status, kinds in described:
        own = next((form for start, form in OWN_FORMS.items() if path.startswith(start)), "application/problem+json")
        expected = "application/json" if (path, status) in own_forms else own
        assert expected in kinds, (path, method, status)
