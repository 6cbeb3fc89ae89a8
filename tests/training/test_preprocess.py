"""Steps before features, from the configuration through recipe and export to predictions."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import soundfile

import ser_toolkit
from ser_toolkit.errors import ConfigError, MissingTierError, RecipeError, UnknownComponentError
from ser_toolkit.inference.front_end import front_end
from ser_toolkit.inference.front_end_choice import of_model
from ser_toolkit.inference.model import Model
from ser_toolkit.inference.options import Options
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.recipe import Recipe
from ser_toolkit.training.config import check_config, read_config
from ser_toolkit.training.export import export
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.run import train

CONFIG = {
    "preprocess": [{"name": "wiener", "below_snr_db": 61.0}, {"name": "level", "target_dbfs": -20}],
    "features": {"x": {"name": "mel-functionals"}},
    "model": {"name": "logistic-regression", "C": 1e-4},
    "segments": {"window_s": 1.5, "hop_s": 0.75},
    "training": {"workers": 1},
}
LABELS = ("anger", "sadness")


def plan(preprocess, **tables):
    return Plan.make(check_config({**CONFIG, "preprocess": preprocess, **tables}), LABELS, default_registry())


def test_toml_and_recipe(tmp_path):
    (tmp_path / "x.toml").write_text(
        '[[preprocess]]\nname = "wiener"\nfloor_db = -9\n\n[[preprocess]]\nname = "level"\n\n'
        '[features.x]\nname = "mel-functionals"\n'
    )
    config = read_config(tmp_path / "x.toml", ["preprocess=[{name='segment-level'}]"])
    assert config.preprocess == [{"name": "segment-level"}]
    config = read_config(tmp_path / "x.toml")
    made = Plan.make(config, LABELS, default_registry())
    recipe = made.recipe()
    assert [(e.name, e.version) for e in recipe.preprocess] == [("wiener", 1), ("level", 1)]
    assert recipe.preprocess[0].config == {"below_snr_db": 12.0, "floor_db": -9.0}
    assert recipe.format == 1
    again = Recipe.from_json(recipe.to_json())
    front = front_end(again, hop_s=None, registry=default_registry(), name="x")
    assert front.features.preprocess == made.features.preprocess
    assert front.warnings == ()


def test_libraries_probe_and_plain_recipes():
    plain, gated = plan([]).recipe(), plan([{"name": "spectral-gate"}]).recipe()
    assert plain.preprocess == ()
    assert '"preprocess":[]' in plain.to_json()
    assert "noisereduce" in gated.libraries
    assert "noisereduce" not in plain.libraries
    assert plain.probe != gated.probe
    tampered = gated.model_copy(update={"probe": {"x": (0.0, 1.0, 0.0)}})
    front = front_end(tampered, hop_s=None, registry=default_registry(), name="x")
    assert front.warnings[0].startswith("feature 'x' (mel-functionals) gives other numbers here")


@pytest.mark.parametrize(
    ("preprocess", "error", "said"),
    [
        ([{"floor_db": -9}], ConfigError, r'\[preprocess 1\] needs a name = "..."'),
        ([{"name": "wienr"}], UnknownComponentError, "no preprocessor is called 'wienr'. Did you mean 'wiener'"),
        ([{"name": "wiener", "flor_db": 1}], ConfigError, "wiener has no setting 'flor_db'"),
        ([{"name": "segment-level"}, {"name": "wiener"}], ConfigError, "put the steps of scope 'recording' first"),
        ([{"name": "level"}] * 9, ConfigError, "preprocess"),
    ],
)
def test_configurations_that_cannot_be(preprocess, error, said):
    with pytest.raises(error, match=said):
        plan(preprocess)


def test_steps_on_windows_and_features_beyond_them():
    with pytest.raises(ConfigError, match="'segment-level' changes each window by itself, and features.g sees"):
        plan([{"name": "segment-level"}], features={"g": {"name": "egemaps", "mode": "sliding"}})


def test_a_model_whose_step_is_not_there():
    recipe = plan([{"name": "level"}]).recipe()
    (entry,) = recipe.preprocess
    for changed, said in (
        ({"name": "hush", "dist": "quiet 1.0"}, "needs the preprocessor 'hush' of quiet 1.0, .* pip install quiet"),
        ({"version": 7}, "version 7 of the preprocessor 'level' .* installed is version 1"),
        ({"config": {"loudness": 1}}, "the recipe's preprocessor cannot be made: level has no setting 'loudness'"),
    ):
        broken = recipe.model_copy(update={"preprocess": (entry.model_copy(update=changed),)})
        with pytest.raises(RecipeError, match=said):
            front_end(broken, hop_s=None, registry=default_registry(), name="x")


def test_without_the_library_of_a_step_a_model_does_not_open(monkeypatch):
    recipe = plan([{"name": "level"}]).recipe()
    entry = recipe.preprocess[0].model_copy(update={"name": "rnnoise", "config": {"below_snr_db": 7.5}})
    front = front_end(
        recipe.model_copy(update={"preprocess": (entry,)}), hop_s=None, registry=default_registry(), name="x"
    )
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "pyrnnoise" else find(name, *more)
    )
    with pytest.raises(
        MissingTierError, match=r"'rnnoise' needs the \[denoise\] tier .*pip install 'ser-toolkit\[denoise\]'"
    ):
        _ = front.warnings


@pytest.fixture(scope="module")
def model(tiny_corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stepped")
    train(tiny_corpus, config=CONFIG, out=folder / "run", device="cpu")
    export(folder / "run", folder / "stepped.onnx")
    return folder / "stepped.onnx"


@pytest.fixture(scope="module")
def long_file(tiny_corpus, tmp_path_factory):
    """140 s of two voices, in white noise."""
    y = [soundfile.read(p, dtype="float32")[0] for p in sorted((tiny_corpus.parent / "audio").glob("*-1.wav"))]
    y = np.resize(np.concatenate(y), 140 * 16_000)
    y = y + 0.01 * np.random.default_rng(0).standard_normal(len(y))
    path = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(path, y.astype(np.float32), 16_000, subtype="FLOAT")
    return path


def probabilities(result):
    return np.array([[w.start_s, *w.probabilities.values()] for w in result.windows])


def test_one_model_everywhere(model, long_file, tmp_path):
    """predict, analyze with any number of processes, extract, and the numbers that the steps make by hand."""
    opened = Model.open(model, device="cpu", speech="off")
    assert opened.warnings == ()
    expected = probabilities(opened.predict(long_file))
    assert len(expected) > 180
    y, sr = soundfile.read(long_file, dtype="float32")
    np.testing.assert_array_equal(probabilities(opened.predict(y, sr)), expected)
    for workers in (0, 2):
        (result,) = ser_toolkit.analyze(
            long_file, options=Options(model=str(model), device="cpu", workers=workers, speech="off", hop_s=None)
        )
        np.testing.assert_allclose(probabilities(result), expected, atol=1e-6)
    rows = [row for block in opened.features.blocks(y) for row in block.features["x"]]
    by_hand = opened.session.run("emotion", {"x": np.stack(rows)})
    np.testing.assert_allclose(expected[:, 1:], by_hand, atol=1e-6)
    recipe, warnings = of_model(default_registry(), model)
    assert [entry.name for entry in recipe.preprocess] == ["wiener", "level"]
    assert warnings == []


def test_a_stream_sees_ten_seconds_before_a_window(model, long_file):
    opened = Model.open(model, device="cpu", speech="off")
    y, sr = soundfile.read(long_file, dtype="float32", frames=20 * 16_000)
    blocks = [y[start : start + 5000] for start in range(0, len(y), 5000)]
    streamed = list(opened.stream(blocks, sr))
    starts = [round(w.start_s * sr) for w in streamed]
    assert starts == list(range(0, len(y) - 24_000 + 1, 12_000))
    for window, start in zip(streamed, starts, strict=True):
        seen = y[max(0, start - 10 * sr) : start + 24_000]
        last = opened.predict(seen, sr).windows[-1]
        np.testing.assert_allclose(list(window.probabilities.values()), list(last.probabilities.values()), atol=1e-6)
