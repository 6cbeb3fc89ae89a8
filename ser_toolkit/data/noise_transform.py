"""The toolkit's own transform among those of audiomentations: noise of some kind at a random level."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.noise.additive import add_noise
from ser_toolkit.noise.synthetic import coloured, crowd, tones

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["KINDS", "NAME", "VERSION", "noise_transform"]

NAME = "AddAnyNoise"

KINDS = ("coloured", "tones", "voices")

VERSION = 1
"""Raised when the same settings and seed give other samples."""


@functools.cache
def noise_transform() -> type:
    """Class of the transform.

    Returns
    -------
    type
        A waveform transform of audiomentations with the settings ``kinds`` (``coloured``, ``tones``, ``voices``: one is
        drawn for each recording; default: all), ``min_snr_db`` and ``max_snr_db`` (relative to the level of the active
        speech; default 0 to 25) and ``p``.

    Notes
    -----
    Whoever calls it sets the attribute ``voices``, recordings of people to be heard; without any, `coloured` noise is
    added in their place.

    Raises
    ------
    ImportError
        Without audiomentations.
    """
    from audiomentations.core.transforms_interface import BaseWaveformTransform

    class AddAnyNoise(BaseWaveformTransform):  # type: ignore[misc]
        def __init__(
            self,
            kinds: Sequence[str] = KINDS,
            min_snr_db: float = 0.0,
            max_snr_db: float = 25.0,
            p: float = 0.5,
        ) -> None:
            super().__init__(p)
            unknown = [kind for kind in kinds if kind not in KINDS]
            if unknown or not kinds or isinstance(kinds, str):
                raise ValueError(f"kinds is a list of {', '.join(KINDS)}, not {kinds!r}")
            if not -20 <= min_snr_db <= max_snr_db <= 60:
                raise ValueError(f"levels lie between -20 and 60 dB, not {min_snr_db:g} to {max_snr_db:g}")
            self.kinds, self.range_db = tuple(kinds), (min_snr_db, max_snr_db)
            self.voices: Sequence[NDArray[np.float32]] = ()

        def apply(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[Any]:
            rng = np.random.default_rng(np.random.randint(2**31, size=4))  # noqa: NPY002 - the seeded generator
            kind = self.kinds[rng.integers(len(self.kinds))]
            if kind == "voices" and any(np.any(voice) for voice in self.voices):
                noise = crowd(len(samples), sample_rate, rng=rng, voices=self.voices)
            else:
                noise = (tones if kind == "tones" else coloured)(len(samples), sample_rate, rng=rng)
            return add_noise(samples, noise, sample_rate, snr_db=rng.uniform(*self.range_db))

    return AddAnyNoise
