"""Which utterances of a manifest a finished model was trained on, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ser_toolkit.data.files import display_path
from ser_toolkit.errors import ConfigError, SplitError
from ser_toolkit.training.seen import Seen

if TYPE_CHECKING:
    from ser_toolkit.data.utterance import Utterance
    from ser_toolkit.recipe import Recipe

__all__ = ["Overlap", "counted", "keep", "overlap_of_recordings", "overlap_of_speakers", "some"]

_NAMED = 8
"""Most names in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Utterances of a manifest that a model was trained on.

    Parameters
    ----------
    known : bool
        Whether the model says what it was trained on.
    speakers : tuple of str
        Names of the speakers that it was trained on, sorted.
    by_speaker, by_recording : frozenset of int
        Utterances of these speakers; utterances whose very samples were trained on.
    notes : tuple of str
        What could not be checked.
    """

    known: bool
    speakers: tuple[str, ...] = ()
    by_speaker: frozenset[int] = frozenset()
    by_recording: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.by_speaker or self.by_recording)

    def describe(self) -> str:
        """``"10 speakers (emodb-03, emodb-08, ...) and 535 recordings"``."""
        parts = []
        if self.speakers:
            parts.append(f"{counted(len(self.speakers), 'speaker')} ({some(self.speakers)})")
        if self.by_recording:
            parts.append(counted(len(self.by_recording), "recording"))
        return " and ".join(parts)


def overlap_of_speakers(recipe: Recipe, utterances: Sequence[Utterance]) -> Overlap:
    """Find the speakers that a model was trained on, by their names; nothing is decoded.

    Parameters
    ----------
    recipe : Recipe
        Of the model; says what it was trained on.
    utterances : sequence of Utterance
        Of any manifest.

    Returns
    -------
    Overlap
        Positions in `utterances`; `overlap_of_recordings` adds to it.

    Raises
    ------
    RecipeError
        If the recipe's hashes are damaged.
    """
    if recipe.training is None:
        return Overlap(known=False, notes=("the model does not say what it was trained on: it cannot be checked",))
    seen, notes = Seen.of(recipe.training), []
    by_speaker = frozenset(i for i, u in enumerate(utterances) if seen.has_speaker(u))
    if not seen.recordings:
        notes.append("the model holds no hashes of its training recordings: only speakers were compared")
    if not seen.speakers:
        notes.append("the model's training data named no speakers: only recordings were compared")
    elif unnamed := sum(u.speaker is None for u in utterances):
        notes.append(f"{counted(unnamed, 'utterance')} without a speaker: only recordings were compared there")
    return Overlap(
        known=True,
        speakers=tuple(sorted({utterances[i].speaker or "" for i in by_speaker})),
        by_speaker=by_speaker,
        notes=tuple(notes),
    )


def overlap_of_recordings(overlap: Overlap, recipe: Recipe, recordings: Mapping[int, int]) -> Overlap:
    """Add the recordings that a model was trained on, whoever speaks and whatever the file is called.

    Parameters
    ----------
    overlap : Overlap
        Of the speakers.
    recipe : Recipe
        Of the model.
    recordings : mapping of int to int
        Position of an utterance to `ser_toolkit.training.extraction.recording_hash`; 0 for one that cannot be used.

    Returns
    -------
    Overlap
        A recording counts as the same only with the same samples from first to last.
    """
    if recipe.training is None:
        return overlap
    seen = Seen.of(recipe.training)
    return replace(overlap, by_recording=frozenset(i for i, h in recordings.items() if h and seen.has_recording(h)))


def keep(
    n: int, overlap: Overlap, *, seen: Literal["refuse", "mark", "drop"], name: str
) -> tuple[tuple[int, ...], str]:
    """Utterances that may be scored.

    Parameters
    ----------
    n : int
        Number of all.
    overlap : Overlap
        Which of them the model was trained on.
    seen : {"refuse", "mark", "drop"}
        What to do with those.
    name : str
        The model, for messages.

    Returns
    -------
    positions : tuple of int
        Those that are left, ascending.
    about : str
        How they stand to what the model was trained on; belongs beside every score.

    Raises
    ------
    SplitError
        If there are any and `seen` is ``"refuse"``, or there are no others and it is ``"drop"``.
    """
    if seen not in ("refuse", "mark", "drop"):
        raise ConfigError(f"seen is {seen!r}; it takes 'refuse', 'mark' or 'drop'")
    everything = tuple(range(n))
    if not overlap.known:
        return everything, "TRAINING DATA UNKNOWN"
    if not overlap:
        return everything, "none known to be trained on" if overlap.notes else "none of whom it was trained on"
    if seen == "mark":
        kinds = {"SPEAKERS": overlap.by_speaker, "RECORDINGS": overlap.by_recording}
        which = " AND ".join(kind for kind, found in kinds.items() if found)
        return everything, f"INCLUDES TRAINING {which}: {overlap.describe()}"
    if seen == "drop":
        rest = tuple(i for i in everything if i not in overlap.by_speaker and i not in overlap.by_recording)
        if not rest:
            raise SplitError(
                f"nothing is left: {name} was trained on {overlap.describe()}, all there is: name other recordings"
            )
        return rest, f"without {overlap.describe()} that it was trained on"
    raise SplitError(
        f"{name} was trained on {overlap.describe()} of this manifest: scores on them would say nothing about new "
        "voices. Leave them out (--seen drop), or keep them and have every score say so (--seen mark)"
    )


def counted(n: int, what: str) -> str:
    """``"1 speaker"``, ``"2 speakers"``."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def some(names: Sequence[str]) -> str:
    """The first names, fit to print, and how many more there are."""
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(display_path(name) for name in names[:_NAMED]) + more
