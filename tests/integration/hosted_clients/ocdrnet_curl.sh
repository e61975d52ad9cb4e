#!/usr/bin/env bash
# Reads one picture by the ocdrnet endpoint, with curl and jq.
#
#   API_KEY=... ./ocdrnet_curl.sh photo.jpg answer.zip
#
# AI_HOST and NVCF_HOST say where; on a gateway of one's own both are its address, http://127.0.0.1:9000.
# ASSET_ID reads a picture that was uploaded before; POLL_SECONDS says how long a request is held before it is polled.
set -euo pipefail

ai=${AI_HOST:-https://ai.api.nvidia.com}
nvcf=${NVCF_HOST:-https://api.nvcf.nvidia.com}
picture=$1
zip=$2
description="Input Image"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# call FILE ARGUMENTS...: the body goes to FILE, the headers to FILE.headers; prints the status.
call() {
    curl --silent --show-error --output "$1" --dump-header "$1.headers" --write-out '%{http_code}' "${@:2}"
}

# header NAME FILE: a header's value, by its lower-case name.
header() {
    grep "^$1: " "$2.headers" | cut -d' ' -f2- | tr -d '\r'
}

fail() {
    echo "HTTP $1: $(jq -r .detail "$2")" >&2
    exit 1
}

asset=${ASSET_ID:-}
if [ -z "$asset" ]; then
    status=$(call "$work/asset" -X POST "$nvcf/v2/nvcf/assets" \
        -H "Authorization: Bearer $API_KEY" -H "Content-Type: application/json" -H "accept: application/json" \
        -d "{\"contentType\": \"image/jpeg\", \"description\": \"$description\"}")
    [ "$status" = 200 ] || fail "$status" "$work/asset"
    asset=$(jq -r .assetId "$work/asset")
    status=$(call "$work/upload" -X PUT --data-binary "@$picture" "$(jq -r .uploadUrl "$work/asset")" \
        -H "content-type: image/jpeg" -H "x-amz-meta-nvcf-asset-description: $description")
    [ "$status" = 200 ] || fail "$status" "$work/upload"
fi

status=$(call "$work/answer" -X POST "$ai/v1/cv/nvidia/ocdrnet" \
    -H "Authorization: Bearer $API_KEY" -H "Content-Type: application/json" \
    -H "NVCF-INPUT-ASSET-REFERENCES: $asset" -H "NVCF-FUNCTION-ASSET-IDS: $asset" \
    ${POLL_SECONDS:+-H "NVCF-POLL-SECONDS: $POLL_SECONDS"} \
    -d "{\"image\": \"$asset\", \"render_label\": false}")
while [ "$status" = 202 ]; do
    request=$(header nvcf-reqid "$work/answer")
    echo "$(header nvcf-status "$work/answer")" >&2
    sleep 1
    status=$(call "$work/answer" "$nvcf/v2/nvcf/pexec/status/$request" -H "Authorization: Bearer $API_KEY")
done
[ "$status" = 302 ] || fail "$status" "$work/answer"

curl --silent --show-error --fail --output "$zip" "$(header location "$work/answer")"
echo "$zip"
