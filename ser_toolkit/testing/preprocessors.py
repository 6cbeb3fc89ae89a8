"""Contract of preprocessors: what windows, caches, training and inference may rely on."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.data.quality import SILENT_DBFS, peak_dbfs
from ser_toolkit.preprocessing import Chain
from ser_toolkit.testing.checks import CheckResult, assert_passed, check, check_component, require
from ser_toolkit.testing.sounds import hard_sounds, speech
from ser_toolkit.testing.without_torch import works_without_torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import Preprocessor

__all__ = ["assert_preprocessor", "check_preprocessor"]

LENGTHS_S = (0.0001, 0.05, 0.1, 1.00007, 3.0)
"""Recordings whose length must be kept, in seconds."""

STRETCH_S = 6.0
"""Stretches that a recording is cut into, to compare with the whole."""

LEAST_CORRELATION = 0.9
"""Least correlation of a recording in stretches with the same in one: what is estimated of a few seconds differs."""

_BLOCK = 4410


def check_preprocessor(step: Preprocessor, sr: int = 16_000) -> list[CheckResult]:
    """Check that a preprocessor keeps its contract.

    Parameters
    ----------
    step : Preprocessor
        The step, configured.
    sr : int, optional
        Sample rate in Hz to check at.

    Returns
    -------
    list of CheckResult
        Component: frozen dataclass, JSON round trip, picklable. Step: works at all, can be hashed, and has a scope;
        keeps the length, from a sample on; float32; finite on silence, direct current, clipping, clicks and noise;
        silence stays silent; deterministic; the input untouched; speech is not delayed; works in a new process without
        loading torch (unless its ``libraries`` name torch). A step of scope ``"recording"`` also gives, stretch by
        stretch, what it gives for the whole, but for its estimates.
    """
    return [*check_component(step), *_Checks(step, sr).run()]


def assert_preprocessor(step: Preprocessor, sr: int = 16_000) -> None:
    """Raise an AssertionError that lists what `check_preprocessor` finds broken.

    Parameters
    ----------
    step : Preprocessor
        The step, configured.
    sr : int, optional
        As for `check_preprocessor`.

    Raises
    ------
    AssertionError
        If a check fails.
    """
    assert_passed(step, check_preprocessor(step, sr))


class _Checks:
    """The checks of calls."""

    def __init__(self, step: Preprocessor, sr: int) -> None:
        self.step, self.sr = step, sr
        self.clean = speech(3.0, sr)
        noise = np.random.default_rng(5).standard_normal(len(self.clean))
        self.noisy = (self.clean + 0.05 * noise).astype(np.float32)

    def run(self) -> list[CheckResult]:
        works = check("works", self.works)
        if not works.passed:
            return [works]
        results = [
            works,
            check("length", self.length),
            check("float32", self.float32),
            check("finite", self.finite),
            check("silence stays silent", self.silent),
            check("deterministic", self.deterministic),
            check("input untouched", self.untouched),
            check("not delayed", self.aligned),
            check("no torch", self.no_torch),
        ]
        if self.step.scope == "recording":
            results.append(check("in stretches", self.stretches))
        return results

    def works(self) -> None:
        hash(self.step)
        require(self.step.scope in ("segment", "recording"), f"scope is {self.step.scope!r}: 'segment' or 'recording'")
        context_s = getattr(self.step, "context_s", 0.0)
        require(0 <= context_s <= 30, f"context_s is {context_s!r}: give 0 to 30 seconds")
        made = self.step(self.noisy.copy(), self.sr)
        require(isinstance(made, np.ndarray), f"a call returned {type(made).__name__}, no numpy array")

    def length(self) -> None:
        for length_s in LENGTHS_S:
            y = self.noisy[: max(1, round(length_s * self.sr))]
            got = self.step(y, self.sr).shape
            require(got == y.shape, f"shape {got} of {y.shape}")

    def float32(self) -> None:
        for y in (self.clean, self.noisy):
            dtype = self.step(y, self.sr).dtype
            require(dtype == np.float32, f"{dtype}, not float32")

    def finite(self) -> str:
        sounds = hard_sounds(self.sr)
        for name, y in sounds.items():
            bad = int((~np.isfinite(self.step(y, self.sr))).sum())
            require(not bad, f"{bad} samples are NaN or infinite on {name}")
        return ", ".join(sounds)

    def silent(self) -> None:
        for name in ("silence", "direct current"):
            peak = peak_dbfs(self.step(hard_sounds(self.sr)[name], self.sr))
            require(peak < SILENT_DBFS, f"it makes sound of {name}, with a peak of {peak:.0f} dBFS")

    def deterministic(self) -> None:
        first = self.step(self.noisy, self.sr).copy()
        self.step(hard_sounds(self.sr)["noise"], self.sr)
        same = np.array_equal(self.step(self.noisy, self.sr), first)
        require(same, "the same recording twice gives different samples")
        again = pickle.loads(pickle.dumps(self.step))
        require(np.array_equal(again(self.noisy, self.sr), first), "a pickled copy gives different samples")

    def untouched(self) -> None:
        for y in (self.clean, self.noisy, 4 * self.noisy):
            given = y.copy()
            self.step(given, self.sr)
            require(np.array_equal(given, y), "the input array was changed")
            given.setflags(write=False)
            self.step(given, self.sr)

    def aligned(self) -> str:
        made = self.step(self.noisy, self.sr).astype(np.float64)
        require(np.any(made), "nothing is left of speech in noise")
        n = 2 * len(made)
        product = np.fft.irfft(np.fft.rfft(made, n) * np.conj(np.fft.rfft(self.clean, n)), n)
        lag = int(np.argmax(product))
        lag = lag - n if lag > n // 2 else lag
        require(abs(lag) <= max(1, self.sr // 8000), f"speech comes back {lag} samples later")
        return f"lag {lag} samples"

    def stretches(self) -> str:
        y = speech(20.0, self.sr, seed=3)
        y += np.float32(0.05) * np.random.default_rng(6).standard_normal(len(y)).astype(np.float32)
        whole = self.step(y, self.sr)
        made = [_in_stretches(self.step, y, self.sr, n_block=n) for n in (_BLOCK, len(y))]
        require(made[0].shape == y.shape, f"shape {made[0].shape} of {y.shape}")
        require(np.array_equal(made[0], made[1]), "blocks that a recording comes in make a difference")
        correlation = float(np.corrcoef(made[0], whole)[0, 1])
        require(
            correlation >= LEAST_CORRELATION, f"correlation of stretches and whole {correlation:.3f}: more context_s?"
        )
        return f"correlation {correlation:.4f}"

    def no_torch(self) -> str:
        return works_without_torch(self.step, self.sr)


def _in_stretches(step: Preprocessor, y: NDArray[np.float32], sr: int, *, n_block: int) -> NDArray[np.float32]:
    chain = Chain([step], sr, stretch_s=STRETCH_S)
    made = [chain.add(y[start : start + n_block]) for start in range(0, len(y), n_block)]
    return np.concatenate([*made, chain.finish()])
