"""The scans and iterations of the torch backend find what the compiled loops find, given the same."""

import numpy as np
import pytest

from ser_toolkit.testing.sounds import speech
from ser_toolkit_gemaps import functionals, linear_prediction, periods, temporal
from ser_toolkit_gemaps.frames import HOP_S, wave
from ser_toolkit_gemaps.octave_spectrum import octave_spectra
from ser_toolkit_gemaps.pitch import candidates, f0
from ser_toolkit_gemaps.spectrum import gauss60
from ser_toolkit_gemaps.viterbi import best_path

torch = pytest.importorskip("torch", reason="the torch backend needs torch")

from ser_toolkit_gemaps.batched import functionals as batched_functionals  # noqa: E402
from ser_toolkit_gemaps.batched import linear_prediction as batched_prediction  # noqa: E402
from ser_toolkit_gemaps.batched import octave_spectrum  # noqa: E402
from ser_toolkit_gemaps.batched import periods as batched_periods  # noqa: E402
from ser_toolkit_gemaps.batched import pitch as batched_pitch  # noqa: E402
from ser_toolkit_gemaps.batched import temporal as batched_temporal  # noqa: E402
from ser_toolkit_gemaps.batched import viterbi as batched_viterbi  # noqa: E402

SR = 16_000


@pytest.mark.parametrize("n_frames", [1, 2, 30, 39, 40, 41, 300])
def test_the_path_is_the_same(n_frames):
    rng = np.random.default_rng(n_frames)
    count = rng.integers(0, 7, (20, n_frames))
    there = np.arange(6) < count[..., None]
    frequency = np.where(there, rng.uniform(55, 1000, there.shape), 0)
    voicing = np.where(there, rng.uniform(0.4, 1, there.shape), 0)
    want = [best_path(*row) for row in zip(frequency, voicing, count, strict=True)]
    path, settled = batched_viterbi.best_path(torch.tensor(frequency), torch.tensor(voicing), torch.tensor(count))
    np.testing.assert_array_equal(path, [row[0] for row in want])
    np.testing.assert_array_equal(settled, [row[1] for row in want])


def test_octave_spectra_are_the_same():
    magnitude = np.random.default_rng(4).random((60, 513), dtype=np.float32)
    magnitude[:30].sort(axis=1)  # an end is the only maximum of these
    magnitude[10:20] = magnitude[10:20, ::-1]
    magnitude[20:30, :200] = magnitude[20:30, 199::-1]  # both ends are
    magnitude[30:45] = magnitude[30:45].round(1)  # plateaus
    magnitude[45] = 0.5
    got, want = octave_spectrum.octave_spectra(torch.tensor(magnitude), SR), octave_spectra(magnitude, SR)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_the_candidates_are_the_same():
    magnitude, _ = gauss60(wave(speech(3.0, SR)), SR)
    got, want = batched_pitch.candidates(torch.tensor(magnitude), SR), candidates(magnitude, SR)
    np.testing.assert_array_equal(got.count, want.count)
    np.testing.assert_allclose(got.frequency_hz, want.frequency_hz, rtol=1e-4)
    np.testing.assert_allclose(got.voicing, want.voicing, atol=1e-4)


@pytest.mark.parametrize("kind", ["its own pitch", "any pitch", "voiced throughout", "never voiced"])
def test_jitter_and_shimmer_are_the_same(kind):
    y = wave(speech(9.0, SR)).reshape(3, -1)
    pitch_hz = np.stack([f0(*gauss60(row, SR), SR)[0] for row in y])
    rng = np.random.default_rng(0)
    if kind == "any pitch":
        pitch_hz = (rng.uniform(55, 1000, pitch_hz.shape) * (rng.random(pitch_hz.shape) < 0.9)).astype(np.float32)
    elif kind == "voiced throughout":
        pitch_hz[:] = np.array([[60], [190], [900]])
    elif kind == "never voiced":
        pitch_hz[:] = 0
    want = [periods.jitter_shimmer(*row, SR) for row in zip(y, pitch_hz, strict=True)]
    got = batched_periods.jitter_shimmer(torch.tensor(y), torch.tensor(pitch_hz), SR)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_the_poles_are_the_same():
    rng = np.random.default_rng(1)
    frames = rng.normal(size=(200, 220)).cumsum(axis=1).astype(np.float32)
    frames -= frames.mean(axis=1, keepdims=True)
    frames[3] = 0
    filters = linear_prediction.predictors(frames, 11)
    got = batched_prediction.predictors(torch.tensor(frames), 11)
    np.testing.assert_allclose(got, filters, rtol=1e-6, atol=1e-9)
    for own, want in zip(
        batched_prediction.poles(torch.tensor(filters), 11_000.0, 50.0, 5450.0, 3),
        linear_prediction.poles(filters, 11_000.0, 50.0, 5450.0, 3),
        strict=True,
    ):
        np.testing.assert_allclose(own, want, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("steps", [False, True])
def test_contours_have_the_same_statistics(steps):
    rng = np.random.default_rng(2)
    contours = rng.normal(size=(60, 50)).cumsum(axis=1).astype(np.float32) + 40
    if steps:  # plateaus
        contours = np.round(contours)
    n = rng.integers(0, 51, 60)
    n[:8] = [0, 1, 2, 3, 4, 5, 6, 50]
    contours[np.arange(50) >= n[:, None]] = 0
    got, _ = batched_functionals.contour_statistics(torch.tensor(contours), torch.tensor(n))
    rows = [row[:length] for row, length in zip(contours, n, strict=True)]
    np.testing.assert_allclose(got, [functionals.contour_statistics(row) for row in rows], rtol=1e-9, atol=1e-9)


def test_peaks_and_segments_are_the_same():
    rng = np.random.default_rng(3)
    loudness = rng.normal(size=(40, 70)).cumsum(axis=1).astype(np.float32)
    voiced = rng.random((40, 60)).cumsum(axis=1) % 7 < 4
    voiced ^= rng.random(voiced.shape) < 0.05
    voiced[0], voiced[1] = False, True
    want = np.stack([temporal.temporal_statistics(*row) for row in zip(loudness, voiced, strict=True)])
    _, n_peaks = batched_functionals.contour_statistics(torch.tensor(loudness), torch.full((40,), 70))
    np.testing.assert_allclose(n_peaks / (70 * HOP_S), want[:, 0])
    rate, *heard = batched_temporal.segment_statistics(torch.tensor(voiced))
    _, *silent = batched_temporal.segment_statistics(~torch.tensor(voiced))
    got = torch.stack([rate / (60 * HOP_S), *heard, *silent], dim=-1)
    np.testing.assert_allclose(got, want[:, 1:], rtol=1e-9, atol=1e-9)
