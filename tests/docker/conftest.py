"""The images, built once for all tests, and the pods that run them."""

import container_images
import pytest


@pytest.fixture(scope="session")
def images():
    """The store of images, for one run at a time."""
    reason = container_images.refusal()
    if reason:
        pytest.skip(reason)
    with container_images.alone():
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
