"""A feature from a column of the manifest: the model learns what it says, and is not asked without it."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import soundfile

from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import ComponentError, ConfigError, ModelError
from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.evaluation.finished import evaluate_model
from ser_toolkit.features import FeatureSet
from ser_toolkit.inference.model import Model
from ser_toolkit.inference.plan import Plan
from ser_toolkit.manifest_features import columns_of, of_utterance
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.training.export import export
from ser_toolkit.training.run import train
from ser_toolkit.training.store import build_store
from ser_toolkit_baselines.phonemes import Phonemes

SAID = {"anger": ("N OW1 W EY1", "G OW1 N AW1 W EY1"), "sadness": ("AO1 L R AY1 T", "L EH1 T M IY1 S IH1 T")}
CONFIG = {
    "features": {
        "mel": {"name": "melspec", "n_mels": 32, "hop_length": 512},
        "phonemes": {"name": "phonemes", "column": "said"},
    },
    "model": {"name": "yenigalla-2018", "maps": 6, "dense": [12, 8], "embedding": 8, "dropout": 0.0},
    "loss": {"name": "cross-entropy"},
    "segments": {"window_s": 1.5, "short": "pad"},
    "training": {"epochs": 12, "batch_size": 12, "lr": 0.01, "workers": 1, "schedule": "cosine", "select": "last"},
}


def corpus(folder, *, column="said", first=None):
    """Manifest of 8 speakers whose recordings are noise: only the column knows the emotion."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    swell = 0.1 + 0.09 * np.sin(2 * np.pi * 4 * np.arange(16_000) / 16_000)
    rows = [f"file,speaker,emotion,{column}"]
    for s in range(8):
        for emotion, cells in SAID.items():
            for i, cell in enumerate(cells):
                soundfile.write(folder / f"{s}-{emotion}-{i}.wav", swell * rng.standard_normal(16_000), 16_000)
                rows.append(f"{s}-{emotion}-{i}.wav,s{s},{emotion},{first or cell}")
                first = None
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("said"))


@pytest.fixture(scope="module")
def run(manifest, tmp_path_factory):
    return train(manifest, config=CONFIG, out=tmp_path_factory.mktemp("run") / "run", device="cpu")


@pytest.fixture(scope="module")
def model(run):
    path = run.run_dir.parent / "said.onnx"
    assert export(run.run_dir, path).difference < 1e-4
    return path


def features_of(*extractors):
    return FeatureSet(
        extractors={e.name: e for e in extractors}, segmentation=Segmentation(window_s=0.5, hop_s=0.5), sr=16_000
    )


def test_the_model_learns_what_only_the_column_says(run):
    assert run.test.utterance.ua > 0.9
    assert not any("not used" in text for text in run.warnings)


def test_the_graph_declares_the_input(model):
    session = onnxruntime.InferenceSession(str(model))
    inputs = {i.name: i.shape for i in session.get_inputs()}
    assert list(inputs) == ["mel", "phonemes", "phonemes_length"]
    assert inputs["phonemes"][-1] == 39
    assert isinstance(inputs["phonemes"][1], str)


def test_recordings_alone_are_refused(model, manifest):
    opened = Model.open(model, device="cpu", speech="off")
    said = "reads the column 'said' of a manifest .*evaluate MANIFEST"
    for ask in (
        lambda: opened.predict(manifest.parent / "0-anger-0.wav"),
        lambda: next(opened.stream([np.zeros(16_000, dtype=np.float32)], 16_000)),
        Plan(model=str(model)).front_end,
    ):
        with pytest.raises(ModelError, match=said):
            ask()


def test_a_finished_model_is_asked_about_a_manifest(model, tmp_path):
    other = corpus(tmp_path / "other")
    assert evaluate(evaluate_model(model, other, seen="mark", workers=1)).utterance.ua.estimate.value > 0.9


def test_a_manifest_without_the_column(tmp_path):
    with pytest.raises(ConfigError, match=r"reads the column 'said'.*nothing else: 'words'"):
        train(corpus(tmp_path, column="words"), config=CONFIG, out=tmp_path / "run", device="cpu")


def test_what_is_not_in_the_inventory_ends_the_run(tmp_path):
    with pytest.raises(ComponentError, match="'said' has 'Q', which is none of the 39"):
        train(corpus(tmp_path, first="Q"), config=CONFIG, out=tmp_path / "run", device="cpu")


def test_a_run_is_not_continued_with_other_cells(run, tmp_path):
    corpus(tmp_path, first="B")
    with pytest.raises(ConfigError, match="order of the recordings"):
        train(tmp_path / "manifest.csv", config=CONFIG, out=run.run_dir, device="cpu", resume=True)


def test_the_cache_tells_cells_apart(tmp_path):
    features = features_of(Phonemes(column="said"))
    for folder, first in (("a", "B"), ("b", "T"), ("c", "B")):
        (one, *_) = read_manifest([corpus(tmp_path / folder, first=first)]).utterances
        store = build_store(
            tmp_path / f"store-{folder}",
            [one],
            features,
            cache=FeatureCache(folder=tmp_path / "cache", registry=default_registry()),
            workers=1,
        )
        assert store.get("phonemes", 0).tolist() == Phonemes().of_cell(first).tolist()
        assert len(store) == 2  # both windows have the phonemes of the utterance


def test_cells():
    rows = Phonemes(inventory=("A", "B1")).of_cell("A B1 A2")
    assert rows.tolist() == [[1, 0], [0, 1], [1, 0]]
    assert Phonemes().of_cell("").tolist() == [[0] * 39]


def test_other_features_are_left_alone(manifest):
    (one, *_) = read_manifest([manifest]).utterances
    assert one.columns == {"said": "N OW1 W EY1"}
    features = features_of(default_registry().create("feature", "egemaps"))
    assert of_utterance(features, one) is features
    assert columns_of(features) == {}
    assert columns_of(features_of(Phonemes())) == {"phonemes": "phonemes"}


def test_contract():
    from ser_toolkit.testing.extractors import assert_extractor

    assert_extractor(Phonemes())
