"""Reads one image by the ocdrnet endpoint, with requests.

    API_KEY=... python ocdrnet_requests.py photo.jpg answer.zip

AI_HOST and NVCF_HOST say where; on a gateway of one's own both are its address, http://127.0.0.1:9000.
ASSET_ID reads an image that was uploaded before; POLL_SECONDS says how long a request is held before it is polled.
"""

import io
import json
import os
import sys
import time
import zipfile

import requests

AI = os.environ.get("AI_HOST", "https://ai.api.nvidia.com")
NVCF = os.environ.get("NVCF_HOST", "https://api.nvcf.nvidia.com")
KEY = {"Authorization": f"Bearer {os.environ['API_KEY']}"}
DESCRIPTION = "Input Image"


def checked(response):
    if response.status_code >= 400:
        sys.exit(f"HTTP {response.status_code}: {response.json()['detail']}")
    return response


def upload(path):
    payload = {"contentType": "image/jpeg", "description": DESCRIPTION}
    headers = {**KEY, "Content-Type": "application/json", "accept": "application/json"}
    asset = checked(requests.post(f"{NVCF}/v2/nvcf/assets", headers=headers, json=payload, timeout=30)).json()
    s3_headers = {"x-amz-meta-nvcf-asset-description": DESCRIPTION, "content-type": "image/jpeg"}
    with open(path, "rb") as file:
        checked(requests.put(asset["uploadUrl"], data=file, headers=s3_headers, timeout=300))
    return asset["assetId"]


def read(asset):
    headers = {**KEY, "NVCF-INPUT-ASSET-REFERENCES": asset, "NVCF-FUNCTION-ASSET-IDS": asset}
    if "POLL_SECONDS" in os.environ:
        headers["NVCF-POLL-SECONDS"] = os.environ["POLL_SECONDS"]
    inputs = {"image": asset, "render_label": False}
    response = checked(requests.post(f"{AI}/v1/cv/nvidia/ocdrnet", headers=headers, json=inputs, timeout=300))
    while response.status_code == 202:
        print(response.headers["NVCF-STATUS"], file=sys.stderr)
        time.sleep(1)
        status_url = f"{NVCF}/v2/nvcf/pexec/status/{response.headers['NVCF-REQID']}"
        response = checked(requests.get(status_url, headers=KEY, timeout=300))
    return response.content


def main():
    content = read(os.environ.get("ASSET_ID") or upload(sys.argv[1]))
    with open(sys.argv[2], "wb") as file:
        file.write(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".response"))
        for found in json.loads(archive.read(name))["metadata"]:
            print(found["label"])


if __name__ == "__main__":
    main()
