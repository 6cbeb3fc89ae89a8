"""Run as a process of its own: prints the resident bytes that opening and running a graph adds.

``python -m ser_toolkit.compression.footprint MODEL FOLDER``
"""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["added_bytes"]

_RUNS = 5


def added_bytes(model: Path, folder: Path) -> int:
    """Resident memory after a few runs of a graph on CPU, less that before it was opened.

    Parameters
    ----------
    model : Path
        ONNX file.
    folder : Path
        Where `ser_toolkit.training.checkpoint.save_samples` put the features of one window.

    Returns
    -------
    int
        Bytes, at least 0.
    """
    import psutil

    from ser_toolkit.inference import runtime
    from ser_toolkit.inference.session import open_session
    from ser_toolkit.training import checkpoint

    runtime()
    window = checkpoint.read_samples(folder)
    process = psutil.Process()
    before = process.memory_info().rss
    session = open_session(model, device="cpu", threads=1)
    for _ in range(_RUNS):
        session.session.run(None, window)
    return max(0, int(process.memory_info().rss - before))


if __name__ == "__main__":
    sys.stdout.write(f"{added_bytes(Path(sys.argv[1]), Path(sys.argv[2]))}\n")
