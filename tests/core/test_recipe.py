"""The recipe: exact round trip, and nothing that a hostile one can do but be refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ser_toolkit
from ser_toolkit.data.segments import PRESETS, Segmentation
from ser_toolkit.errors import RecipeError
from ser_toolkit.recipe import Calibration, ComponentEntry, FeatureEntry, Recipe, Target, Training
from ser_toolkit.recipe_components import entry_of, resolve


def make(**changes):
    fields = {
        "targets": (Target(name="emotion", kind="class", labels=("anger", "happiness")),),
        "segments": PRESETS["robust"],
        "features": {
            "mel": FeatureEntry(name="melspec", version=1, dist="ser-toolkit 0.1.0", config={"n_mels": 64}),
            "gemaps": FeatureEntry(name="egemaps", version=1, dist="ser-toolkit 0.1.0", scope="recording"),
        },
        "model": ComponentEntry(name="cnn-dnn", version=1, dist="ser-toolkit 0.1.0"),
        "loss": ComponentEntry(name="focal", version=1, dist="ser-toolkit 0.1.0", config={"alpha": [0.1, 0.7]}),
        "calibration": Calibration(temperature=0.7123456789, fitted_on="development speakers"),
        "training": Training(protocol="hold-out", manifest_sha256="0" * 64, speakers=("0123456789abcdef",), seed=0),
        "libraries": {"librosa": "0.11.0"},
        "probe": {"mel": (-41.25, 1e-300, 3.0)},
    }
    return Recipe(**{**fields, **changes})


def test_round_trip_is_exact_to_the_letter():
    recipe = make()
    text = recipe.to_json()
    assert Recipe.from_json(text) == recipe
    assert Recipe.from_json(text).to_json() == text
    assert list(json.loads(text)["features"]) == ["mel", "gemaps"]


@given(
    labels=st.lists(
        st.text(min_size=1, max_size=20).filter(lambda s: s.isprintable()), min_size=1, max_size=5, unique=True
    ),
    temperature=st.floats(1e-3, 1e3),
    window=st.none() | st.floats(0.1, 60),
)
def test_round_trip_of_any_labels_and_numbers(labels, temperature, window):
    recipe = make(
        targets=(Target(name="emotion", kind="class", labels=tuple(labels)),),
        calibration=Calibration(temperature=temperature, fitted_on="x"),
        segments=Segmentation(window_s=window),
    )
    assert Recipe.from_json(recipe.to_json()) == recipe


def changed(path, value):
    data = json.loads(make().to_json())
    part = data
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return json.dumps(data)


HOSTILE = {
    "no JSON": ("<html>", "no JSON"),
    "empty": ("", "no JSON"),
    "NaN": ('{"format": NaN}', "NaN is not a JSON number"),
    "deep": ("[" * 100_000, "no JSON"),
    "deep but valid": (changed(["features", "mel", "config"], eval("{'a':" * 20 + "1" + "}" * 20)), "deeper"),
    "a list": ("[]", "not valid"),
    "later format": (changed(["format"], 2), "upgrade"),
    "unknown key": (changed(["code"], "import os"), "code"),
    "unknown key in segments": (changed(["segments", "window"], 3), "window"),
    "path in a configuration": (changed(["features", "mel", "config", "file"], "../../etc/passwd"), "file path"),
    "conf in a configuration": (changed(["features", "mel", "config", "file"], "mine.conf"), "file path"),
    "path as key": (changed(["features", "mel", "config", "/tmp/x"], 1), "file path"),
    "class path": (changed(["model", "name"], "os.system"), "model.name"),
    "shell in dist": (changed(["model", "dist"], "x; rm -rf ~"), "model.dist"),
    "option in dist": (changed(["model", "dist"], "-r requirements"), "model.dist"),
    "absurd rate": (changed(["sr"], 10**9), "sr"),
    "absurd window": (changed(["segments", "window_s"], 1e9), "window_s"),
    "negative hop": (changed(["segments", "hop_s"], -1), "hop_s"),
    "wrong type": (changed(["sr"], "fast"), "sr"),
    "infinite temperature": (changed(["calibration", "temperature"], 1e999), "not valid|no JSON"),
    "zero temperature": (changed(["calibration", "temperature"], 0), "temperature"),
    "no features": (changed(["features"], {}), "features"),
    "input name": (changed(["features"], {"a b": json.loads(make().to_json())["features"]["mel"]}), "features"),
    "escape sequence in a label": (changed(["targets", 0, "labels"], ["a", "\x1b[31mb"]), "control characters"),
    "same label twice": (changed(["targets", 0, "labels"], ["a", "a"]), "repeat"),
    "preprocess": (changed(["preprocess"], [{"name": "x", "version": 1, "dist": "y"}]), "preprocess"),
    "two targets": (changed(["targets"], [json.loads(make().to_json())["targets"][0]] * 2), "one target"),
    "regression": (changed(["targets", 0, "kind"], "regression"), "one target of kind"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_recipes_get_one_clear_error(case):
    text, said = HOSTILE[case]
    with pytest.raises(RecipeError, match=said):
        Recipe.from_json(text)


def test_a_huge_recipe_is_refused_unread():
    with pytest.raises(RecipeError, match="characters"):
        Recipe.from_json(" " * 9_000_000)


def test_entry_and_back():
    registry = ser_toolkit.registry()
    component = registry.create("feature", "melspec", {"n_mels": 40})
    entry = ComponentEntry(**entry_of(registry, "feature", component))
    assert resolve(registry, "feature", entry) == component
    assert entry.config["hop_length"] == 128  # defaults too


def test_missing_plugin_says_what_to_install():
    registry = ser_toolkit.registry()
    entry = ComponentEntry(name="melspek", version=1, dist="my-features 2.0")
    with pytest.raises(RecipeError, match=r"melspek.*Did you mean 'melspec'.*pip install my-features"):
        resolve(registry, "feature", entry)


def test_another_version_is_refused():
    registry = ser_toolkit.registry()
    entry = ComponentEntry(name="melspec", version=99, dist="ser-toolkit 9.0")
    with pytest.raises(RecipeError, match=r"version 99.*other numbers.*ser-toolkit==9.0"):
        resolve(registry, "feature", entry)


def test_absurd_component_values_are_refused():
    registry = ser_toolkit.registry()
    entry = ComponentEntry(name="melspec", version=1, dist="ser-toolkit 0.1.0", config={"n_mels": 10**9})
    with pytest.raises(RecipeError, match="n_mels"):
        resolve(registry, "feature", entry)
