"""The functionals of the INTERSPEECH 2009 Emotion Challenge, by openSMILE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ser_toolkit_paper.egemaps import Egemaps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec

__all__ = ["Is09"]

_SMILE = Egemaps(feature_set="IS09")


@dataclass(frozen=True, kw_only=True)
class Is09:
    """384 functionals of a segment: twelve statistics of 16 low-level descriptors and their deltas.

    Descriptors: zero-crossing rate, RMS energy, F0, probability of voicing (the harmonics-to-noise ratio of the paper),
    MFCC 1 to 12. Statistics: maximum, minimum, range, their positions, mean, offset, slope and error of a line,
    standard deviation, skewness, kurtosis.

    Notes
    -----
    The same numbers as component ``egemaps`` with ``feature_set="IS09"`` gives; clipping and short segments are treated
    as it says there. openSMILE keeps a running mean of the pitch, so there is no way to compute all windows of a
    recording in one pass: each is extracted by itself.

    openSMILE is free for private, research and educational use only, and so is what is trained on its features.

    References
    ----------
    Schuller, Steidl, Batliner: The INTERSPEECH 2009 Emotion Challenge. Interspeech 2009, table 1.
    """

    name: ClassVar[str] = "is09"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = Egemaps.libraries
    license: ClassVar[str] = Egemaps.license
    context_s: ClassVar[float] = 0.0

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape ``(384,)`` for a segment of any length. Names: `feature_names`."""
        return _SMILE.spec(n_samples, sr)

    def feature_names(self) -> tuple[str, ...]:
        """Names that openSMILE gives the values, such as ``"pcm_RMSenergy_sma_max"``; imports opensmile."""
        return _SMILE.feature_names()

    def n_undefined(self, y: NDArray[np.float32], sr: int) -> int:
        """How many values openSMILE leaves undefined for a segment; calling the extractor gives 0 for them."""
        return _SMILE.n_undefined(y, sr)

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Functionals of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        ndarray of float32, shape (384,)
            In the units of openSMILE.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        """
        return _SMILE(y, sr)
