import pytest
from ngc_stand_in import DETECTOR, KEY, SMALL, Storage, serving

from ocdrnet_deploy.catalog.catalog import find_by_name
from ocdrnet_deploy.ngc.api import NgcApi, NgcKey
from ocdrnet_deploy.ngc.connection import RetryPolicy
from ocdrnet_deploy.ngc.fetch import fetch


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, and no key or licence from outside."""
    for name in ("NGC_API_KEY", "NGC_CLI_API_KEY", "OCDRNET_ACCEPT_NVIDIA_EULA", "OCDRNET_NGC_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OCDRNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def ngc():
    """Published files and the servers' behaviour; `url` is where they listen."""
    storage = Storage({DETECTOR: SMALL})
    with serving(storage) as storage.url:
        yield storage


@pytest.fixture
def download(ngc):
    """Download a network of the catalog, with short waits."""

    def start(name="ocdnet-v1.0-resnet18", key=KEY, accepted_by="--accept-eula", **more):
        entry = find_by_name(name)
        policy = RetryPolicy(attempts=4, first_s=0.01)
        api = NgcApi(NgcKey(key, "NGC_API_KEY"), ngc.url)
        return fetch(entry, entry.source, api, accepted_by=accepted_by, policy=policy, **more)

    return start
