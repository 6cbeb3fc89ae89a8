"""How a run over many files is done."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ser_toolkit.inference.aggregation import Aggregation
from ser_toolkit.inference.engines import Engine
from ser_toolkit.inference.front_end import Hop
from ser_toolkit.inference.journal import stamp_of
from ser_toolkit.inference.plan import CacheUse

if TYPE_CHECKING:
    from ser_toolkit.data.files import Found

__all__ = ["TIMEOUT_S", "Options", "Speech", "usable_cores", "workers_for"]

Speech = Literal["auto", "off"]
"""Whether emotions are named only where there is speech."""

TIMEOUT_S = 300.0
"""Default of the longest time in which nothing comes of a file."""

_WINDOWS_PER_WORKER = 40
"""Windows that are worth a process: it takes a second or two to start, and computes about as many meanwhile."""

_BYTES_PER_S = {".wav": 32_000, ".aiff": 32_000, ".aif": 32_000, ".au": 32_000, ".flac": 16_000}
_COMPRESSED_BYTES_PER_S = 4_000


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to analyze.

    Parameters
    ----------
    model : str, path or None
        An exported ``.onnx`` file or a bundled name; None: the default.
    device : str
        See `ser_toolkit.inference.session.open_session`.
    hop_s : float, "window" or None
        See `ser_toolkit.inference.front_end.Hop`.
    aggregation : {"mean", "log-mean", "vote"}
        See `ser_toolkit.inference.aggregation.aggregate`.
    smoothing_s : float or None
        Width over which timelines are smoothed, in seconds; None: three windows; 0: none.
    min_confidence : float
        Below it a file is "uncertain", 0 to 1.
    workers : int or None
        Processes; None: as many as are worth it, at most one per core; 0: this process alone.
    cache_use : {"off", "read", "write"}
        Features of earlier runs: not used, used, or used and added to.
    timeout_s : float
        A process that has nothing to show for so long is killed and its file failed.
    hashes : bool
        Hash recordings, to know those that the model was trained on.
    speech : {"auto", "off"}
        ``"auto"``: windows without speech do not count, and a recording without any, or under 0.4 s, is skipped;
        ``"off"``: every sound has an emotion, as laughs and cries want it.
    shared : bool or None
        One session for all workers instead of one each; None: on GPUs.
    engine : {"local", "ray"}
        Processes of this machine, or of a Ray cluster.
    address : str
        Of the cluster; see `ser_toolkit.ray_engine.cluster.connected`.
    """

    model: str | Path | None = None
    device: str = "auto"
    hop_s: Hop = "window"
    aggregation: Aggregation = "mean"
    smoothing_s: float | None = None
    min_confidence: float = 0.0
    workers: int | None = None
    cache_use: CacheUse = "read"
    timeout_s: float = TIMEOUT_S
    hashes: bool = False
    speech: Speech = "auto"
    shared: bool | None = None
    engine: Engine = "local"
    address: str = ""


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_for(files: Sequence[Found], *, hop_s: float = 3.0) -> int:
    """Processes that are worth starting for files, by their sizes; at most one per core.

    Parameters
    ----------
    files : sequence of Found
        The files.
    hop_s : float, optional
        Seconds from window to window.

    Returns
    -------
    int
        At least 1.
    """
    cores, n_windows = usable_cores(), 0.0
    for found in files:
        stamp = stamp_of(found.path)
        n_bytes = stamp[0] if stamp else 0
        n_windows += 1 + n_bytes / _BYTES_PER_S.get(found.path.suffix.lower(), _COMPRESSED_BYTES_PER_S) / hop_s
        if n_windows > cores * _WINDOWS_PER_WORKER:
            return cores
    return max(1, math.ceil(n_windows / _WINDOWS_PER_WORKER))
