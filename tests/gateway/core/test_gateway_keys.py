"""Keys: who gets in, and what is kept of them."""

import json
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, TimeoutError

import pytest
from click.testing import CliRunner
from gateway_nim import nim_body

from ocdrnet_gateway.commands.keys import keys
from ocdrnet_gateway.core.keys import Keys, Principal, load_keys, locked_keys, new_key, save_keys
from ocdrnet_gateway.errors import KeysError, SettingsError
from ocdrnet_gateway.http_errors import UnauthorizedError
from ocdrnet_gateway.settings import load_settings

NOBODY = Principal("anonymous", 7.0, 3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


def run(*arguments):
    return CliRunner().invoke(keys, [str(argument) for argument in arguments])


def create(path, name="ann", *options):
    made = run("create", name, "--file", path, *options)
    assert made.exit_code == 0, made.output
    return made.stdout.strip()


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def ids(path):
    return [entry.id for entry in load_keys(path)]


def test_a_key_gets_in_and_nothing_else_does(start_gateway, http, picture, path, reader):
    key = create(path)
    url = f"{start_gateway(keys_file=path).url}/v1/infer"
    assert http.post(url, json=nim_body(picture), headers=bearer(key)).status_code == 200
    assert http.post(url, json=nim_body(picture), headers={"authorization": f"bearer {key}"}).status_code == 200
    wrong = [{}, bearer("x"), bearer("nvapi-whatever"), bearer(key[:-1] + ("A" if key[-1] != "A" else "B"))]
    wrong += [bearer(key.upper()), bearer(key + "A"), {"authorization": f"Basic {key}"}, {"authorization": key}]
    for headers in wrong:
        answer = http.post(url, json=nim_body(picture), headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), headers
        assert answer.headers["content-type"] == "application/problem+json"
    assert len(reader.calls) == 2


def test_who_has_no_key_need_not_send_a_body(start_gateway, http, path):
    create(path)
    answer = http.post(f"{start_gateway(keys_file=path).url}/v1/infer", content=b"not json")
    assert answer.status_code == 401


@pytest.mark.parametrize("value", [None, "Bearer nvapi-1234", "Bearer", "Basic x", "?"])
def test_where_no_key_is_needed_any_is_ignored(gateway, http, picture, value):
    headers = {} if value is None else {"authorization": value}
    assert http.post(f"{gateway}/v1/infer", json=nim_body(picture), headers=headers).status_code == 200


def test_health_and_metrics_need_no_key(start_gateway, http, path):
    create(path)
    url = start_gateway(keys_file=path).url
    for page in ("/v1/health/live", "/v1/health/ready", "/v1/metrics", "/v1/models", "/openapi.json"):
        assert http.get(url + page).status_code == 200


def test_a_key_is_changed_without_a_restart(path):
    first = create(path)
    checked = Keys(path, NOBODY)
    second = create(path)
    assert checked.caller(first) == checked.caller(second) == Principal("ann", 7.0, 3)
    assert run("revoke", ids(path)[0], "--file", path).exit_code == 0
    assert checked.caller(second).name == "ann"
    with pytest.raises(UnauthorizedError, match="revoked"):
        checked.caller(first)


def test_a_key_may_have_limits_of_its_own(path):
    key = create(path, "bob", "--rate", "90", "--concurrency", "2")
    assert Keys(path, NOBODY).caller(key) == Principal("bob", 90.0, 2)


def test_a_key_expires(path, monkeypatch):
    key = create(path, "ann", "--days", "2")
    checked = Keys(path, NOBODY)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * 86_400 - 60)
    assert checked.caller(key).name == "ann"
    monkeypatch.setattr(time, "time", lambda: now + 2 * 86_400 + 60)
    with pytest.raises(UnauthorizedError, match="expired"):
        checked.caller(key)


