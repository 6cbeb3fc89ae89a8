"""Latency and memory of models side by side, so that what else the machine does meets all of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser_toolkit.compression.graphs import Batch
from ser_toolkit.errors import ModelError
from ser_toolkit.inference.session import open_session
from ser_toolkit.training import checkpoint

__all__ = ["THREADS", "Latency", "latencies", "memory"]

THREADS = (1, 2)
"""Threads of an inference that latencies are given for."""

_ROUNDS, _RUNS = 5, 20
_WARM = 3
_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Time of one window through the network, without its features.

    Parameters
    ----------
    threads : int
        Threads of the inference.
    p50_ms, p95_ms : float
        Median, and 95th percentile, in milliseconds.
    n : int
        Runs.
    """

    threads: int
    p50_ms: float
    p95_ms: float
    n: int


def latencies(paths: Sequence[Path], output: str, window: Batch) -> list[tuple[Latency, ...]]:
    """Time models on CPU, batch 1, taking turns.

    Parameters
    ----------
    paths : sequence of Path
        The graphs.
    output : str
        Name of their output.
    window : dict of str to ndarray
        Features of one window, by input name.

    Returns
    -------
    list of tuple of Latency
        For each graph, one for each of `THREADS`.
    """
    found: list[list[Latency]] = [[] for _ in paths]
    for threads in THREADS:
        sessions = [open_session(path, device="cpu", threads=threads) for path in paths]
        times: list[list[float]] = [[] for _ in paths]
        began = time.perf_counter()
        for _ in range(_ROUNDS):
            for session, mine in zip(sessions, times, strict=True):
                for run in range(_WARM + _RUNS):  # the first ones meet the idle threads of the other session, spinning
                    start = time.perf_counter()
                    session.run(output, window)
                    if run >= _WARM:
                        mine.append(1000 * (time.perf_counter() - start))
            if time.perf_counter() - began > _SECONDS:
                break
        for mine, rows in zip(times, found, strict=True):
            p50, p95 = np.percentile(mine, [50, 95])
            rows.append(Latency(threads=threads, p50_ms=float(p50), p95_ms=float(p95), n=len(mine)))
    return [tuple(rows) for rows in found]


def memory(path: Path, window: Batch) -> int:
    """Memory that a process needs more with a model open and in use than without.

    Parameters
    ----------
    path : Path
        The graph.
    window : dict of str to ndarray
        Features of one window, by input name.

    Returns
    -------
    int
        Resident bytes: a new process opens the graph on CPU and runs it.

    Raises
    ------
    ModelError
        If that process fails.
    """
    with tempfile.TemporaryDirectory(prefix="ser-toolkit-", ignore_cleanup_errors=True) as folder:
        checkpoint.save_samples(Path(folder), dict(window))
        command = [sys.executable, "-m", "ser_toolkit.compression.footprint", str(path), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip().isdecimal():
        raise ModelError(f"the memory of {path.name} cannot be measured: {done.stderr.strip()[-300:]}")
    return int(done.stdout)
