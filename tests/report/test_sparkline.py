"""A line of characters: one per window or per slice of time, gaps kept, the same from arrays and from objects."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.report.results import WindowResult, Windows
from ser_toolkit.report.sparkline import HEIGHTS, letters, n_places, sparkline

LABELS = ("anger", "neutral")


def windows(starts, anger, length=3.0, smoothed=None):
    starts, anger = np.asarray(starts, dtype=float), np.asarray(anger, dtype=np.float32)
    return Windows(
        labels=LABELS,
        starts_s=starts,
        ends_s=starts + length,
        probabilities=np.stack([anger, 1 - anger], axis=1),
        smoothed=None if smoothed is None else np.stack([np.asarray(smoothed), 1 - np.asarray(smoothed)], axis=1),
    )


def test_one_character_per_window_with_height_by_confidence():
    line = sparkline(windows([0, 3, 6], [1.0, 0.75, 0.4]), n_slices=20, hop_s=3)
    assert line == [("█", "anger"), ("▆", "anger"), ("▅", "neutral")]


def test_the_last_window_that_was_moved_to_the_end_keeps_its_character():
    assert len(sparkline(windows([0, 0.4], [1, 0]), n_slices=20, hop_s=3, duration_s=3.4)) == 2
    assert len(sparkline(windows([0, 3, 3.1], [1, 0, 1]), n_slices=20, hop_s=3, duration_s=6.1)) == 3


def test_skipped_silence_is_blank_before_between_and_after():
    line = sparkline(windows([3, 12], [0.9, 0.1]), n_slices=20, hop_s=3, duration_s=21)
    assert [label for _, label in line] == [None, "anger", None, None, "neutral", None, None]
    assert [character == " " for character, _ in line] == [True, False, True, True, False, True, True]


def test_the_end_of_the_recording_is_no_gap_where_the_last_window_reaches_it():
    assert n_places(windows(np.arange(5) * 0.75, np.ones(5)), hop_s=0.75, duration_s=6.0) == 5
    assert n_places(windows([0], [1]), hop_s=3, duration_s=1.2) == 1
    assert n_places((), hop_s=3) == 0


def test_slices_average_their_windows():
    line = sparkline(windows(np.arange(6) * 3.0, [1, 0.2, 0, 0.4, 1, 1]), n_slices=3, hop_s=3)
    assert [label for _, label in line] == ["anger", "neutral", "anger"]
    assert [HEIGHTS.index(character) for character, _ in line] == [5, 6, 8]


def test_smoothed_probabilities_lead():
    line = sparkline(windows([0, 3], [1, 0], smoothed=[0.1, 0.2]), n_slices=9, hop_s=3)
    assert [label for _, label in line] == ["neutral", "neutral"]


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("n_slices", [1, 7, 40, 400])
def test_arrays_and_objects_agree(smooth, n_slices):
    rng = np.random.default_rng(0)
    starts = np.sort(rng.choice(200, 90, replace=False)) * 0.75
    many = windows(starts, rng.random(90), smoothed=rng.random(90) if smooth else None)
    line = sparkline(many, n_slices=n_slices, hop_s=0.75, duration_s=160)
    assert line == sparkline(tuple(many), n_slices=n_slices, hop_s=0.75, duration_s=160)
    assert len(line) == min(n_slices, n_places(many, hop_s=0.75, duration_s=160))


def test_ten_hours_give_a_short_line_with_every_label_that_leads():
    anger = np.tile(np.repeat([0.9, 0.1], 6000), 4)
    line = sparkline(windows(np.arange(48_000) * 0.75, anger), n_slices=16, hop_s=0.75)
    assert [label for _, label in line] == ["anger", "anger", "neutral", "neutral"] * 4


def test_nothing_from_nothing():
    assert sparkline((), n_slices=9, hop_s=3) == []
    assert sparkline((WindowResult(start_s=0, end_s=3, probabilities={"a": 1.0}),), n_slices=0, hop_s=3) == []


def test_letters_are_unique():
    assert letters(("anger", "happiness", "neutral", "sadness")) == dict(
        zip(("anger", "happiness", "neutral", "sadness"), "ahns", strict=True)
    )
    assert letters(("sadness", "surprise", "Sad", "怒り")) == {
        "sadness": "s",
        "surprise": "u",
        "Sad": "a",
        "怒り": "b",
    }
    many = letters([f"x{i}" for i in range(70)])
    assert len(set(many.values())) == 63
    assert many["x69"] == "?"
