"""docs/systems: the configurations are valid, and the system that one adds oneself works as the page says."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import shutil
from pathlib import Path

import fake_dists
import pytest

from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.testing.models import assert_model
from ser_toolkit.training.config import read_config
from ser_toolkit.training.plan import Plan

DOCS = Path(__file__).parents[2] / "docs" / "systems"
MAKE_SOUNDS = Path(__file__).parents[1] / "third_party" / "make_sounds.py"
BLOCK = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
LABELS = ("anger", "happiness", "neutral", "sadness")


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Language, title and text of each code block."""
    return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("system", "shape", "parameters"),
    [
        ("neumann-vu-2017", (751, 26), 53_204),
        ("satt-2017", (1, 200, 297), 1_035_916),
        ("li-2021", (751, 64), 264_836),
        ("yenigalla-2018", (1, 128, 376), 1_881_804),
    ],
)
def test_a_page_has_the_configuration_of_its_system(system, shape, parameters, tmp_path):
    torch = pytest.importorskip("torch", reason="networks need the [train] tier")
    text, *_ = (text for language, _, text in blocks(f"{system}.md") if language == "toml")
    (tmp_path / "train.toml").write_text(text)
    plan = Plan.make(read_config(tmp_path / "train.toml"), LABELS, default_registry())
    specs = plan.features.specs()
    assert [spec.shape for spec in specs.values()] == [shape]
    assert (plan.model.name, plan.loss.name) == (system, "cross-entropy")
    with torch.device("meta"):
        network = plan.model.build(specs, [plan.target])
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert f"{parameters:,}".replace(",", " ") in (DOCS / f"{system}.md").read_text(encoding="utf-8")


def own_system(folder: Path) -> Path:
    """The package of the page, written to a folder."""
    package = folder / "ser-toolkit-lstm-mean"
    package.mkdir()
    for _, title, text in blocks("index.md"):
        if title:
            (package / title).write_text(text, encoding="utf-8")
    return package


def test_one_file_and_one_entry_point_make_a_system(tmp_path):
    pytest.importorskip("torch", reason="networks need the [train] tier")
    site = tmp_path / "site"
    site.mkdir()
    fake_dists.install_project(site, own_system(tmp_path))
    with fake_dists.importable(site):
        registry = Registry([*importlib.metadata.entry_points(group="ser_toolkit"), *fake_dists.entry_points(site)])
        assert_model(registry.create("model", "lstm-mean", {"units": 12}))


@pytest.mark.slow
def test_its_commands_do_what_the_page_says(tmp_path):
    pytest.importorskip("torch", reason="training needs the [train] tier")
    site, package = tmp_path / "site", own_system(tmp_path)
    site.mkdir()
    shutil.copy(MAKE_SOUNDS, tmp_path)
    made = fake_dists.run(site, "make_sounds.py", "sounds", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    (commands,) = [text for language, _, text in blocks("index.md") if language == "sh"]
    install, *rest = commands.replace("\\\n", " ").strip().splitlines()
    assert install == f"pip install ./{package.name}"
    fake_dists.install_project(site, package)
    for line in rest:
        program, *arguments = shlex.split(line)
        assert program == "ser-toolkit"
        done = fake_dists.ser_toolkit(site, *arguments, cwd=tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    done = fake_dists.ser_toolkit(
        site, "analyze", "sounds", "-m", "lstm-mean.onnx", "--speech", "off", "--json", cwd=tmp_path
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    right = [max(row["probabilities"], key=row["probabilities"].get) in row["file"] for row in rows]
    assert len(rows) == 32
    assert sum(right) >= 28  # loud and fast against soft and slow
