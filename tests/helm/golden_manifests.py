"""The manifests of the default GPU and CPU installs, as text.

Write them anew: `python tests/helm/golden_manifests.py`.
"""

from pathlib import Path

from chart_render import rendered

GOLDEN = Path(__file__).parent / "golden"
INSTALLS = {"gpu": {}, "cpu": {"mode": "cpu"}}


def manifest_text(values: dict) -> str:
    """What `helm template demo --namespace ocr` prints, without the lines that hold nothing."""
    parts = []
    for name, text in sorted(rendered(values).items()):
        lines = [line.rstrip() for line in text.splitlines() if line.strip() not in ("", "---")]
        if name.endswith(".yaml") and lines:
            parts.append("\n".join(["---", f"# Source: {name}", *lines]))
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    for install, install_values in INSTALLS.items():
        (GOLDEN / f"{install}.yaml").write_text(manifest_text(install_values), encoding="utf-8")