def test_the_secret_is_not_kept(path):
    key = create(path)
    secret = key.split("_", 2)[2]
    assert secret not in path.read_text()
    assert secret not in run("list", "--file", path).output + run("list", "--file", path, "--json").output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_differ_and_so_do_their_salts():
    made = [new_key("ann") for _ in range(3)]
    assert len({key for key, _ in made}) == len({entry.salt for _, entry in made}) == 3
    assert all(len(key.split("_", 2)[2]) == 43 for key, _ in made)


def test_the_list_shows_what_helps(path):
    create(path, "ann", "--days", "30", "--rate", "5")
    create(path, "bob")
    listed = run("list", "--file", path).output.splitlines()
    assert [line.split()[:2] for line in listed] == [[ids(path)[0], "ann"], [ids(path)[1], "bob"]]
    assert "5 images a minute" in listed[0]
    assert "until" in listed[0]
    assert "no end" in listed[1]
    rows = [json.loads(line) for line in run("list", "--file", path, "--json").output.splitlines()]
    assert [row["name"] for row in rows] == ["ann", "bob"]
    assert not {"salt", "sha256"} & set(rows[0])


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "a\nb", "é"])
def test_a_name_that_cannot_be_used_is_refused(path, name):
    made = run("create", "--file", path, "--", name)
    assert made.exit_code == 2
    assert "cannot be used" in made.output
    assert not path.exists()


def test_revoking_what_is_not_there_is_an_error(path):
    create(path)
    answer = run("revoke", "0" * 16, "--file", path)
    assert answer.exit_code == 2
    assert "there is no key" in answer.output


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": 1}', '{"keys": [{"id": "x"}]}', "{"])
def test_a_file_that_is_no_keys_file_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(KeysError, match="is no keys file"):
        Keys(path, NOBODY)
    assert "is no keys file" in run("create", "ann", "--file", path).output


def test_a_missing_file_keeps_the_gateway_from_starting(path):
    with pytest.raises(KeysError, match="ocdrnet keys create"):
        Keys(path, NOBODY)


def test_a_file_that_is_damaged_later_locks_nobody_out(path):
    key = create(path)
    checked = Keys(path, NOBODY)
    path.write_text("{")
    assert checked.caller(key).name == "ann"
    os.unlink(path)
    assert checked.caller(key).name == "ann"


def test_writing_leaves_no_other_file(path):
    save_keys(path, [new_key("ann")[1]])
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_an_open_address_needs_keys_or_a_word(host, path):
    with pytest.raises(SettingsError, match="open to other machines and there are no keys"):
        load_settings({"host": host})
    assert load_settings({"host": host, "allow_anonymous": True}).host == host
    assert load_settings({"host": host, "keys_file": path}).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_no_keys(host):
    assert load_settings({"host": host}).keys_file is None


@pytest.mark.full
def test_keys_made_at_the_same_time_are_all_kept(path):
    command = [sys.executable, "-c", _CREATE, str(path)]
    made = [subprocess.Popen([*command, f"ann{number}"]) for number in range(4)]
    assert [process.wait(120) for process in made] == [0] * 4
    assert len(ids(path)) == 20


_CREATE = """
import sys
from click.testing import CliRunner
from ocdrnet_gateway.commands.keys import keys
for number in range(5):
    result = CliRunner().invoke(keys, ["create", f"{sys.argv[2]}-{number}", "--file", sys.argv[1]])
    assert result.exit_code == 0, result.output
"""


def test_a_second_change_waits_for_the_first(path):
    create(path)
    with ThreadPoolExecutor(1) as pool:
        with locked_keys(path):
            second = pool.submit(new_locked, path)
            with pytest.raises(TimeoutError):
                second.result(0.3)
            save_keys(path, [*load_keys(path), new_key("first")[1]])
        second.result(10)
    assert [entry.name for entry in load_keys(path)] == ["ann", "first", "second"]


def new_locked(path):
    with locked_keys(path):
        save_keys(path, [*load_keys(path), new_key("second")[1]])


def test_a_folder_that_cannot_be_written_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("x")
    answer = run("create", "ann", "--file", tmp_path / "file" / "keys.json")
    assert answer.exit_code == 2
    assert answer.output.startswith("Error: cannot write the keys file")
