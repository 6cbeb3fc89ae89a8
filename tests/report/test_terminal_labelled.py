"""Scores of a folder with labels on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from evaluation.made import certain, random_predictions
from rich.console import Console

from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.evaluation.folder_labels import Labelled
from ser_toolkit.report.terminal_labelled import show_labelled


def labelled(evaluation, **fields):
    return Labelled(**({"source": "manifest.csv", "truths": {}, "evaluation": evaluation, "n_seen": 0} | fields))


def shown(found, width=140):
    console = Console(file=io.StringIO(), width=width)
    show_labelled(console, found)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def scores():
    return evaluate(random_predictions(seeds=(0,), without=1), bootstraps=100)


def test_scores_confusions_gaps_and_cautions(scores):
    text = shown(labelled(scores, n_seen=12, cautions=("mind [bold]this",)))
    level = scores.utterance
    ua = level.ua.estimate
    for words in ("Against the labels of manifest.csv",
                  f"{ua.value:.3f}  95 % {ua.low:.3f} to {ua.high:.3f}",
                  f"chance {level.chance:.3f}", "WA (accuracy)",
                  "120 files of 8 speakers, 12 left out as seen in training",
                  "100 resamples of speakers", "gap, gender", " above ", "mind [bold]this",
                  *scores.cautions):  # fmt: skip
        assert words in text
    for score, counts in zip(level.classes, level.confusion, strict=True):
        line = next(x for x in text.splitlines() if x.split()[:1] == [score.label]).split()
        assert line[1:3] == [str(score.n), f"{score.recall.value:.3f}"]
        assert [int(x) for x in line if x.isdigit()][1 : 1 + len(counts)] == list(counts)
    assert "none" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_fits_any_width(scores, width):
    text = shown(labelled(scores), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert ("95 % interval" in text) == (width >= 80)
    assert "none" in text or width < 60


def test_no_scores():
    text = shown(labelled(None, n_seen=7, cautions=("7 labelled files not scored",)))
    assert "there is no labelled file that can be scored" in text
    assert "7 labelled files not scored" in text


def test_groups_without_a_gap_and_classes_that_do_not_occur():
    e = evaluate(certain([("a", "anger", "anger"), ("b", "neutral", "anger")]), bootstraps=20)
    text = shown(labelled(e))
    assert "gap" not in text
    assert "-" in next(x for x in text.splitlines() if x.split()[:1] == ["sadness"])


def test_hostile_names_are_shown_as_they_are():
    p = random_predictions(labels=("[red]a[/red]", "[/]\x1b[2J", "c" * 4000), n=30)
    e = evaluate(replace(p, protocol="[link=http://x]p"), bootstraps=20)
    text = shown(labelled(e, source="[bold]" + "x" * 4000))
    assert "[red]a[/red]" in text and "[link=http://x]p" in text and "[bold]" in text
    assert "\x1b[2J" not in text
    assert len(text.splitlines()) < 60
