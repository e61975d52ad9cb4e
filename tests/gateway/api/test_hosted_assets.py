"""Assets: create, upload, get, list, delete, expire; and whose they are."""

import time
import uuid

import pytest
from hosted_flow import ASSETS, DESCRIPTION, ask, bearer, create, fetched, is_problem, make_key, put, uploaded


@pytest.fixture
def two_keys(tmp_path):
    path = tmp_path / "keys.json"
    return path, make_key(path, "ann"), make_key(path, "bob")


def test_an_asset_says_what_it_was_given(gateway, http):
    asset = create(http, gateway, content_type="image/jpeg", description="red cat")
    assert set(asset) == {"assetId", "uploadUrl", "contentType", "description"}
    assert str(uuid.UUID(asset["assetId"])) == asset["assetId"]
    assert (asset["contentType"], asset["description"]) == ("image/jpeg", "red cat")
    assert asset["uploadUrl"].startswith(f"{gateway}/")


def test_an_uploaded_asset_is_read(gateway, http, picture, reader):
    answer = ask(http, gateway, uploaded(http, gateway, picture))
    assert fetched(http, answer).metadata[0]["label"] == "Grüße 你好"
    assert [call.image for call in reader.calls] == [picture]


def test_the_id_may_be_written_in_capitals(gateway, http, picture):
    assert ask(http, gateway, uploaded(http, gateway, picture).upper()).status_code == 302


def test_a_second_upload_replaces_the_first(gateway, http, picture, reader):
    asset = create(http, gateway)
    for content in (b"mistake", picture):
        assert put(http, asset, content).status_code == 200
    assert ask(http, gateway, asset["assetId"]).status_code == 302


