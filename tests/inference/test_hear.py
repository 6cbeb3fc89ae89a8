"""Windows without speech do not count; a recording of nothing else has no emotion."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from fake_setup import SR, FakeSetup

import ser_toolkit
from ser_toolkit.data.files import Found, find_audio
from ser_toolkit.errors import AudioError
from ser_toolkit.inference.aggregation import Summary
from ser_toolkit.inference.analysis import Analysis
from ser_toolkit.inference.assemble import Assemble
from ser_toolkit.inference.columns import columns_of
from ser_toolkit.inference.model import Model
from ser_toolkit.inference.options import Options
from ser_toolkit.inference.pipeline import in_process
from ser_toolkit.testing.sounds import speech


def engine(seconds, sr):
    """Loud, and its level moves as that of speech does."""
    t = np.arange(round(seconds * sr)) / sr
    y = sum(np.sin(2 * np.pi * 35 * k * t) / k**0.5 for k in range(1, 30)) * (0.1 + np.sin(2 * np.pi * 1.5 * t) ** 2)
    return (0.3 * y / np.abs(y).max()).astype(np.float32)


@pytest.fixture
def files(tmp_path):
    """Speech; an engine; both and silence; two minutes of both; a syllable."""
    made = [
        speech(3.0, SR),
        engine(3.0, SR),
        np.concatenate([engine(2.0, SR), speech(2.0, SR), np.zeros(2 * SR, dtype=np.float32)]),
        np.concatenate([speech(5.0, SR), engine(110.0, SR), speech(5.0, SR, seed=1)]),
        speech(0.3, SR),
    ]
    paths = [tmp_path / f"{i}.wav" for i in range(len(made))]
    for path, y in zip(paths, made, strict=True):
        soundfile.write(path, y, SR, subtype="FLOAT")
    return paths


def results(files, **options):
    setup = FakeSetup(**options)
    assemble = Assemble(summary=Summary(labels=("a", "b", "c"), sr=SR, n_window=SR))
    rows = in_process(setup, [(i, Found(path=p, root=p)) for i, p in enumerate(files)], infer=True)
    made = [batch for row in rows for batch in assemble(columns_of([row]))]
    return {i: r for batch in made for i, r in zip(batch["index"], batch["result"], strict=True)}


def test_only_windows_with_speech_count(files):
    said, engine_, both, long, short = (results(files, speech=True)[i] for i in range(5))
    assert (said.status, said.notes, len(said.windows)) == ("ok", (), 3)
    assert (engine_.status, engine_.reason, engine_.windows) == ("skipped", "no speech", ())
    assert "--speech off" in engine_.detail
    assert engine_.duration_s == 3.0
    assert both.notes == ("silent parts", "parts without speech")
    assert [w.start_s for w in both.windows] == [2.0, 3.0]
    assert {w.start_s for w in long.windows} == {0.0, 1.0, 2.0, 3.0, 4.0, 115.0, 116.0, 117.0, 118.0, 119.0}
    assert (short.status, short.reason) == ("skipped", "too short")
    assert "0.30 s" in short.detail


def test_speech_off_takes_any_sound(files):
    found = results(files)
    assert [found[i].status for i in range(5)] == ["ok"] * 5
    assert found[2].notes == ("silent parts",)
    assert len(found[3].windows) == 120


def test_the_cache_knows_both(tmp_path, files):
    """What one run keeps gives the other neither its windows nor their lack."""
    fresh = {speech: results(files, speech=speech) for speech in (True, False)}
    for first in (True, False):
        folder = tmp_path / f"cache-{first}"
        for speech_ in (first, first, not first, not first, first):
            found = results(files, speech=speech_, cache_use="write", folder=folder)
            for i, result in fresh[speech_].items():
                assert (found[i].status, found[i].notes) == (result.status, result.notes)
                assert found[i].windows == result.windows


def test_models_refuse_and_skip(tiny_model):
    sr = 16_000
    model, any_sound = ser_toolkit.load(tiny_model, device="cpu"), Model.open(tiny_model, device="cpu", speech="off")
    with pytest.raises(AudioError, match="no speech: nobody speaks in it"):
        model.predict(engine(3.0, sr), sr)
    assert any_sound.predict(engine(3.0, sr), sr).predicted in model.labels
    with pytest.raises(AudioError, match="too short"):
        model.predict(speech(0.3, sr), sr)
    y = np.concatenate([engine(3.0, sr), speech(3.0, sr)])
    starts, all_starts = ([w.start_s for w in m.stream([y], sr)] for m in (model, any_sound))
    assert set(starts) < set(all_starts)
    assert 0.0 in all_starts
    assert min(starts) > 0
    assert starts == [w.start_s for w in model.predict(y, sr).windows]


def test_workers_hear_the_same(tmp_path, tiny_model):
    sr, folder = 16_000, tmp_path / "audio"
    folder.mkdir()
    long = np.concatenate([speech(4.0, sr), engine(70.0, sr), speech(4.0, sr, seed=1), engine(10.0, sr)])
    for i, y in enumerate((long, engine(2.0, sr), speech(2.0, sr))):
        soundfile.write(folder / f"{i}.wav", y, sr)
    found = {}
    for workers in (0, 2):
        options = Options(model=tiny_model, device="cpu", workers=workers, cache_use="off")
        with Analysis(find_audio([folder]), options) as run:
            list(run.results())
            found[workers] = list(run.journal)
    assert [r.reason for r in found[0]] == ["", "no speech", ""]
    assert found[0][0].notes == ("parts without speech",)
    for one, other in zip(found[0], found[2], strict=True):
        assert (one.status, one.notes, one.duration_s) == (other.status, other.notes, other.duration_s)
        assert [w.start_s for w in one.windows] == [w.start_s for w in other.windows]
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
