"""How well a model did by the labels of the folder that was analyzed, leaving out what it was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import MissingTierError
from ser_toolkit.evaluation.overlap import counted, overlap_of_recordings, overlap_of_speakers
from ser_toolkit.evaluation.predictions import Item, Predictions
from ser_toolkit.evaluation.truths import FOLDER_NAMES, UNREADABLE, Truth, Truths, find_labels
from ser_toolkit.report.window_arrays import as_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.utterance import Utterance
    from ser_toolkit.evaluation.overlap import Overlap
    from ser_toolkit.evaluation.results import Evaluation
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.report.results import FileResult

__all__ = ["FOLDER_NAMES", "UNREADABLE", "Labelled", "Truth", "Truths", "find_labels", "labelled"]

_TINY = 1e-12
_ROUNDING = 1e-5  # float32, and sums in another order


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Results beside what is true.

    Parameters
    ----------
    source : str
        As of `Truths`.
    truths : mapping of str to Truth
        By `FileResult.file`; files without a label are not in it.
    evaluation : Evaluation or None
        Scores on the files that the model was not trained on; None if there are none.
    n_seen : int
        Labelled files that the model was trained on, by speaker or recording.
    cautions : tuple of str
        What a reader of the labels has to know; those about the scores are in `evaluation`.
    """

    source: str
    truths: Mapping[str, Truth]
    evaluation: Evaluation | None
    n_seen: int
    cautions: tuple[str, ...] = ()


