"""Readers of published corpora of emotional speech, one module each.

Names and folders are as in the releases; what is known to go wrong with a corpus is in the `traps` of its reader.
"""

from __future__ import annotations

from ser_toolkit import hookimpl
from ser_toolkit_corpora.audformat_db import Audformat
from ser_toolkit_corpora.crema_d import CremaD
from ser_toolkit_corpora.emodb import EmoDb
from ser_toolkit_corpora.emovo import Emovo
from ser_toolkit_corpora.esd import Esd
from ser_toolkit_corpora.iemocap import Iemocap
from ser_toolkit_corpora.meld import Meld
from ser_toolkit_corpora.msp_podcast import MspPodcast
from ser_toolkit_corpora.nemo import Nemo
from ser_toolkit_corpora.ravdess import Ravdess
from ser_toolkit_corpora.savee import Savee
from ser_toolkit_corpora.tess import Tess

__all__ = [
    "Audformat",
    "CremaD",
    "EmoDb",
    "Emovo",
    "Esd",
    "Iemocap",
    "Meld",
    "MspPodcast",
    "Nemo",
    "Ravdess",
    "Savee",
    "Tess",
]


@hookimpl
def ser_register_corpora() -> list[type]:
    """Twelve readers."""
    return [Audformat, CremaD, EmoDb, Emovo, Esd, Iemocap, Meld, MspPodcast, Nemo, Ravdess, Savee, Tess]
