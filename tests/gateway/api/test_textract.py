"""Amazon Textract by its own client, `boto3`."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from click.testing import CliRunner
from drawn_documents import letter, pdf, scan

from ocdrnet_gateway.commands.keys import keys
from ocdrnet_gateway.core.documents import DRAWING_BYTES
from ocdrnet_gateway.http_errors import DeadlineError, OverloadedError, ReaderFailedError, UnavailableError

NO_RETRIES = Config(retries={"total_max_attempts": 1}, proxies={})


def connect(url, key="any"):
    return boto3.client(
        "textract",
        endpoint_url=f"{url}/textract",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="any",
        config=NO_RETRIES,
    )


@pytest.fixture
def client(start_gateway):
    return connect(start_gateway(interfaces="textract").url)


def blocks(answer, kind):
    return [block for block in answer["Blocks"] if block["BlockType"] == kind]


def test_pages_lines_and_words(client, picture, reader):
    answer = client.detect_document_text(Document={"Bytes": picture})
    assert answer["DocumentMetadata"] == {"Pages": 1}
    assert answer["ResponseMetadata"]["RequestId"] == reader.calls[0].request_id
    (page,), lines, words = blocks(answer, "PAGE"), blocks(answer, "LINE"), blocks(answer, "WORD")
    assert [line["Text"] for line in lines] == ["Grüße 你好", "tilted"]
    assert [word["Text"] for word in words] == ["Grüße", "你好", "tilted"]
    assert [word["Confidence"] for word in words] == [50.0, 100.0, 62.5]
    assert page["Geometry"]["BoundingBox"] == {"Width": 1.0, "Height": 1.0, "Left": 0.0, "Top": 0.0}
    box = {"Width": 0.75, "Height": 0.25, "Left": 0.125, "Top": 0.125}
    assert lines[0]["Geometry"]["BoundingBox"] == box
    assert lines[0]["Geometry"]["Polygon"][2] == {"X": 0.875, "Y": 0.375}
    # What reaches over the edge is cut there.
    assert min(point["X"] for point in lines[1]["Geometry"]["Polygon"]) == 0.0
    assert page["Relationships"] == [{"Type": "CHILD", "Ids": [line["Id"] for line in lines]}]
    assert lines[0]["Relationships"][0]["Ids"] == [word["Id"] for word in words[:2]]
    assert len({block["Id"] for block in answer["Blocks"]}) == 6


def test_a_document_is_read_to_all_its_pages(client):
    answer = client.detect_document_text(Document={"Bytes": pdf(scan, letter)})
    assert answer["DocumentMetadata"] == {"Pages": 2}
    assert [page["Page"] for page in blocks(answer, "PAGE")] == [1, 2]
    assert {line["Page"] for line in blocks(answer, "LINE")} == {1, 2}


def test_the_blocks_of_every_word_take_memory(start_gateway):
    server, most, data = start_gateway(interfaces="textract"), [], pdf(scan, scan)
    memory = server._server.config.app.state.services.memory
    change = memory.change_bodies
    memory.change_bodies = lambda growth: (change(growth), most.append(memory._bodies))
    words = len(blocks(connect(server.url).detect_document_text(Document={"Bytes": data}), "WORD"))
    assert (words, max(most)) == (6, 3 * len(data) + DRAWING_BYTES + 6 * 6_000)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"Bytes": b"nope"}, "UnsupportedDocumentException"),
        ({"Bytes": b"%PDF-1.7 damaged"}, "BadDocumentException"),
        ({"Bytes": b"\xff\xd8\xff damaged"}, "UnsupportedDocumentException"),
        ({"S3Object": {"Bucket": "bucket", "Name": "a.png"}}, "InvalidS3ObjectException"),
        ({}, "InvalidParameterException"),
    ],
)
def test_bad_documents(client, reader, document, code):
    with pytest.raises(ClientError) as caught:
        client.detect_document_text(Document=document)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert reader.calls == []


def test_too_large_a_document(start_gateway):
    client = connect(start_gateway(interfaces="textract", max_upload_bytes=4096).url)
    with pytest.raises(client.exceptions.DocumentTooLargeException, match="4,096 bytes"):
        client.detect_document_text(Document={"Bytes": bytes(9000)})


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (OverloadedError("busy"), "ProvisionedThroughputExceededException", 400),
        (ReaderFailedError("failed"), "InternalServerError", 502),
        (UnavailableError("away"), "ServiceUnavailableException", 503),
        (DeadlineError("late"), "InternalServerError", 504),
    ],
)
def test_failures_of_the_server(client, picture, reader, error, code, status):
    async def respond(call):
        raise error

    reader.respond = respond
    with pytest.raises(ClientError, match=str(error.detail)) as caught:
        client.detect_document_text(Document={"Bytes": picture})
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_other_operations_are_refused_by_name(client, picture):
    with pytest.raises(ClientError, match="AnalyzeDocument") as caught:
        client.analyze_document(Document={"Bytes": picture}, FeatureTypes=["TABLES"])
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


def test_the_key_is_the_access_keys_id(start_gateway, picture, http, tmp_path):
    path = tmp_path / "keys.json"
    key = CliRunner().invoke(keys, ["create", "ann", "--file", str(path)]).stdout.strip()
    url = start_gateway(interfaces="textract", keys_file=path).url
    assert connect(url, key).detect_document_text(Document={"Bytes": picture})["Blocks"]
    for wrong in ("AKIAIOSFODNN7EXAMPLE", key[:-1] + ("A" if key[-1] != "A" else "B")):
        with pytest.raises(ClientError) as caught:
            connect(url, wrong).detect_document_text(Document={"Bytes": picture})
        assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"
    # Before the body, and without a signature.
    answer = http.post(f"{url}/textract", content=b"no JSON")
    assert (answer.status_code, answer.json()["__type"]) == (400, "UnrecognizedClientException")
