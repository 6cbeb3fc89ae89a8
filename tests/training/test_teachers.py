"""Teachers: what they may know, what they need, and that run folders, exports and folds say what they said before."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny import TINY
from tiny_training import configure, listed, plan_of

from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import ConfigError, ModelError
from ser_toolkit.evaluation.crossval import cross_validate
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.testing.fakes import FakeImage
from ser_toolkit.training.config import check_config
from ser_toolkit.training.dataset import extract, read_dataset
from ser_toolkit.training.fold import teachers_of
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.progress import Silent
from ser_toolkit.training.protocols import folds_of
from ser_toolkit.training.run import train
from ser_toolkit.training.seen import Seen, decode_recordings, hash_speaker
from ser_toolkit.training.settings import DistillConfig
from ser_toolkit.training.teachers import Teacher, Teachers, read_teachers
from ser_toolkit.training.teaching import teach, with_teachers
from ser_toolkit_paper.melspec import MelSpec

MEL = {**TINY, "features": {"mel": TINY["features"]["mel"]}}
SVM_FOLDS = {
    "features": {"gemaps": {"name": "egemaps"}},
    "model": {"name": "svm"},
    "segments": {"preset": "utterance"},
    "split": {"protocol": "grouped-k-fold", "folds": 3},
    "training": {"workers": 1},
}
FEATURES = plan_of(configure()).features


def heard(speakers=(), recordings=()):
    return Seen(
        salt="salt",
        speakers=frozenset(hash_speaker(s, salt="salt") for s in speakers),
        recordings=frozenset(recordings),
    )


def teacher(name="teacher", *, recipe=None, features=FEATURES, seen=None):
    return Teacher(name=name, path=None, recipe=recipe, features=features, seen=seen)


@pytest.fixture(scope="module")
def hums(tmp_path_factory):
    """Utterances, split (speaker 4 is tested) and hashes of recordings, which are never read here."""
    utterances, split = listed(tmp_path_factory.mktemp("none"))
    return utterances, list(range(1, len(utterances) + 1)), split


def test_who_has_heard_a_tested_speaker_or_recording_may_not_teach(hums):
    utterances, recordings, split = hums
    tested = split.indices("test")[0]
    for seen in (heard(speakers="034"), heard(recordings=[recordings[tested]])):
        one = Teachers(name="x", models=(teacher(seen=seen),), folds=False)
        with pytest.raises(ConfigError, match="was trained on .* of the 8 utterances that are tested here"):
            one.allowed(utterances, recordings, split, speakers=True)
    fine = Teachers(name="x", models=(teacher(seen=heard("0123", recordings[:30])),), folds=False)
    assert fine.allowed(utterances, recordings, split, speakers=True) == fine.models


def test_speakers_do_not_count_where_they_may_overlap(hums):
    utterances, recordings, split = hums
    one = Teachers(name="x", models=(teacher(seen=heard("01234", recordings[:30])),), folds=False)
    assert one.allowed(utterances, recordings, split, speakers=False) == one.models


def test_who_does_not_say_what_it_was_trained_on_may_not_teach_unless_nothing_is_tested(hums):
    utterances, recordings, split = hums
    one = Teachers(name="x", models=(teacher(),), folds=False)
    with pytest.raises(ConfigError, match="does not say what it was trained on"):
        one.allowed(utterances, recordings, split, speakers=True)
    untested = dataclasses.replace(split, parts=tuple("train" if p == "test" else p for p in split.parts))
    assert one.allowed(utterances, recordings, untested, speakers=True) == one.models


def test_of_folds_those_teach_that_have_not_heard_what_is_tested(hums):
    utterances, recordings, split = hums
    models = tuple(teacher(str(i), seen=heard(set("01234") - {str(i)})) for i in range(5))
    folds = Teachers(name="cv", models=models, folds=True)
    assert [m.name for m in folds.allowed(utterances, recordings, split, speakers=True)] == ["4"]
    others = dataclasses.replace(folds, models=models[:4])
    with pytest.raises(ConfigError, match="each model in cv was trained on"):
        others.allowed(utterances, recordings, split, speakers=True)


def test_inputs_that_are_there_are_shared_and_others_get_names_of_their_own():
    other = dataclasses.replace(
        FEATURES, extractors={"image": FakeImage(n_bands=4), "vector": FEATURES.extractors["vector"]}
    )
    both = [Teachers(name="x", models=(teacher(features=f),), folds=False) for f in (other, FEATURES, other)]
    made = with_teachers(FEATURES, both)
    assert list(made.extractors) == ["image", "vector", "teacher-1-image"]
    assert made.extractors["teacher-1-image"] == FakeImage(n_bands=4)
    assert made.scopes["teacher-1-image"] == "segment"
    assert with_teachers(made, both) == made
    assert with_teachers(FEATURES, []) == FEATURES


def test_teachers_that_do_not_fit_are_refused(tiny_run):
    recipe = tiny_run.recipe
    given = {"anger", "sadness"}
    teacher(recipe=recipe).check(FEATURES, sorted(given))
    with pytest.raises(ConfigError, match="does not know 'joy'; it knows 'anger', 'sadness'"):
        teacher(recipe=recipe).check(FEATURES, ["anger", "joy"])
    with pytest.raises(ConfigError, match="another sample rate"):
        teacher(recipe=recipe, features=dataclasses.replace(FEATURES, sr=8000)).check(FEATURES, given)
    mel = dataclasses.replace(FEATURES, extractors={"mel": MelSpec()}, scopes={"mel": "segment"})
    longer = dataclasses.replace(mel, segmentation=Segmentation(window_s=1.0, hop_s=0.5))
    with pytest.raises(ConfigError, match=r"takes windows of \(1, 128, 126\) as 'mel'; the windows here give .* 63\)"):
        teacher(recipe=recipe, features=longer).check(FEATURES, given)
    whole = dataclasses.replace(mel, segmentation=Segmentation(window_s=None))
    teacher(recipe=recipe, features=whole).check(FEATURES, given)  # takes windows of any length


def test_teachers_that_are_not_there_are_named(tmp_path):
    for name, error in ((str(tmp_path), ModelError), (str(tmp_path / "no.onnx"), ModelError)):
        with pytest.raises(error, match=r"no recipe\.json|no\.onnx"):
            read_teachers(DistillConfig(teachers=[name]), default_registry())
    (tmp_path / "folds").mkdir()
    with pytest.raises(Exception, match=r"split\.csv"):
        read_teachers(DistillConfig(teachers=[str(tmp_path)]), default_registry())


@pytest.fixture(scope="module")
def folds(tiny_corpus, tmp_path_factory):
    """A cross-validation of classical models that were kept."""
    out = tmp_path_factory.mktemp("folds") / "job"
    cross_validate(tiny_corpus, config=SVM_FOLDS, out=out, models="keep", device="cpu")
    return out


def test_fold_by_fold_the_model_teaches_that_was_tested_there(tiny_corpus, tiny_run, folds, tmp_path):
    split = {**SVM_FOLDS["split"]}
    config = check_config({**MEL, "split": split, "distill": {"teachers": [str(folds)]}})
    data = read_dataset(tiny_corpus, config, speaker_pattern=None)
    plan = Plan.make(config, data.labels, default_registry())
    plan.check([8, 8])
    recordings = _Recordings([0] * len(data.utterances))
    made = folds_of(data.utterances, config.split, seed=0)
    chosen = [[t.path.name for t in teachers_of(plan, recordings, fold.split, data)] for fold in made.folds]
    assert chosen == [["seed-0-fold-1"], ["seed-0-fold-2"], ["seed-0-fold-3"]]
    other = folds_of(data.utterances, check_config({"split": {**split, "seed": 5}}).split, seed=5)
    for a, b in zip(made.folds, other.folds, strict=True):
        if a.split.indices("test") != b.split.indices("test"):
            with pytest.raises(ConfigError, match="Train teachers on the same folds"):
                teachers_of(plan, recordings, b.split, data)
            break
    else:
        pytest.fail("the other seed gave the same folds")


@dataclasses.dataclass
class _Recordings:
    recordings: list[int]


def test_run_folder_and_export_say_the_same(tiny_corpus, tiny_run, tiny_model, folds, tmp_path):
    """And folds are averaged; labels are found by name."""
    config = check_config({**MEL, "split": {"test": 0.0}})
    data = read_dataset(tiny_corpus, config, speaker_pattern=None)
    registry, plan = default_registry(), Plan.make(config, data.labels, default_registry())
    given = {name: read_teachers(DistillConfig(teachers=[str(path)]), registry) for name, path in
             (("run", tiny_run.run_dir), ("export", tiny_model), ("folds", folds))}  # fmt: skip
    everything = [each for teachers in given.values() for each in teachers]
    both = config.model_copy(update={"distill": DistillConfig(teachers=[str(tiny_run.run_dir), str(folds)])})
    accelerator = _Alone()
    store = extract(tmp_path / "work", data, plan.features, both, Silent(), accelerator, cache=None)
    features = with_teachers(plan.features, everything)
    assert set(store.values) == set(features.extractors) == {"mel", "teacher-1-gemaps"}

    def ask(name, labels=("anger", "sadness")):
        models = given[name][0].models
        windows = np.arange(len(store))
        return np.exp(teach(models, features, store, windows, labels, device="cpu", registry=registry))

    assert len(given["folds"][0].models) == 3
    for name in given:
        np.testing.assert_allclose(ask(name).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(ask("export"), ask("run"), atol=1e-4)
    np.testing.assert_allclose(ask("run", ("sadness", "anger")), ask("run")[:, ::-1], atol=1e-6)


@dataclasses.dataclass
class _Alone:
    is_main_process: bool = True
    num_processes: int = 1

    def wait_for_everyone(self):
        pass


def test_a_student_says_what_its_teacher_was_trained_on(tiny_corpus, tiny_run, tmp_path):
    distill = {"teachers": [str(tiny_run.run_dir)], "weight": 0.9}
    config = {**MEL, "training": {**TINY["training"], "epochs": 1}, "license": "CC0"}
    student = train(tiny_corpus, config={**config, "distill": distill}, out=tmp_path / "student", device="cpu")
    plain = train(tiny_corpus, config=config, out=tmp_path / "plain", device="cpu")
    assert [e.train_loss for e in student.epochs] != [e.train_loss for e in plain.epochs]
    recordings = decode_recordings(student.recipe.training.recordings)
    assert recordings >= decode_recordings(tiny_run.recipe.training.recordings)
    assert set(student.recipe.training.speakers) >= set(tiny_run.recipe.training.speakers)
    assert student.recipe.license.startswith("CC0; ")
    assert student.recipe.license.count("openSMILE") == tiny_run.recipe.license.count("openSMILE") == 1
    assert list(student.recipe.features) == ["mel"]
    utterances = read_dataset(tiny_corpus, check_config(config), speaker_pattern=None).utterances
    tested = [folds_of(utterances, check_config({}).split, seed=s).folds[0].split.indices("test") for s in range(20)]
    seed = next(s for s, indices in enumerate(tested) if not set(indices) & set(tested[0]))
    with pytest.raises(ConfigError, match="scores would be inflated"):
        other = {**config, "distill": distill, "split": {"seed": seed}}
        train(tiny_corpus, config=other, out=tmp_path / "other", device="cpu")
