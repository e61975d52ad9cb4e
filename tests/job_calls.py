"""The steps of a job, as a caller takes them."""

import time

PATIENT = 120.0  # seconds for a page's drawing, where a test is not about that


def until(is_true, seconds=90):
    """Wait for something to become true; a busy machine takes long to start a process that draws."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.02)


def submit(http, url, body, query="", key=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = http.post(f"{url}/v1/jobs{query}", content=body, headers={**_bearer(key), **named})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    return answer.json()["id"]


def state(http, url, job, key=None):
    answer = http.get(f"{url}/v1/jobs/{job}", headers=_bearer(key))
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(http, url, job, key=None, seconds=150):
    """The state of a job once it is over."""
    end = time.monotonic() + seconds
    while (now := state(http, url, job, key))["status"] not in ("done", "failed"):
        assert time.monotonic() < end, now
        time.sleep(0.05)
    return now


def result(http, url, job, output=None, key=None):
    query = f"?output={output}" if output else ""
    return http.get(f"{url}/v1/jobs/{job}/result{query}", headers=_bearer(key))


def _bearer(key):
    return {"authorization": f"Bearer {key}"} if key else {}
