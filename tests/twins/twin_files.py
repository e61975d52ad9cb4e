"""Files of the stand-ins for NVIDIA's networks, where the catalog finds them."""

import onnx
from twin_contracts import DETECTORS, RECOGNIZERS
from twin_detector import detector_twin
from twin_recognizer import recognizer_twin

from ocdrnet_deploy.catalog.catalog import DEFAULT, catalog
from ocdrnet_deploy.networks import weights

MAKERS = {version.name: (detector_twin, version) for version in DETECTORS} | {
    version.name: (recognizer_twin, version) for version in RECOGNIZERS
}


def networks_at_hand():
    """Networks of the catalog whose file, or a twin of it, is on every machine that runs the tests."""
    return [entry for entry in catalog() if entry.name in (*MAKERS, DEFAULT)]


def place_twins(folder, patch):
    """Let the catalog find a twin for every network of NVIDIA's."""
    really = weights.find_weights

    def find(entry):
        if entry.name not in MAKERS:
            return really(entry)
        path = folder / f"{entry.name}.onnx"
        if not path.exists():
            make, version = MAKERS[entry.name]
            onnx.save(make(version), path)
        return path

    patch.setattr(weights, "find_weights", find)
    patch.setattr(weights, "character_list", lambda entry, count: ())
