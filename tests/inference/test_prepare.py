"""Steps before windows in the pipeline: the same windows however a recording comes, and the cache of training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import soundfile
from fake_setup import SR, FakeSetup, speech

from ser_toolkit.data.audio import decode
from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.data.cache_key import samples_hash
from ser_toolkit.data.files import Found
from ser_toolkit.inference.pipeline import decoded, in_process
from ser_toolkit.inference.worker import Work
from ser_toolkit.training.extraction import Extraction, Job
from ser_toolkit_denoise.level import Level, SegmentLevel
from ser_toolkit_denoise.wiener import Wiener

STEPS = (Wiener(below_snr_db=61.0), Level())


@dataclass(frozen=True, kw_only=True)
class Fails:
    """Raises on loud recordings."""

    name: ClassVar[str] = "fails"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "recording"

    def __call__(self, y, sr):
        if np.abs(y).max() > 0.6:
            raise ValueError("too loud for me")
        return y


@pytest.fixture
def files(tmp_path):
    made = []
    for i, seconds in enumerate((2.5, 200.0, 31.0)):
        made.append(tmp_path / "audio" / f"{i}.wav")
        made[-1].parent.mkdir(exist_ok=True)
        soundfile.write(made[-1], speech(seconds, seed=i), SR, subtype="FLOAT")
    return made


def run(setup, *paths):
    return list(in_process(setup, [(i, Found(path=p, root=p)) for i, p in enumerate(paths)], infer=True))


def joined(rows, index):
    return np.concatenate([r["probabilities"] for r in rows if r["index"] == index and "probabilities" in r])


def test_there_is_no_such_stage_without_steps():
    names = [stage.name for stage in Work.of(FakeSetup(), infer=True).file]
    assert "preprocess" not in names
    with_segment_steps = Work.of(FakeSetup(preprocess=(SegmentLevel(),)), infer=True)
    assert [stage.name for stage in with_segment_steps.file] == names
    stepped = Work.of(FakeSetup(preprocess=STEPS), infer=True)
    assert [stage.name for stage in stepped.read] == ["decode", "check", "preprocess", "segments"]


@pytest.mark.parametrize("steps", [STEPS, (SegmentLevel(),), (*STEPS, SegmentLevel(target_dbfs=-20.0))])
def test_windows_are_those_of_the_whole_recording(files, steps):
    setup = FakeSetup(preprocess=steps)
    rows = run(setup, *files)
    assert [r["index"] for r in rows if r["last"]] == [0, 1, 2]
    for i, path in enumerate(files):
        y = decode(path, sr=SR).y
        features = setup.front_end().features
        expected = [v for block in features.blocks(y) for v in block.features["vector"]]
        np.testing.assert_array_equal(joined(rows, i), setup.network.run({"vector": np.array(expected)}))
        plain = replace(features, preprocess=())
        assert not np.allclose(expected, [v for b in plain.blocks(y) for v in b.features["vector"]])
    (last,) = [r for r in rows if r["index"] == 1 and r["last"]]
    assert last["duration_s"] == 200.0
    assert last["n_samples"] == 200 * SR
    assert sum(r["seconds"] for r in rows if r["index"] == 1) == pytest.approx(200)
    assert len([r for r in rows if r["index"] == 1]) > 2


def test_recordings_in_memory_are_treated_alike(files):
    setup = FakeSetup(preprocess=STEPS)
    (row,) = decoded(setup, decode(files[0], sr=SR), infer=True)
    np.testing.assert_array_equal(row["probabilities"], joined(run(setup, files[0]), 0))


def test_pieces_are_bounded(files):
    setup = FakeSetup(preprocess=STEPS)
    rows = [row for stage in [Work.of(setup, infer=False)] for row in _read(stage, files[1])]
    assert max(len(row["y"]) for row in rows) < 130 * SR


def _read(work, path):
    from ser_toolkit.inference.worker import pieces_of

    return list(pieces_of(work.read, {"index": [0], "path": [str(path)]}))


def test_a_step_that_fails_is_that_files_failure(tmp_path, files):
    soundfile.write(tmp_path / "loud.wav", 3 * speech(2.0), SR, subtype="FLOAT")
    setup = FakeSetup(preprocess=(Fails(),))
    failed, fine = run(setup, tmp_path / "loud.wav", files[0])
    assert (failed["status"], failed["reason"]) == ("failed", "crashed")
    assert failed["detail"] == "ValueError: too loud for me"
    assert fine["probabilities"].shape == (3, 3)


def test_a_recording_that_was_given_up_leaves_nothing_behind(files):
    setup = FakeSetup(preprocess=STEPS)
    stages = Work.of(setup, infer=True).file
    from ser_toolkit.inference.columns import flow, rows_of

    begun = flow(stages, {"index": [0], "path": [str(files[1])]})
    next(begun)
    begun.close()
    (made,) = [r for m in flow(stages, {"index": [1], "path": [str(files[0])]}) for r in rows_of(m)]
    np.testing.assert_array_equal(made["probabilities"], joined(run(setup, files[0]), 0))


def test_the_cache_is_that_of_training(tmp_path, files):
    """What training keeps of a recording is found here, and neither finds what other steps made."""
    setup = FakeSetup(preprocess=STEPS, cache_use="read", folder=tmp_path / "cache")
    features = setup.front_end().features
    cache = FeatureCache(tmp_path / "cache")
    keys, other = cache.keys(features), cache.keys(replace(features, preprocess=()))
    utterance = _utterance(files[2])
    extracted = Extraction(features=features, keys=keys)(Job(utterance=utterance))
    samples = samples_hash(decode(files[2], sr=SR).y, SR)
    assert extracted.samples == samples
    expected = run(FakeSetup(preprocess=STEPS), files[2])
    marked = [value + 1 for value in extracted.pieces[0, "vector"]]
    cache.put(keys.path("vector", samples), marked)
    np.testing.assert_array_equal(joined(run(setup, files[2]), 0), setup.network.run({"vector": np.array(marked)}))
    assert not np.array_equal(joined(expected, 0), joined(run(setup, files[2]), 0))
    assert keys.path("vector", samples) != other.path("vector", samples)
    assert keys.noted(samples) != other.noted(samples)
    assert keys.path("", samples) == other.path("", samples)  # fingerprints are of recordings as they are
    again = cache.keys(replace(features, preprocess=(Wiener(below_snr_db=60.0), Level())))
    assert again.path("vector", samples) != keys.path("vector", samples)


def test_a_second_run_reads_what_the_first_wrote(tmp_path, files):
    setup = FakeSetup(preprocess=STEPS, cache_use="write", folder=tmp_path / "cache")
    first, second = run(setup, *files), run(setup, *files)
    for i in range(3):
        np.testing.assert_array_equal(joined(first, i), joined(second, i))
    assert [r.get("recalled") for r in second if r["index"] == 0] == [True]


def _utterance(path):
    from ser_toolkit.data.utterance import Utterance

    return Utterance(file=path, key=path.name, emotion="anger", speaker="s")
