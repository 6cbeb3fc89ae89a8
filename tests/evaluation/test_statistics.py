"""Counts against scikit-learn, resampling against its definition, differences against counts by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation.made import certain, random_predictions, renamed
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from ser_toolkit.errors import ConfigError, ModelError
from ser_toolkit.evaluation.counts import confusion_counts, mean_over_seeds, rates
from ser_toolkit.evaluation.predictions import Item
from ser_toolkit.evaluation.results import Estimate
from ser_toolkit.evaluation.statistics import (
    estimate,
    interval,
    paired_bootstrap,
    paired_bootstraps,
    resample,
    units_of,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rates_equal_scikit_learn_on_any_resample(data):
    n, k = data.draw(st.integers(1, 30)), data.draw(st.integers(2, 5))
    column = st.lists(st.integers(0, k - 1), min_size=n, max_size=n)
    truth = np.array(data.draw(column))
    predicted = np.array(data.draw(st.lists(st.integers(-1, k - 1), min_size=n, max_size=n)))
    drawn = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n)))
    times = np.bincount(drawn, minlength=n)
    counts = confusion_counts(np.arange(n), np.zeros(n, int), truth, predicted, n_units=n, n_seeds=1, n_labels=k)
    found = rates(np.tensordot(times, counts, axes=1))
    t, p = truth[drawn], predicted[drawn]
    present, said = np.unique(t), np.unique(p[p >= 0])
    assert found.wa[0] == pytest.approx(accuracy_score(t, p))
    assert found.ua[0] == pytest.approx(recall_score(t, p, labels=present, average="macro", zero_division=0))
    named = np.union1d(present, said)
    assert found.f1[0] == pytest.approx(f1_score(t, p, labels=named, average="macro", zero_division=0))
    recall = recall_score(t, p, labels=present, average=None, zero_division=0)
    np.testing.assert_allclose(found.recall[0][present], recall)
    assert np.isnan(np.delete(found.recall[0], present)).all()
    if len(said):
        precision = precision_score(t, p, labels=said, average=None, zero_division=0)
        np.testing.assert_allclose(found.precision[0][said], precision)
    assert np.isnan(np.delete(found.precision[0], said)).all()


def test_resample_draws_units_as_choice_does():
    counts = np.array([[1, 0], [1, 0], [0, 1], [3, 2]])
    drawn = resample(counts, bootstraps=20_000, rng=np.random.default_rng(1))
    rng = np.random.default_rng(2)
    plain = counts[rng.integers(4, size=(20_000, 4))].sum(axis=1)
    np.testing.assert_allclose(drawn.mean(axis=0), counts.sum(axis=0), rtol=0.02)
    np.testing.assert_allclose(drawn.std(axis=0), plain.std(axis=0), rtol=0.03)
    assert set(map(tuple, drawn.tolist())) == set(map(tuple, plain.tolist()))


def test_resample_in_parts_is_whole():
    counts = np.arange(6000).reshape(3000, 2)  # all different: several parts
    drawn = resample(counts, bootstraps=3000, rng=np.random.default_rng(0))
    assert drawn.shape == (3000, 2)
    # 3000 rows each: second column is the first plus one per row
    np.testing.assert_array_equal(drawn[:, 1] - drawn[:, 0], 3000)


def test_interval_ignores_resamples_that_do_not_define_a_score():
    values = np.array([[np.nan, np.nan], [0.0, np.nan], [1.0, np.nan]])
    low, high = interval(values)
    assert low[0] == pytest.approx(0.025)
    assert high[0] == pytest.approx(0.975)
    assert np.isnan(low[1]) and np.isnan(high[1])


def test_estimate_without_resamples_has_no_interval():
    assert estimate([0.2, 0.4], np.array([np.nan, np.nan])) == Estimate(value=pytest.approx(0.3))


def test_mean_over_seeds_leaves_out_what_is_undefined():
    np.testing.assert_array_equal(mean_over_seeds(np.array([[1.0, np.nan], [np.nan, np.nan]]), axis=1), [1.0, np.nan])


def items(*speakers, corpus=None):
    return [Item(file=f"{i}", emotion="anger", speaker=s, corpus=corpus) for i, s in enumerate(speakers)]


def test_units_are_speakers():
    units = units_of(items(*(f"s{i % 10}" for i in range(20))))
    assert (units.name, units.n, units.caution) == ("speakers", 10, "")
    assert units.of.tolist() == [*range(10), *range(10)]


def test_the_same_name_in_two_corpora_is_two_speakers():
    assert units_of([*items("1", "2", corpus="a"), *items("1", "2", corpus="b")]).n == 4


def test_two_seeds_of_an_utterance_are_one_unit():
    both = items(None, None) * 2
    units = units_of(both)
    assert (units.name, units.n) == ("utterances", 2)
    assert "not known" in units.caution


@pytest.mark.parametrize(
    ("speakers", "name", "words"),
    [
        (("a", "a", "a"), "utterances", "one speaker only"),
        (("a", "b", None), "speakers", "1 utterances have no speaker"),
        (("a", "b", "c"), "speakers", "only 3 speakers"),
    ],
)
def test_what_weakens_an_interval_is_said(speakers, name, words):
    units = units_of(items(*speakers))
    assert units.name == name
    assert words in units.caution


def test_paired_difference_by_hand():
    truth = [("s1", "anger"), ("s1", "sadness"), ("s2", "anger"), ("s2", "sadness")]
    a = certain([(s, t, t) for s, t in truth])
    b = certain([(s, t, "anger") for s, t in truth])
    found = paired_bootstraps(a, b, bootstraps=400)
    assert (found["ua"].a, found["ua"].b, found["ua"].difference) == (1.0, 0.5, 0.5)
    assert found["wa"].difference == 0.5
    assert found["f1"].b == pytest.approx(1 / 3)  # anger 2/3, sadness 0
    # every speaker says the same: no resample differs
    assert (found["ua"].low, found["ua"].high, found["ua"].share_not_above) == (0.5, 0.5, 0.0)
    assert found["ua"].p == pytest.approx(2 / 401)
    assert found["recall:sadness"].difference == 1.0
    assert "recall:neutral" not in found  # does not occur
    assert paired_bootstrap(a, b, metric="recall:sadness", bootstraps=400) == found["recall:sadness"]


def test_a_model_against_itself_differs_nowhere():
    p = random_predictions(seeds=(0, 1))
    found = paired_bootstrap(p, p, bootstraps=500)
    assert (found.difference, found.low, found.high, found.share_not_above, found.p) == (0, 0, 0, 1, 1)


def test_differences_turn_around():
    a, b = random_predictions(luck=1), random_predictions(luck=2, skill=2.0)
    one, other = paired_bootstrap(a, b, bootstraps=500), paired_bootstrap(b, a, bootstraps=500)
    assert one.difference == pytest.approx(-other.difference)
    assert one.difference < 0
    # the same multinomial over another order of rows: equal up to resampling noise
    assert one.low == pytest.approx(-other.high, abs=0.03)


def test_pairing_is_tighter_than_two_intervals():
    a = random_predictions(n=400, speakers=20, luck=1)
    better = replace(a, logits=a.logits + np.eye(3)[a.truth[a.owner]] * 0.8)
    found = paired_bootstrap(better, a, bootstraps=1000)
    assert found.low > 0
    assert found.p < 0.01


def test_unknown_metric_names_the_known_ones():
    p = random_predictions()
    with pytest.raises(ConfigError, match="no metric 'uar' to compare; there are: ua, wa, f1, recall:anger"):
        paired_bootstrap(p, p, metric="uar", bootstraps=10)


def test_labels_in_another_order_are_matched():
    a = random_predictions(labels=("anger", "neutral", "sadness"))
    b = replace(a, labels=("sadness", "anger", "neutral"), logits=a.logits[:, [2, 0, 1]])
    assert paired_bootstrap(a, b, bootstraps=50).difference == 0


def test_what_cannot_be_matched_says_why():
    a = random_predictions(n=30)
    with pytest.raises(ModelError, match=r"no utterance is in both.*audio/0.wav.*'other'"):
        paired_bootstrap(a, renamed(a, corpus="other"))
    with pytest.raises(ModelError, match=r"30 utterances have different true labels|utterances have different"):
        paired_bootstrap(a, renamed(a, emotion="anger"))
    with pytest.raises(ModelError, match=r"only in the first \['sadness'\], only in the second \['joy'\]"):
        paired_bootstrap(a, replace(a, labels=("anger", "neutral", "joy")))
