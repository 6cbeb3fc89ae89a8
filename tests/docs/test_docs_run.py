"""The Python in the README and the docs runs as printed; commands that they show exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("name", ["README.md", "docs/python-api.md"])
def test_python_blocks_run(name, tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = python_blocks(ROOT / name)
    assert blocks
    namespace = {"manifest": tiny_corpus, "folder": tmp_path}
    for block in blocks:
        exec(compile(block, name, "exec"), namespace)


def test_recipe_can_be_read_without_the_toolkit(tiny_model, tmp_path, monkeypatch):
    (tmp_path / "model.onnx").write_bytes(tiny_model.read_bytes())
    monkeypatch.chdir(tmp_path)
    (block,) = python_blocks(ROOT / "docs/recipe-format.md")
    namespace = {}
    exec(block, namespace)
    assert namespace["recipe"]["format"] == 1


def test_the_documented_defaults_are_the_defaults():
    import tomllib

    from ser_toolkit.training.config import check_config, read_config

    block, *others = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/train.md").read_text(), re.DOTALL)
    documented = check_config(tomllib.loads(block)).model_dump()
    defaults = read_config().model_dump()
    for other in others:
        assert check_config(tomllib.loads(other)).model_dump() != defaults
    documented["emotions"] = None
    documented["features"]["gemaps"].pop("scope")
    assert documented == defaults


@pytest.mark.parametrize("path", sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")]), ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_commands_in_the_docs_are_real():
    from ser_toolkit.cli import app

    known = {c.name for c in app.registered_commands} | {g.name for g in app.registered_groups}
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for line in re.findall(r"^ser-toolkit (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert line in known or line.startswith("-"), (path.name, line)


def test_examples_in_docstrings_run(monkeypatch):
    import doctest

    import ser_toolkit

    monkeypatch.chdir(ROOT)
    result = doctest.testmod(ser_toolkit)
    assert result.attempted > 0
    assert result.failed == 0
