import pytest

from ocdrnet_deploy.planning.errors import NoPublishedSpeedError
from ocdrnet_deploy.planning.gpu_speed import PUBLISHED, gpu_speed


def test_published_at_its_own_size():
    found = gpu_speed("l4", size=(640, 640))
    assert (found.gpu, found.pictures_per_s) == ("L4", 432)
    detector, recognizer = found.sources
    assert "published, OCDNet ResNet-18, batch 32: 432 images/s" in detector
    assert "model card of nvidia/tao/ocdnet" in detector
    assert " at 640 x 640" not in detector.replace("640 x 640, network only", "")
    # Nothing is published of the recognizer, and it says so.
    assert found.crops_per_s == pytest.approx(432 * 51 / 10.6)
    assert "estimated" in recognizer
    assert "--crops-per-s" in recognizer


def test_another_size_takes_longer_by_its_pixels():
    found = gpu_speed("T4")
    assert found.pictures_per_s == pytest.approx(294 * 640 * 640 / (736 * 1280))
    assert "by pixels 128 at 736 x 1280" in found.sources[0]


def test_other_networks():
    assert gpu_speed("A100", "fan-tiny", (640, 640)).pictures_per_s == 16.61
    assert gpu_speed("H100", "fan-tiny-pruned", (640, 640)).pictures_per_s == 40.07


@pytest.mark.parametrize("gpu", ["H100", "H200"])
def test_what_is_not_published_is_called_an_estimate(gpu):
    found = gpu_speed(gpu, size=(640, 640))
    assert found.pictures_per_s == 5660
    assert "estimated from the published A100 figure" in found.sources[0]
    assert "published, OCDNet" not in found.sources[0]


def test_what_you_measured_comes_first():
    found = gpu_speed("Some GPU", pictures_per_s=100.0, crops_per_s=900.0)
    assert (found.gpu, found.pictures_per_s, found.crops_per_s) == ("Some GPU", 100.0, 900.0)
    assert all("measured by you" in source for source in found.sources)
    half = gpu_speed("L4", crops_per_s=900.0)
    assert "published" in half.sources[0]
    assert "measured by you, 900 crops/s" in half.sources[1]


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({"gpu": "K80"}, ["OCDNet ResNet-18 on 'K80'", "T4, L4, A100", "--pictures-per-s"]),
        ({"gpu": "T4 ", "network": "fan-tiny"}, ["'T4 '", "A30"]),
        ({"gpu": "H200", "network": "fan-tiny"}, ["OCDNet FAN-tiny on 'H200'"]),
        ({"gpu": "L40", "network": "fan-tiny"}, ["OCRNet", "'L40'", "--crops-per-s"]),
    ],
)
def test_no_figure_to_go_by(options, texts):
    with pytest.raises(NoPublishedSpeedError) as caught:
        gpu_speed(**options)
    assert all(text in str(caught.value) for text in texts)


def test_the_model_card():
    """The figures of contracts.md that a plan follows from."""
    resnet, fan, pruned = (published.images_per_second for published in PUBLISHED)
    assert (resnet["T4"], resnet["L4"], resnet["A100"]) == (294, 432, 1786)
    assert (fan["T4"], fan["H100"]) == (2.74, 29.13)
    assert (pruned["A30"], pruned["H100"]) == (11.37, 40.07)
