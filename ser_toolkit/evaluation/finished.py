"""What a finished model says about a labelled manifest, kept apart from what it was trained on."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ser_toolkit.data.files import display_path
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.errors import ConfigError, ManifestError, ModelError
from ser_toolkit.evaluation.overlap import counted, keep, overlap_of_recordings, overlap_of_speakers, some
from ser_toolkit.evaluation.predictions import Item, Predictions
from ser_toolkit.inference.collate import collate
from ser_toolkit.inference.model import Model
from ser_toolkit.models import bundled
from ser_toolkit.training.checkpoint import is_classical
from ser_toolkit.training.export import export, temperature_of
from ser_toolkit.training.store import build_store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.data.manifest import Manifest, Utterance
    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.training.store import FeatureStore

__all__ = ["evaluate_model", "opened_model"]

BATCH = 64
"""Windows that the model sees at a time."""

AT_ONCE = 1000
"""Utterances whose features are on disk at a time."""

_TINY = 1e-12


def evaluate_model(
    model: str | Path | Model,
    manifests: Sequence[str | Path] | str | Path,
    *,
    emotions: Sequence[str] | None = None,
    seen: Literal["refuse", "mark", "drop"] = "refuse",
    hop_s: float | Literal["window"] | None = None,
    device: str = "auto",
    workers: int = 0,
    cache: FeatureCache | None = None,
    speaker_pattern: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    registry: Registry | None = None,
) -> Predictions:
    """Ask a finished model about every utterance of a labelled manifest.

    Parameters
    ----------
    model : str, path or Model
        An exported ``.onnx`` file, a bundled name, a run folder (of a network: exported to a
        temporary file), or an open model.
    manifests : path or sequence of paths
        As for `ser_toolkit.training.run.train`.
    emotions : sequence of str, optional
        Labels to look at; default: all of the manifest that the model knows.
    seen : {"refuse", "mark", "drop"}, optional
        What to do with speakers and recordings that the model was trained on: stop; keep them, and say so beside
        every score; leave them out.
    hop_s : float or "window", optional
        As for `Model.open`; not with an open model.
    device : str, optional
        As for `Model.open`; an open model stays where it is.
    workers : int, optional
        Processes that extract features; 0 takes one per core.
    cache : FeatureCache, optional
        Features of earlier runs.
    speaker_pattern : str, optional
        As for `ser_toolkit.training.run.train`.
    on_progress : callable, optional
        Called with (utterances done, all).
    registry : Registry, optional
        Where components are looked up; default: the installed plugins.

    Returns
    -------
    Predictions
        Of all utterances that could be used, one window every hop of the recipe. Notes say what was left out: labels
        that the model does not know, recordings that cannot be used, and what was trained on.

    Raises
    ------
    SplitError
        If the model was trained on speakers or recordings of the manifest, unless `seen` says otherwise; or if nothing
        else is there. Speakers are compared before anything is decoded, recordings as soon as their features are there.
    ManifestError, ModelError, RecipeError, DeviceError
        If manifest, labels or model cannot be used.
    """
    given = [manifests] if isinstance(manifests, str | Path) else list(manifests)
    manifest = read_manifest(given, speaker_pattern=speaker_pattern)
    with opened_model(model, device=device, hop_s=hop_s, registry=registry) as (opened, name):
        utterances, notes = _labelled(manifest, opened, emotions)
        speakers = overlap_of_speakers(opened.recipe, utterances)
        wanted, _ = keep(len(utterances), speakers, seen=seen, name=name)  # refused before anything is decoded

        def refuse(recordings: Mapping[int, int]) -> None:
            if seen == "refuse":
                keep(len(utterances), overlap_of_recordings(speakers, opened.recipe, recordings), seen=seen, name=name)

        said = _ask(opened, utterances, wanted, check=refuse, workers=workers, cache=cache, on_progress=on_progress)
        overlap = overlap_of_recordings(speakers, opened.recipe, said.recordings)
        left, about = keep(len(utterances), overlap, seen=seen, name=name)
    usable = [i for i in left if i not in said.problems]
    if not usable:
        reasons = dict(Counter(reason.split(":")[0] for reason in said.problems.values()))
        raise ManifestError(f"none of the {len(left)} recordings can be used: {reasons}")
    rows = np.isin(said.owner, usable)
    owner = np.searchsorted(np.array(usable), said.owner[rows])
    without = len(usable) - len(np.unique(owner))
    if without:
        notes.append(f"{counted(without, 'utterance')} too short for the model's windows: they count as errors")
    segments = opened.features.segmentation
    if segments != opened.recipe.segments:
        trained = opened.recipe.segments.hop_s
        notes.append(f"a window every {segments.hop_s:g} s; the model was trained with one every {trained:g} s")
    conformal = opened.recipe.conformal
    voices = len({utterances[i].speaker for i in usable} - {None})
    of_whom = f" of {counted(voices, 'speaker')}" if voices else ""
    where = ", ".join(manifest.sources)
    probabilities, values = np.split(said.outputs[rows], [len(opened.labels)], axis=1)
    # ratings that no utterance has are as good as no dimension: the emotions can still be scored
    known = [any(getattr(utterances[i], name, None) is not None for i in usable) for name in opened.dimensions]
    dimensions = tuple(name for name, there in zip(opened.dimensions, known, strict=True) if there)
    return Predictions(
        labels=opened.labels,
        protocol=f"model {name} on {where}: {counted(len(usable), 'utterance')}{of_whom}, {about}",
        items=tuple(_item(utterances[i], opened, dimensions) for i in usable),
        owner=owner,
        logits=np.log(np.maximum(probabilities, _TINY)) * temperature_of(opened.recipe),
        alpha=conformal.alpha if conformal else None,
        dimensions=dimensions,
        values=values[:, known] if dimensions else None,
        notes=(
            *([about] if overlap else []),
            *overlap.notes,
            *notes,
            *_unusable(utterances, said.problems),
            *opened.warnings,
        ),
    )


@contextlib.contextmanager
def opened_model(
    model: str | Path | Model, *, device: str, hop_s: float | Literal["window"] | None, registry: Registry | None
) -> Iterator[tuple[Model, str]]:
    """Open a finished model.

    Parameters
    ----------
    model, device, hop_s, registry
        As for `evaluate_model`.

    Yields
    ------
    Model
        Valid inside the ``with`` block.
    str
        Its name for reports.
    """
    if isinstance(model, Model):
        if hop_s is not None:
            raise ConfigError("hop_s belongs to opening a model: Model.open(..., hop_s=...)")
        yield model, display_path(model.name)
        return
    if str(model) in bundled.names() or not Path(model).is_dir() or is_classical(Path(model)):
        opened = Model.open(model, device=device, hop_s=hop_s, registry=registry)
        yield opened, display_path(opened.name)
        return
    with tempfile.TemporaryDirectory(prefix="ser-toolkit-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "model.onnx"
        export(model, path, registry=registry)
        yield Model.open(path, device=device, hop_s=hop_s, registry=registry), display_path(model)


def _labelled(
    manifest: Manifest, model: Model, emotions: Sequence[str] | None
) -> tuple[tuple[Utterance, ...], list[str]]:
    """Utterances whose label the model can name, and a note on the others; or those with ratings of its dimensions."""
    if emotions is not None:
        manifest = manifest.select(emotions)
    if not model.labels:
        return _rated(manifest, model.dimensions)
    counts = manifest.labels()
    unknown = {label: n for label, n in counts.items() if label not in model.labels}
    knows = f"the model knows {', '.join(map(repr, model.labels))}"
    if emotions is not None and unknown:
        raise ManifestError(f"{knows}, not {', '.join(map(repr, unknown))}: leave those out of the emotions")
    if len(unknown) == len(counts):
        raise ManifestError(
            f"{', '.join(manifest.sources)}: {knows}; the manifest has {', '.join(map(repr, counts))}. "
            "If they mean the same, give them the model's names"
        )
    notes = []
    if unknown:
        left_out = ", ".join(f"{display_path(label) or 'none'} ({n})" for label, n in unknown.items())
        notes.append(
            f"{sum(unknown.values())} of {len(manifest.utterances)} utterances left out, whose labels the model does "
            f"not know: {left_out}"
        )
    return tuple(u for u in manifest.utterances if u.emotion not in unknown), notes


def _rated(manifest: Manifest, dimensions: Sequence[str]) -> tuple[tuple[Utterance, ...], list[str]]:
    """Utterances that somebody rated, and a note on the others."""
    rated = tuple(u for u in manifest.utterances if any(getattr(u, name, None) is not None for name in dimensions))
    if not rated:
        raise ManifestError(f"{', '.join(manifest.sources)}: no recording has a rating of {', '.join(dimensions)}")
    left = len(manifest.utterances) - len(rated)
    return rated, [f"{counted(left, 'utterance')} left out, which nobody rated"] if left else []


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """What the model said: outputs of all windows, and the utterance of each; by utterance, hash or problem."""

    outputs: NDArray[np.float64]
    owner: NDArray[np.int64]
    recordings: dict[int, int]
    problems: dict[int, str]


def _ask(
    model: Model,
    utterances: Sequence[Utterance],
    wanted: Sequence[int],
    *,
    check: Callable[[Mapping[int, int]], None],
    workers: int,
    cache: FeatureCache | None,
    on_progress: Callable[[int, int], None] | None,
) -> _Answers:
    """Ask about some utterances; `check` sees the hashes of each part's recordings before the model sees the part."""
    rows, owner = [np.zeros((0, len(model.labels) + len(model.dimensions)))], [np.zeros(0, dtype=np.int64)]
    recordings: dict[int, int] = {}
    problems: dict[int, str] = {}
    for first in range(0, len(wanted), AT_ONCE):
        part = wanted[first : first + AT_ONCE]

        def tell(done: int, _: int, first: int = first) -> None:
            if on_progress:
                on_progress(first + done, len(wanted))

        with tempfile.TemporaryDirectory(prefix="ser-toolkit-", ignore_cleanup_errors=True) as folder:
            chosen = [utterances[i] for i in part]
            store = build_store(Path(folder), chosen, model.features, cache=cache, workers=workers, on_progress=tell)
            heard = dict(zip(part, store.recordings, strict=True))
            check(heard)
            recordings |= heard
            rows += _outputs(model, store)
            owner.append(np.array(part, dtype=np.int64)[store.owner])
            problems |= {part[i]: reason for i, reason in store.excluded.items()}
            del store  # its files are mapped
    return _Answers(outputs=np.concatenate(rows), owner=np.concatenate(owner), recordings=recordings, problems=problems)


