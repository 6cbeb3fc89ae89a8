"""Smoothing, statistics, peaks and segments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ser_toolkit_gemaps import functionals, temporal
from ser_toolkit_gemaps.names import LLDS, NAMES, UNITS

contours = arrays(np.float32, st.integers(1, 60), elements=st.floats(0, 50, width=32))


def line(*points):
    """Contour through (frame, value) points."""
    frames, values = zip(*points, strict=True)
    return np.interp(np.arange(frames[-1] + 1), frames, values).astype(np.float32)


def test_smooth_repeats_the_ends():
    np.testing.assert_allclose(functionals.smooth(np.array([3, 6, 0, 0], np.float32)), [4, 3, 2, 0], rtol=1e-6)


def test_smooth_nonzero_leaves_zeros_out_and_keeps_them():
    values = np.array([0, 3, 6, 0, 8, 0], np.float32)
    np.testing.assert_allclose(functionals.smooth_nonzero(values), [0, 4.5, 4.5, 0, 8, 0], rtol=1e-6)


def test_moments_of_columns():
    values = np.array([[1, 0], [3, -2], [0, -4]], np.float32)
    everything = functionals.moments(values, nonzero=False)
    np.testing.assert_allclose(everything[:, 0], values.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(everything[:, 1], values.std(axis=0) / values.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(functionals.moments(values, nonzero=True), [[2, 0.5], [-3, -1 / 3]])
    assert not functionals.moments(np.zeros((3, 1), np.float32), nonzero=True).any()


@given(contours)
def test_percentiles_are_numpys(values):
    low, middle, high = np.percentile(values.astype(np.float64), [20, 50, 80])
    np.testing.assert_allclose(functionals.percentiles(values), [low, middle, high, high - low], atol=1e-9)


def test_extrema_of_a_line_with_corners():
    found = functionals.extrema(line((0, 0), (20, 0.5), (50, 0.1), (60, 0.6), (99, 0.2)))
    assert found.tolist() == [[20, 1], [50, -1], [60, 1]]


def test_small_bumps_do_not_count():
    assert functionals.extrema(line((0, 0), (20, 5), (40, 4.8), (50, 4.9), (99, 0))).tolist() == [[20, 1]]
    climbing = functionals.extrema(line((0, 0), (20, 5), (40, 4.8), (50, 8), (99, 0)))
    assert climbing.tolist() == [[50, 1]]


def test_plateaus_and_ends_are_no_extrema():
    assert not len(functionals.extrema(line((0, 0), (20, 5), (30, 5), (99, 0))))
    assert not len(functionals.extrema(line((0, 0), (1, 5), (8, 0))))
    assert not len(functionals.extrema(np.zeros(3, np.float32)))


def test_slopes_as_in_opensmile():
    # values that openSMILE's functionals gave for this contour
    values = functionals.contour_statistics(line((0, 0), (20, 0.5), (50, 0.1), (60, 0.6), (80, 0.2), (99, 0.3)))
    np.testing.assert_allclose(values[6:], [2.67553, 1.34594, 1.66674, 0.33329], rtol=3e-4)
    falls = functionals.contour_statistics(line((0, 0.5), (20, 0), (50, 0.1), (60, 0.6), (99, 0.2)))
    np.testing.assert_allclose(falls[[6, 8]], [1.49998, 0.73721], rtol=3e-4)


def test_a_contour_without_extrema_has_one_slope():
    np.testing.assert_allclose(functionals.contour_statistics(line((0, 0), (99, 0.5)))[6:], [0.005, 0, 0, 0], atol=1e-8)
    np.testing.assert_allclose(
        functionals.contour_statistics(line((0, 0.5), (99, 0)))[6:], [0, 0, -0.005, 0], atol=1e-8
    )


@given(contours)
def test_contour_statistics_are_finite_and_scale(values):
    once = functionals.contour_statistics(values)
    assert np.isfinite(once).all()
    twice = functionals.contour_statistics(2 * values)
    np.testing.assert_allclose(twice[[0, 2, 3, 4, 5]], 2 * once[[0, 2, 3, 4, 5]], rtol=1e-5, atol=1e-5)


@given(contours)
def test_extrema_take_turns(values):
    kinds = functionals.extrema(values)[:, 1]
    assert (np.abs(np.diff(kinds)) == 2).all()


def test_nothing_voiced_gives_zeros():
    assert not functionals.contour_statistics(np.zeros(0, np.float32)).any()


def test_segments_close_gaps_of_one_and_drop_short_runs():
    members = np.array([int(c) for c in "0111110111000110011100"], dtype=bool)
    np.testing.assert_allclose(temporal.segment_lengths(members), [0.08, 0.02])
    assert not len(temporal.segment_lengths(np.zeros(5, bool)))
    assert members.sum() == 13


def test_temporal_statistics():
    voiced = np.zeros(100, dtype=bool)
    voiced[10:30] = voiced[50:90] = True
    loud = line((0, 0), (20, 1), (40, 0), (60, 1), (99, 0))
    rates = temporal.temporal_statistics(loud, voiced)
    np.testing.assert_allclose(rates, [2, 2, 0.29, 0.1, 0.1233333, 0.0471405], atol=1e-5)
    assert not temporal.temporal_statistics(np.zeros(10, np.float32), np.zeros(9, bool))[:4].any()


def test_names():
    assert len(NAMES) == len(set(NAMES)) == 88
    assert len(LLDS) == 25
    assert UNITS["F0semitoneFrom27.5Hz_sma3nz_amean"] == "semitones above 27.5 Hz"
    assert UNITS["F2bandwidth_sma3nz_amean"] == "Hz"
    assert UNITS["slopeUV0-500_sma3nz_amean"] == "dB/Hz"
    assert UNITS["equivalentSoundLevel_dBp"] == "dB"
    assert UNITS["F0semitoneFrom27.5Hz_sma3nz_meanRisingSlope"] == "semitones/s"
    assert UNITS["loudness_sma3_stddevFallingSlope"] == "1/s"


def test_names_are_opensmiles():
    opensmile = pytest.importorskip("opensmile")
    levels = opensmile.FeatureLevel
    for level, names in ((levels.Functionals, NAMES), (levels.LowLevelDescriptors, LLDS)):
        assert tuple(opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, level).feature_names) == names
