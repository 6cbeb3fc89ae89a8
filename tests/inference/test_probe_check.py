"""Probes of features: here and where the model was trained."""

from __future__ import annotations

import pytest

from ser_toolkit.features import probe
from ser_toolkit.inference.model import Model
from ser_toolkit.inference.probe_check import check_probes
from ser_toolkit.models import bundled
from ser_toolkit.plugin_registry import default_registry


@pytest.fixture(scope="module")
def model():
    return Model.open(device="cpu")


@pytest.mark.parametrize("name", bundled.names())
def test_bundled_models_agree(name):
    model = Model.open(name, device="cpu")
    checks = check_probes(model.recipe, model.features.extractors)
    assert [c.feature for c in checks] == list(model.recipe.features)
    assert all(c.agrees and c.message == "" for c in checks)


def test_other_numbers_name_what_changed(model):
    extractors = {**model.features.extractors, "mel": default_registry().create("feature", "melspec", {})}
    mean, deviation, product = probe(extractors["mel"], model.recipe.sr)
    recipe = model.recipe.model_copy(
        update={
            "probe": {**model.recipe.probe, "mel": (mean + 0.01 * deviation, deviation, product)},
            "libraries": {**model.recipe.libraries, "librosa": "0.9.9"},
        }
    )
    functionals, mel = check_probes(recipe, extractors)
    assert functionals.agrees
    assert not mel.agrees
    assert mel.message.startswith("feature 'mel' (melspec) gives other numbers here than where the model was trained")
    assert "librosa 0.9.9 -> " in mel.message
    same = recipe.model_copy(update={"libraries": mel.libraries})
    assert check_probes(same, extractors)[1].message.endswith("; no library version changed")


def test_features_without_a_probe_are_left_out(model):
    recipe = model.recipe.model_copy(update={"probe": {}})
    assert check_probes(recipe, model.features.extractors) == ()
