"""Labels are found where they are, belong to the right files, and scores leave out what the model was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ser_toolkit.data.files import display_path, find_audio
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import ManifestError
from ser_toolkit.evaluation.folder_labels import FOLDER_NAMES, UNREADABLE, Labelled, Truth, find_labels, labelled
from ser_toolkit.models import bundled
from ser_toolkit.recipe import METADATA_KEY, Calibration, ComponentEntry, Conformal, FeatureEntry, Recipe, Training
from ser_toolkit.recipe import Target as RecipeTarget
from ser_toolkit.report.results import FileResult, WindowResult, Windows
from ser_toolkit.training.seen import encode_recordings, hash_speaker

LABELS = ("anger", "happiness", "sadness")
SALT = "0" * 64


def recipe(*, speakers=(), recordings=(), trained=True, sets=True):
    conformal = Conformal(method="lac", alpha=0.1, thresholds=(0.6,) * 3, n=20, fitted_on="development speakers")
    return Recipe(
        targets=(RecipeTarget(name="emotion", kind="class", labels=LABELS),),
        segments=Segmentation(),
        features={"mel": FeatureEntry(name="melspec", version=1, dist="made 1")},
        model=ComponentEntry(name="made", version=1, dist="made 1"),
        calibration=Calibration(
            temperature=0.7, fitted_on="development speakers", conformal=conformal if sets else None
        ),
        training=Training(
            protocol="made",
            manifest_sha256=SALT,
            speakers=tuple(hash_speaker(s, salt=SALT) for s in speakers),
            recordings=encode_recordings(recordings),
            seed=0,
        )
        if trained
        else None,
    )


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def manifest(folder, *rows, name="manifest.csv"):
    """A manifest with empty files; rows are ``file,speaker,emotion,start,end,gender``."""
    touch(folder, *(row.split(",")[0] for row in rows))
    (folder / name).write_text("\n".join(["file,speaker,emotion,start,end,gender", *rows]) + "\n")
    return folder


def ok(file, said, *, p=0.8, windows=None, **more):
    """One result; `windows` are (label, p) each, by default one like the file."""

    def row(label, p):
        return {x: p if x == label else (1 - p) / 2 for x in LABELS}

    windows = windows or [(said, p)]
    return FileResult(
        file=display_path(file),
        status="ok",
        duration_s=3.0 * len(windows),
        probabilities=row(said, p),
        windows=tuple(
            WindowResult(start_s=3.0 * i, end_s=3.0 * i + 3, probabilities=row(*w)) for i, w in enumerate(windows)
        ),
        **{"prediction_set": (said,), **more},
    )


def test_a_manifest_in_a_folder_that_was_given(tmp_path, monkeypatch):
    root = manifest(tmp_path / "corpus", "wav/1.wav,s1,anger,,,female", "wav/2.wav,s2,sadness,,,")
    truths = find_labels([root], "auto", LABELS)
    assert truths.source == str(root)
    assert [u.emotion for u in truths.of(str(root / "wav/1.wav"))] == ["anger"]
    assert truths.of(str(root / "wav/3.wav")) == ()
    monkeypatch.chdir(tmp_path)
    assert truths.of("corpus/../corpus/wav/2.wav")[0].speaker == "s2"
    # only if its root was given
    assert find_labels([root / "wav", root / "wav" / "1.wav"], "auto", LABELS) is None
    assert find_labels([root], "none", LABELS) is None


def test_files_are_matched_by_where_they_lie(tmp_path):
    root = manifest(tmp_path / "corpus", "a%25b.wav,s1,anger,,,", "c.wav,s2,sadness,,,")
    (root / "a%25b.wav").rename(root / "a%b.wav")  # the manifest may percent-encode
    (tmp_path / "link").symlink_to(root)
    (tmp_path / "one.wav").symlink_to(root / "c.wav")
    truths = find_labels([tmp_path / "link"], "auto", LABELS)
    assert truths.of(display_path(tmp_path / "link" / "a%b.wav"))[0].emotion == "anger"
    assert truths.of(str(tmp_path / "one.wav"))[0].emotion == "sadness"


@pytest.mark.parametrize("given", [".", "x", "x/anger x/Happy"])
def test_folders_named_after_emotions(tmp_path, monkeypatch, given):
    touch(tmp_path / "x", "anger/1.wav", "Happy/2.flac", "Happy/.hidden/3.wav", "anger/notes.txt")
    monkeypatch.chdir(tmp_path)
    truths = find_labels([Path(p) for p in given.split()], "auto", LABELS)
    assert truths.source == FOLDER_NAMES
    assert truths.of("x/anger/1.wav")[0].emotion == "anger"
    assert truths.of(str(tmp_path / "x/Happy/2.flac"))[0].emotion == "happiness"


def test_folders_that_only_look_like_emotions(tmp_path):
    touch(tmp_path / "one", "anger/1.wav", "ANGER/2.wav")
    touch(tmp_path / "stray", "anger/1.wav", "sadness/2.wav", "3.wav")
    touch(tmp_path / "other", "anger/1.wav", "calls/2.wav")
    for name in ("one", "stray", "other", "missing"):
        assert find_labels([tmp_path / name], "auto", LABELS) is None, name


def test_a_manifest_that_cannot_be_read(tmp_path):
    touch(tmp_path, "anger/1.wav", "sadness/2.wav")
    (tmp_path / "manifest.csv").write_text("file,speaker,mood\nanger/1.wav,s1,anger\n")
    found = find_labels([tmp_path], "auto", LABELS)
    assert found.source == FOLDER_NAMES
    (caution,) = found.cautions
    assert caution.startswith(UNREADABLE)
    assert "no column 'emotion'" in caution
    with pytest.raises(ManifestError, match="no column 'emotion'"):
        find_labels([tmp_path], str(tmp_path / "manifest.csv"), LABELS)
    only = manifest(tmp_path / "only", "1.wav,s1,anger,,,")
    (only / "manifest.csv").write_bytes(b"\xff\xfe\x00")
    found = find_labels([only], "auto", LABELS)
    assert (found.source, dict(found.utterances)) == ("", {})
    empty = labelled(found, [ok(only / "1.wav", "anger")], LABELS, recipe())
    assert empty == Labelled(source="", truths={}, evaluation=None, n_seen=0, cautions=found.cautions)


def test_several_manifests(tmp_path):
    a = manifest(tmp_path / "a", "1.wav,s1,anger,,,")
    b = manifest(tmp_path / "b", "1.wav,s1,sadness,,,", name="metadata.csv")
    (b / "metadata.csv").write_text("file_name,emotion,speaker\n1.wav,sadness,s1\n")
    bad = manifest(tmp_path / "bad", "1.wav,s1,anger,,,")
    (bad / "manifest.csv").write_text("nothing\n")
    truths = find_labels([a, bad, b], "auto", LABELS)
    assert truths.source == f"{a}, {b}"
    assert len(truths.cautions) == 1
    # one name in two corpora is two people
    assert [truths.of(str(x / "1.wav"))[0].speaker for x in (a, b)] == ["a/s1", "b/s1"]
    (tmp_path / "again").symlink_to(a)
    assert find_labels([a, tmp_path / "again"], "auto", LABELS).cautions == ()
    clash = manifest(tmp_path / "clash", "2.wav,s1,anger,,,")
    (clash / "manifest.csv").write_text("file,speaker,emotion\n../a/1.wav,s1,sadness\n")
    (caution,) = find_labels([a, clash], "auto", LABELS).cautions
    assert "two labels" in caution


def test_what_is_left_out_and_renamed(tmp_path):
    root = manifest(
        tmp_path,
        "1.wav,s1,angry,,,female",
        "2.wav,s1,calm,,,",
        "3.wav,s2,calm,,,",
        "4.wav,s2,boredom,,,",
        "5.wav,s1,anger,0,1,female",
        "5.wav,s2,anger,1,2,female",
        "6.wav,s1,anger,0,1,",
        "6.wav,s1,Sadness,1,2,",
        "7.wav,s1,anger,0,1,",
        "7.wav,s1,calm,1,2,",
        "8.wav,s3,SADNESS,,,",
    )
    truths = find_labels([root], "auto", LABELS)
    assert truths.cautions == (
        "3 of 8 labelled files left out, whose emotion the model does not know: calm (2), boredom (1)",
        "2 files left out, whose parts have different emotions",
        "read as the model's names: angry as anger",
    )
    found = labelled(truths, [ok(root / f"{i}.wav", "anger") for i in range(1, 9)], LABELS, recipe())
    assert {Path(file).name: truth for file, truth in found.truths.items()} == {
        "1.wav": Truth(emotion="anger", speaker="s1", gender="female", corpus=tmp_path.name),
        "5.wav": Truth(emotion="anger", gender="female", corpus=tmp_path.name),
        "8.wav": Truth(emotion="sadness", speaker="s3", corpus=tmp_path.name),
    }


def test_synonyms_that_the_model_tells_apart_are_no_synonyms(tmp_path):
    root = manifest(tmp_path, "1.wav,s1,happy,,,", "2.wav,s1,joy,,,")
    truths = find_labels([root], "auto", ("joy", "happiness"))
    assert [u.emotion for rows in truths.utterances.values() for u in rows] == ["joy"]


@pytest.fixture
def corpus(tmp_path):
    """Four speakers, each with a file of anger and one of sadness."""
    rows = [
        f"{s}-{e}.wav,{s},{e},,,{'female' if s in ('s1', 's2') else 'male'}"
        for s in ("s1", "s2", "s3", "s4")
        for e in ("anger", "sadness")
    ]
    return manifest(tmp_path / "corpus", *rows)


def answers(corpus, **more):
    """All sadness but the first two files of anger."""
    names = sorted(p.name for p in corpus.glob("*.wav"))
    return [ok(corpus / n, "anger" if n in ("s1-anger.wav", "s2-anger.wav") else "sadness", **more) for n in names]


def test_scores(corpus):
    found = labelled(find_labels([corpus], "auto", LABELS), answers(corpus), LABELS, recipe(), recordings={})
    e = found.evaluation
    assert len(found.truths) == e.n == 8
    assert (e.n_speakers, e.unit) == (4, "speakers")
    assert e.utterance.ua.estimate.value == pytest.approx((2 / 4 + 4 / 4) / 2)
    assert e.utterance.confusion == ((2, 0, 2), (0, 0, 0), (0, 0, 4))
    assert e.sets.alpha == 0.1
    assert e.sets.coverage.value == pytest.approx(6 / 8)  # .8 is in, .1 is not
    assert [t.attribute for t in e.groups] == ["gender", "speaker"]
    gender = {row.name: row.ua.value for row in e.groups[0].rows}
    assert gender == {"female": pytest.approx(1.0), "male": pytest.approx(0.5)}
    assert e.temperatures == (1.0,)
    assert "none known to be trained on" in e.protocol
    assert str(corpus) not in e.protocol


def test_what_the_model_was_trained_on_is_not_scored(corpus):
    truths = find_labels([corpus], "auto", LABELS)
    rows = answers(corpus)
    known = recipe(speakers=("s1",), recordings=(77,))
    recordings = {row.file: 10 + i for i, row in enumerate(rows)} | {str(corpus / "s4-sadness.wav"): 77}
    found = labelled(truths, rows, LABELS, known, recordings=recordings)
    assert found.n_seen == 3
    assert found.evaluation.n == 5
    assert found.evaluation.utterance.confusion[0] == (1, 0, 2)
    assert len(found.truths) == 8
    assert found.cautions == ("3 labelled files not scored: the model was trained on them",)
    assert "without 3 files that the model was trained on" in found.evaluation.protocol

    only_names = labelled(truths, rows, LABELS, known)
    assert only_names.n_seen == 2
    assert "only by the speaker's name checked whether the model was trained on 8 files" in only_names.cautions
    some = labelled(truths, rows, LABELS, known, recordings={rows[0].file: 10})
    assert "only by the speaker's name checked whether the model was trained on 7 files" in some.cautions

    all_of_them = labelled(truths, rows, LABELS, recipe(speakers=("s1", "s2", "s3", "corpus/s4")))
    assert (all_of_them.n_seen, all_of_them.evaluation) == (8, None)


def test_a_model_that_does_not_say_what_it_was_trained_on(corpus):
    found = labelled(find_labels([corpus], "auto", LABELS), answers(corpus), LABELS, recipe(trained=False))
    assert found.evaluation.n == 8
    assert "TRAINING DATA UNKNOWN" in found.evaluation.protocol
    assert any("cannot be checked" in c for c in found.cautions)


def test_folders_without_speakers_cannot_be_checked_by_name(tmp_path):
    touch(tmp_path, "anger/1.wav", "anger/2.wav", "sadness/3.wav", "sadness/4.wav")
    rows = [ok(f.path, "anger") for f in find_audio([tmp_path])]
    truths = find_labels([tmp_path], "auto", LABELS)
    found = labelled(truths, rows, LABELS, recipe(speakers=("s1",), recordings=(5,)))
    assert found.cautions == ("not checked whether the model was trained on 4 labelled files",)
    assert found.evaluation.unit == "utterances"
    heard = labelled(truths, rows, LABELS, recipe(recordings=(5,)), recordings={row.file: 5 for row in rows[:3]})
    assert heard.n_seen == 3
    assert heard.evaluation.n == 1


def test_files_without_a_result_or_a_label(corpus):
    rows = answers(corpus)
    rows[0] = FileResult(file=rows[0].file, status="failed", reason="undecodable")
    rows[1] = FileResult(file=rows[1].file, status="skipped", reason="no speech")
    rows.append(ok(corpus / "new.wav", "anger"))
    found = labelled(
        find_labels([corpus], "auto", LABELS), rows, LABELS, recipe(), recordings={r.file: 1 for r in rows}
    )
    assert len(found.truths) == 8
    assert found.evaluation.n == 6
    assert "1 of 9 files without a label" in found.cautions
    assert "2 labelled files not scored, having no result: 1 failed, 1 skipped" in found.cautions
    none = labelled(find_labels([corpus], "auto", LABELS), rows[-1:], LABELS, recipe())
    assert none.cautions == ("none of the files that were analyzed has a label",)
    assert none.evaluation is None


def test_scores_follow_the_results_however_windows_became_files(corpus):
    """Two windows for anger by a little, one for sadness by much: the mean says sadness, the vote anger."""
    windows = [("anger", 0.5), ("anger", 0.5), ("sadness", 0.98)]
    truths = find_labels([corpus], "auto", LABELS)
    vote = [
        ok(corpus / f"{s}-anger.wav", "anger", p=2 / 3, windows=windows, prediction_set=None)
        for s in ("s1", "s2", "s3")
    ]
    e = labelled(truths, vote, LABELS, recipe()).evaluation
    assert e.utterance.wa.estimate.value == 1.0
    assert e.window.n == 9
    assert e.window.wa.estimate.value == pytest.approx(2 / 3)
    assert e.sets is None  # thresholds belong to the mean
    mean = np.mean([list(w.probabilities.values()) for w in vote[0].windows], axis=0)
    by_mean = [
        FileResult(
            file=row.file,
            status="ok",
            duration_s=9.0,
            probabilities=dict(zip(LABELS, mean.tolist(), strict=True)),
            windows=Windows(
                labels=LABELS,
                starts_s=np.array([0.0, 3.0, 6.0]),
                ends_s=np.array([3.0, 6.0, 9.0]),
                probabilities=np.array([list(w.probabilities.values()) for w in row.windows], dtype=np.float32),
            ),
            prediction_set=("sadness", "anger"),
        )
        for row in vote
    ]
    e = labelled(truths, by_mean, LABELS, recipe()).evaluation
    assert e.utterance.wa.estimate.value == 0.0
    assert e.window.wa.estimate.value == pytest.approx(2 / 3)
    assert e.sets is not None


def test_uncertain_is_scored_by_the_likeliest_emotion(corpus):
    found = labelled(
        find_labels([corpus], "auto", LABELS), answers(corpus, min_confidence=0.9), LABELS, recipe(sets=False)
    )
    assert found.evaluation.utterance.wa.estimate.value == pytest.approx(6 / 8)
    assert found.evaluation.sets is None
    assert any("uncertain" in c for c in found.cautions)


def test_without_the_tier_that_scores(corpus, monkeypatch):
    monkeypatch.setattr("ser_toolkit.evaluation.folder_labels.find_spec", lambda name: None)
    found = labelled(find_labels([corpus], "auto", LABELS), answers(corpus), LABELS, recipe())
    assert found.evaluation is None
    assert len(found.truths) == 8
    assert "pip install 'ser-toolkit[train]'" in found.cautions[-1]


@pytest.mark.corpora
def test_a_bundled_model_on_its_own_corpus_and_on_another(corpora):
    """It was fitted on all speakers of EmoDB, and on none of RAVDESS; it knows four of their emotions."""
    import onnx

    graph = onnx.load(bundled.resolve("emodb"), load_external_data=False)
    own = Recipe.from_json({p.key: p.value for p in graph.metadata_props}[METADATA_KEY])

    def found_in(name):
        rng = np.random.default_rng(0)
        truths = find_labels([corpora / name], "auto", own.labels)
        rows = []
        for found in find_audio([corpora / name]):
            p = dict(zip(own.labels, rng.dirichlet(np.ones(4)).tolist(), strict=True))
            rows.append(
                FileResult(
                    file=display_path(found.path),
                    status="ok",
                    probabilities=p,
                    windows=(WindowResult(start_s=0, end_s=3, probabilities=p),),
                    prediction_set=own.conformal.prediction_set(p),
                )
            )
        return truths, labelled(truths, rows, own.labels, own)

    truths, emodb = found_in("emodb")
    assert truths.cautions[0].startswith("196 of 535 labelled files left out")
    assert len(emodb.truths) == emodb.n_seen == 339
    assert emodb.evaluation is None

    _, ravdess = found_in("ravdess")
    assert (ravdess.n_seen, ravdess.evaluation.n, ravdess.evaluation.n_speakers) == (0, 672, 24)
    assert 0.15 < ravdess.evaluation.utterance.ua.estimate.value < 0.35  # chance
