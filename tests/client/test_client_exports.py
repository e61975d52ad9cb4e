import ast
import subprocess
import sys
from pathlib import Path

import ocdrnet_client


def test_exports_are_sorted_and_there():
    assert ocdrnet_client.__all__ == sorted(ocdrnet_client.__all__)
    assert len(set(ocdrnet_client.__all__)) == len(ocdrnet_client.__all__)
    assert all(hasattr(ocdrnet_client, name) for name in ocdrnet_client.__all__)


def test_exports_are_complete():
    tree = ast.parse(Path(ocdrnet_client.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(ocdrnet_client.__all__) == imported


def test_every_error_is_exported():
    raised = {name for name, kind in vars(ocdrnet_client.errors).items() if isinstance(kind, type)}
    assert raised <= set(ocdrnet_client.__all__)


def test_everything_exported_is_explained():
    for name in ocdrnet_client.__all__:
        kind = getattr(ocdrnet_client, name)
        assert not isinstance(kind, type) or kind.__doc__, name


def test_the_client_needs_no_server_packages():
    """A caller who only wants the client has no OpenCV and no engine; HTTP's half second is not paid for gRPC."""
    check = (
        "import sys, ocdrnet_client; ocdrnet_client.Client();"
        "print([name for name in ('cv2', 'openvino', 'onnx', 'pyclipper', 'tritonclient.http') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
