"""A finished model on a labelled manifest: what it was trained on is refused, marked or dropped; nothing is silent."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from ser_toolkit.errors import ConfigError, ManifestError, ModelError, RecipeError, SplitError
from ser_toolkit.evaluation.finished import evaluate_model
from ser_toolkit.evaluation.overlap import Overlap, keep
from ser_toolkit.evaluation.predictions import Predictions
from ser_toolkit.inference.model import Model
from ser_toolkit.training.results import read_result


@pytest.fixture(scope="module")
def model(tiny_model) -> Model:
    return Model.open(tiny_model, device="cpu", speech="off")


@pytest.fixture(scope="module")
def trained(tiny_run, tiny_corpus) -> set[str]:
    """Speakers that the tiny model was trained on, dev included."""
    with (tiny_run.run_dir / "split.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {row["speaker"] for row in rows if row["fold 1: hold-out"] != "test"}


@pytest.fixture(scope="module")
def others(tmp_path_factory, tiny_corpus):
    """Two speakers of another corpus, whose recordings nobody trained on."""
    folder = tmp_path_factory.mktemp("others")
    rows = ["file,speaker,emotion,gender,text_id"]
    for s in range(2):
        for emotion, f0, tempo in (("anger", 250, 6.0), ("sadness", 140, 2.0)):
            name = f"{s}-{emotion}.wav"
            t = np.arange(int((1.4 + s) * 16_000)) / 16_000
            voice = sum(np.sin(2 * np.pi * (f0 + 7 * s) * k * t) / k for k in range(1, 20))
            gated = 0.15 * voice * (0.55 + 0.45 * np.sin(2 * np.pi * tempo * t))
            soundfile.write(folder / name, gated + np.random.default_rng(s).normal(scale=0.003, size=len(t)), 16_000)
            rows.append(f"{name},new{s},{emotion},{'female' if s else 'male'},t1")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


def manifest(folder, rows):
    (folder / "manifest.csv").write_text("\n".join(["file,speaker,emotion", *rows]) + "\n")
    return folder / "manifest.csv"


def without_training(model: Model) -> Model:
    return replace(model, recipe=model.recipe.model_copy(update={"training": None}))


def changed(model: Model, **training) -> Model:
    entry = model.recipe.training.model_copy(update=training)
    return replace(model, recipe=model.recipe.model_copy(update={"training": entry}))


def test_another_corpus(model, others):
    found = evaluate_model(model, others)
    assert found.labels == ("anger", "sadness")
    assert found.protocol == (
        f"model tiny.onnx on {others}: 4 utterances of 2 speakers, none of whom it was trained on"
    )
    assert found.notes == ()
    assert [(i.file, i.emotion, i.speaker, i.gender, i.text_id) for i in found.items][:2] == [
        ("0-anger.wav", "anger", "new0", "male", "t1"),
        ("0-sadness.wav", "sadness", "new0", "male", "t1"),
    ]
    mean, has = found.utterances()
    assert has.all()
    for item, row in zip(found.items, mean, strict=True):
        alone = model.predict(others.parent / item.file)
        np.testing.assert_allclose(row, list(alone.probabilities.values()), atol=1e-5)
    assert found.items[0].temperature == model.recipe.calibration.temperature


def test_windows_and_saving(model, others, tmp_path):
    found = evaluate_model(model, [others])
    windows = [len(model.predict(others.parent / i.file).windows) for i in found.items]
    assert np.bincount(found.owner).tolist() == windows
    found.save(tmp_path / "p.parquet")
    again = Predictions.load(tmp_path / "p.parquet")
    assert (again.items, again.protocol, again.notes) == (found.items, found.protocol, found.notes)
    conformal = model.recipe.conformal
    assert found.alpha == (conformal.alpha if conformal else None)
    assert found.items[0].thresholds == (conformal.thresholds if conformal else ())


def test_training_speakers_are_refused(model, tiny_corpus, trained):
    with pytest.raises(
        SplitError, match=rf"trained on {len(trained)} speakers \({min(trained)}, .*\) of this manifest"
    ):
        evaluate_model(model, tiny_corpus)


def test_speakers_are_refused_before_anything_is_decoded(model, trained, tmp_path):
    """None of the files is audio."""
    for i in range(len(trained)):
        (tmp_path / f"{i}.wav").write_bytes(b"no audio at all")
    listed = manifest(tmp_path, [f"{i}.wav,{speaker},anger" for i, speaker in enumerate(sorted(trained))])
    with pytest.raises(SplitError, match=f"trained on {len(trained)} speakers"):
        evaluate_model(model, listed)
    with pytest.raises(SplitError, match="nothing is left"):
        evaluate_model(model, listed, seen="drop")


def test_every_recording_is_decoded_once(model, others, monkeypatch):
    from ser_toolkit.data import audio

    decoded, decode = [], audio.decode

    def counting(path, **kwargs):
        decoded.append(path)
        return decode(path, **kwargs)

    monkeypatch.setattr(audio, "decode", counting)
    evaluate_model(model, others, workers=1)
    assert len(decoded) == len(set(decoded)) == 4


def test_training_speakers_are_marked(model, tiny_corpus, trained):
    found = evaluate_model(model, tiny_corpus, seen="mark")
    said = f"INCLUDES TRAINING SPEAKERS AND RECORDINGS: {len(trained)} speakers ("
    assert said in found.protocol
    assert said in found.notes[0]
    assert len(found.items) == 24


def test_training_speakers_are_dropped_and_the_test_scores_are_those_of_the_run(model, tiny_corpus, tiny_run, trained):
    found = evaluate_model(model, tiny_corpus, seen="drop")
    assert {i.speaker for i in found.items} == {f"speaker{s}" for s in range(6)} - trained
    assert f"without {len(trained)} speakers" in found.protocol
    assert "that it was trained on" in found.notes[0]
    from ser_toolkit.training.metrics import score

    wanted = read_result(tiny_run.run_dir).test
    assert score(found.truth, found.predicted(), found.labels) == wanted.utterance


def test_nothing_left_to_score(model, tiny_corpus, trained, tmp_path):
    rows = [r for r in tiny_corpus.read_text().splitlines()[1:] if r.split(",")[1] in trained]
    known = manifest(
        tmp_path, [",".join([str(tiny_corpus.parent / r.split(",")[0]), *r.split(",")[1:3]]) for r in rows]
    )
    with pytest.raises(SplitError, match="nothing is left"):
        evaluate_model(model, known, seen="drop")


def test_the_same_samples_under_another_name(model, tiny_corpus, trained, others, tmp_path):
    """Another container, another speaker, another label of the same sound."""
    name = next(r.split(",")[0] for r in tiny_corpus.read_text().splitlines()[1:] if r.split(",")[1] in trained)
    y, sr = soundfile.read(tiny_corpus.parent / name, dtype="int16")
    soundfile.write(tmp_path / "copy.flac", y, sr)
    shutil.copy(others.parent / "0-anger.wav", tmp_path / "a.wav")
    known = manifest(tmp_path, ["copy.flac,somebody,sadness", "a.wav,new0,anger"])
    with pytest.raises(SplitError, match="trained on 1 recording of this manifest"):
        evaluate_model(model, known)
    marked = evaluate_model(model, known, seen="mark")
    assert "INCLUDES TRAINING RECORDINGS: 1 recording" in marked.protocol
    dropped = evaluate_model(model, known, seen="drop")
    assert [i.file for i in dropped.items] == ["a.wav"]
    assert "1 utterance of 1 speaker, without 1 recording that it was trained on" in dropped.protocol
    alone = evaluate_model(model, manifest(tmp_path, ["a.wav,new0,anger"]))
    np.testing.assert_array_equal(dropped.logits, alone.logits)
    np.testing.assert_array_equal(dropped.owner, alone.owner)


def test_only_training_recordings_and_unusable_ones(model, tiny_corpus, trained, tmp_path):
    name = next(r.split(",")[0] for r in tiny_corpus.read_text().splitlines()[1:] if r.split(",")[1] in trained)
    shutil.copy(tiny_corpus.parent / name, tmp_path / "copy.wav")
    (tmp_path / "bad.wav").write_bytes(b"no audio at all")
    with pytest.raises(ManifestError, match="none of the 1 recordings can be used: .*undecodable"):
        evaluate_model(model, manifest(tmp_path, ["copy.wav,x,anger", "bad.wav,x,anger"]), seen="drop")
    with pytest.raises(SplitError, match="nothing is left"):
        evaluate_model(model, manifest(tmp_path, ["copy.wav,x,anger"]), seen="drop")


def test_labels_that_the_model_does_not_know(model, others, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(others.parent, folder)
    text = (folder / "manifest.csv").read_text().replace("1-anger.wav,new1,anger", "1-anger.wav,new1,[red]fear")
    (folder / "manifest.csv").write_text(text)
    found = evaluate_model(model, folder)
    assert len(found.items) == 3
    assert found.notes == ("1 of 4 utterances left out, whose labels the model does not know: [red]fear (1)",)
    with pytest.raises(ManifestError, match="knows 'anger', 'sadness', not '.red.fear'"):
        evaluate_model(model, folder, emotions=["anger", "[red]fear"])
    only = evaluate_model(model, folder, emotions=["sadness"])
    assert {i.emotion for i in only.items} == {"sadness"}
    assert only.labels == ("anger", "sadness")
    with pytest.raises(ManifestError, match="no utterance is labelled 'joy'"):
        evaluate_model(model, folder, emotions=["joy"])


def test_no_label_in_common(model, others, tmp_path):
    other = manifest(tmp_path, [f"{others.parent / '0-anger.wav'},x,Wut"])
    with pytest.raises(ManifestError, match="the model knows 'anger', 'sadness'; the manifest has 'Wut'"):
        evaluate_model(model, other)


def test_bad_recordings_are_left_out_and_said(model, others, tmp_path):
    shutil.copy(others.parent / "0-anger.wav", tmp_path / "good.wav")
    (tmp_path / "bad.wav").write_bytes(b"no audio at all")
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    (tmp_path / "empty.wav").touch()
    listed = manifest(
        tmp_path, ["bad.wav,n1,anger", "good.wav,n2,anger", "silent.wav,n3,sadness", "empty.wav,n4,anger"]
    )
    found = evaluate_model(model, listed)
    assert [i.file for i in found.items] == ["good.wav"]
    assert set(found.owner.tolist()) == {0}
    assert set(found.notes) == {
        "1 recording left out, undecodable: bad.wav",
        "1 recording left out, no speech: silent.wav",
        "1 recording left out, empty: empty.wav",
    }
    assert "1 utterance of 1 speaker" in found.protocol
    (tmp_path / "good.wav").write_bytes(b"no more")
    with pytest.raises(ManifestError, match="none of the 4 recordings can be used"):
        evaluate_model(model, listed)


def test_utterances_without_a_window_count_as_errors(model, others):
    segments = replace(model.features.segmentation, short="drop")
    strict = replace(model, features=replace(model.features, segmentation=segments))
    found = evaluate_model(strict, others)
    assert len(found.items) == 4
    assert found.predicted().tolist().count(-1) == 2
    assert found.notes[0] == "2 utterances too short for the model's windows: they count as errors"


def test_hop(tiny_model, model, others):
    fine = evaluate_model(tiny_model, others, device="cpu", hop_s=0.25)
    assert len(fine.owner) > len(evaluate_model(model, others).owner)
    assert "a window every 0.25 s; the model was trained with one every 0.75 s" in fine.notes
    with pytest.raises(ConfigError, match="hop_s"):
        evaluate_model(model, others, hop_s=0.25)


def test_a_run_folder(tiny_run, model, others, tmp_path):
    found = evaluate_model(tiny_run.run_dir, others, device="cpu")
    expected = evaluate_model(model, others)
    np.testing.assert_allclose(found.windows(), expected.windows(), atol=1e-4)
    assert found.protocol.startswith(f"model {tiny_run.run_dir} on ")
    with pytest.raises(ModelError, match="no run folder"):
        evaluate_model(tmp_path, others)
    with pytest.raises(ModelError, match="no such file"):
        evaluate_model(tmp_path / "gone.onnx", others)


def test_training_data_unknown(model, tiny_corpus):
    found = evaluate_model(without_training(model), tiny_corpus)
    assert found.protocol.endswith("24 utterances of 6 speakers, TRAINING DATA UNKNOWN")
    assert found.notes == ("the model does not say what it was trained on: it cannot be checked",)


def test_half_known_training_data(model, tiny_corpus, others):
    no_recordings = changed(model, recordings="")
    found = evaluate_model(no_recordings, others)
    assert found.protocol.endswith("none known to be trained on")
    assert found.notes == ("the model holds no hashes of its training recordings: only speakers were compared",)
    no_speakers = changed(model, speakers=())
    assert evaluate_model(no_speakers, others).notes == (
        "the model's training data named no speakers: only recordings were compared",
    )
    with pytest.raises(SplitError, match=r"trained on \d+ recordings of this"):
        evaluate_model(no_speakers, tiny_corpus)
    with pytest.raises(RecipeError, match="damaged"):
        evaluate_model(changed(model, recordings="???"), others)


def test_utterances_without_a_speaker(model, others, tmp_path):
    (tmp_path / "anger").mkdir()
    shutil.copy(others.parent / "0-anger.wav", tmp_path / "anger" / "x.wav")
    found = evaluate_model(model, tmp_path)
    assert found.protocol.endswith(": 1 utterance, none known to be trained on")
    assert found.notes == ("1 utterance without a speaker: only recordings were compared there",)


def test_large_manifests_in_parts(model, others, monkeypatch):
    whole = evaluate_model(model, others)
    told = []
    monkeypatch.setattr("ser_toolkit.evaluation.finished.AT_ONCE", 3)
    monkeypatch.setattr("ser_toolkit.evaluation.finished.BATCH", 2)
    parts = evaluate_model(model, others, on_progress=lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(parts.owner, whole.owner)
    np.testing.assert_allclose(parts.windows(), whole.windows(), atol=1e-6)
    assert told[-1] == (4, 4)


def test_numbers_that_are_not_finite(model, others, monkeypatch):
    monkeypatch.setattr(type(model.session), "run", lambda self, name, batch: np.full((1, 2), np.nan))
    with pytest.raises(ModelError, match="not finite"):
        evaluate_model(model, others)


def test_cache(model, others, tmp_path):
    cache = pytest.importorskip("ser_toolkit.data.cache")
    kept = cache.FeatureCache(tmp_path / "cache")
    first = evaluate_model(model, others, cache=kept)
    assert any((tmp_path / "cache").rglob("*"))
    np.testing.assert_array_equal(evaluate_model(model, others, cache=kept).logits, first.logits)


def test_many_speakers_are_counted_and_some_are_named():
    overlap = Overlap(known=True, speakers=tuple(f"s{i}" for i in range(20)), by_speaker=frozenset(range(20)))
    assert overlap.describe() == "20 speakers (s0, s1, s2, s3, s4, s5, s6, s7, and 12 more)"
    with pytest.raises(ConfigError, match="refuse"):
        keep(0, overlap, seen="keep", name="m")


def test_bundled_model_on_another_corpus(corpora, tmp_path):
    """The bundled model knows emodb's speakers, and none of ravdess."""
    with pytest.raises(SplitError, match="emodb was trained on 10 speakers"):
        evaluate_model("emodb", corpora / "emodb" / "manifest.csv", emotions=["neutral"], device="cpu")
    with (corpora / "ravdess" / "manifest.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["emotion"] in ("anger", "calm")][::30]
    listed = manifest(tmp_path, [f"{corpora / 'ravdess' / r['file']},{r['speaker']},{r['emotion']}" for r in rows])
    found = evaluate_model("emodb", listed, device="cpu", workers=1)
    assert "none of whom it was trained on" in found.protocol
    assert "model emodb on" in found.protocol
    assert json.dumps(found.notes).count("calm") == 1
