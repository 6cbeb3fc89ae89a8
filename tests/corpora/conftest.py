"""Synthetic trees in the layouts of published corpora: every name as released, every file a moment of sound."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


def moment() -> bytes:
    """A WAV file of 50 ms."""
    buffer = io.BytesIO()
    soundfile.write(buffer, (0.1 * np.sin(np.arange(800) / 5)).astype(np.float32), 16_000, format="WAV")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def lay() -> Callable[..., Path]:
    """``lay(folder, "wav/a.wav", ...)`` makes the files, and gives the folder."""
    sound = moment()

    def make(folder: Path, *names: str) -> Path:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sound)
        return folder

    return make
