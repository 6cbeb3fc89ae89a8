"""What the paper compares itself with: systems of others, classical learners, and the features that they need."""

from __future__ import annotations

from ser_toolkit import hookimpl
from ser_toolkit_baselines.boosting import GradientBoosting
from ser_toolkit_baselines.classical import LogisticRegression, RandomForest, Svm
from ser_toolkit_baselines.gmm import Gmm
from ser_toolkit_baselines.hmm import Hmm
from ser_toolkit_baselines.is09 import Is09
from ser_toolkit_baselines.lee_2011 import Lee2011
from ser_toolkit_baselines.li_2021 import Li2021
from ser_toolkit_baselines.log_spectrogram import LogSpectrogram
from ser_toolkit_baselines.logmel_sequence import LogMelSequence
from ser_toolkit_baselines.mel_functionals import MelFunctionals
from ser_toolkit_baselines.mfcc_sequence import MfccSequence
from ser_toolkit_baselines.neighbours import KNearestNeighbours
from ser_toolkit_baselines.neumann_vu_2017 import NeumannVu2017
from ser_toolkit_baselines.phonemes import Phonemes
from ser_toolkit_baselines.satt_2017 import Satt2017
from ser_toolkit_baselines.smile_lld import SmileLld
from ser_toolkit_baselines.trees import DecisionTree, ExtraTrees
from ser_toolkit_baselines.yao_2020 import Yao2020Hsf, Yao2020Lld, Yao2020Ms
from ser_toolkit_baselines.yenigalla_2018 import Yenigalla2018
from ser_toolkit_baselines.zhang_2020 import Zhang2020

__all__ = [
    "DecisionTree",
    "ExtraTrees",
    "Gmm",
    "GradientBoosting",
    "Hmm",
    "Is09",
    "KNearestNeighbours",
    "Lee2011",
    "Li2021",
    "LogMelSequence",
    "LogSpectrogram",
    "LogisticRegression",
    "MelFunctionals",
    "MfccSequence",
    "NeumannVu2017",
    "Phonemes",
    "RandomForest",
    "Satt2017",
    "SmileLld",
    "Svm",
    "Yao2020Hsf",
    "Yao2020Lld",
    "Yao2020Ms",
    "Yenigalla2018",
    "Zhang2020",
]


@hookimpl
def ser_register_features() -> list[type]:
    """Statistics of mel bands, functionals, sound as sequences of frames, and the phonemes that were spoken."""
    return [MelFunctionals, Is09, LogMelSequence, LogSpectrogram, MfccSequence, Phonemes, SmileLld]


@hookimpl
def ser_register_models() -> list[type]:
    """Classical learners, and the networks that the paper compares itself with."""
    return [
        *(LogisticRegression, RandomForest, Svm, KNearestNeighbours, GradientBoosting),
        *(DecisionTree, ExtraTrees, Gmm, Hmm, Lee2011),
        *(Zhang2020, Yao2020Hsf, Yao2020Ms, Yao2020Lld),
        *(NeumannVu2017, Satt2017, Li2021, Yenigalla2018),
    ]
