"""Intermediate levels of openSMILE's eGeMAPSv02, to compare with."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

if TYPE_CHECKING:
    from numpy.typing import NDArray

SR = 16_000


def few_files(corpora: Path, n: int = 4) -> list[NDArray[np.float32]]:
    """Evenly spaced recordings of the three corpora."""
    files = [file for name in ("emodb", "ravdess", "nemo") for file in sorted((corpora / name).rglob("*.flac"))]
    return [soundfile.read(file, dtype="float32")[0] for file in files[:: len(files) // n][:n]]


@functools.lru_cache(maxsize=16)
def _smile(level: str) -> Any:
    import opensmile

    configuration = Path(opensmile.__file__).parent / "core/config/egemaps/v02/eGeMAPSv02.conf"
    return opensmile.Smile(feature_set=str(configuration), feature_level=level, sampling_rate=SR)


def level(y: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """One level of openSMILE, shape (n_frames, n_elements)."""
    values: NDArray[np.float32] = _smile(name).process_signal(y, SR).to_numpy()
    return values