def test_assets_are_listed_shown_and_deleted(gateway, http, picture):
    first, second = uploaded(http, gateway, picture), create(http, gateway, description="2")["assetId"]
    listed = {asset["assetId"]: asset for asset in http.get(gateway + ASSETS).json()["assets"]}
    assert set(listed) == {first, second}
    assert listed[second] == {"assetId": second, "contentType": "image/png", "description": "2"}
    assert http.get(f"{gateway}{ASSETS}/{second}").json() == {"asset": listed[second]}
    gone = http.delete(f"{gateway}{ASSETS}/{first}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert [asset["assetId"] for asset in http.get(gateway + ASSETS).json()["assets"]] == [second]
    assert is_problem(http.get(f"{gateway}{ASSETS}/{first}"), 404)
    assert is_problem(http.delete(f"{gateway}{ASSETS}/{first}"), 404)
    assert is_problem(ask(http, gateway, first), 404)


def test_a_deleted_asset_takes_no_upload(gateway, http, picture):
    asset = create(http, gateway)
    http.delete(f"{gateway}{ASSETS}/{asset['assetId']}")
    assert is_problem(put(http, asset, picture), 404, "deleted")


def test_an_asset_without_its_image_is_not_found(gateway, http, reader):
    assert is_problem(ask(http, gateway, create(http, gateway)["assetId"]), 404, "not uploaded")
    assert reader.calls == []


def test_an_asset_expires(start_gateway, http, picture, tmp_path, until):
    url = start_gateway(asset_lifetime_s=1.5, sweep_interval_s=0.1).url
    asset = uploaded(http, url, picture)
    assert ask(http, url, asset).status_code == 302
    until(lambda: http.get(f"{url}{ASSETS}/{asset}").status_code == 404)
    assert is_problem(ask(http, url, asset), 404)
    until(lambda: not [path for path in (tmp_path / "store" / "asset").rglob("*") if path.is_file()])


def test_another_keys_asset_is_not_found(start_gateway, http, picture, reader, two_keys):
    path, ann, bob = two_keys
    url = start_gateway(keys_file=path).url
    asset = uploaded(http, url, picture, ann)
    assert is_problem(http.get(f"{url}{ASSETS}/{asset}", headers=bearer(bob)), 404)
    assert is_problem(http.delete(f"{url}{ASSETS}/{asset}", headers=bearer(bob)), 404)
    assert is_problem(ask(http, url, asset, bob), 404)
    assert http.get(url + ASSETS, headers=bearer(bob)).json() == {"assets": []}
    assert reader.calls == []
    assert ask(http, url, asset, ann).status_code == 302


def test_a_new_key_of_the_same_name_has_its_assets(start_gateway, http, picture, two_keys):
    path, ann, _ = two_keys
    url = start_gateway(keys_file=path).url
    asset = uploaded(http, url, picture, ann)
    assert ask(http, url, asset, make_key(path, "ann")).status_code == 302


def test_without_a_key_nothing_but_signed_urls_works(start_gateway, http, picture, two_keys):
    path, ann, _ = two_keys
    url = start_gateway(keys_file=path).url
    some = uuid.uuid4()
    for answer in (
        http.post(url + ASSETS, json={"contentType": "image/png", "description": "x"}),
        http.get(url + ASSETS),
        http.get(f"{url}{ASSETS}/{some}"),
        http.delete(f"{url}{ASSETS}/{some}"),
        ask(http, url, str(some)),
        http.get(f"{url}/v2/nvcf/pexec/status/{some}"),
        ask(http, url, str(some), "ocdr_0123456789abcdef_" + "x" * 43),
    ):
        assert is_problem(answer, 401)
    assert fetched(http, ask(http, url, uploaded(http, url, picture, ann), ann)).metadata


def test_where_no_keys_are_needed_any_is_taken(gateway, http, picture):
    asset = uploaded(http, gateway, picture, "nvapi-anything")
    assert ask(http, gateway, asset, "another").status_code == 302


@pytest.mark.parametrize("content_type", ["text/html", "image/", "image/png\r\nx: y", "image/png; a=b", "", 1, None])
def test_only_an_images_media_type_is_taken(gateway, http, content_type):
    answer = http.post(gateway + ASSETS, json={"contentType": content_type, "description": "x"})
    assert is_problem(answer, 422, "contentType")


@pytest.mark.parametrize("description", ["a\r\nx-amz-acl: public", "a\nb", "a\x00", "Grüße", " a", "a ", "x" * 257, 5])
def test_a_description_that_is_no_header_is_refused(gateway, http, description):
    answer = http.post(gateway + ASSETS, json={"contentType": "image/png", "description": description})
    assert is_problem(answer, 422, "description")


@pytest.mark.parametrize("description", ["", "a", 'quote " and ; and \\ and %0d%0a', "<script>", "../../x", "x" * 256])
def test_any_other_description_goes_round(gateway, http, picture, description):
    asset = create(http, gateway, description=description)
    assert put(http, asset, picture).status_code == 200
    shown = http.get(f"{gateway}{ASSETS}/{asset['assetId']}").json()["asset"]
    assert shown["description"] == asset["description"] == description


def test_a_description_may_be_left_out(gateway, http, picture):
    asset = http.post(gateway + ASSETS, json={"contentType": "image/png"}).json()
    assert http.put(asset["uploadUrl"], content=picture, headers={"content-type": "image/png"}).status_code == 200


@pytest.mark.parametrize(
    "odd",
    ["..%2f..%2fetc%2fpasswd", "%2e%2e", "x", "..%5c..%5cx", "%00", "0" * 36, f"{uuid.UUID(int=1)}%0a", "a" * 5000],
)
def test_an_id_that_is_none_leads_nowhere(gateway, http, odd):
    for method in ("GET", "DELETE"):
        assert is_problem(http.request(method, f"{gateway}{ASSETS}/{odd}"), 404)
    assert is_problem(http.get(f"{gateway}/v2/nvcf/pexec/status/{odd}"), 404)
    for path in (f"uploads/{odd}/{uuid.uuid4()}", f"uploads/{'0' * 32}/{odd}"):
        answer = http.put(f"{gateway}/v2/nvcf/{path}?expires=9999999999&signature=00", content=b"x")
        assert answer.status_code in (403, 404)
    for path in (f"results/{odd}/{uuid.uuid4()}", f"results/{'0' * 32}/{odd}"):
        assert http.get(f"{gateway}/v2/nvcf/{path}?expires=9999999999&signature=00").status_code in (403, 404)


@pytest.mark.parametrize("image", ["../../etc/passwd", "http://127.0.0.1/x.png", "file:///etc/passwd", "x" * 100])
def test_an_image_that_is_neither_asset_nor_inline_is_refused(gateway, http, reader, image):
    assert is_problem(ask(http, gateway, image), 422, "nothing is fetched")
    assert reader.calls == []


class TestUploadUrl:
    def test_it_must_carry_the_type_that_was_given(self, gateway, http, picture):
        asset = create(http, gateway)
        assert is_problem(put(http, asset, picture, **{"content-type": "text/html"}), 403, "content-type")
        assert is_problem(ask(http, gateway, asset["assetId"]), 404)

    def test_it_must_carry_the_description_that_was_given(self, gateway, http, picture):
        asset = create(http, gateway)
        assert is_problem(put(http, asset, picture, **{DESCRIPTION: "another"}), 403)
        answer = http.put(asset["uploadUrl"], content=picture, headers={"content-type": "image/png"})
        assert is_problem(answer, 403)

    def test_no_part_of_it_can_be_changed(self, gateway, http, picture):
        asset, other = create(http, gateway), create(http, gateway)
        address, _, query = asset["uploadUrl"].partition("?")
        expires, signature = (part.partition("=")[2] for part in query.split("&"))
        last = "0" if signature[-1] != "0" else "1"
        for changed in (
            f"{address}?expires={int(expires) + 1}&signature={signature}",
            f"{address}?expires={expires}&signature={signature[:-1]}{last}",
            f"{address}?expires={expires}&signature={signature.upper()}x",
            f"{address}?expires={expires}&signature=",
            f"{address}?expires={expires}&signature=é",
            f"{address}?expires=&signature={signature}",
            f"{address}?signature={signature}",
            address,
            f"{other['uploadUrl'].partition('?')[0]}?{query}",
        ):
            assert is_problem(put(http, {**asset, "uploadUrl": changed}, picture), 403)
        assert put(http, asset, picture).status_code == 200

    def test_it_is_good_for_nothing_else(self, gateway, http, picture):
        asset = create(http, gateway)
        put(http, asset, picture)
        as_result = asset["uploadUrl"].replace("/uploads/", "/results/")
        assert is_problem(http.get(as_result, headers={"content-type": "image/png"}), 403)
        assert http.get(asset["uploadUrl"]).status_code == 405

    def test_it_expires(self, start_gateway, http, picture):
        url = start_gateway(upload_url_lifetime_s=1).url
        asset = create(http, url)
        time.sleep(2.1)
        assert is_problem(put(http, asset, picture), 403, "expired")

    def test_one_of_another_secret_is_refused(self, start_gateway, http, picture):
        one, two = start_gateway(), start_gateway()
        asset = create(http, one.url)
        stolen = {**asset, "uploadUrl": asset["uploadUrl"].replace(one.url, two.url)}
        assert is_problem(put(http, stolen, picture), 403)

    def test_it_names_what_the_caller_reached(self, start_gateway, http):
        url = start_gateway().url
        body = {"contentType": "image/png", "description": ""}
        answer = http.post(url + ASSETS, json=body, headers={"host": "ocr.example:8443"})
        assert answer.json()["uploadUrl"].startswith("http://ocr.example:8443/v2/nvcf/")
        proxied = http.post(url + ASSETS, json=body, headers={"host": "a.example", "x-forwarded-proto": "https"})
        assert proxied.json()["uploadUrl"].startswith("https://a.example/v2/nvcf/")

    @pytest.mark.parametrize("host", ["a b", 'a"b', "a/b", "user@a", "a#b", "a:x", "a?b"])
    def test_an_odd_host_is_refused(self, gateway, http, host):
        answer = http.post(gateway + ASSETS, json={"contentType": "image/png"}, headers={"host": host})
        assert is_problem(answer, 400, "Host")

    def test_the_settings_may_name_it(self, start_gateway, http):
        url = start_gateway(public_url="https://ocr.example/base/").url
        assert create(http, url)["uploadUrl"].startswith("https://ocr.example/base/v2/nvcf/uploads/")

    def test_an_upload_of_the_limit_is_taken_and_one_byte_more_is_not(self, start_gateway, http):
        url = start_gateway(max_upload_bytes=2000).url
        asset = create(http, url)
        assert put(http, asset, b"x" * 2000).status_code == 200
        assert is_problem(put(http, asset, b"x" * 2001), 413, "2,000")
        assert is_problem(put(http, asset, iter([b"x" * 1500] * 2)), 413, "2,000")

    def test_a_full_store_says_so(self, start_gateway, http):
        url = start_gateway(store_max_bytes=5000).url
        answer = put(http, create(http, url), b"x" * 6000)
        assert is_problem(answer, 507, "5,000")
        assert int(answer.headers["retry-after"]) > 0
