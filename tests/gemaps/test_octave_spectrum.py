"""The octave spectrum against SciPy's spline, and its subharmonic sums."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from ser_toolkit_gemaps.octave_spectrum import FRAMES_AT_ONCE, octave_axis, octave_spectra, subharmonic_sums

SR, BINS = 16_000, 513


def spectra(n):
    return np.random.default_rng(n).gamma(1.0, size=(n, BINS)).astype(np.float32)


def test_a_smooth_spectrum_of_peaks_is_splined():
    magnitude = spectra(1)
    m = magnitude[0].astype(np.float64)
    peaks = np.flatnonzero((m[1:-1] > m[:-2]) & (m[1:-1] > m[2:])) + 1
    kept = np.zeros(BINS)
    for i in [0, 1, 2, BINS - 1, *(k + d for k in peaks for d in (-2, -1, 0, 1, 2))]:
        if 0 <= i < BINS:
            kept[i] = m[i]
    y = 0.5 * kept
    y[1:-1] += 0.25 * (kept[:-2] + kept[2:])
    y[0] += 0.25 * kept[1]
    y[-1] = kept[-1]
    octaves = np.log2(np.maximum(np.arange(BINS), 0.5) * SR / 2 / (BINS - 1))
    at = np.log2(octave_axis(BINS, SR))
    ear = 0.5 + np.arctan(3 * np.arange(BINS) * np.log2(SR / 50) / BINS - 1.0382) / np.pi
    expected = np.maximum(CubicSpline(octaves, y, bc_type="natural")(at) * ear, 0)
    np.testing.assert_allclose(octave_spectra(magnitude, SR)[0], expected, atol=1e-5)


@pytest.mark.parametrize("n", [1, FRAMES_AT_ONCE, FRAMES_AT_ONCE + 1])
def test_frames_do_not_touch_each_other(n):
    magnitude = spectra(n)
    together = octave_spectra(magnitude, SR)
    assert together.shape == (n, BINS)
    for row, frame in zip(together, magnitude, strict=True):
        np.testing.assert_array_equal(row, octave_spectra(frame[None], SR)[0])


def test_no_frames():
    assert octave_spectra(spectra(0), SR).shape == subharmonic_sums(spectra(0), SR).shape == (0, BINS)


def test_sums_are_those_of_shifted_spectra():
    octave = spectra(3)
    per_octave = BINS / np.log2(SR / 50)
    expected = np.zeros((3, BINS))
    for k in range(15):
        shift = int(np.log2(k + 1) * per_octave + 1e-9)
        expected[:, : BINS - shift] += 0.85**k / 15 * octave[:, shift:]
    np.testing.assert_allclose(subharmonic_sums(octave, SR), expected, rtol=1e-5)
