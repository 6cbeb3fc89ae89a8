"""Speech in noise of a known level."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.noise.degradation import degrade
from ser_toolkit.testing.sounds import speech

SR = 16_000


@pytest.fixture(scope="session")
def clean() -> np.ndarray:
    return speech(6.0, SR, seed=4)


@pytest.fixture(scope="session")
def noisy(clean):
    """Makes a recording with white or pink noise at an SNR in dB."""
    return lambda snr_db, kind="white": degrade(clean, SR, f"{kind}:{snr_db}")
