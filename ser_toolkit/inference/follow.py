"""A model that follows live sound."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.data import quality
from ser_toolkit.data.pieces import Piece
from ser_toolkit.data.speech import MIN_SPEECH_S, holds_speech
from ser_toolkit.errors import AudioError, ModelError
from ser_toolkit.features import probe_signal
from ser_toolkit.inference.collate import collate
from ser_toolkit.inference.live import live_pieces
from ser_toolkit.inference.stages import checked
from ser_toolkit.manifest_features import refuse_columns
from ser_toolkit.report.live_results import LiveRow, LiveWindow

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ser_toolkit.data.arrivals import Arrivals
    from ser_toolkit.inference.model import Model
    from ser_toolkit.report.results import WindowResult

__all__ = ["follow", "listen", "warm_up"]


def warm_up(model: Model) -> None:
    """Do what is slow only the first time: compiling, memory, sessions that are opened when they are needed."""
    n_window_s = model.features.segmentation.window_s or 0.0
    sound = probe_signal(model.features.sr, n_window_s + 1)
    holds_speech(sound, model.features.sr)
    for _ in follow(replace(model, speech=False), [sound], model.features.sr):
        pass


def listen(model: Model, sound: Arrivals, *, min_confidence: float = 0.0) -> Iterator[LiveRow]:
    """Emotion of sound that comes in, with the time from the end of each window until it is known.

    Parameters
    ----------
    model : Model
        Open.
    sound : Arrivals
        Within its context.
    min_confidence : float, optional
        Below it a window is "uncertain", 0 to 1.

    Yields
    ------
    LiveRow
        As `follow` with `rest`. Times count from the first sample.

    Raises
    ------
    ModelError, AudioError
        As `follow`; and what the source raises.
    """
    for window in follow(model, sound, sound.sr, rest=True):
        latency_s = max(0.0, time.monotonic() - sound.when(window.end_s))
        if window.result:
            window = replace(window, result=replace(window.result, min_confidence=min_confidence))
        yield LiveRow(window=window, at=datetime.now(UTC) - timedelta(seconds=latency_s), latency_s=latency_s)


def follow(model: Model, blocks: Iterable[ArrayLike], sr: int, *, rest: bool = False) -> Iterator[LiveWindow]:
    """Every window of live audio as soon as it is complete, also those without speech.

    Parameters
    ----------
    model : Model
        Open.
    blocks, sr
        As for `ser_toolkit.inference.model.Model.stream`.
    rest : bool, optional
        At the end of the audio, also give the windows that `predict` has beyond the full ones.

    Yields
    ------
    LiveWindow
        What a plugin or the network raises is its `error`, and the next window is tried.

    Raises
    ------
    ModelError
        If the model sees whole recordings.
    AudioError
        ``"non-finite"``, if samples are NaN or infinite; ``"undecodable"``, if a block is not mono; with `rest` also
        ``"empty"`` and ``"too short"``, if there is not enough of it at the end.
    """
    features = model.features
    refuse_columns(features, model.name)
    if not features.streams:
        raise ModelError(f"{model.name} needs whole recordings and cannot follow a stream")
    n_window = features.segmentation.n_window(features.sr) or 0
    n_heard = 0
    for piece, n_samples in live_pieces(blocks, sr, features, rest=rest):
        n_heard = n_samples
        if rest and piece.last:
            _refuse_short(model, n_samples)
        at = (piece.starts - piece.offset).tolist()
        windows = [piece.y[start : start + n_window] for start in at]
        errors: list[Exception | None] = [_unheard(model, window) for window in windows]
        heard = np.array([error is None for error in errors], dtype=np.bool_)
        found: dict[int, WindowResult] = {}
        if heard.any():
            try:
                found = dict(zip(np.flatnonzero(heard).tolist(), _results(model, piece, heard, n_samples), strict=True))
            except Exception as error:  # noqa: BLE001 - extractors are plugins, and one window must not end the stream
                errors = [own or error for own in errors]
        for i, start in enumerate(piece.starts.tolist()):
            yield LiveWindow(
                start_s=start / features.sr,
                end_s=min(start + n_window, n_samples) / features.sr,
                peak_dbfs=quality.peak_dbfs(windows[i]),
                result=found.get(i),
                error=errors[i],
            )
    if rest and not n_heard:
        raise AudioError("empty", "the stream ended before a window of it had come")


def _refuse_short(model: Model, n_samples: int) -> None:
    least_s = MIN_SPEECH_S if model.speech else quality.MIN_DURATION_S
    if n_samples < least_s * model.features.sr:
        raise AudioError("too short", f"the stream ended after {n_samples / model.features.sr:.2f} s")


def _unheard(model: Model, window: NDArray[np.float32]) -> AudioError | None:
    """Why a window has no emotion."""
    if quality.peak_dbfs(window) < quality.SILENT_DBFS:
        return AudioError("no speech", f"it does not reach {quality.SILENT_DBFS:g} dBFS")
    if model.speech and not holds_speech(window, model.features.sr):
        return AudioError("no speech", "nobody speaks in it")
    return None


def _results(model: Model, piece: Piece, heard: NDArray[np.bool_], n_samples: int) -> Iterable[WindowResult]:
    starts = piece.starts[heard]
    block = model.features.of(replace(piece, starts=starts))
    outputs = checked(model.session.run(model.recipe.outputs, collate(block.features, model.specs)))
    return model.summary.windows(starts, outputs, n_samples=n_samples)
