"""A recording that is read block by block has the samples of the one that is decoded at once."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from ser_toolkit.data.audio import decode, open_recording
from ser_toolkit.data.quality import Levels, check, judge
from ser_toolkit.errors import AudioError


@pytest.fixture(scope="module")
def sound():
    """Nine seconds of stereo at 44.1 kHz."""
    rng = np.random.default_rng(0)
    t = np.arange(9 * 44_100) / 44_100
    left = 0.3 * np.sin(2 * np.pi * 220 * t) * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * t))
    return np.stack([left, 0.7 * left + 0.01 * rng.standard_normal(len(t))], axis=1).astype(np.float32)


@pytest.fixture(params=["wav", "flac", "mp3", "ogg"])
def path(request, tmp_path, sound):
    file = tmp_path / f"x.{request.param}"
    soundfile.write(file, sound, 44_100)
    return file


@pytest.mark.parametrize("sr", [16_000, 44_100])
def test_blocks_are_the_decoded_samples(path, sr):
    whole = decode(path, sr=sr)
    with open_recording(path, sr=sr) as reading:
        blocks = list(reading)
    assert len(blocks) > 2
    np.testing.assert_array_equal(np.concatenate(blocks), whole.y)
    assert (reading.duration_s, reading.notes) == (whole.duration_s, whole.notes)
    assert (reading.channels, reading.source_sr, reading.n_clipped) == (2, 44_100, whole.n_clipped)


def test_a_part_in_blocks(path):
    whole = decode(path, sr=16_000, start_s=2.0, end_s=7.5)
    with open_recording(path, sr=16_000, start_s=2.0, end_s=7.5) as reading:
        np.testing.assert_array_equal(np.concatenate(list(reading)), whole.y)
    assert reading.duration_s == pytest.approx(5.5)


def test_a_limit(path):
    with (
        pytest.raises(AudioError, match="it lasts more than 0.002 hours") as caught,
        open_recording(path, sr=16_000, limit_s=7.2) as reading,
    ):
        list(reading)
    assert caught.value.reason == "too long"
    with open_recording(path, sr=16_000, limit_s=10.0) as reading:
        assert sum(map(len, reading)) >= 9 * 16_000


def test_levels_of_blocks_are_those_of_the_whole(path):
    whole = decode(path, sr=16_000)
    levels = Levels(16_000)
    with open_recording(path, sr=16_000) as reading:
        for block in reading:
            levels.add(block)
    once = Levels(16_000)
    once.add(whole.y)
    assert levels.peak_dbfs == pytest.approx(once.peak_dbfs, abs=1e-6)
    assert levels.swing_db == once.swing_db
    assert judge(levels, reading) == check(whole)


def test_what_breaks_in_the_middle(tmp_path, sound):
    file = tmp_path / "x.wav"
    y = sound.copy()
    y[5 * 44_100, 1] = np.nan
    soundfile.write(file, y, 44_100, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"the first at 5\.000 s") as caught, open_recording(file, sr=16_000) as found:
        list(found)
    assert caught.value.reason == "non-finite"
