"""Contract of feature extractors: what windows, caches, training and inference may rely on."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.interfaces import ColumnFeatureExtractor, FeatureSpec
from ser_toolkit.testing.checks import CheckResult, assert_passed, check, check_component, require
from ser_toolkit.testing.sliding import check_sliding
from ser_toolkit.testing.sounds import hard_sounds, sine, speech
from ser_toolkit.testing.without_torch import works_without_torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureExtractor

__all__ = ["assert_extractor", "check_extractor"]

LENGTHS_S = (0.1, 0.5, 1.00007, 3.0, 4.2)
"""Segments whose shape is checked, in seconds."""

LOUDNESS_CHANGE = 0.02
"""Largest relative change of loudness between a sine of 0.99 and one of full scale."""

LOUDNESS_CHANGE_DB = 0.2
"""The same for features in dB; 0.99 to 1.0 is 0.09 dB."""


def check_extractor(extractor: FeatureExtractor, sr: int = 16_000) -> list[CheckResult]:
    """Check that a feature extractor keeps its contract.

    Parameters
    ----------
    extractor : FeatureExtractor
        The extractor, configured.
    sr : int, optional
        Sample rate in Hz to check at.

    Returns
    -------
    list of CheckResult
        Component: frozen dataclass, JSON round trip, picklable. Extractor: works at all and can be hashed; the
        shapes of its spec at several lengths; float32; finite on silence, direct current, clipping, clicks and noise;
        deterministic; the input untouched; the output writable and its own; clips what exceeds full scale; keeps
        loudness up to full scale; works in a new process without loading torch (unless its ``libraries`` name
        torch). What reads a column of the manifest: an empty cell gives what sound gives. Sliding, where it has it:
        see `ser_toolkit.testing.sliding.check_sliding`.
    """
    results = [*check_component(extractor), *_Checks(extractor, sr).run()]
    if hasattr(extractor, "sliding"):
        results += check_sliding(extractor, sr)
    return results


def assert_extractor(extractor: FeatureExtractor, sr: int = 16_000) -> None:
    """Raise an AssertionError that lists what `check_extractor` finds broken.

    Parameters
    ----------
    extractor : FeatureExtractor
        The extractor, configured.
    sr : int, optional
        As for `check_extractor`.

    Raises
    ------
    AssertionError
        If a check fails.
    """
    assert_passed(extractor, check_extractor(extractor, sr))


class _Checks:
    """The checks of single calls."""

    def __init__(self, extractor: FeatureExtractor, sr: int) -> None:
        self.extractor, self.sr = extractor, sr
        self.y = speech(3.0, sr)

    def run(self) -> list[CheckResult]:
        works = check("works", self.works)
        if not works.passed:
            return [works]
        return [
            works,
            check("shape", self.shape),
            *([check("empty cell", self.empty_cell)] if isinstance(self.extractor, ColumnFeatureExtractor) else []),
            check("float32", self.float32),
            check("finite", self.finite),
            check("deterministic", self.deterministic),
            check("input untouched", self.untouched),
            check("output its own", self.own),
            check("clips", self.clips),
            check("full-scale sine", self.full_scale),
            check("no torch", self.no_torch),
        ]

    def works(self) -> None:
        hash(self.extractor)
        spec = self.extractor.spec(len(self.y), self.sr)
        require(isinstance(spec, FeatureSpec), f"spec returned {type(spec).__name__}, no FeatureSpec")
        value = self.extractor(self.y.copy(), self.sr)
        require(isinstance(value, np.ndarray), f"a call returned {type(value).__name__}, no numpy array")
        context_s = self.extractor.context_s
        require(0 <= context_s < 60, f"context_s is {context_s!r}: give seconds, 0 if a window needs no other audio")

    def shape(self) -> str:
        anyhow = self.extractor.spec(None, self.sr)
        require(anyhow.role, "the spec has no role")
        for length_s in LENGTHS_S:
            n = round(length_s * self.sr)
            spec, got = self.extractor.spec(n, self.sr), self.extractor(speech(length_s, self.sr), self.sr).shape
            reads = isinstance(self.extractor, ColumnFeatureExtractor)  # the shape is that of a cell, not of the sound
            require(
                reads or None not in spec.shape,
                f"spec({n}, {self.sr}) gives {spec.shape}: None is for spec(None, sr) only",
            )
            require(reads or got == spec.shape, f"{got} for {n} samples, the spec says {spec.shape}")
            fits = len(got) == len(anyhow.shape) and all(
                want in (None, size) for want, size in zip(anyhow.shape, got, strict=True)
            )
            require(fits, f"{got} for {n} samples, the spec for segments of any length says {anyhow.shape}")
            same = (spec.axes, spec.unit, spec.names) == (anyhow.axes, anyhow.unit, anyhow.names)
            require(same, f"axes, unit or names of spec({n}, {self.sr}) differ from those of spec(None, {self.sr})")
        return f"{anyhow.shape}, axes {anyhow.axes}"

    def empty_cell(self) -> None:
        assert isinstance(self.extractor, ColumnFeatureExtractor)
        require(self.extractor.column != "", "column is empty: name a column of the manifest")
        _same(self.extractor.of_cell(""), self.extractor(self.y, self.sr), "of_cell('') is not what sound gives")

    def float32(self) -> None:
        dtype = self.extractor(self.y, self.sr).dtype
        require(dtype == np.float32, f"{dtype}, not float32")

    def finite(self) -> str:
        sounds = hard_sounds(self.sr)
        for name, y in sounds.items():
            bad = int((~np.isfinite(self.extractor(y, self.sr))).sum())
            require(not bad, f"{bad} values are NaN or infinite on {name}")
        return ", ".join(sounds)

    def deterministic(self) -> None:
        first = self.extractor(self.y, self.sr).copy()
        self.extractor(hard_sounds(self.sr)["noise"], self.sr)
        _same(self.extractor(self.y, self.sr), first, "the same segment twice gives different values")
        again = pickle.loads(pickle.dumps(self.extractor))
        _same(again(self.y, self.sr), first, "a pickled copy gives different values")

    def untouched(self) -> None:
        for name, y in {"speech": self.y, "sound over full scale": 4 * self.y}.items():
            given, kept = y.copy(), y.copy()
            self.extractor(given, self.sr)
            _same(given, kept, f"the input array was changed, for {name}")
            given.setflags(write=False)
            self.extractor(given, self.sr)

    def own(self) -> None:
        given = self.y.copy()
        value = self.extractor(given, self.sr)
        kept = value.copy()
        require(value.flags.writeable, "the output cannot be written to")
        require(not np.shares_memory(value, given), "the output shares memory with the input")
        value[...] = 7
        _same(self.extractor(given, self.sr), kept, "writing to one output changes the next")

    def clips(self) -> None:
        y = 4 * self.y
        clipped = np.clip(y, -1, 1)  # y peaks at 2
        message = "input beyond [-1, 1] does not give what the same input clipped gives"
        _same(self.extractor(y, self.sr), self.extractor(clipped, self.sr), message)

    def full_scale(self) -> str:
        below, full = (
            np.asarray(self.extractor(sine(150, peak=p, duration_s=3.0, sr=self.sr), self.sr), np.float64).ravel()
            for p in (0.99, 1.0)
        )
        spec = self.extractor.spec(len(self.y), self.sr)
        names = spec.names or getattr(self.extractor, "feature_names", tuple)()
        off = np.abs(full - below)
        if loud := [k for k, name in enumerate(names) if "loudness" in name.lower()]:
            change = float(np.linalg.norm(off[loud])) / max(float(np.linalg.norm(below[loud])), 1e-12)
            require(change < LOUDNESS_CHANGE, f"loudness changes by {change:.0%} from a sine of 0.99 to one of 1.0")
            return f"loudness changes by {change:.2%}"
        allowed = LOUDNESS_CHANGE * np.maximum(np.abs(below), np.abs(full)) + 1e-6
        jumps = float((off > (np.maximum(allowed, LOUDNESS_CHANGE_DB) if spec.unit == "dB" else allowed)).mean())
        require(jumps < 1 / 3, f"{jumps:.0%} of the values jump from a sine of 0.99 to one of 1.0")
        return f"{jumps:.0%} of the values change by more than {LOUDNESS_CHANGE:.0%}"

    def no_torch(self) -> str:
        return works_without_torch(self.extractor, self.sr)


def _same(got: NDArray[np.float32], want: NDArray[np.float32], message: str) -> None:
    """Bit for bit; NaN equals NaN, so that only the check for finite values speaks of it."""
    if got.shape == want.shape and np.array_equal(got, want, equal_nan=True):
        return
    raise AssertionError(message)
