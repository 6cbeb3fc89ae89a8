"""What ``ser-toolkit plugins new`` writes, and what it refuses."""

from __future__ import annotations

import ast
import os
import shutil
import tomllib
from pathlib import Path

import fake_dists
import numpy as np
import pytest

import ser_toolkit
from ser_toolkit.components import create, to_config
from ser_toolkit.errors import ComponentError, ConfigError, OutputError
from ser_toolkit.interfaces import FeatureExtractor, FeatureSpec, NeuralModel, TargetSpec
from ser_toolkit.plugin_registry import Registry
from ser_toolkit.scaffold import new_plugin


def code_lines(source: str) -> int:
    """Lines that are code: no docstrings, comments, blank lines or imports."""
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            skipped |= set(range(node.lineno, node.end_lineno + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and i not in skipped for i, line in lines)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return new_plugin("try-this", tmp_path)


def test_it_is_a_small_package(package: Path, tmp_path: Path) -> None:
    assert package == tmp_path / "try-this"
    files = sorted(p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file())
    assert files == ["README.md", "pyproject.toml", "tests/test_contracts.py", "try_this.py"]
    assert code_lines((package / "try_this.py").read_text()) <= 35
    assert len((package / "README.md").read_text().splitlines()) <= 12
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["name"] == "try-this"
    assert project["entry-points"] == {"ser_toolkit": {"try-this": "try_this"}}
    assert f"ser-toolkit>={ser_toolkit.__version__}" in project["dependencies"]
    assert "license" not in project
    for file in package.rglob("*.py"):
        compile(file.read_text(), str(file), "exec")


def test_nothing_else_is_left_and_others_may_read_it(package: Path, tmp_path: Path) -> None:
    assert [p.name for p in tmp_path.iterdir()] == ["try-this"]
    plain = tmp_path / "plain"
    plain.mkdir()
    assert package.stat().st_mode == plain.stat().st_mode


def test_its_components_work(package: Path, tmp_path: Path) -> None:
    import torch

    site = tmp_path / "site"
    fake_dists.install_project(site, package)
    with fake_dists.importable(site):
        registry = Registry(fake_dists.entry_points(site), strict=True)
    feature, model = registry.create("feature", "try-this"), registry.create("model", "try-this-net")
    assert isinstance(feature, FeatureExtractor)
    assert isinstance(model, NeuralModel)
    assert create(type(feature), to_config(feature)) == feature

    y = 0.1 * np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    spec, x = feature.spec(len(y), 16_000), feature(y, 16_000)
    assert x.shape == spec.shape
    assert x.dtype == np.float32
    assert x[0] == pytest.approx(-20, abs=0.5)  # 0.1 re full scale

    image = FeatureSpec(shape=(1, 8, 10), axes=("channel", "mel", "frame"), unit="dB")
    targets = [TargetSpec(name="emotion", kind="class", labels=("a", "b", "c"))]
    network = model.build({"level": spec, "mel": image}, targets)
    logits = network(level=torch.zeros(5, 2), mel=torch.zeros(5, 1, 8, 10))
    assert logits["emotion"].shape == (5, 3)
    with pytest.raises(ComponentError, match="'mel' varies"):
        model.build({"mel": FeatureSpec(shape=(None, 8), axes=("frame", "mel"), unit="dB")}, targets)


@pytest.mark.parametrize(
    "name",
    ["", "My-Features", "my_features", "1st", "-a", "a-", "a--b", "a b", "a.b", "../a", "a/b", "ä", "x" * 37, "a\n"],
)
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="lower-case letters, digits and single dashes"):
        new_plugin(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("class", "a word of Python's own"),
        ("json", "a Python module is already called 'json'"),
        ("numpy", "a Python module is already called 'numpy'"),
        ("ser-toolkit", "a Python module is already called 'ser_toolkit'"),
        ("tests", "a Python module is already called 'tests'"),
        ("melspec", r"ser-toolkit [^ ]+ has a feature called 'melspec'"),
    ],
)
def test_a_name_that_is_taken_is_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        new_plugin(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "a-file").write_text("mine")
    (tmp_path / "a-link").symlink_to(tmp_path / "nowhere")
    for name in ("a-folder", "a-file", "a-link"):
        with pytest.raises(ConfigError, match=f"{name} is already there"):
            new_plugin(name, tmp_path)
    assert (tmp_path / "a-file").read_text() == "mine"
    assert list((tmp_path / "a-folder").iterdir()) == []
    with pytest.raises(ConfigError, match="no-folder is no folder"):
        new_plugin("fine", tmp_path / "no-folder")


def test_a_failure_halfway_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OutputError, match=r"try-this: cannot be written: No space left on device"):
        new_plugin("try-this", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written: Permission denied"):
        new_plugin("try-this", tmp_path)


def test_the_command_says_what_comes_next(tmp_path: Path) -> None:
    done = fake_dists.ser_toolkit(tmp_path, "plugins", "new", "try-this", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "try-this") in done.stdout
    assert "ser-toolkit plugins --check try-this" in done.stdout
    again = fake_dists.ser_toolkit(tmp_path, "plugins", "new", "try-this", "--folder", str(tmp_path))
    assert again.returncode == 2
    assert "is already there" in again.stderr
    shutil.rmtree(tmp_path / "try-this")
    wrong = fake_dists.ser_toolkit(tmp_path, "plugins", "new", "Try_This", "--folder", str(tmp_path))
    assert wrong.returncode == 2
    assert "error: 'Try_This' is no name for a plugin" in wrong.stderr
