"""Contract of ``sliding``: all windows of a recording in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.sliding import slide
from ser_toolkit.testing.checks import CheckResult, check, require
from ser_toolkit.testing.sounds import speech

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["agreement", "check_sliding"]

WINDOW_S, HOP_S = 3.0, 0.75
"""Windows of the checks in seconds: those of the paper."""

OTHER_WINDOW_S, OTHER_HOP_S = 1.0, 1.0
"""Windows that are cut into chunks as well."""


def check_sliding(extractor: Any, sr: int = 16_000) -> list[CheckResult]:
    """Check that ``sliding`` keeps its contract.

    Parameters
    ----------
    extractor : SlidingFeatureExtractor
        The extractor, configured.
    sr : int, optional
        Sample rate in Hz to check at.

    Returns
    -------
    list of CheckResult
        As many windows as fit, in float32, of the shape of the spec, from an input that is left untouched, clipped
        where it exceeds full scale; a recording cut into chunks with ``context_s`` of audio around gives the numbers
        of the whole; agrees with calls on single windows as ``sliding_agreement`` declares.
    """
    checks = _Checks(extractor, sr)
    windows = check("sliding windows", checks.windows)
    if not windows.passed:
        return [windows]
    return [windows, check("sliding in chunks", checks.chunks), check("sliding agreement", checks.agrees)]


def agreement(sliding: NDArray[np.float32], single: NDArray[np.float32]) -> float:
    """How well two versions of the features of a recording agree.

    Parameters
    ----------
    sliding, single : ndarray of float32, shape (n_windows, ...)
        The same windows either way.

    Returns
    -------
    float
        Median over the values of their Pearson correlation over the windows; of values that vary neither way,
        1.0 where they are equal and 0.0 where not.
    """
    a, b = (np.asarray(x, dtype=np.float64).reshape(len(x), -1) for x in (sliding, single))
    alike = np.isclose(a, b, rtol=1e-4, atol=1e-6).all(axis=0)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    size = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    varies = size > 1e-12
    correlation = np.where(varies, (a * b).sum(axis=0) / np.where(varies, size, 1), alike)
    return float(np.median(correlation))


class _Checks:
    """The checks on one extractor."""

    def __init__(self, extractor: Any, sr: int) -> None:
        self.extractor, self.sr = extractor, sr
        self.y = speech(12.0, sr)

    def windows(self) -> None:
        declared = self.extractor.sliding_agreement
        require(0 <= declared <= 1, f"sliding_agreement is {declared!r}: give a number from 0 to 1")
        n_window, n_hop = self.samples(WINDOW_S, HOP_S)
        shape = self.extractor.spec(n_window, self.sr).shape
        for n in (n_window - 1, n_window, n_window + n_hop - 1, n_window + n_hop):
            y = 2 * self.y[:n] / np.abs(self.y[:n]).max()  # twice full scale
            kept = y.copy()
            rows = self.extractor.sliding(y, self.sr, n_window=n_window, n_hop=n_hop)
            count = max(0, 1 + (n - n_window) // n_hop)
            require(rows.shape == (count, *shape), f"{rows.shape} for {n} samples, not {(count, *shape)}")
            require(rows.dtype == np.float32, f"{rows.dtype}, not float32")
            require(np.array_equal(y, kept), "the input array was changed")
            y.setflags(write=False)
            clipped = self.extractor.sliding(np.clip(y, -1, 1), self.sr, n_window=n_window, n_hop=n_hop)
            require(
                np.array_equal(rows, clipped), "input beyond [-1, 1] does not give what the same input clipped gives"
            )

    def chunks(self) -> str:
        worst = 0.0
        for window_s, hop_s in ((WINDOW_S, HOP_S), (OTHER_WINDOW_S, OTHER_HOP_S)):
            n_window, n_hop = self.samples(window_s, hop_s)
            whole = self.extractor.sliding(self.y, self.sr, n_window=n_window, n_hop=n_hop)
            for first in range(0, len(whole), 3):
                rows = slide(
                    self.extractor,
                    self.y,
                    self.sr,
                    n_window=n_window,
                    n_hop=n_hop,
                    start=first * n_hop,
                    count=min(3, len(whole) - first),
                )
                off = _difference(rows, whole[first : first + 3], whole)
                worst = max(worst, off)
                require(
                    off <= 1,
                    f"windows of {window_s:g} s every {hop_s:g} s, from {first * hop_s:g} s on, with context_s of "
                    f"{self.extractor.context_s:g} around, are {off:.2g} times the tolerance off those of the whole",
                )
        return "bit for bit" if not worst else f"but for rounding ({worst:.2g} of the tolerance)"

    def agrees(self) -> str:
        n_window, n_hop = self.samples(WINDOW_S, HOP_S)
        together = self.extractor.sliding(self.y, self.sr, n_window=n_window, n_hop=n_hop)
        alone = np.stack(
            [self.extractor(self.y[k * n_hop : k * n_hop + n_window], self.sr) for k in range(len(together))]
        )
        declared = self.extractor.sliding_agreement
        if declared == 1:
            off = _difference(together, alone, alone)
            require(off <= 1, f"sliding_agreement is 1 but values differ by {off:.2g} times the tolerance")
            return "the same numbers"
        reached = agreement(together, alone)
        require(reached >= declared, f"median correlation {reached:.4f}, sliding_agreement promises {declared:g}")
        return f"median correlation {reached:.4f}, {declared:g} promised"

    def samples(self, window_s: float, hop_s: float) -> tuple[int, int]:
        return round(window_s * self.sr), round(hop_s * self.sr)


def _difference(a: NDArray[np.float32], b: NDArray[np.float32], whole: NDArray[np.float32]) -> float:
    """Largest difference over what rounding may do: 1e-4 of the value and 1e-3 of its spread over the windows."""
    tolerance = 1e-4 * np.abs(b) + 1e-3 * whole.std(axis=0) + 1e-6
    return float((np.abs(a - b) / tolerance).max())
