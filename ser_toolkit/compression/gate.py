"""The no-loss gate: a compressed model is let through only if held-out speakers show that it is not worse."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ser_toolkit.errors import SplitError
from ser_toolkit.evaluation.matching import match
from ser_toolkit.evaluation.statistics import Difference, paired_bootstraps, units_of

if TYPE_CHECKING:
    from ser_toolkit.evaluation.predictions import Predictions

__all__ = ["BOOTSTRAPS", "LEAST_SPEAKERS", "RECALL_MARGIN", "UA_MARGIN", "Gate", "check_speakers", "judge"]

UA_MARGIN = 0.01
"""The 95 % interval of the change in UA has to lie above minus this."""

RECALL_MARGIN = 0.02
"""A class whose recall falls by this much or more is a loss."""

LEAST_SPEAKERS = 2

BOOTSTRAPS = 10_000

_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What held-out speakers say of a compressed model beside the one that it was made from.

    Parameters
    ----------
    ua : Difference
        UA after (``a``) and before (``b``); the difference is after - before, with its 95 % interval.
    wa : Difference
        The same of the accuracy; it decides nothing.
    recalls : tuple of Difference
        The same of the recall of each label that occurs.
    n : int
        Utterances.
    n_speakers : int
        Speakers that were resampled.
    protocol : str
        How these speakers were kept apart from training.
    reasons : tuple of str
        Why the gate is shut, one sentence each; empty if it is open.
    caution : str
        What weakens the interval; empty if nothing does.
    """

    ua: Difference
    wa: Difference
    recalls: tuple[Difference, ...]
    n: int
    n_speakers: int
    protocol: str
    reasons: tuple[str, ...]
    caution: str

    @property
    def passed(self) -> bool:
        """Whether no loss was found, and a loss beyond the margin can be ruled out."""
        return not self.reasons

    def refusal(self) -> str:
        """Why the model is not written, with the figures, and what to do."""
        return (
            f"the no-loss gate refuses this model: {'; '.join(self.reasons)}. Nothing was written. Compress it less "
            "(another method), test more speakers, or write it all the same with --force: it is then marked as lossy"
        )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "passed": self.passed,
            "reasons": list(self.reasons),
            "caution": self.caution,
            "protocol": self.protocol,
            "utterances": self.n,
            "speakers": self.n_speakers,
            "ua": dataclasses.asdict(self.ua),
            "wa": dataclasses.asdict(self.wa),
            "recalls": [dataclasses.asdict(recall) for recall in self.recalls],
        }


def judge(before: Predictions, after: Predictions, *, bootstraps: int = BOOTSTRAPS, seed: int = 0) -> Gate:
    """Compare a compressed model with its original on utterances that neither was fitted to.

    Parameters
    ----------
    before, after : Predictions
        Of the same utterances: of the held-out part of one split, or pooled over folds whose models were all
        compressed in the same way.
    bootstraps : int, optional
        Resamples of the speakers.
    seed : int, optional
        Of the resampling.

    Returns
    -------
    Gate
        Open if the lower end of the 95 % interval of the change in UA is above -`UA_MARGIN`, and no recall falls by
        `RECALL_MARGIN` or more.

    Raises
    ------
    SplitError
        If fewer than `LEAST_SPEAKERS` speakers are known: without them no interval can be had.
    ModelError
        If the predictions are of different utterances or labels.

    Notes
    -----
    The bootstrap draws speakers, with all that they say, for both models at once, so that what is easy or hard about
    a speaker cancels out. The lower end of the two-sided 95 % interval is the stricter reading of "lower 95 % bound":
    one resample in forty is below it.

    References
    ----------
    Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapters 8.4 (clusters) and 13 (percentiles).
    """
    n_speakers = check_speakers((item.corpus, item.speaker) for item in before.items)
    matched = match(after, before)
    differences = paired_bootstraps(after, before, bootstraps=bootstraps, seed=seed)
    ua = differences["ua"]
    recalls = tuple(d for name, d in differences.items() if name.startswith("recall:"))
    reasons = []
    if not ua.low > -UA_MARGIN:
        reasons.append(
            f"UA changes by {_points(ua.difference)} points (from {ua.b:.3f} to {ua.a:.3f}) and a loss of "
            f"{-100 * ua.low:.1f} cannot be ruled out: the 95 % interval is {_points(ua.low)} to "
            f"{_points(ua.high)}, and has to lie above {_points(-UA_MARGIN)}"
        )
    for recall in recalls:
        if recall.difference <= -RECALL_MARGIN + _ROUNDING:
            reasons.append(
                f"the recall of {recall.metric.removeprefix('recall:')} falls by {-100 * recall.difference:.1f} "
                f"points (from {recall.b:.3f} to {recall.a:.3f}); fewer than {100 * RECALL_MARGIN:g} are allowed"
            )
    return Gate(
        ua=ua,
        wa=differences["wa"],
        recalls=recalls,
        n=matched.n,
        n_speakers=n_speakers,
        protocol=before.protocol,
        reasons=tuple(reasons),
        caution=units_of(before.items).caution,
    )


def check_speakers(of: Iterable[tuple[str | None, str | None]]) -> int:
    """Count the known speakers of utterances.

    Parameters
    ----------
    of : iterable of (str or None, str or None)
        Corpus and speaker of each utterance; speakers of the same name in different corpora are different people.

    Returns
    -------
    int
        At least `LEAST_SPEAKERS`.

    Raises
    ------
    SplitError
        If there are fewer.
    """
    speakers = {(corpus or "", speaker) for corpus, speaker in of if speaker is not None}
    if len(speakers) < LEAST_SPEAKERS:
        there = "one speaker" if speakers else "no known speaker"
        raise SplitError(
            f"the no-loss gate compares models over speakers, and the held-out part has {there}: at least "
            f"{LEAST_SPEAKERS} are needed, ten or more to say much. Train with a larger test part (split.test), or "
            "give a cross-validation that tests every speaker (--evaluation)"
        )
    return len(speakers)


def _points(share: float) -> str:
    """A difference of shares in points, with its sign: ``"-1.2"``."""
    return f"{100 * share:+.1f}"