def labelled(
    truths: Truths,
    results: Collection[FileResult],
    labels: Sequence[str],
    recipe: Recipe,
    *,
    recordings: Mapping[str, int] | None = None,
) -> Labelled:
    """Put labels and results together, and score the files that the model was not trained on.

    Parameters
    ----------
    truths : Truths
        From `find_labels`.
    results : collection of FileResult
        With the names that the files have on disk. Iterated once; kept are arrays of the labelled files.
    labels : sequence of str
        Emotions of the model.
    recipe : Recipe
        Of the model; says what it was trained on.
    recordings : mapping of str to int, optional
        `FileResult.file` to `ser_toolkit.training.extraction.recording_hash`; 0, or no entry, for none. Without it,
        only the names of speakers tell what the model was trained on.

    Returns
    -------
    Labelled
        Scores follow the probabilities of the results, however these were aggregated, and name the likeliest emotion
        also where a result says `UNCERTAIN`. Files without a result are not scored.
    """
    found: dict[str, tuple[Utterance, ...]] = {}
    answers: list[_Answer] = []
    without: Counter[str] = Counter()
    for result in results:
        utterances = truths.of(result.file)
        if not utterances:
            continue
        found[result.file] = utterances
        if result.status == "ok":
            answers.append(_answer(result, labels))
        else:
            without[result.status] += 1
    overlap, seen = _trained_on(found, recipe, recordings)
    cautions = [*truths.cautions, *_unlabelled(len(results), found, truths, without)]
    if answers:
        heard = None if recordings is None else {file for file, number in recordings.items() if number}
        cautions += _unchecked(overlap, recipe, {a.file: found[a.file] for a in answers}, heard)
    if seen:
        who = "it" if len(seen) == 1 else "them"
        cautions.append(f"{counted(len(seen), 'labelled file')} not scored: the model was trained on {who}")
    fresh = [answer for answer in answers if answer.file not in seen]
    known = {file: Truth.of(utterances) for file, utterances in found.items()}
    evaluation = None
    if fresh and find_spec("sklearn") is None:
        cautions.append(str(MissingTierError("scores", "train", "scikit-learn")))
    elif fresh:
        if any(answer.may_be_uncertain for answer in fresh):
            cautions.append("scores take the likeliest emotion, also where a file is called uncertain")
        evaluation = _evaluated(fresh, known, labels, recipe, protocol=_protocol(fresh, known, overlap, len(seen)))
    return Labelled(
        source=truths.source, truths=known, evaluation=evaluation, n_seen=len(seen), cautions=tuple(cautions)
    )


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What the model said of a file, (n_labels,), and of its windows, (n_windows, n_labels)."""

    file: str
    probabilities: NDArray[np.float64]
    windows: NDArray[Any]
    has_set: bool
    may_be_uncertain: bool


def _answer(result: FileResult, labels: Sequence[str]) -> _Answer:
    return _Answer(
        file=result.file,
        probabilities=np.array([result.probabilities[label] for label in labels]),
        windows=as_windows(result.windows, labels=labels).probabilities,
        has_set=result.prediction_set is not None,
        may_be_uncertain=result.min_confidence > 0,
    )


def _trained_on(
    found: Mapping[str, Sequence[Utterance]], recipe: Recipe, recordings: Mapping[str, int] | None
) -> tuple[Overlap, set[str]]:
    """What the model was trained on, by utterance and by file."""
    rows = [(file, utterance) for file, utterances in found.items() for utterance in utterances]
    overlap = overlap_of_speakers(recipe, [utterance for _, utterance in rows])
    numbers = {i: (recordings or {}).get(file, 0) for i, (file, _) in enumerate(rows)}
    overlap = overlap_of_recordings(overlap, recipe, numbers)
    return overlap, {rows[i][0] for i in (*overlap.by_speaker, *overlap.by_recording)}


def _unlabelled(n: int, found: Mapping[str, object], truths: Truths, without: Counter[str]) -> list[str]:
    said = []
    if truths.utterances and not found:
        said.append("none of the files that were analyzed has a label")
    elif found and len(found) < n:
        said.append(f"{n - len(found)} of {counted(n, 'file')} without a label")
    if without:
        kinds = ", ".join(f"{count} {status}" for status, count in sorted(without.items()))
        said.append(f"{counted(without.total(), 'labelled file')} not scored, having no result: {kinds}")
    return said


def _unchecked(
    overlap: Overlap, recipe: Recipe, files: Mapping[str, Sequence[Utterance]], heard: Collection[str] | None
) -> list[str]:
    """How far it could be told what the model was trained on."""
    if recipe.training is None or (heard is not None and all(file in heard for file in files)):
        return list(overlap.notes)
    unheard = [utterances for file, utterances in files.items() if heard is None or file not in heard]
    nameless = [u for u in unheard if not recipe.training.speakers or any(x.speaker is None for x in u)]
    if nameless:
        return [f"not checked whether the model was trained on {counted(len(nameless), 'labelled file')}"]
    return [f"only by the speaker's name checked whether the model was trained on {counted(len(unheard), 'file')}"]


def _protocol(answers: Sequence[_Answer], truths: Mapping[str, Truth], overlap: Overlap, n_seen: int) -> str:
    """In words that name no file, folder or speaker."""
    voices = len({truths[answer.file].speaker for answer in answers} - {None})
    of_whom = f" of {counted(voices, 'speaker')}" if voices else ""
    if not overlap.known:
        about = "TRAINING DATA UNKNOWN"
    elif n_seen:
        about = f"without {counted(n_seen, 'file')} that the model was trained on"
    else:
        about = "none known to be trained on"
    return f"labels of the files that were analyzed: {counted(len(answers), 'file')}{of_whom}, {about}"


def _evaluated(
    answers: Sequence[_Answer], truths: Mapping[str, Truth], labels: Sequence[str], recipe: Recipe, *, protocol: str
) -> Evaluation:
    """Scores of files by their own probabilities, of windows by theirs."""
    from ser_toolkit.evaluation.evaluation import evaluate

    # thresholds belong to the mean over windows: files that were aggregated otherwise have no set
    conformal = recipe.conformal if all(answer.has_set for answer in answers) else None
    windows = Predictions(
        labels=tuple(labels),
        protocol=protocol,
        items=tuple(_item(a.file, truths[a.file], conformal.thresholds if conformal else ()) for a in answers),
        owner=np.repeat(np.arange(len(answers)), [len(answer.windows) for answer in answers]),
        logits=_logits(np.concatenate([answer.windows for answer in answers])),
        alpha=conformal.alpha if conformal else None,
    )
    by_window = evaluate(windows)
    own = np.stack([answer.probabilities for answer in answers])
    if np.allclose(windows.utterances()[0], own, rtol=0, atol=_ROUNDING):
        return by_window
    # one row per file: the mean over it is what the result says
    files = replace(windows, owner=np.arange(len(answers)), logits=_logits(own))
    return replace(evaluate(files), window=by_window.window)


def _item(file: str, truth: Truth, thresholds: tuple[float, ...]) -> Item:
    """With temperature 1, which the graph has applied already."""
    return Item(
        file=file,
        emotion=truth.emotion,
        speaker=truth.speaker,
        gender=truth.gender,
        language=truth.language,
        corpus=truth.corpus,
        thresholds=thresholds,
    )


def _logits(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    return np.log(np.maximum(probabilities.astype(np.float64), _TINY))
