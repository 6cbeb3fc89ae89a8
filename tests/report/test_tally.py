"""Counts of many files, and the few that are kept."""

from __future__ import annotations

from collections import Counter

from ser_toolkit.report.results import FileResult, WindowResult
from ser_toolkit.report.tally import Tally

WINDOW = WindowResult(start_s=0, end_s=3, probabilities={"a": 0.6, "b": 0.4})


def ok(file, p=0.6, **fields):
    return FileResult(
        file=file, status="ok", duration_s=3.5, probabilities={"a": p, "b": 1 - p}, windows=(WINDOW, WINDOW), **fields
    )


def tally(*results, **options):
    made = Tally(**options)
    for result in results:
        made.add(result)
    return made


def test_everything_is_counted():
    t = tally(
        ok("d/1", notes=("clipped", "short")),
        ok("d/2", 0.3, prediction_set=("b", "a"), min_confidence=0.9),
        ok("d/3", prediction_set=("a",), notes=("clipped",)),
        FileResult(file="d/4", status="skipped", reason="too short", duration_s=0.01, notes=("resampled",)),
        FileResult(file="d/5", status="failed", reason="empty"),
        FileResult(file="d/6", status="failed", reason="empty"),
    )
    assert (t.n, t.n_ok) == (6, 3)
    assert t.reasons == {("skipped", "too short"): 1, ("failed", "empty"): 2}
    assert t.notes == Counter(clipped=2, short=1, resampled=1)
    assert t.predicted == Counter(a=2, uncertain=1)
    assert (t.audio_s, t.n_windows) == (10.5, 6)
    assert (t.n_sets, t.n_uncertain, t.n_below) == (2, 1, 1)
    assert t.folder == "d/"


def test_failed_files_are_kept_before_skipped_ones_and_few_of_them():
    rows = [FileResult(file=f"s{i}", status="skipped", reason="no speech") for i in range(9)]
    rows += [FileResult(file=f"f{i}", status="failed", reason="empty") for i in range(2)]
    assert [r.file for r in tally(*rows, n_kept=4).not_analyzed] == ["f0", "f1", "s0", "s1"]


def test_the_folder_is_what_all_names_share_up_to_a_slash():
    assert tally(ok("data/one/a.wav"), ok("data/one/b.wav"), ok("data/oneself/c.wav")).folder == "data/"
    assert tally(ok("data/a.wav")).folder == ""
    assert tally(ok("/x/a.wav"), ok("/y/a.wav")).folder == ""
    assert tally(ok("d/a"), ok("d/a/b")).folder == "d/"
    assert tally().folder == ""
