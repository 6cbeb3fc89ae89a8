"""From a folder that was trained to a file that `analyze` opens; and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
import soundfile

from ser_toolkit.compression import compress as compress_module
from ser_toolkit.compression import prune
from ser_toolkit.compression.compress import compress
from ser_toolkit.compression.mark import METADATA_KEY as MARK_KEY
from ser_toolkit.compression.mark import Mark, mark_of, read_mark
from ser_toolkit.compression.prune import Pruning
from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.errors import ConfigError, ManifestError, ModelError, RecipeError, SplitError
from ser_toolkit.inference.model import Model
from ser_toolkit.recipe import METADATA_KEY, Recipe
from ser_toolkit.training import checkpoint
from ser_toolkit.training.run import train

SAME = {"workers": 1, "cache": FeatureCache.default()}


@pytest.fixture(scope="session")
def small(judged_run, tiny_corpus, tmp_path_factory):
    """The run in int8, written whatever the gate says of two speakers."""
    path = tmp_path_factory.mktemp("small") / "small.onnx"
    return compress(judged_run, tiny_corpus, path, method="int8", force=True, **SAME), path


def test_int8_is_written_marked_and_opens_like_any_model(small, judged_run, tiny_corpus):
    result, path = small
    assert result.path == path
    proto = onnx.load(path)
    onnx.checker.check_model(proto)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {n.op_type for n in proto.graph.node}
    props = {p.key: p.value for p in proto.metadata_props}
    assert set(props) == {METADATA_KEY, MARK_KEY}
    assert Recipe.from_json(props[METADATA_KEY]) == checkpoint.read_recipe(judged_run)
    mark = read_mark(props)
    assert (mark.method, mark.precision) == ("int8", "int8")
    assert mark.lossy == (not result.gate.passed)
    assert mark.report["gate"]["speakers"] == 2
    for trace in (b"site-packages", b"/home", b"/tmp", b"/usr", b"ort.quant"):
        assert trace not in path.read_bytes()
    wav = next((tiny_corpus.parent / "audio").glob("*.wav"))
    assert Model.open(path, device="cpu").predict(wav).status == "ok"


def test_figures_before_and_after(small):
    result, path = small
    before, after = result.before, result.after
    assert after.n_bytes < before.n_bytes
    assert after.n_bytes == pytest.approx(path.stat().st_size, abs=6000)  # but for the mark itself
    assert after.n_parameters == before.n_parameters
    assert after.macs == before.macs
    assert before.memory_bytes > 0 < after.memory_bytes
    assert [row.threads for row in after.latency] == [1, 2]
    assert result.gate.n == 8
    assert 0 <= after.ece <= 1
    assert any("training windows to calibrate on" in text for text in result.cautions)
    assert any("only 2 speakers" in text for text in result.cautions)
    json.dumps(result.to_json(), allow_nan=False)
    assert str(path) not in json.dumps(result.to_json())


def test_the_before_figures_are_those_of_training(small, judged_run):
    metrics = json.loads((judged_run / "metrics.json").read_text())
    assert small[0].gate.ua.b == pytest.approx(metrics["test"]["utterance"]["UA (macro recall)"])
    assert small[0].gate.wa.b == pytest.approx(metrics["test"]["utterance"]["WA (accuracy)"])


def test_float16(judged_run, tiny_corpus, tmp_path):
    result = compress(judged_run, tiny_corpus, tmp_path / "half.onnx", method="fp16", **SAME)
    assert result.gate.passed and not result.lossy
    assert result.gate.ua.difference == 0
    assert read_mark(Model.open(tmp_path / "half.onnx", device="cpu").session.metadata).precision == "fp16"
    assert result.after.n_bytes < 0.7 * result.before.n_bytes


def test_folds_of_a_cross_validation_are_pooled(kept_folds, judged_run, tiny_corpus, tmp_path):
    pooled = compress(kept_folds, tiny_corpus, method="fp16", **SAME)
    assert pooled.n_models == 3
    assert pooled.path is None
    assert (pooled.gate.n, pooled.gate.n_speakers) == (24, 6)
    assert "grouped-k-fold, 3 folds" in pooled.gate.protocol
    shipped = compress(judged_run, tiny_corpus, tmp_path / "m.onnx", method="fp16", evaluation=kept_folds, **SAME)
    assert shipped.path is not None
    assert shipped.n_models == 3
    assert shipped.gate == pooled.gate
    recipe = Model.open(tmp_path / "m.onnx", device="cpu").recipe
    assert recipe == checkpoint.read_recipe(judged_run)


def test_pruning_leaves_fewer_channels_and_calibrates_anew(judged_run, tiny_corpus, tmp_path):
    path = tmp_path / "pruned.onnx"
    result = compress(
        judged_run, tiny_corpus, path, method="prune", force=True, **SAME,
        pruning=Pruning(share=0.5, steps=2, epochs=1),
    )  # fmt: skip
    assert result.after.n_parameters < 0.5 * result.before.n_parameters
    assert result.after.macs < 0.6 * result.before.macs
    recipe, trained = Model.open(path, device="cpu").recipe, checkpoint.read_recipe(judged_run)
    assert recipe.model_copy(update={"calibration": None}) == trained.model_copy(update={"calibration": None})
    assert recipe.calibration.fitted_on == "development speakers"
    assert "2 step(s)" in result.settings["channels"]
    for trace in (b".py", b"site-packages", b"/tmp"):
        assert trace not in path.read_bytes()
    kernels = [t.dims for t in onnx.load(path).graph.initializer if len(t.dims) == 4]
    assert [k[0] for k in kernels] == [4, 4, 8, 8, 16]


def refused(gate):
    return replace(gate, reasons=("the recall of anger falls by 7.0 points",))


def test_what_the_gate_refuses_is_not_written_but_for_force(judged_run, tiny_corpus, tmp_path, monkeypatch):
    judge = compress_module.judge
    monkeypatch.setattr(compress_module, "judge", lambda *a, **k: refused(judge(*a, **k)))
    path = tmp_path / "m.onnx"
    result = compress(judged_run, tiny_corpus, path, method="fp16", **SAME)
    assert result.path is None and not result.lossy
    assert not path.exists()
    forced = compress(judged_run, tiny_corpus, path, method="fp16", **SAME, force=True)
    assert forced.lossy
    mark = mark_of(path)
    assert mark.lossy
    assert "LOSSY" in mark.about()["caution"]
    assert mark.report["gate"]["reasons"] == ["the recall of anger falls by 7.0 points"]


def test_other_data_are_refused(judged_run, tiny_corpus, tmp_path):
    def corpus(name, change):
        folder = tmp_path / name
        shutil.copytree(tiny_corpus.parent, folder)
        change(folder)
        return folder / "manifest.csv"

    def relabel(folder):
        rows = (folder / "manifest.csv").read_text().replace("speaker5,anger", "speaker4,anger")
        (folder / "manifest.csv").write_text(rows)

    def reorder(folder):
        head, *rows = (folder / "manifest.csv").read_text().splitlines()
        (folder / "manifest.csv").write_text("\n".join([head, *reversed(rows)]) + "\n")

    def resound(folder):
        for path in (folder / "audio").glob("s0-*.wav"):
            y, sr = soundfile.read(path)
            soundfile.write(path, np.clip(0.9 * y, -1, 1), sr)

    for name, change, said in (
        ("labels", relabel, "rows, labels or speakers differ"),
        ("order", reorder, "in another order"),
        ("sound", resound, "the audio of .* is not what"),
    ):
        with pytest.raises(ManifestError, match=said):
            compress(judged_run, corpus(name, change), method="fp16", **SAME)


def test_a_moved_corpus_is_the_same(judged_run, tiny_corpus, tmp_path):
    shutil.copytree(tiny_corpus.parent, tmp_path / "moved")
    assert compress(judged_run, tmp_path / "moved" / "manifest.csv", method="fp16", **SAME).gate.passed


def test_folders_that_cannot_be_compressed(judged_run, kept_folds, tiny_run, tiny_corpus, tmp_path):
    with pytest.raises(ModelError, match="is no folder"):
        compress(tmp_path / "absent", tiny_corpus)
    with pytest.raises(ModelError, match="ends with .onnx"):
        compress(judged_run, tiny_corpus, tmp_path / "m.bin")
    with pytest.raises(ConfigError, match="a model for each fold, and none to write"):
        compress(kept_folds, tiny_corpus, tmp_path / "m.onnx")
    with pytest.raises(ConfigError, match="an evaluation itself"):
        compress(kept_folds, tiny_corpus, evaluation=kept_folds)
    with pytest.raises(ConfigError, match="no folder of a cross-validation"):
        compress(judged_run, tiny_corpus, evaluation=judged_run)
    with pytest.raises(SplitError, match="one speaker"):
        compress(tiny_run.run_dir, tiny_corpus)
    with pytest.raises(ModelError, match="the evaluation is of another model: its model differ"):
        compress(tiny_run.run_dir, tiny_corpus, tmp_path / "m.onnx", evaluation=kept_folds)
    without = tmp_path / "without"
    shutil.copytree(kept_folds, without)
    shutil.rmtree(without / "folds" / "seed-0-fold-2")
    with pytest.raises(ModelError, match=r"kept predictions but no model of 1 folds \(seed-0-fold-2"):
        compress(without, tiny_corpus)
    for path in (without / "folds").glob("*.parquet"):
        path.unlink()
    with pytest.raises(ModelError, match="no finished fold"):
        compress(without, tiny_corpus)
    (without / "config.json").write_text("[]")
    with pytest.raises(ConfigError, match="holds no configuration"):
        compress(without, tiny_corpus)
    (without / "config.json").unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        compress(without, tiny_corpus)
    assert not list(tmp_path.glob("*.onnx"))


def test_classical_models_are_refused(tiny_corpus, tmp_path):
    config = {"features": {"gemaps": {"name": "egemaps"}}, "model": {"name": "svm"}, "split": {"test": 0.34}}
    run = train(tiny_corpus, config=config, out=tmp_path / "run")
    with pytest.raises(ModelError, match="classical model"):
        compress(run.run_dir, tiny_corpus)


def test_marks_that_anybody_may_have_written():
    good = Mark(method="int8", precision="int8", lossy=False)
    assert read_mark({MARK_KEY: good.to_json()}) == good
    assert read_mark({}) is None
    assert "caution" not in good.about()
    for text in (
        "{", "[]", "null", '{"format":2}', "[" * 5000,
        good.to_json().replace('"int8"', '"int4"'),
        good.to_json().replace("{", '{"more":1,', 1),
        good.to_json().replace('"settings":{}', '"settings":{"a":"\\u0007"}'),
    ):  # fmt: skip
        with pytest.raises(RecipeError):
            read_mark({MARK_KEY: text})


def test_a_malformed_mark_names_the_file(tiny_model, tmp_path):
    assert mark_of(tiny_model) is None
    proto = onnx.load(tiny_model)
    proto.metadata_props.add(key=MARK_KEY, value="{}")
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(RecipeError, match="m.onnx: the compression in the metadata is not valid"):
        mark_of(tmp_path / "m.onnx")


def test_a_network_that_cannot_be_pruned_says_so(judged_run, tiny_corpus, monkeypatch):
    import torch_pruning

    def fail(*args, **kwargs):
        raise ValueError("no such operation")

    monkeypatch.setattr(torch_pruning.pruner, "BasePruner", fail)
    with pytest.raises(ModelError, match="cannot follow the network 'cnn-dnn': ValueError: no such operation"):
        compress(judged_run, tiny_corpus, method="prune", **SAME)


def test_layers_that_give_the_labels_keep_all_channels():
    """Also where the logits of several branches are added, so that no layer gives the output itself."""
    from torch import nn

    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Linear(8, 3), nn.Linear(5, 3), nn.Conv1d(4, 3, 1))
    assert prune._label_layers(network, 3) == [network[1], network[2], network[3]]


def test_the_tier_is_named(judged_run, tiny_corpus, monkeypatch):
    import importlib.util

    from ser_toolkit.errors import MissingTierError

    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *a: None if name == "torch_pruning" else find(name, *a)
    )
    with pytest.raises(MissingTierError, match=r"\[compress\]"):
        compress(judged_run, tiny_corpus, method="prune")
