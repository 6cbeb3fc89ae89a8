"""Settings of learners are chosen by cross-validation in which no speaker is on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold

from ser_toolkit.training.grid_search import N_FOLDS, fit_by_speaker, groups_of


class Witness(ClassifierMixin, BaseEstimator):
    """Writes down the rows, whose first value is the speaker, that it is fitted to and asked about."""

    log: ClassVar[list[tuple[str, set[float]]]] = []

    def __init__(self, k=1):
        self.k = k

    def fit(self, x, y):
        self.log.append(("fit", set(x[:, 0].tolist())))
        self.classes_ = np.unique(y)
        return self

    def predict(self, x):
        self.log.append(("predict", set(x[:, 0].tolist())))
        return np.full(len(x), self.classes_[0])


def rows(n_speakers: int, each: int = 6):
    speakers = np.repeat(np.arange(n_speakers), each)
    x = np.stack([speakers, np.arange(len(speakers))], axis=1).astype(np.float32)
    return x, np.arange(len(speakers)) % 3, speakers


@pytest.mark.parametrize("n_speakers", [2, 3, 8])
@pytest.mark.parametrize("cv", [None, 4, StratifiedKFold(2, shuffle=True, random_state=0)])
def test_no_speaker_is_on_both_sides(n_speakers, cv):
    x, y, speakers = rows(n_speakers)
    Witness.log.clear()
    best = fit_by_speaker(GridSearchCV(Witness(), {"k": [1, 2]}, cv=cv), x, y, groups=speakers)
    assert isinstance(best, Witness)
    n_folds = min(N_FOLDS, n_speakers)
    *inner, last = Witness.log
    assert last == ("fit", set(range(n_speakers)))  # what was chosen is fitted to everybody
    assert len(inner) == 2 * n_folds * 2
    for (what, fitted), (then, asked) in zip(inner[::2], inner[1::2], strict=True):
        assert (what, then) == ("fit", "predict")
        assert not fitted & asked
        assert fitted | asked == set(range(n_speakers))


def test_the_better_setting_is_kept():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    x = np.concatenate([y[:, None] + 0.8 * rng.standard_normal((200, 1)), rng.standard_normal((200, 60))], axis=1)
    search = GridSearchCV(LogisticRegression(), {"C": [1e-4, 0.05, 1e4]}, scoring="balanced_accuracy")
    best = fit_by_speaker(search, x, y, groups=np.arange(200) % 5)
    assert isinstance(best, LogisticRegression)
    assert best.C == 0.05
    drawn = RandomizedSearchCV(LogisticRegression(), {"C": [0.05]}, n_iter=1, random_state=0)
    assert fit_by_speaker(drawn, x, y, groups=np.arange(200) % 5).C == 0.05


def test_who_takes_groups_gets_them():
    @dataclass
    class Asks:
        def fit(self, x, y, groups=None):
            self.groups = groups

    @dataclass
    class DoesNot:
        def fit(self, x, y):
            self.fitted = True

    x, y, speakers = rows(2)
    assert fit_by_speaker(Asks(), x, y, groups=speakers).groups is speakers
    assert fit_by_speaker(DoesNot(), x, y, groups=speakers).fitted


def test_groups():
    owner = np.array([0, 0, 1, 2, 2, 3])
    assert groups_of(owner, ["b", "a", "b", "c"]).tolist() == [1, 1, 0, 1, 1, 2]
    assert groups_of(owner, None).tolist() == owner.tolist()
    assert groups_of(owner, ["a"] * 4).tolist() == owner.tolist()  # one voice: its utterances
    unknown = groups_of(owner, ["a", None, None, "a"])
    assert unknown[0] == unknown[-1]
    assert len({unknown[0], unknown[2], unknown[3]}) == 3


def test_one_utterance_is_not_enough():
    x, y, _ = rows(1)
    with pytest.raises(ValueError, match="all windows are of one utterance"):
        fit_by_speaker(GridSearchCV(Witness(), {"k": [1]}), x, y, groups=np.zeros(len(x), int))
