"""The recipe: exact round trip, and nothing that a hostile one can do but be refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ser_toolkit
from ser_toolkit.data.segments import PRESETS, Segmentation
from ser_toolkit.errors import RecipeError
from ser_toolkit.recipe import Calibration, ComponentEntry, Conformal, FeatureEntry, Recipe, Target, Training
from ser_toolkit.recipe_components import entry_of, resolve

SETS = Conformal(
    method="class-conditional", alpha=0.1, thresholds=(0.75, 1.0), n=73, fitted_on="development speakers", note="-"
)


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
        "calibration": Calibration(temperature=0.7123456789, fitted_on="development speakers", conformal=SETS),
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


@settings(deadline=None)
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


def test_a_recipe_from_before_prediction_sets_is_read():
    data = json.loads(make().to_json())
    del data["calibration"]["conformal"]
    recipe = Recipe.from_json(json.dumps(data))
    assert recipe.calibration.temperature == 0.7123456789
    assert recipe.conformal is None
    assert make(calibration=None).conformal is None
    assert make().conformal == SETS


def test_a_label_at_its_threshold_is_in_the_set_and_the_likeliest_always():
    assert SETS.prediction_set({"anger": 0.25, "happiness": 0.75}) == ("happiness", "anger")
    assert SETS.prediction_set({"anger": 0.24, "happiness": 0.76}) == ("happiness",)
    assert SETS.prediction_set({"anger": 0.9, "happiness": 0.1}) == ("anger", "happiness")
    strict = Conformal(method="lac", alpha=0.5, thresholds=(0.0, 0.0), n=1, fitted_on="")
    assert strict.prediction_set({"anger": 0.5, "happiness": 0.5}) == ("anger",)
    with pytest.raises(ValueError, match="zip"):
        SETS.prediction_set({"anger": 1.0})


def changed(path, value):
    data = json.loads(make().to_json())
    part = data
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return json.dumps(data)


SETS_AT = ["calibration", "conformal"]

HOSTILE = {
    "no JSON": ("<html>", "no JSON"),
    "empty": ("", "no JSON"),
    "NaN": ('{"format": NaN}', "NaN is not a JSON number"),
    "deep": ("[" * 100_000, "no JSON"),
    "deep but valid": (changed(["features", "mel", "config"], eval("{'a':" * 20 + "1" + "}" * 20)), "deeper"),
    "a list": ("[]", "not valid"),
    "later format": (changed(["format"], 2), "upgrade"),
    "unknown key": (changed(["code"], "import os"), "code"),
    "unknown key that steers a terminal": (changed(["\x1b[2J\n\u202e"], 1), "%1B.2J%0A"),
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
    "control characters in words": (changed(["calibration", "fitted_on"], "\x1b[31mred"), "control characters"),
    "three thresholds for two labels": (changed(SETS_AT + ["thresholds"], [0.5] * 3), "3 thresholds for 2 labels"),
    "no thresholds": (changed(SETS_AT + ["thresholds"], []), "thresholds"),
    "a million thresholds": (changed(SETS_AT + ["thresholds"], [0.5] * 10**6), "thresholds"),
    "a threshold above one": (changed(SETS_AT + ["thresholds"], [0.5, 1.5]), "thresholds.1"),
    "a negative threshold": (changed(SETS_AT + ["thresholds"], [-0.5, 0.5]), "thresholds.0"),
    "an infinite threshold": (changed(SETS_AT + ["thresholds"], [0.5, 1e999]), "not valid|no JSON"),
    "a threshold in words": (changed(SETS_AT + ["thresholds"], [0.5, "all"]), "thresholds.1"),
    "two thresholds of one": (changed(SETS_AT + ["method"], "lac"), "one threshold for all labels"),
    "unknown method": (changed(SETS_AT + ["method"], "raps"), "method"),
    "alpha of one": (changed(SETS_AT + ["alpha"], 1), "alpha"),
    "alpha of zero": (changed(SETS_AT + ["alpha"], 0), "alpha"),
    "from nobody": (changed(SETS_AT + ["n"], 0), "n"),
    "unknown key in sets": (changed(SETS_AT + ["code"], "import os"), "code"),
    "sets that are a list": (changed(SETS_AT, [0.5, 0.5]), "conformal"),
    "no features": (changed(["features"], {}), "features"),
    "input name": (changed(["features"], {"a b": json.loads(make().to_json())["features"]["mel"]}), "features"),
    "escape sequence in a label": (changed(["targets", 0, "labels"], ["a", "\x1b[31mb"]), "control characters"),
    "same label twice": (changed(["targets", 0, "labels"], ["a", "a"]), "repeat"),
    "preprocess": (changed(["preprocess"], [{"name": "x", "version": 1, "dist": "y"}] * 9), "preprocess"),
    "two targets": (changed(["targets"], [json.loads(make().to_json())["targets"][0]] * 2), "one target"),
    "regression": (changed(["targets", 0, "kind"], "regression"), "one target of kind"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_recipes_get_one_clear_error(case):
    text, said = HOSTILE[case]
    with pytest.raises(RecipeError, match=said) as caught:
        Recipe.from_json(text)
    assert str(caught.value).isprintable()


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


def test_calibration_lives_in_a_module_of_its_own_and_is_found_in_both():
    from ser_toolkit import recipe, recipe_calibration

    assert recipe.Calibration is recipe_calibration.Calibration
    assert {"Calibration", "Conformal"} <= {*recipe.__all__} & {*recipe_calibration.__all__}


def test_depth_is_counted_from_one():
    from ser_toolkit.untrusted_json import parse

    def read(text, depth):
        return parse(text, what="it", max_characters=100, max_depth=depth)

    assert read("1", 1) == 1
    assert read("[[]]", 2) == [[]]
    assert read('{"a": [1]}', 3) == {"a": [1]}
    for text, depth in (("[1]", 1), ("[[]]", 1), ('{"a": [1]}', 2), ('[{"a": {}}, 2]', 2)):
        with pytest.raises(ValueError, match=f"it nests deeper than {depth} levels"):
            read(text, depth)
