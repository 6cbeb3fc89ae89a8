"""Steps that change a recording before it is cut into windows; long recordings a stretch at a time.

A step of scope ``"recording"`` sees a recording of less than 90 s as a whole. A longer one is divided into stretches of
60 s from its beginning, the last of which has 30 to 90 s; the step sees each of them by itself, with its ``context_s``
of audio on either side, so that what it estimates (a level, a noise) is that of the stretch. Where two stretches meet
they are faded into each other over 50 ms. Stretches depend on nothing but the recording: not on how it is read, nor on
how many processes do it. Of a recording that is read block by block no more than two stretches are in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.errors import ComponentError, ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import Preprocessor

__all__ = ["RUNNING_S", "STRETCH_S", "Chain", "applied", "check_steps", "of_scope", "prepared"]

STRETCH_S = 60.0
"""Seconds of a long recording that a step sees at a time."""

RUNNING_S = 10.0
"""Seconds before a window of a live stream that a step of scope ``"recording"`` sees; it sees nothing after it."""

_FADE_S = 0.05


def check_steps(steps: Sequence[Preprocessor], *, sliding: Sequence[str] = (), whole: Sequence[str] = ()) -> None:
    """Refuse steps that cannot be applied in this order, or to these features.

    Parameters
    ----------
    steps : sequence of Preprocessor
        In order.
    sliding, whole : sequence of str
        Input names of features that are extracted from the audio around a window, and from whole recordings.

    Raises
    ------
    ConfigError
        Names the step, and what to do.
    """
    scopes = [step.scope for step in steps]
    if scopes != sorted(scopes):  # "recording" before "segment"
        late = steps[len(scopes) - 1 - scopes[::-1].index("recording")]
        raise ConfigError(
            f"preprocess: {late.name!r} works on recordings and comes after a step that works on windows: "
            "put the steps of scope 'recording' first"
        )
    if "segment" in scopes and (keys := [*sliding, *whole]):
        name = steps[scopes.index("segment")].name
        raise ConfigError(
            f"preprocess: {name!r} changes each window by itself, and features.{keys[0]} sees audio beyond its window: "
            "leave the step out, or extract the feature window by window (mode 'window', scope 'segment')"
        )


def of_scope(steps: Sequence[Preprocessor], scope: str) -> tuple[Preprocessor, ...]:
    """The steps of one scope, in order."""
    return tuple(step for step in steps if step.scope == scope)


def applied(steps: Sequence[Preprocessor], y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    """Audio after steps that see all of it at once.

    Parameters
    ----------
    steps : sequence of Preprocessor
        In order; none gives `y` itself.
    y : ndarray of float32, shape (n_samples,)
        Mono audio, at least one sample.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        May be `y` itself.

    Raises
    ------
    ComponentError
        If a step gives another number of samples, or some that are not finite.
    """
    for step in steps:
        made = np.asarray(step(y, sr), dtype=np.float32)
        if made.shape != y.shape:
            raise ComponentError(f"preprocessor {step.name!r} made shape {made.shape} of shape {y.shape}")
        if made is not y and not np.isfinite(made).all():
            raise ComponentError(f"preprocessor {step.name!r} gave samples that are not finite")
        y = made
    return y


def prepared(steps: Sequence[Preprocessor], y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    """A whole recording after steps of scope ``"recording"``, long ones in stretches.

    Parameters
    ----------
    steps : sequence of Preprocessor
        In order; none gives `y` itself.
    y : ndarray of float32, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        What a `Chain` gives, whatever blocks the recording comes in.

    Raises
    ------
    ComponentError
        As `applied`.
    """
    if not steps or not len(y):
        return y
    chain = Chain(steps, sr)
    first, rest = chain.add(y), chain.finish()
    return np.concatenate([first, rest]) if len(first) else rest


class Chain:
    """Steps of scope ``"recording"``, one after the other, over a recording that comes in blocks.

    Parameters
    ----------
    steps : sequence of Preprocessor
        In order.
    sr : int
        Sample rate in Hz.
    stretch_s : float, optional
        Length of a stretch in seconds.
    """

    def __init__(self, steps: Sequence[Preprocessor], sr: int, *, stretch_s: float = STRETCH_S) -> None:
        self._links = [_Stretches(step, sr, round(stretch_s * sr)) for step in steps]

    def add(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples, shape (n_samples,); gives those that are done, perhaps none."""
        for link in self._links:
            y = link.add(y)
        return y

    def finish(self) -> NDArray[np.float32]:
        """The samples that remain, when all have been added."""
        rest = np.zeros(0, dtype=np.float32)
        for link in self._links:
            rest = _joined([part for part in (link.add(rest), link.finish()) if len(part)])
        return rest


class _Stretches:
    """One step, stretch by stretch."""

    def __init__(self, step: Preprocessor, sr: int, n_stretch: int) -> None:
        self._step, self._sr, self._n = step, sr, n_stretch
        self._n_fade = max(1, round(_FADE_S * sr / 2))
        context_s = float(getattr(step, "context_s", 0.0))
        self._n_around = min(max(math.ceil(context_s * sr), self._n_fade), n_stretch // 2)
        self._parts: list[NDArray[np.float32]] = []  # from `_n_around` before the stretch that is next
        self._n_held = self._n_before = 0
        self._tail: NDArray[np.float32] | None = None  # of the stretch before, on both sides of its end

    def add(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(y):
            self._parts.append(y)
            self._n_held += len(y)
        made = []
        while self._n_held >= self._n_before + self._n + (self._n + 1) // 2:  # at least half a stretch will be left
            held = self._held()
            made.append(self._done(held[: self._n_before + self._n + self._n_around], self._n))
            keep = self._n_before + self._n - self._n_around
            self._parts, self._n_held, self._n_before = [held[keep:]], len(held) - keep, self._n_around
        if made:
            self._parts = [self._held().copy()]
        return _joined(made)

    def finish(self) -> NDArray[np.float32]:
        if not self._n_held:
            return np.zeros(0, dtype=np.float32)
        return self._done(self._held(), None)

    def _held(self) -> NDArray[np.float32]:
        self._parts = [_joined(self._parts)]
        return self._parts[0]

    def _done(self, y: NDArray[np.float32], n: int | None) -> NDArray[np.float32]:
        """Samples from the tail of the stretch before to the tail of this one, or to the end."""
        begin, fade = self._n_before, self._n_fade
        made = applied([self._step], y, self._sr)
        if n is not None:
            tail, made = made[begin + n - fade : begin + n + fade].copy(), made[: begin + n - fade]
        if self._tail is not None:
            ramp = (np.arange(2 * fade, dtype=np.float32) + 0.5) / (2 * fade)
            ours = made[begin - fade : begin + fade]
            made = np.concatenate([self._tail + ramp * (ours - self._tail), made[begin + fade :]])
        if n is not None:
            self._tail = tail
        return made


def _joined(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype=np.float32), *parts])
