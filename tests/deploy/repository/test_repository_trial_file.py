"""What `models build` measured, and how long a server waits by it."""

import pytest

from ocdrnet_deploy.precision.trial import Trial
from ocdrnet_deploy.repository.trial_file import TRIAL_FILE, image_wait_s, ready_wait_s, trial_text
from ocdrnet_deploy.server import TritonServer


def trial(load_s, run_s):
    return Trial("openvino", "", load_s, run_s, 1 << 30, "ids", 100, 1.0, 0.0)


def write(repository, detector, recognizer):
    for model, made in (("ocdnet", detector), ("ocrnet", recognizer)):
        path = repository / model / "1" / TRIAL_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(trial_text(made))


def test_without_a_measurement_the_wait_is_as_it_was(tmp_path):
    assert (ready_wait_s(tmp_path), image_wait_s(tmp_path)) == (120, 30)


def test_fast_networks_change_nothing(tmp_path):
    write(tmp_path, trial(0.5, 0.1), trial(0.5, 0.1))
    assert (ready_wait_s(tmp_path), image_wait_s(tmp_path)) == (120, 30)


def test_slow_networks_are_waited_for(tmp_path):
    """A FAN of 60 s an image: compiled and run once at start, and the first image."""
    write(tmp_path, trial(20, 60), trial(1, 2))
    assert ready_wait_s(tmp_path) == pytest.approx(4 * 83)
    assert image_wait_s(tmp_path) == 240


def test_a_server_waits_by_what_was_measured(tmp_path, monkeypatch):
    write(tmp_path, trial(20, 60), trial(1, 2))
    monkeypatch.setattr("ocdrnet_deploy.server.triton.prepare_launch", lambda *_, **__: None)
    monkeypatch.setattr(TritonServer, "_take", lambda *_: None)
    server = TritonServer(tmp_path)
    assert (server._ready_timeout_s, server.image_timeout_s) == (pytest.approx(4 * 83), 240)
    assert TritonServer(tmp_path, ready_timeout_s=5)._ready_timeout_s == 5


def test_a_file_that_is_no_measurement_is_left_aside(tmp_path):
    write(tmp_path, trial(20, 60), trial(1, 2))
    (tmp_path / "ocdnet" / "1" / "trial.json").write_text("[]")
    assert ready_wait_s(tmp_path) == 120