def _outputs(model: Model, store: FeatureStore) -> Iterator[NDArray[np.float64]]:
    for first in range(0, len(store), BATCH):
        windows = range(first, min(first + BATCH, len(store)))
        batch = collate({key: [store.get(key, w) for w in windows] for key in model.specs}, model.specs)
        values = model.session.run(model.recipe.outputs, batch)
        if not np.isfinite(values).all():
            raise ModelError(f"{model.name} gave values or probabilities that are not finite")
        yield np.asarray(values, dtype=np.float64)


def _item(utterance: Utterance, model: Model, dimensions: Sequence[str]) -> Item:
    training, conformal = model.recipe.training, model.recipe.conformal
    return Item(
        file=utterance.key,
        emotion=utterance.emotion,
        start_s=utterance.start_s,
        end_s=utterance.end_s,
        speaker=utterance.speaker,
        gender=utterance.gender,
        language=utterance.language,
        corpus=utterance.corpus or None,
        session=utterance.session,
        text_id=utterance.text_id,
        seed=training.seed if training else 0,
        temperature=temperature_of(model.recipe),
        thresholds=conformal.thresholds if conformal else (),
        ratings=tuple(getattr(utterance, name) for name in dimensions),
    )


def _unusable(utterances: Sequence[Utterance], problems: dict[int, str]) -> Iterator[str]:
    """One note per reason, with the first files."""
    by_reason: dict[str, list[str]] = {}
    for i, reason in problems.items():
        by_reason.setdefault(reason.split(":")[0], []).append(display_path(utterances[i].key))
    for reason, files in by_reason.items():
        yield f"{counted(len(files), 'recording')} left out, {reason}: {some(files)}"
