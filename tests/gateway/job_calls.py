"""The steps of a job, as a caller takes them."""

import time

from hosted_flow import bearer


def submit(http, url, body, query="", key=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = http.post(f"{url}/v1/jobs{query}", content=body, headers={**bearer(key), **named})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    return answer.json()["id"]


def state(http, url, job, key=None):
    answer = http.get(f"{url}/v1/jobs/{job}", headers=bearer(key))
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(http, url, job, key=None, seconds=60):
    """The state of a job once it is over."""
    end = time.monotonic() + seconds
    while (now := state(http, url, job, key))["status"] not in ("done", "failed"):
        assert time.monotonic() < end, now
        time.sleep(0.05)
    return now


def result(http, url, job, output=None, key=None):
    query = f"?output={output}" if output else ""
    return http.get(f"{url}/v1/jobs/{job}/result{query}", headers=bearer(key))
