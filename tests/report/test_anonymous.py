"""Nothing that names a file, a person or a place is left."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import numpy as np
import pytest

from ser_toolkit.errors import ConfigError
from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.evaluation.folder_labels import UNREADABLE, Labelled, Truth
from ser_toolkit.evaluation.predictions import Item, Predictions
from ser_toolkit.report.anonymous import Anonymous
from ser_toolkit.report.results import FileResult, WindowResult

KEY = bytes(range(32))
RESULT = FileResult(
    file="patients/Smith, Anna/1.WAV",
    status="ok",
    notes=("resampled",),
    duration_s=2.0,
    probabilities={"anger": 0.25, "joy": 0.75},
    windows=(WindowResult(start_s=0.0, end_s=2.0, probabilities={"anger": 0.25, "joy": 0.75}),),
)


def test_the_name_is_a_hash_and_the_rest_stays():
    hidden = Anonymous(KEY)(RESULT)
    assert re.fullmatch(r"[0-9a-f]{16}\.wav", hidden.file)
    assert {**asdict(hidden), "file": 0} == {**asdict(RESULT), "file": 0}


def test_names_are_stable_for_a_key_and_differ_between_files_and_keys():
    other = FileResult(file="patients/Smith, Anna/2.WAV", status="ok")
    assert Anonymous(KEY)(RESULT).file == Anonymous(KEY)(RESULT).file
    assert Anonymous(KEY)(RESULT).file != Anonymous(KEY)(other).file
    assert Anonymous(KEY)(RESULT).file != Anonymous(KEY[::-1])(RESULT).file


@pytest.mark.parametrize("name", ["x.Anna Smith", "patients/Anna", "a.wav/.Smith", "%FF%0A.anna"])
def test_only_suffixes_of_audio_remain(name):
    row = FileResult(file=name, status="failed", reason="unreadable", detail=f"/home/smith/{name}: Permission denied")
    hidden = Anonymous(KEY)(row)
    assert re.fullmatch(r"[0-9a-f]{16}", hidden.file)
    assert (hidden.reason, hidden.detail) == ("unreadable", "")


@pytest.mark.parametrize("key", [b"", b"short", bytes(65)])
def test_a_key_that_hides_nothing(key):
    with pytest.raises(ConfigError, match="16 to 64 random bytes"):
        Anonymous(key)


def test_labels_and_scores_name_nobody():
    rng = np.random.default_rng(0)
    items = tuple(
        Item(
            file=f"patients/Smith/{i}.wav",
            emotion=("anger", "joy")[i % 2],
            speaker=f"Smith{i % 3}",
            gender=("female", "male")[i % 3 % 2],
            corpus=("ward-smith", "other-smith")[i % 5 % 2],
            thresholds=(0.5, 0.5),
        )
        for i in range(30)
    )
    predictions = Predictions(
        labels=("anger", "joy"),
        protocol="labels",
        items=items,
        owner=np.arange(30),
        logits=rng.normal(size=(30, 2)),
        alpha=0.1,
    )
    evaluation = evaluate(predictions, bootstraps=50)
    assert {table.attribute for table in evaluation.groups} == {"gender", "corpus", "speaker"}
    given = Labelled(
        source="patients/Smith/manifest.csv",
        truths={
            RESULT.file: Truth(emotion="joy", speaker="Smith", gender="female", language="en", corpus="ward-smith")
        },
        evaluation=evaluation,
        n_seen=0,
        cautions=(f"{UNREADABLE}: patients/Smith/manifest.csv, line 1", "1 of 2 files have no label"),
    )
    hide = Anonymous(KEY)
    hidden = hide.labelled(given)
    assert hidden.truths == {hide(RESULT).file: Truth(emotion="joy", gender="female", language="en")}
    assert [table.attribute for table in hidden.evaluation.groups] == ["gender"]
    assert hidden.evaluation.utterance == evaluation.utterance
    assert hidden.cautions == (UNREADABLE, "1 of 2 files have no label")
    assert "smith" not in json.dumps([asdict(hidden), hidden.evaluation.to_json()]).lower()
    assert hide.labelled(Labelled(source="x", truths={}, evaluation=None, n_seen=0)).evaluation is None
