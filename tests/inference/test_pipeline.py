"""However files are spread over processes, the results are the same."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from ser_toolkit.data.files import find_audio
from ser_toolkit.inference.analysis import Analysis
from ser_toolkit.inference.options import Options, workers_for
from ser_toolkit.models import bundled


@pytest.fixture(scope="module")
def folder(corpora, tmp_path_factory):
    """Four recordings of emodb, and one of three minutes and more joined from others."""
    made = tmp_path_factory.mktemp("real")
    files = sorted((corpora / "emodb").rglob("*.flac"))[:160]
    for file in files[:4]:
        (made / file.name).symlink_to(file)
    joined = np.concatenate([soundfile.read(file, dtype="float32")[0] for file in files[4:]])
    sr = soundfile.info(files[0]).samplerate
    soundfile.write(made / "joined.wav", joined[: 200 * sr], sr)
    return made


def results(folder, **options):
    files = find_audio([folder])
    with Analysis(files, Options(model=bundled.resolve(None), device="cpu", cache_use="off", **options)) as run:
        order = [index for index, _ in run.results()]
        assert sorted(order) == list(range(len(files)))
        info = run.info()
        assert sum(stage.share for stage in info.profile) == pytest.approx(1)
        return list(run.journal)


@pytest.mark.slow
@pytest.mark.corpora
def test_one_process_many_and_a_shared_session_agree(folder):
    alone = results(folder, workers=0)
    assert [r.status for r in alone] == ["ok"] * 5
    for options in ({"workers": 2}, {"workers": 2, "shared": True}, {"workers": 0, "shared": True}):
        other = results(folder, **options)
        for a, b in zip(alone, other, strict=True):
            assert (a.file, a.status, a.notes, a.duration_s) == (b.file, b.status, b.notes, b.duration_s)
            assert list(a.probabilities.values()) == pytest.approx(list(b.probabilities.values()), abs=1e-6)
            np.testing.assert_array_equal(a.windows.starts_s, b.windows.starts_s)
            np.testing.assert_allclose(a.windows.probabilities, b.windows.probabilities, atol=1e-6)
            assert a.prediction_set == b.prediction_set
    (joined,) = (r for r in alone if r.file.endswith("/joined.wav"))
    n_windows = len(joined.windows)
    assert n_windows > 60
    assert (np.diff(joined.windows.starts_s) > 0).all()
    assert joined.windows.ends_s[-1] == pytest.approx(joined.duration_s, abs=1e-3)


def test_as_many_workers_as_are_worth_it(tmp_path, monkeypatch):
    from ser_toolkit.inference import options

    monkeypatch.setattr(options, "usable_cores", lambda: 4)
    for i in range(3):
        (tmp_path / f"{i}.wav").write_bytes(b"x" * 3_000_000)
    files = find_audio([tmp_path])
    assert workers_for([]) == 1
    assert workers_for(files[:1]) == 1
    assert workers_for(files) == 3
    assert workers_for(files[:1], hop_s=0.75) == 4
    assert workers_for(files * 10) == 4
    assert workers_for(find_audio([tmp_path / "none.wav"])) == 1
