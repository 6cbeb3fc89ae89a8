"""Thirty-seven functionals of a hundred descriptors of spectrum, cepstrum, pitch and voice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit_functionals import contour_functionals, short_time
from ser_toolkit_gemaps import EgemapsFast

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SpeechFunctionals"]

LEVEL = 0.05
"""Root mean square that the loud part of a segment is brought to: -26 dB relative to full scale."""

LOUD = 0.1
"""Samples of the loud part are above this share of the largest."""

SHORTEST_S, LOWEST_RATE = 0.1, 8000

N_SPECTRAL = 10
"""Of the 25 descriptors of eGeMAPS those that every frame has; the others are of the voice."""

_GEMAPS = EgemapsFast()

_EVERYWHERE = (*_GEMAPS.descriptor_names()[:N_SPECTRAL], *short_time.NAMES)
_VOICED = _GEMAPS.descriptor_names()[N_SPECTRAL:]
_RHYTHM = ("voiced share", "voiced parts per frame", "voiced part, mean frames", "voiced part, sd frames")


def _names(descriptors: tuple[str, ...], of: str = "") -> tuple[str, ...]:
    return tuple(f"{name}{of}: {functional}" for functional in contour_functionals.NAMES for name in descriptors)


NAMES = (*_names(_EVERYWHERE), *_names(_VOICED, of=", voiced"), *_RHYTHM)
"""Names of the values."""

SPECTRAL_NAMES = _names(short_time.NAMES)
"""Those of spectrum and cepstrum, which need no pitch."""


@dataclass(frozen=True, kw_only=True)
class SpeechFunctionals:
    """What a segment is like, in 3963 numbers: 37 functionals of 107 descriptors, and the rhythm of voicing.

    Parameters
    ----------
    voice : bool
        Whether pitch, voice and rhythm are among them. Without: 3034 functionals of the 82 descriptors of spectrum and
        cepstrum, in about half the time.

    Notes
    -----
    Descriptors, every 10 ms: the 25 of eGeMAPS as the component ``egemaps-fast`` computes them, of which the 15 of
    pitch and voice count in voiced frames only; loudness and level of 26 mel bands; MFCC 1-14; and 16 of the shape and
    change of the spectrum. Before anything else the loud part of the segment is brought to one level, so that no value
    depends on how loud the recording is.

    Many weak values together say more to a linear learner than the 88 of eGeMAPS do. A learner of them has to be held
    back: strong weight decay, dropout, or an SVM with a small C.

    References
    ----------
    Schuller et al., "The Interspeech 2013 computational paralinguistics challenge: social signals, conflict, emotion,
    autism", Interspeech 2013: large sets of functionals.
    Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS)", IEEE Transactions on Affective Computing
    7(2), 2016: the descriptors of pitch and voice.
    """

    name: ClassVar[str] = "speech-functionals"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("numba", "numpy", "scipy")
    context_s: ClassVar[float] = 0.0

    voice: bool = True

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape for a segment of any length: ``(3963,)``, or ``(3034,)`` without voice."""
        names = NAMES if self.voice else SPECTRAL_NAMES
        return FeatureSpec(shape=(len(names),), axes=("feature",), unit="mixed", names=names)

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Functionals of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it. Under 0.1 s repeated to that.
        sr : int
            Sample rate in Hz, 8000 or more.

        Returns
        -------
        ndarray of float32, shape (3963,) or (3034,)
            In the order of `NAMES` or `SPECTRAL_NAMES`.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If the sample rate is too low.
        """
        if not len(y):
            raise AudioError("empty", "functionals need at least one sample")
        if not np.isfinite(y).all():
            raise AudioError("non-finite", "the audio holds NaN or infinite samples")
        if sr < LOWEST_RATE:
            raise ConfigError(f"{self.name}: needs a sample rate of {LOWEST_RATE} Hz or more, not {sr}: use 16000 Hz")
        shortest = round(SHORTEST_S * sr)
        y = _levelled(np.clip(y if len(y) >= shortest else np.resize(y, shortest), -1, 1))
        spectral = short_time.spectral_descriptors(y, sr)
        if not self.voice:
            return contour_functionals.functionals(spectral).ravel().astype(np.float32)
        gemaps = _GEMAPS.descriptors(y, sr)
        n = min(len(gemaps), len(spectral))
        everywhere = np.concatenate([gemaps[:n, :N_SPECTRAL], spectral[:n]], axis=1)
        voice = gemaps[:n, N_SPECTRAL:]
        voiced = voice[:, 0] > 0
        return np.concatenate(
            [
                contour_functionals.functionals(everywhere).ravel(),
                contour_functionals.functionals(voice[voiced]).ravel(),
                _rhythm(voiced),
            ],
            dtype=np.float32,
        )


def _levelled(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """The segment at the level of `LEVEL`; silence stays silence."""
    magnitude = np.abs(y)
    loud = y[magnitude > LOUD * magnitude.max()]
    if not len(loud):
        return y
    levelled: NDArray[np.float32] = y * np.float32(LEVEL / np.sqrt((loud.astype(np.float64) ** 2).mean()))
    return levelled


def _rhythm(voiced: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The values of `_RHYTHM`."""
    edges = np.flatnonzero(np.diff(voiced.astype(np.int8), prepend=0, append=0))
    lengths = edges[1::2] - edges[::2]
    if not len(lengths):
        return np.zeros(len(_RHYTHM))
    return np.array([voiced.mean(), len(lengths) / len(voiced), lengths.mean(), lengths.std()])
