"""Live sound, taken in by a thread as it comes, and when each moment of it came."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Self

import numpy as np

from ser_toolkit.data.quality import peak_dbfs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HELD_S", "Arrivals"]

HELD_S = 30.0
"""Most seconds of sound that wait to be looked at; a source that goes on is made to wait."""

_METER_S = 0.2


class Arrivals:
    """Blocks of a source, with the time at which they came.

    Parameters
    ----------
    blocks : iterable of ndarray of float32, each of shape (n_samples,)
        The source; waits for its sound. Iterated by a thread of its own.
    sr : int
        Its sample rate in Hz.
    clock : callable, optional
        Gives the time in seconds.

    Notes
    -----
    Iterate it in one thread, within ``with``; other attributes may be read from any. A block is forgotten once it has
    been given, so no more than `HELD_S` of sound and one block are in memory. The thread that waits for a source
    cannot be stopped: it ends with the process, or with its source.
    """

    def __init__(
        self, blocks: Iterable[NDArray[np.float32]], sr: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.sr, self._blocks, self._clock = sr, blocks, clock
        self._change = threading.Condition()
        self._waiting: deque[NDArray[np.float32]] = deque()
        self._n_waiting = self._n_come = 0
        self._came: deque[tuple[int, float]] = deque()  # samples so far, and when
        self._peaks: deque[tuple[float, float]] = deque()
        self._began_s = self._last_s = clock()
        self._ended = self._left = False
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        """Begin to take sound in."""
        self._began_s = self._last_s = self._clock()
        threading.Thread(target=self._take_in, name="sound", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take nothing in any more."""
        with self._change:
            self._left = True
            self._waiting.clear()
            self._change.notify_all()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        while True:
            with self._change:
                while not self._waiting and not self._ended:
                    # not for ever: on Windows a wait without an end hears no Ctrl-C
                    self._change.wait(0.5)
                if not self._waiting:
                    if self._error is not None:
                        raise self._error
                    return
                block = self._waiting.popleft()
                self._n_waiting -= len(block)
                self._change.notify_all()
            yield block

    @property
    def came_s(self) -> float:
        """Seconds of sound that have come."""
        return self._n_come / self.sr

    @property
    def waiting_s(self) -> float:
        """Seconds of sound that have come and were not looked at yet."""
        return self._n_waiting / self.sr

    @property
    def ended(self) -> bool:
        """Whether the source has come to its end."""
        return self._ended

    @property
    def silent_for_s(self) -> float:
        """Seconds since something came at all, if only silence."""
        return self._clock() - self._last_s

    @property
    def level_dbfs(self) -> float:
        """Peak level of the last 0.2 s that came, in decibels of full scale; ``-inf``: silence, or nothing came."""
        with self._change:
            now = self._clock()
            return max((level for at, level in self._peaks if now - at <= _METER_S), default=-np.inf)

    def when(self, seconds: float) -> float:
        """When a moment of the sound came, by the clock; asked of moments that rise.

        Parameters
        ----------
        seconds : float
            Counted from the first sample.

        Returns
        -------
        float
            When the block came that holds the last sample before it.
        """
        n = round(seconds * self.sr)
        with self._change:
            while len(self._came) > 1 and self._came[0][0] < n:
                self._came.popleft()
            return self._came[0][1] if self._came else self._began_s

    def _take_in(self) -> None:
        try:
            for block in self._blocks:
                if not self._put(block):
                    return
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to whoever iterates
            self._error = error
        finally:
            with self._change:
                self._ended = True
                self._change.notify_all()

    def _put(self, block: NDArray[np.float32]) -> bool:
        """Add a block, when there is room; whether anybody still wants it."""
        now = self._clock()
        level = peak_dbfs(block) if len(block) else -np.inf
        with self._change:
            self._last_s = now
            self._n_come += len(block)
            self._came.append((self._n_come, now))
            self._peaks.append((now, level))
            while now - self._peaks[0][0] > _METER_S:
                self._peaks.popleft()
            while self._waiting and self._n_waiting + len(block) > HELD_S * self.sr and not self._left:
                self._change.wait()
            if self._left:
                return False
            self._waiting.append(block)
            self._n_waiting += len(block)
            self._change.notify_all()
        return True
