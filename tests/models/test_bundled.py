"""Bundled models: by name, as a list, and with what they need."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import ClassVar

import pytest

from ser_toolkit.errors import ModelError, RecipeError
from ser_toolkit.inference.front_end import front_end
from ser_toolkit.inference.model import Model
from ser_toolkit.inference.session import open_session, recipe_text
from ser_toolkit.models import bundled
from ser_toolkit.models.listing import bundled_models
from ser_toolkit.models.needs import missing_libraries, require_libraries
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.recipe import Recipe
from ser_toolkit.testing.fakes import FakeVector


@dataclass(frozen=True, kw_only=True)
class Needy(FakeVector):
    """Features of a library that nobody has."""

    name: ClassVar[str] = "needy"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "no-such-library")


class WithNeedy:
    """The registry, in which the functionals need more than is there."""

    def find(self, kind, name):
        found = default_registry().find(kind, name)
        if name == "speech-functionals":
            return type("Found", (), {"cls": _needy(found.cls), "dist": found.dist})
        return found


def _needy(cls):
    return type("Functionals", (cls,), {"libraries": ("no-such-library",)})


def test_the_default_is_bundled():
    assert bundled.DEFAULT in bundled.names()
    assert bundled.resolve(None) == bundled.resolve(bundled.DEFAULT) == bundled.FOLDER / f"{bundled.DEFAULT}.onnx"
    assert bundled.display_name(bundled.resolve(None)) == bundled.DEFAULT


def test_a_file_that_exists_wins_and_a_folder_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "emodb").mkdir()
    assert bundled.resolve("emodb").is_relative_to(bundled.FOLDER)
    (tmp_path / "emodb").rmdir()
    (tmp_path / "emodb").write_bytes(b"mine")
    assert bundled.resolve("emodb").read_bytes() == b"mine"
    assert bundled.display_name(bundled.resolve("emodb")) == "emodb"
    assert bundled.resolve(None).is_relative_to(bundled.FOLDER)


@pytest.mark.parametrize("name", ["emobd", "emodb.onnx", "EmoDB"])
def test_names_that_are_none_give_close_ones(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="no bundled model of that name. Did you mean 'emodb'"):
        bundled.resolve(name)


def test_a_run_folder_and_an_empty_name(tmp_path):
    with pytest.raises(ModelError, match="export the run first"):
        bundled.resolve(tmp_path)
    with pytest.raises(ModelError, match="is empty. Known: "):
        bundled.resolve("")


def test_every_bundled_model_has_its_facts():
    listed = bundled_models()
    assert sorted(model.name for model in listed) == bundled.names()
    assert [model.default for model in listed] == [True] + [False] * (len(listed) - 1)
    for model in listed:
        assert model.problem == ""
        assert model.missing == ()
        assert {"anger", "happiness", "neutral", "sadness"} <= set(model.labels)
        assert model.inputs
        assert model.licence
        assert "UA" in model.scores
        assert 10_000 < model.n_bytes < 20_000_000
    (emodb,) = (model for model in listed if model.name == "emodb")
    assert emodb.licence.startswith("CC0")


@pytest.mark.parametrize("name", bundled.names())
def test_no_bundled_model_needs_opensmile(name):
    recipe = Model.open(name, device="cpu").recipe
    assert "opensmile" not in recipe.libraries
    assert "openSMILE" not in recipe.license


def test_cards_and_files_that_are_no_models(tmp_path):
    model = bundled.FOLDER / "emodb.onnx"
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    shutil.copy(model, tmp_path / "tiny.onnx")
    (tmp_path / "tiny.md").write_text("---\nlicense: CC0-1.0\nscores: UA .5\n---\n# tiny\n", encoding="utf-8")
    shutil.copy(model, tmp_path / "bare.onnx")
    (tmp_path / "bare.md").write_text("no facts on top", encoding="utf-8")
    bare, broken, tiny = bundled_models(folder=tmp_path)
    assert "no ONNX model" in broken.problem
    assert (tiny.licence, tiny.scores, tiny.problem) == ("CC0-1.0", "UA .5", "")
    assert bare.labels == tiny.labels
    assert "EmoDB" in bare.licence  # from the recipe
    assert not bare.default
    odd = tmp_path / "tiny.md"
    odd.write_text("---\n- a list\n---\n", encoding="utf-8")
    assert bundled_models(folder=tmp_path)[2].problem == ""


def test_missing_libraries_are_named(tmp_path):
    assert missing_libraries([FakeVector(), Needy()]) == ("no-such-library",)
    require_libraries([FakeVector()])
    with pytest.raises(RecipeError, match=r"needs no-such-library.*pip install no-such-library.*work here: .*emodb"):
        require_libraries([Needy()])


def test_a_model_whose_library_is_missing(tmp_path):
    path = bundled.FOLDER / "emodb.onnx"
    recipe = Recipe.from_json(recipe_text(open_session(path, device="cpu"), path))
    with pytest.raises(RecipeError, match="the model needs no-such-library, not installed here"):
        front_end(recipe, hop_s=None, registry=WithNeedy(), name="emodb")
    shutil.copy(path, tmp_path / "emodb.onnx")
    (listed,) = bundled_models(folder=tmp_path, registry=WithNeedy())
    assert listed.missing == ("no-such-library",)
    assert json.loads(json.dumps(listed.to_json()))["missing"] == ["no-such-library"]
