"""One version: that of pyproject.toml."""

import re
import shutil

import pytest

from tools import set_version as tool


@pytest.mark.parametrize("place", tool.PLACES)
def test_files_repeat_the_version_of_pyproject(place):
    assert tool.versions(place) == {tool.project_version()}, "run `python -m tools.set_version`"


def test_no_other_file_names_an_image_by_version():
    """But for what is written by a tool of its own (golden manifests)."""
    found = {
        str(path.relative_to(tool.CHECKOUT))
        for folder in ("deploy", "docs", "helm", "gateway", "client")
        for path in (tool.CHECKOUT / folder).rglob("*")
        if path.suffix in {".md", ".yaml", ".yml", ".tpl", ".txt", ".py"} or path.name == "Dockerfile"
        if re.search(rf"\bocdrnet:{tool.NUMBER}", path.read_text(encoding="utf-8"))
    }
    assert found <= set(tool.PLACES)


def test_version_is_written_everywhere(tmp_path, monkeypatch):
    for place in ("pyproject.toml", *tool.PLACES):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tool.CHECKOUT / place, tmp_path / place)
    monkeypatch.setattr(tool, "CHECKOUT", tmp_path)
    monkeypatch.setattr(tool, "PROJECT", tmp_path / "pyproject.toml")
    tool.set_version("0.2.0rc1")
    assert tool.project_version() == "0.2.0rc1"
    assert all(tool.versions(place) == {"0.2.0rc1"} for place in tool.PLACES)


@pytest.mark.parametrize("version", ["1", "v1.0.0", "1.0.0-rc1", ""])
def test_version_that_is_none_is_refused(version):
    with pytest.raises(ValueError, match=rf"'{version}' is no version such as"):
        tool.set_version(version)
