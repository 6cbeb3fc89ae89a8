"""Evaluations and comparisons on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

from evaluation.made import certain, random_predictions
from rich.console import Console

from ser_toolkit.evaluation.comparison import compare
from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.report.evaluation_terminal import comparison, evaluation


def shown(renderable, *, width=140):
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()


def test_scores_protocol_and_cautions():
    e = evaluate(replace(random_predictions(seeds=(0, 1), without=1), notes=("seen [bold]before",)), bootstraps=100)
    text = shown(evaluation(e, about={"model": "svm"}))
    for words in ("UA (macro recall) per utterance", "WA (accuracy) per window", "leave-one-speaker-out", "4 folds",
                  "mean of seeds 0, 1", "after temperature", "gender female", "gap, ", "promise 90%", "model", "svm",
                  "seen [bold]before", "1 of 120 utterances gave no window",
                  f"{e.utterance.ua.estimate.value:.3f}"):  # fmt: skip
        assert words in text


def test_narrow_terminal_folds():
    e = evaluate(random_predictions(), bootstraps=50)
    assert max(len(line) for line in shown(evaluation(e), width=60).splitlines()) <= 60


def test_hostile_names_are_shown_as_they_are():
    p = random_predictions(labels=("[red]anger[/red]", "[/]", "c"), n=30)
    p = replace(p, protocol="[link=http://x]p")
    e = evaluate(p, bootstraps=50)
    assert "[red]anger[/red]" in shown(evaluation(e)) and "[link=http://x]p" in shown(evaluation(e))
    c = compare(p, p, bootstraps=50)
    text = shown(comparison(c, a="[bold]a", b="[/nothing]"))
    assert "[bold]a" in text and "[/nothing]" in text and "recall of [red]anger[/red]" in text


def test_many_groups_missing_classes_and_no_windows():
    e = evaluate(random_predictions(n=40, speakers=20, folds=0, temperature=1.0, alpha=None), bootstraps=20)
    text = shown(evaluation(e))
    assert "lowest and highest of 20" in text and "a class is missing: not comparable" in text
    assert "no temperature" in text and "before" not in text
    nothing = shown(evaluation(evaluate(certain([("a", "anger", None), ("b", "neutral", None)]), bootstraps=20)))
    assert "(accuracy) per window" not in nothing and "calibration" not in nothing


def test_comparison():
    a, b = random_predictions(seeds=(0,)), random_predictions(seeds=(4, 5), luck=2)
    c = compare(a, b, bootstraps=200)
    text = shown(comparison(c, a="runs/a", b="runs/b"))
    for words in ("mean over seeds", "A - B, points", "runs/a; leave-one-speaker-out; seed 0", "mean of seeds 4, 5",
                  "200 paired resamples of speakers", "verdict", "120 utterances that both have"):  # fmt: skip
        assert words in text
    assert c.verdict() in text
