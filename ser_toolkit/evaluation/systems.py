"""The systems that the paper compares itself with (its Table 2), and classical learners: how each is fitted here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["BUDGET", "SYSTEMS", "System"]

BUDGET: Mapping[str, Any] = MappingProxyType({"epochs": 15, "schedule": "cosine", "select": "last"})
"""How long every network is fitted, the same for all: nothing is chosen on development speakers."""


@dataclass(frozen=True, kw_only=True)
class System:
    """One row of the table.

    Parameters
    ----------
    name : str
        Folder of its results.
    title : str
        What the table calls it.
    config : mapping
        Tables of its configuration: ``features``, ``model``, ``segments``; of a network ``loss`` and ``training`` too.
        Empty for a fusion.
    fused : tuple of str
        Names of the systems that it is a fusion of.
    quoted : str
        The figure that the paper quotes; empty if it quotes none.
    original : str
        What the original reports, and how it was tested; empty for what nobody published.
    unlike : str
        Why the figures cannot be compared with ours; empty where nothing was published.
    """

    name: str
    title: str
    config: Mapping[str, Any] = field(default_factory=dict)
    fused: tuple[str, ...] = ()
    quoted: str = ""
    original: str = ""
    unlike: str = ""


def _network(model: str, features: Mapping[str, Any], **tables: Any) -> dict[str, Any]:
    return {"features": features, "model": {"name": model}, "loss": {"name": "cross-entropy"}, **tables}


def _learner(features: Mapping[str, Any], segments: Mapping[str, Any], **model: Any) -> dict[str, Any]:
    return {"features": features, "model": model, "segments": segments}


_IS09 = {"functionals": {"name": "is09"}}
_GEMAPS = {"gemaps": {"name": "egemaps"}}
_MFCC = {"mfcc": {"name": "mfcc-sequence"}}
_WHOLE = {"preset": "utterance"}
_LONG = {"window_s": 7.5, "hop_s": 7.5, "short": "pad", "tail": "drop"}
_SHORT = {"window_s": 3.0, "hop_s": 3.0, "short": "pad", "tail": "anchor_end"}

_CORPUS = "tested on IEMOCAP, with other recordings, labels and training time than here"
_TASK = "another task: improvised and scripted speech of IEMOCAP, excitement counted as happiness"

SYSTEMS: tuple[System, ...] = (
    System(
        name="lee-2011",
        title="Lee 2011, binary decision tree",
        config=_learner(_IS09, _WHOLE, name="lee-2011"),
        quoted="WA .5638, UA .5846",
        original="7.44 points over an SVM; whole IEMOCAP, one speaker out (75 % sure)",
        unlike=_TASK,
    ),
    System(
        name="neumann-vu-2017",
        title="Neumann and Vu 2017, attentive CNN",
        config=_network(
            "neumann-vu-2017",
            {"mel": {"name": "logmel-sequence", "n_mels": 26}},
            segments=_LONG,
            training={"lr": 0.001},
        ),
        quoted="WA .6195, UA .6211",
        original="improvised IEMOCAP, excitement counted as happiness (65 % sure), by session (75 % sure)",
        unlike=f"{_CORPUS}; excitement counted as happiness (65 % sure)",
    ),
    System(
        name="satt-2017",
        title="Satt 2017, convolutional LSTM",
        config=_network(
            "satt-2017",
            {"spectrogram": {"name": "log-spectrogram", "resolution_hz": 20}},
            segments=_SHORT,
            training={"lr": 0.001, "sampling": "balanced"},
        ),
        quoted="WA .6880, UA .5940",
        original="improvised IEMOCAP, by session, one speaker of which is development (65 % sure)",
        unlike=_CORPUS,
    ),
    System(
        name="zhang-2020",
        title="Zhang 2020, DNN on functionals",
        config=_network("zhang-2020", _IS09, segments=_WHOLE, training={"lr": 0.0001, "batch_size": 32}),
        quoted=".6272",
        original="speech about .566 by its abstract, on a validation set; five classes",
        unlike="another task: five classes; the quoted figure is not that of the abstract; its layers are not known",
    ),
    System(
        name="yao-2020-hsf",
        title="Yao 2020, HSF-DNN alone",
        config=_network("yao-2020-hsf", _IS09, segments=_WHOLE, training={"lr": 0.0001}),
    ),
    System(
        name="yao-2020-ms",
        title="Yao 2020, MS-CNN alone",
        config=_network(
            "yao-2020-ms",
            {"mel": {"name": "logmel-sequence", "n_mels": 40}},
            segments=_WHOLE,
            training={"lr": 0.0001},
        ),
    ),
    System(
        name="yao-2020-lld",
        title="Yao 2020, LLD-RNN alone",
        config=_network("yao-2020-lld", {"lld": {"name": "smile-lld"}}, segments=_WHOLE, training={"lr": 0.0001}),
    ),
    System(
        name="yao-2020",
        title="Yao 2020, fusion of the three",
        fused=("yao-2020-hsf", "yao-2020-ms", "yao-2020-lld"),
        quoted="WA .571, UA .583",
        original="improvised and scripted IEMOCAP, by session (75 % sure)",
        unlike=_TASK,
    ),
    System(
        name="li-2021",
        title="Li 2021, directional self-attention",
        config=_network(
            "li-2021",
            {"mel": {"name": "logmel-sequence", "n_mels": 64}},
            segments=_LONG,
            training={"lr": 0.001, "batch_size": 64},
        ),
        quoted="WA .6216, UA .5521",
        original="a survey has WA .6120, UA .5499; IEMOCAP",
        unlike=f"{_CORPUS}; two published pairs disagree",
    ),
    System(
        name="yenigalla-2018",
        title="Yenigalla 2018, spectrogram alone",
        config=_network(
            "yenigalla-2018",
            {"mel": {"name": "melspec", "ref": 1.0}},
            segments=_SHORT,
            training={"lr": 0.001},
        ),
        original="about WA .739, UA .685 with phonemes, improvised IEMOCAP (80 % sure)",
        unlike=f"{_CORPUS}; with phonemes; whether speakers were kept apart is not said",
    ),
    System(
        name="svm-linear",
        title="SVM, linear, eGeMAPS",
        config=_learner(_GEMAPS, _WHOLE, name="svm", kernel="linear", C=[0.001, 0.01, 0.1, 1.0]),
    ),
    System(
        name="svm-rbf",
        title="SVM, RBF, eGeMAPS",
        config=_learner(_GEMAPS, _WHOLE, name="svm", C=[0.25, 1.0, 4.0, 16.0], gamma=["scale", 0.001, 0.01]),
    ),
    System(
        name="random-forest",
        title="random forest, eGeMAPS",
        config=_learner(_GEMAPS, _WHOLE, name="random-forest", min_samples_leaf=[1, 5]),
    ),
    System(
        name="decision-tree", title="decision tree, eGeMAPS", config=_learner(_GEMAPS, _WHOLE, name="decision-tree")
    ),
    System(name="k-nn", title="k-NN, eGeMAPS", config=_learner(_GEMAPS, _WHOLE, name="k-nn", k=[1, 3, 5, 11, 21])),
    System(
        name="gradient-boosting",
        title="gradient boosting, eGeMAPS",
        config=_learner(_GEMAPS, _WHOLE, name="gradient-boosting"),
    ),
    System(
        name="gmm", title="GMM per class, MFCC", config=_learner(_MFCC, _SHORT, name="gmm", n_components=[8, 16, 32])
    ),
    System(name="hmm", title="HMM per class, MFCC", config=_learner(_MFCC, _SHORT, name="hmm", n_states=[3, 5])),
    System(
        name="cnn-dnn",
        title="the paper's own, MelSpec + GeMAPS, FL",
        config={
            "features": {"mel": {"name": "melspec"}, **_GEMAPS},
            "model": {"name": "cnn-dnn"},
            "loss": {"name": "focal"},
            "segments": {"preset": "robust"},
            "training": {"lr": 0.001},
            "augment": {"vector_noise": 0.7, "input_dropout": 0.25},
        },
        quoted="WA .6657, UA .6149",
        original="per window; improvised IEMOCAP, excitement left out, by session",
        unlike=f"{_CORPUS}; scored per window",
    ),
)
"""Every row. Fusions come after what they are made of."""
