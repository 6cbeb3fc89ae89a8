"""The paper's Table 1 on any corpus: four settings over shared windows, folds and seeds, and classical learners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ser_toolkit.data.utterance import Utterance
    from ser_toolkit.evaluation.predictions import Item

__all__ = [
    "AUGMENT",
    "CLASSICAL",
    "FEATURES",
    "FOUR",
    "QUESTIONS",
    "SINGLE",
    "SVMS",
    "TABLE_1",
    "TRAINING",
    "Published",
    "Setting",
    "is_iemocap",
]


@dataclass(frozen=True, kw_only=True)
class Published:
    """Figures of the paper's Table 1: per window, pooled over five folds of IEMOCAP's improvised sessions.

    Parameters
    ----------
    wa, ua : float
        0 to 1.
    """

    wa: float
    ua: float


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table.

    Parameters
    ----------
    name : str
        Folder of its results: ``"both-fl"``.
    title : str
        What the table calls it.
    changes : mapping
        Top-level tables of the configuration that it sets, in place of a user's: ``loss`` for networks, ``model`` for
        learners. So a user's ``[model]`` is that of the networks, and a user's ``[loss]`` is not used.
    inputs : tuple of str
        Features that it uses, of all those that are extracted.
    published : Published or None
        The paper's figures.
    network : bool
        Whether it is a network; else a classical learner.
    per_utterance : bool
        Whether it sees whole utterances instead of windows.
    """

    name: str
    title: str
    changes: Mapping[str, Any]
    inputs: tuple[str, ...]
    published: Published | None = None
    network: bool = True
    per_utterance: bool = False

    @property
    def sees_images(self) -> bool:
        """Whether it is one of the settings that take long."""
        return self.network and "mel" in self.inputs


FOUR = ("anger", "happiness", "neutral", "sadness")
"""The paper's classes."""

_CCE = MappingProxyType({"name": "cross-entropy"})
_FL = MappingProxyType({"name": "focal"})

TABLE_1: tuple[Setting, ...] = (
    Setting(
        name="mel-cce",
        title="MelSpec, CCE",
        changes={"loss": _CCE},
        inputs=("mel",),
        published=Published(wa=0.5710, ua=0.5310),
    ),
    Setting(
        name="gemaps-cce",
        title="GeMAPS, CCE",
        changes={"loss": _CCE},
        inputs=("gemaps",),
        published=Published(wa=0.6130, ua=0.5429),
    ),
    Setting(
        name="both-cce",
        title="MelSpec + GeMAPS, CCE",
        changes={"loss": _CCE},
        inputs=("mel", "gemaps"),
        published=Published(wa=0.6597, ua=0.6003),
    ),
    Setting(
        name="both-fl",
        title="MelSpec + GeMAPS, FL",
        changes={"loss": _FL},
        inputs=("mel", "gemaps"),
        published=Published(wa=0.6657, ua=0.6149),
    ),
)
"""Toyoshima et al. 2023, Table 1."""

_LEARNERS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "svm-linear": ("SVM, linear", {"name": "svm", "kernel": "linear", "C": 0.01}),
        "svm-rbf": ("SVM, RBF", {"name": "svm"}),
        "random-forest": ("random forest", {"name": "random-forest"}),
        "k-nn": ("k-NN", {"name": "k-nn"}),
        "gradient-boosting": ("gradient boosting", {"name": "gradient-boosting"}),
    }
)
_INPUTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"mel functionals": ("melfun",), "GeMAPS": ("gemaps",), "both": ("melfun", "gemaps")}
)

CLASSICAL: tuple[Setting, ...] = tuple(
    Setting(
        name=f"{learner}-{'-'.join(keys)}-{'utterance' if whole else 'window'}",
        title=f"{title}, {inputs}, per {'utterance' if whole else 'window'}",
        changes={"model": model},
        inputs=keys,
        network=False,
        per_utterance=whole,
    )
    for whole in (False, True)
    for learner, (title, model) in _LEARNERS.items()
    for inputs, keys in _INPUTS.items()
)
"""The paper's announced comparison: classical learners on the same inputs."""

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("both inputs beat the mel spectrogram", "both-cce", "mel-cce"),
    ("both inputs beat GeMAPS", "both-cce", "gemaps-cce"),
    ("focal loss beats cross entropy", "both-fl", "both-cce"),
    ("the whole system beats the mel spectrogram", "both-fl", "mel-cce"),
    ("the whole system beats GeMAPS", "both-fl", "gemaps-cce"),
)
"""Claims of the paper: in words, the setting that should win, the one that should lose."""

SINGLE = ("mel-cce", "gemaps-cce")
"""Settings of one input; the better one is what two inputs have to beat."""

SVMS = ("svm-rbf-gemaps-window", "svm-rbf-gemaps-utterance")
"""Support vector machines on eGeMAPS; the better one is what a network has to beat."""

TRAINING: Mapping[str, Any] = MappingProxyType(
    {"epochs": 15, "lr": 1e-3, "schedule": "cosine", "select": "last", "batch_size": 32}
)
"""How networks are fitted, the same in all settings; the paper states none of it. The number of epochs is fixed, so
that nothing is chosen on development speakers, and temperature and prediction sets have them for themselves."""

AUGMENT: Mapping[str, Any] = MappingProxyType({"vector_noise": 0.7, "input_dropout": 0.25})
"""Without it the network with both inputs follows GeMAPS, which it fits within a few epochs, and is no better than the
mel spectrogram alone."""

FEATURES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"mel": {"name": "melspec"}, "gemaps": {"name": "egemaps"}, "melfun": {"name": "mel-functionals"}}
)
"""Inputs that any of the settings uses."""


def is_iemocap(utterances: Sequence[Utterance] | Sequence[Item]) -> bool:
    """Whether a manifest was made from IEMOCAP by the reader of that name, or comes from a folder called so."""
    return all("iemocap" in f"{u.speaker or ''} {u.corpus}".lower() for u in utterances)
