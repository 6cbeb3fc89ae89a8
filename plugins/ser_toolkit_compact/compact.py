"""The compact network: convolutions and attentive statistics on a spectrogram, dense layers on a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Lt, MinLen

from ser_toolkit.errors import ComponentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ser_toolkit.interfaces import FeatureSpec, TargetSpec
    from ser_toolkit_compact.nets import CompactNet

__all__ = ["Compact"]

Count = Annotated[int, Ge(1)]
Share = Annotated[float, Ge(0.0), Lt(1.0)]

TIME_POOLINGS = 4
"""Blocks that halve the time axis; further ones halve bands only, so that attention has frames to choose from."""


@dataclass(frozen=True, kw_only=True)
class Compact:
    """A small network: a branch per input, whose opinions are joined late.

    Inputs are told apart by their number of axes, never by name. A spectrogram, as image (channel, band, frame) or as
    sequence (frame, band), gets convolutions and attentive statistics pooling; a vector gets dense layers.

    Parameters
    ----------
    channels : tuple of int
        Filters of the blocks. A block is a 3x3 convolution, batch normalization, ReLU and a max-pooling that halves
        bands, and in the first four blocks frames.
    attention : int
        Hidden width of the attention over frames.
    image_dense : int
        Width of the dense layer between the pooled statistics and a branch's opinion.
    vector_dense : tuple of int
        Widths of the dense layers on a vector; none: a vector's opinion is linear in its values, which suits long
        vectors.
    conv_dropout : float
        Share of channels, 0 to below 1, dropped after each block but the first two.
    dropout : float
        Share of values dropped around dense layers.
    fusion : {"sum", "concat"}
        ``"sum"``: each branch gives logits, which are added. ``"concat"``: one dense layer over the last values of
        all branches.
    branches : {"all", "image", "vector"}
        Use every input, only spectrograms, or only vectors. The others are accepted and ignored.

    Notes
    -----
    On a (1, 64, 188) mel spectrogram and four classes the defaults have 1 310 437 trainable parameters; 88 eGeMAPS
    functionals add 28 932.

    Attentive statistics pooling is the mean and the standard deviation over frames, each frame weighted by a softmax of
    what a small network thinks of it (Okabe et al. 2018). It takes recordings of any length, and `<feature>_length`
    says what is padding, which has no effect on a trained network.

    Batch normalization needs at least two segments in a training batch.

    References
    ----------
    Okabe, Koshinaka, Shinoda: Attentive Statistics Pooling for Deep Speaker Embedding. Interspeech 2018.
    """

    name: ClassVar[str] = "compact"
    version: ClassVar[int] = 1

    channels: Annotated[tuple[Count, ...], MinLen(1)] = (32, 64, 128, 256, 256)
    attention: Count = 128
    image_dense: Count = 256
    vector_dense: tuple[Count, ...] = (128, 128)
    conv_dropout: Share = 0.1
    dropout: Share = 0.4
    fusion: Literal["sum", "concat"] = "sum"
    branches: Literal["all", "image", "vector"] = "all"

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> CompactNet:
        """Network for these inputs and targets.

        Parameters
        ----------
        inputs : mapping of str to FeatureSpec
            Spectrograms and vectors.
        targets : sequence of TargetSpec
            What to predict.

        Returns
        -------
        CompactNet
            ``forward(**features)`` gives ``{target.name: logits (batch, classes)}``.

        Raises
        ------
        ComponentError
            If an input is too small, varies where it may not, or none is left to work on.
        """
        used = {name: spec for name, spec in inputs.items() if self._takes(name, spec)}
        if not used:
            wanted = "spectrograms and vectors" if self.branches == "all" else f"{self.branches}s only"
            there = ", ".join(f"{name!r} ({spec.role})" for name, spec in inputs.items()) or "nothing"
            raise ComponentError(
                f"{self.name} with branches={self.branches!r} works on {wanted}, and is given {there}: "
                "choose other features or other branches"
            )
        if not targets:
            raise ComponentError(f"{self.name} has no target to predict: give at least one TargetSpec")
        from ser_toolkit_compact.nets import CompactNet

        return CompactNet(self, used, targets)

    @property
    def fewest_bands(self) -> int:
        """Bands that outlast the poolings: 32 with the defaults."""
        return int(2 ** len(self.channels))

    @property
    def fewest_frames(self) -> int:
        """Frames that outlast the poolings: 16 with the defaults."""
        return int(2 ** min(len(self.channels), TIME_POOLINGS))

    def _takes(self, name: str, spec: FeatureSpec) -> bool:
        """Whether the input gets a branch; refuses one that the branch could not work on."""
        role = "vector" if spec.role == "vector" else "image"
        if self.branches not in ("all", role):
            return False
        here = f"{self.name} cannot use input {name!r} of shape {spec.shape}"
        if role == "vector":
            if spec.varies:
                raise ComponentError(f"{here}: a vector must have a fixed size")
            return True
        *channels, bands, frames = spec.shape if spec.role == "image" else spec.shape[::-1]
        if bands is None or None in channels:
            raise ComponentError(f"{here}: only its number of frames may vary")
        if bands < self.fewest_bands or (frames is not None and frames < self.fewest_frames):
            raise ComponentError(
                f"{here}: it needs at least {self.fewest_bands} bands and {self.fewest_frames} frames, to be halved by "
                f"{len(self.channels)} blocks. Use more bands, longer segments or fewer channels"
            )
        return True
