from __future__ import annotations

import numpy as np
import pytest
from opensmile_levels import SR, few_files, level

from ser_toolkit_gemaps import frames, spectrum
from ser_toolkit_gemaps.octave_spectrum import octave_axis, octave_spectra, subharmonic_sums
from ser_toolkit_gemaps.pitch import SILENCE_RMS, candidates, f0
from ser_toolkit_gemaps.viterbi import LAG, best_path


def tone(hz: float, seconds: float = 0.75) -> np.ndarray:
    t = np.arange(int(seconds * SR)) / SR
    y = sum(np.cos(2 * np.pi * hz * k * t + k * k) / k for k in range(1, int(7000 / hz) + 1))
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


def track(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return f0(*spectrum.gauss60(frames.wave(y), SR), SR)


@pytest.mark.parametrize("hz", [65, 80, 100, 150, 220, 330, 440, 600, 800])
def test_f0_of_a_tone(hz: float) -> None:
    f0_hz, voicing = track(tone(hz))
    assert np.all(np.abs(f0_hz[1:] / hz - 1) < 0.01)  # the first frame of a high tone may be an octave lower
    assert np.all(voicing > 0.7)


@pytest.mark.parametrize("make", [np.zeros, np.ones])
def test_silence_and_dc_are_unvoiced(make) -> None:
    f0_hz, voicing = track(make(8000, dtype=np.float32))
    assert not f0_hz.any()
    assert np.isfinite(voicing).all()


def test_quiet_frames_are_unvoiced() -> None:
    magnitude, rms = spectrum.gauss60(frames.wave(tone(150)), SR)
    assert f0(magnitude, rms, SR)[0].all()
    assert not f0(magnitude, np.full_like(rms, SILENCE_RMS / 2), SR)[0].any()


def test_no_frames() -> None:
    f0_hz, voicing = track(np.zeros(100, dtype=np.float32))
    assert f0_hz.shape == voicing.shape == (0,)


def test_a_spectrum_of_one_peak_stays_at_its_frequency_on_the_octave_axis() -> None:
    magnitude = np.zeros((1, 513), dtype=np.float32)
    magnitude[0, 63:66] = 0.5, 1.0, 0.5  # 1000 Hz
    octave = octave_spectra(magnitude, SR)[0]
    assert octave_axis(513, SR)[np.argmax(octave)] == pytest.approx(1000, rel=0.01)
    sums = subharmonic_sums(octave[None], SR)[0]
    axis = octave_axis(513, SR)
    for n in (2, 3, 4):
        subharmonic = np.argmin(np.abs(axis - 1000 / n))
        assert sums[subharmonic - 3 : subharmonic + 4].max() > 0.5 * 0.85 ** (n - 1) * sums.max()


def test_the_path_removes_an_octave_jump() -> None:
    frequency = np.zeros((60, 6))
    voicing = np.zeros((60, 6))
    frequency[:, :2], voicing[:, :2] = (200.0, 100.0), (0.85, 0.8)
    frequency[30, :2] = 100.0, 200.0
    path, _ = best_path(frequency, voicing, np.full(60, 2))
    assert list(np.flatnonzero(path == 1)) == [30]


def test_the_path_looks_ahead_no_further_than_its_lag() -> None:
    y = np.concatenate([tone(200, 1.0), tone(120, 1.0)])
    magnitude, rms = spectrum.gauss60(frames.wave(y), SR)
    whole, cut = f0(magnitude, rms, SR)[0], f0(magnitude[:120], rms[:120], SR)[0]
    assert np.array_equal(whole[: 120 - LAG], cut[: 120 - LAG])


@pytest.mark.parametrize(("factor", "taken"), [(1.01, 1), (0.99, 0)])
def test_a_step_is_compared_with_that_from_the_next_better_candidate(factor: float, taken: int) -> None:
    # another pitch and back costs 4 * 10 r; staying by way of the second candidate 10 r, as the first is r away
    r = factor * 2 * np.log(0.95 / 0.75) / 30
    frequency = np.array([[200.0, 0], [200.0, 0], [200.0 * np.exp(-r), 200.0], [200.0, 0]])
    voicing = np.array([[0.95, 0], [0.95, 0], [0.95, 0.75], [0.95, 0]])
    path, _ = best_path(frequency, voicing, np.array([1, 1, 2, 1]))
    assert path.tolist() == [0, 0, taken, 0]


def test_frames_settle_where_all_paths_meet() -> None:
    n = 100
    frequency, voicing = np.full((n, 2), 200.0), np.full((n, 2), 0.9)
    frequency[:, 1], voicing[:, 1] = 210.0, 0.5
    _, settled = best_path(frequency, voicing, np.full(n, 2))
    assert np.all(settled <= np.arange(1, n + 1))
    assert np.all(settled >= np.arange(1, n + 1) - LAG)
    assert np.all(settled[10:] == np.arange(10, n))  # each frame waits for the next one only


def test_the_path_through_its_candidates_is_that_of_opensmile(corpora) -> None:
    pytest.importorskip("opensmile")
    for y in few_files(corpora, 6):
        theirs = level(y, "gemapsv01b_pitchShsG60").astype(np.float64)
        frequency = np.ascontiguousarray(theirs[:, 1:7])
        path, _ = best_path(frequency, np.ascontiguousarray(theirs[:, 7:13]), theirs[:, 0].astype(np.int64))
        taken = np.append(frequency, np.zeros((len(frequency), 1)), axis=1)[np.arange(len(path)), path]
        assert np.allclose(taken, level(y, "gemapsv01b_logPitchRaw")[:, 0], atol=0.01)


def test_parity(corpora) -> None:
    pytest.importorskip("opensmile")
    both = [(track(y)[0], level(y, "gemapsv01b_logPitch")[:, 0]) for y in few_files(corpora)]
    ours, theirs = (np.concatenate(parts) for parts in zip(*both, strict=True))
    voiced = (ours > 0) & (theirs > 0)
    assert np.mean((ours > 0) == (theirs > 0)) >= 0.997
    assert np.mean(np.abs(ours[voiced] / theirs[voiced] - 1) < 0.01) >= 0.998


def test_candidates_parity(corpora) -> None:
    pytest.importorskip("opensmile")
    for y in few_files(corpora, 2):
        theirs = level(y, "gemapsv01b_pitchShsG60")
        found = candidates(spectrum.gauss60(frames.wave(y), SR)[0], SR)
        same = np.abs(found.frequency_hz - theirs[:, 1:7]) < 0.1
        clear = theirs[:, 7] > 0.6  # below, frames may be silent and their candidates noise of the last digit
        assert np.mean(same[clear]) > 0.97
        assert np.quantile(np.abs(found.voicing - theirs[:, 7:13])[same & clear[:, None]], 0.99) < 0.01
