"""The images, built once for all tests, and the pods that run them."""

import fcntl

import container_images
import pytest
from container_images import KEPT, podman


@pytest.fixture(scope="session")
def images():
    """The store of images, for one run at a time; pods that a run before has left are removed."""
    reason = container_images.refusal()
    if reason:
        pytest.skip(reason)
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        podman("pod", "rm", "--all", "--force", "--time=0")
        yield container_images


@pytest.fixture(scope="session")
def built(images):
    """Builds a target's image, once; returns its name."""
    names = {}

    def build(target):
        if target not in names:
            images.build(target)
            names[target] = images.image(target)
        return names[target]

    return build
