"""One labelled utterance, and where its label was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ser_toolkit.data.locations import Location

__all__ = ["Entry", "Utterance"]


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """A recording, or a part of one, with its labels.

    Parameters
    ----------
    file : Path or Url
        The recording, absolute.
    key : str
        The recording as the manifest writes it; for a folder per class the path below the folder, with ``/``.
    emotion : str
        Label, case as written; empty only where a recording is rated by dimensions alone.
    speaker : str or None
        Who speaks; ``None`` if the manifest does not say.
    start_s, end_s : float or None
        Part of the recording in seconds; ``None``: its beginning, its end.
    session, split, gender, language, text_id : str or None
        As in the manifest. `text_id` names the words spoken.
    duration_s : float or None
        Length in seconds that the manifest states.
    votes : mapping of str to float
        Label to votes of raters, 0 or more; empty without.
    arousal, valence, dominance : float or None
        Ratings, in the manifest's own unit.
    columns : mapping of str to str
        Cells of the columns of the manifest that mean nothing else; a feature may read them.
    corpus : str
        As in the manifest; where it does not say, `ser_toolkit.data.manifest.read_manifest` takes the name of the
        folder that the manifest lies in, or of the folder per class, with a number if another folder has that name.
    """

    file: Location
    key: str
    emotion: str
    speaker: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    session: str | None = None
    split: str | None = None
    gender: str | None = None
    language: str | None = None
    text_id: str | None = None
    duration_s: float | None = None
    votes: Mapping[str, float] = field(default_factory=dict, hash=False)
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    corpus: str = ""
    columns: Mapping[str, str] = field(default_factory=dict, compare=False)


class Entry(NamedTuple):
    """An utterance and where it was read, for messages: ``"emodb/manifest.csv, line 3"``."""

    utterance: Utterance
    where: str
