"""Windowing: the fixtures of the paper's reading, the other rules, and properties that hold for any length."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ser_toolkit.data.segments import PRESETS, Segmentation

SR = 16_000


@pytest.mark.parametrize(("duration_s", "n"), [(2.999, 0), (3.0, 1), (3.749, 1), (3.75, 2), (4.46, 2), (29.13, 35)])
def test_paper_preset_counts(duration_s, n):
    assert len(PRESETS["paper"].starts(round(duration_s * SR), SR)) == n


def test_presets():
    assert PRESETS["robust"] == Segmentation()
    assert (Segmentation().window_s, Segmentation().hop_s) == (3.0, 0.75)
    assert (Segmentation().short, Segmentation().tail) == ("repeat", "anchor_end")
    assert (PRESETS["paper"].short, PRESETS["paper"].tail) == ("drop", "drop")
    assert PRESETS["utterance"].window_s is None


def test_anchor_end_adds_a_window_only_where_something_is_left_over():
    robust = PRESETS["robust"]
    assert robust.starts(48_000, SR).tolist() == [0]
    assert robust.starts(60_000, SR).tolist() == [0, 12_000]
    assert robust.starts(60_001, SR).tolist() == [0, 12_000, 12_001]


def test_tail_pad_adds_a_zero_filled_window_one_hop_later():
    padded = Segmentation(tail="pad")
    assert padded.starts(60_000, SR).tolist() == [0, 12_000]
    assert padded.starts(60_001, SR).tolist() == [0, 12_000, 24_000]
    windows = padded.cut(np.ones(60_001, dtype=np.float32), SR)
    assert windows[2].sum() == 60_001 - 24_000
    assert not windows[2, 60_001 - 24_000 :].any()


def test_a_hop_longer_than_the_window_pads_nothing_that_lies_past_the_end():
    sparse = Segmentation(window_s=1.0, hop_s=3.0, tail="pad")
    assert sparse.starts(2 * SR, SR).tolist() == [0]
    assert sparse.starts(3 * SR + 1, SR).tolist() == [0, 3 * SR]


@pytest.mark.parametrize(
    ("short", "expected"),
    [
        ("repeat", [1, 2, 3, 1, 2, 3, 1, 2]),
        ("pad", [1, 2, 3, 0, 0, 0, 0, 0]),
        ("reflect", [1, 2, 3, 2, 1, 2, 3, 2]),
    ],
)
def test_short_recordings(short, expected):
    segmentation = Segmentation(window_s=0.8, short=short)
    assert segmentation.cut(np.array([1, 2, 3], dtype=np.float32), 10).tolist() == [expected]


def test_short_dropped_and_one_sample_reflected():
    assert Segmentation(short="drop").cut(np.ones(10, dtype=np.float32), SR).shape == (0, 48_000)
    one = Segmentation(window_s=0.4, short="reflect").cut(np.array([5.0], dtype=np.float32), 10)
    assert one.tolist() == [[5, 5, 5, 5]]
    assert Segmentation(short="drop").fill_short(np.ones(2, dtype=np.float32), 3).tolist() == [1, 1, 0]


def test_utterance_mode_is_one_window_whatever_the_other_fields_say():
    whole = Segmentation(window_s=None, short="drop", tail="drop")
    y = np.arange(7, dtype=np.float32)
    assert whole.starts(7, SR).tolist() == [0]
    assert whole.n_window(SR) is None
    assert whole.cut(y, SR).tolist() == [y.tolist()]
    assert whole.starts(0, SR).tolist() == []


def test_cut_gives_writable_contiguous_copies_of_the_windows_asked_for():
    y = np.arange(60_001, dtype=np.float32)
    robust = PRESETS["robust"]
    windows = robust.cut(y, SR)
    assert windows.dtype == np.float32
    assert windows.flags.c_contiguous
    assert windows.flags.writeable
    assert [w[0] for w in windows] == [0, 12_000, 12_001]
    windows[:] = -1
    assert y[0] == 0
    part = robust.cut(y, SR, starts=robust.starts(len(y), SR)[1:])
    assert [w[0] for w in part] == [12_000, 12_001]
    one = robust.window(y, SR, start=12_001)
    assert one[-1] == 60_000
    assert not np.shares_memory(one, y)


def test_lengths_round_and_are_at_least_one_sample():
    assert Segmentation(window_s=0.1, hop_s=0.01).n_window(11_025) == 1102
    assert Segmentation(window_s=0.1, hop_s=0.01).n_hop(10) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"window_s": 0.01},
        {"window_s": 61},
        {"window_s": float("nan")},
        {"window_s": float("inf")},
        {"window_s": "long"},
        {"hop_s": 0},
        {"hop_s": -1},
        {"hop_s": 1e9},
        {"short": "loop"},
        {"tail": "repeat"},
    ],
)
def test_pydantic_refuses_absurd_values(values):
    with pytest.raises(ValidationError):
        TypeAdapter(Segmentation).validate_python(values)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_json_round_trip(name):
    adapter = TypeAdapter(Segmentation)
    assert adapter.validate_json(adapter.dump_json(PRESETS[name])) == PRESETS[name]


segmentations = st.builds(
    Segmentation,
    window_s=st.floats(0.1, 2.0),
    hop_s=st.floats(0.01, 3.0),
    short=st.sampled_from(["repeat", "pad", "reflect", "drop"]),
    tail=st.sampled_from(["anchor_end", "pad", "drop"]),
)


@given(segmentations, st.integers(0, 5_000), st.sampled_from([10, 100, 977]))
def test_full_windows_follow_the_formula(segmentation, n_samples, sr):
    n_window, n_hop = segmentation.n_window(sr), segmentation.n_hop(sr)
    literal = dataclasses.replace(segmentation, short="drop", tail="drop")
    assert len(literal.starts(n_samples, sr)) == (0 if n_samples < n_window else 1 + (n_samples - n_window) // n_hop)


@given(segmentations, st.integers(0, 5_000), st.sampled_from([10, 100, 977]))
def test_starts_rise_and_windows_stay_inside_unless_filled(segmentation, n_samples, sr):
    n_window = segmentation.n_window(sr)
    starts = segmentation.starts(n_samples, sr)
    assert starts.dtype == np.int64
    assert (np.diff(starts) > 0).all()
    assert ((starts >= 0) & (starts < max(1, n_samples))).all()
    if n_samples >= n_window and segmentation.tail != "pad":
        assert (starts + n_window <= n_samples).all()


@given(segmentations, st.integers(1, 5_000), st.sampled_from([10, 100, 977]))
def test_every_sample_is_covered_unless_dropped_or_hopped_over(segmentation, n_samples, sr):
    n_window, n_hop = segmentation.n_window(sr), segmentation.n_hop(sr)
    kept = segmentation.short != "drop" if n_samples < n_window else segmentation.tail != "drop"
    if n_hop > n_window or not kept:
        return
    covered = np.zeros(n_samples, dtype=bool)
    for start in segmentation.starts(n_samples, sr):
        covered[start : start + n_window] = True
    assert covered.all()


@given(segmentations, st.integers(1, 2_000))
def test_cut_holds_the_samples_of_its_starts(segmentation, n_samples):
    sr = 100
    y = np.arange(1, n_samples + 1, dtype=np.float32)
    starts = segmentation.starts(n_samples, sr)
    windows = segmentation.cut(y, sr)
    assert windows.shape == (len(starts), segmentation.n_window(sr))
    for start, window in zip(starts, windows, strict=True):
        inside = y[start : start + len(window)]
        np.testing.assert_array_equal(window[: len(inside)], inside)
        if segmentation.short in ("repeat", "reflect") and segmentation.tail != "pad":
            assert window.all()
