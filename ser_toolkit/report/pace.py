"""How fast a run over files goes and how long it will take, from what it has done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["Pace"]

_SPAN_S = 60.0
_STEP_S = 0.5
_LEAST_FILES, _LEAST_S = 3, 2.0


class Pace:
    """Speed of the last minute, and the time that is left.

    Parameters
    ----------
    n_files : int
        Files to do.
    clock : callable
        Gives the time in seconds; only differences count.

    Notes
    -----
    How long the files that are left take is unknown: they are taken to be as long as those that are done, without the
    longest of them, at the speed of the last minute in seconds of audio. So one long file stretches nothing but itself.
    Nothing is said while more audio is in work than all files that are left would have.
    """

    def __init__(self, n_files: int, *, clock: Callable[[], float]) -> None:
        self.n_files, self._clock = n_files, clock
        self.n_done = 0
        self._finished_s = self._longest_s = self._reported_s = self._lost_s = 0.0
        self._began_s = clock()
        self._marks: deque[tuple[float, int, float]] = deque([(self._began_s, 0, 0.0)])

    def file_done(self, duration_s: float | None) -> None:
        """Count a file; `duration_s` is the length of its audio, None if that never became known."""
        self.n_done += 1
        if duration_s is None:  # what it reported will never be finished
            self._lost_s = max(self._lost_s, self._reported_s - self._finished_s)
        else:
            self._finished_s += duration_s
            self._longest_s = max(self._longest_s, duration_s)
        self._mark()

    def audio_done(self, seconds: float) -> None:
        """Count audio of any file as soon as it is analyzed."""
        self._reported_s += seconds
        self._mark()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began_s

    @property
    def audio_s(self) -> float:
        """Seconds of audio; it counts once, when it is reported or when its file is done."""
        return max(self._reported_s, self._finished_s)

    @property
    def files_per_s(self) -> float:
        """Files per second over the last minute."""
        took, files, _ = self._recently()
        return files / took if took > 0 else 0.0

    @property
    def real_time(self) -> float:
        """Seconds of audio per second over the last minute."""
        took, _, audio = self._recently()
        return audio / took if took > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds that are left; None if too little is known."""
        left = self.n_files - self.n_done
        if left <= 0:
            return 0.0
        if self.n_done < _LEAST_FILES or self.elapsed_s < _LEAST_S:
            return None
        typical_s = (self._finished_s - self._longest_s) / (self.n_done - 1)
        in_work_s = max(0.0, self._reported_s - self._finished_s - self._lost_s)
        if in_work_s > left * typical_s > 0:
            return None
        speed = self.real_time
        if typical_s > 0 and speed > 0:
            return left * typical_s / speed
        return left / self.files_per_s if self.files_per_s > 0 else None

    def _mark(self) -> None:
        now = self._clock()
        if now - self._marks[-1][0] >= _STEP_S:
            self._marks.append((now, self.n_done, self.audio_s))
            while len(self._marks) > 2 and now - self._marks[1][0] >= _SPAN_S:
                self._marks.popleft()

    def _recently(self) -> tuple[float, int, float]:
        """Seconds, files and seconds of audio since the oldest mark."""
        at, files, audio = self._marks[0]
        return self._clock() - at, self.n_done - files, self.audio_s - audio
