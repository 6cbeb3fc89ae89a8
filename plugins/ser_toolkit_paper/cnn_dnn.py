"""The paper's multi-input network: convolutions on a mel spectrogram, dense layers on GeMAPS, joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Lt, MinLen

from ser_toolkit.errors import ComponentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ser_toolkit.interfaces import FeatureSpec, TargetSpec
    from ser_toolkit_paper.nets import CnnDnnNet

__all__ = ["CnnDnn"]

Count = Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class CnnDnn:
    """CNN on each image (MFEP), DNN on each vector (GFEP), and dense layers on both (ERP).

    Inputs are told apart by their number of axes, never by name: an image (channel, height, width) gets an
    MFEP, a vector a GFEP, and several of one kind a branch each. Sequences are refused.

    Parameters
    ----------
    filters : tuple of five int
        Filters of the blocks CNN I, three times CNN II, CNN III.
    convs : tuple of five int
        Convolutions per block, each 3x3 with batch normalization and ReLU; a 2x2 max-pooling ends a block.
    padding : {"same", "valid"}
        Whether a convolution keeps the size of its input, or loses two pixels in height and width.
    pooling : {"flatten", "mean"}
        What follows the last block. ``"flatten"``: dense layers over all values, so that images must have one
        fixed size. ``"mean"``: the average over height and width; a fifth of the parameters, and images may
        vary in one of the two (their ``<feature>_length`` says what is padding, which then has no effect).
    mfep_dense : tuple of int
        Widths of the dense layers after the blocks.
    gfep_first_layer : bool
        Start the GFEP with a dense layer as wide as its vector: the paper counts "88" among the dense layers.
    gfep_dense : tuple of int
        Widths of its further dense layers, each with batch normalization and ReLU.
    erp : tuple of int
        Hidden widths between the joined branches and the classes; empty: one dense layer to the classes.
    bn_position : {"before-activation", "after-activation"}
        Batch normalization before or after each ReLU.
    dropout : float
        Share of values, 0 to below 1, dropped after the first dense layer of an MFEP and before the ERP.
    branches : {"all", "image", "vector"}
        Use every input, only images, or only vectors (the paper's ablations). The others are accepted and
        ignored.

    Notes
    -----
    On a (1, 128, 376) mel spectrogram and 88 eGeMAPS functionals, with four classes, the defaults have
    14 362 636 trainable parameters, 11.5 million of them in the dense layer after flattening;
    ``pooling="mean"`` has 3 090 444.

    The paper fixes kernels, filters, poolings, ReLU, and the dense widths of MFEP and GFEP. It states neither
    convolutions per block, padding, the place of batch normalization, the widths of the ERP, nor how weights
    start, and lists no dropout; the defaults are the plainest readings. Weights start Glorot uniform and
    biases at 0, as in Keras.

    Batch normalization needs at least two segments in a training batch.

    References
    ----------
    Toyoshima, Okada, Ishimaru, Uchiyama, Tada: Multi-Input Speech Emotion Recognition Model Using Mel
    Spectrogram and GeMAPS. Sensors 23(3), 1743, 2023, section 3.
    """

    name: ClassVar[str] = "cnn-dnn"
    version: ClassVar[int] = 1

    filters: tuple[Count, Count, Count, Count, Count] = (64, 64, 128, 256, 512)
    convs: tuple[Count, Count, Count, Count, Count] = (1, 1, 1, 1, 1)
    padding: Literal["same", "valid"] = "same"
    pooling: Literal["flatten", "mean"] = "flatten"
    mfep_dense: Annotated[tuple[Count, ...], MinLen(1)] = (512, 512)
    gfep_first_layer: bool = True
    gfep_dense: Annotated[tuple[Count, ...], MinLen(1)] = (128, 256, 512, 512)
    erp: tuple[Count, ...] = (512,)
    bn_position: Literal["before-activation", "after-activation"] = "before-activation"
    dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0
    branches: Literal["all", "image", "vector"] = "all"

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> CnnDnnNet:
        """Network for these inputs and targets.

        Parameters
        ----------
        inputs : mapping of str to FeatureSpec
            Images and vectors.
        targets : sequence of TargetSpec
            What to predict; each gets an ERP of its own.

        Returns
        -------
        CnnDnnNet
            ``forward(**features)`` gives ``{target.name: logits (batch, classes)}``.

        Raises
        ------
        ComponentError
            If an input is a sequence or too small, varies where it may not, or none is left to work on.
        """
        used = {name: spec for name, spec in inputs.items() if self._takes(name, spec)}
        if not used:
            wanted = "images and vectors" if self.branches == "all" else f"{self.branches}s only"
            there = ", ".join(f"{name!r} ({spec.role})" for name, spec in inputs.items()) or "nothing"
            raise ComponentError(
                f"{self.name} with branches={self.branches!r} works on {wanted}, and is given {there}: "
                "choose other features or other branches"
            )
        if not targets:
            raise ComponentError(f"{self.name} has no target to predict: give at least one TargetSpec")
        from ser_toolkit_paper.nets import CnnDnnNet

        return CnnDnnNet(self, used, targets)

    def side_after(self, n: int) -> int:
        """Height or width that the five blocks leave of `n` pixels; below 1: `n` is too small."""
        for n_convs in self.convs:
            n = (n - self.lost_per_conv * n_convs) // 2
        return n

    @property
    def lost_per_conv(self) -> int:
        """Pixels of height and of width that one convolution takes away."""
        return 0 if self.padding == "same" else 2

    @property
    def smallest_side(self) -> int:
        """Least height and width, in pixels, that outlast five poolings: 32 with the defaults."""
        n = 1
        for n_convs in reversed(self.convs):
            n = 2 * n + self.lost_per_conv * n_convs
        return n

    def _takes(self, name: str, spec: FeatureSpec) -> bool:
        """Whether the input gets a branch; refuses one that the branch could not work on."""
        if self.branches not in ("all", spec.role):
            return False
        here = f"{self.name} cannot use input {name!r} of shape {spec.shape}"
        if spec.role == "sequence":
            raise ComponentError(
                f"{here}, a sequence: it takes vectors (feature) and images (channel, height, width). "
                "Choose another model, or leave this feature out"
            )
        if spec.role == "vector":
            if spec.varies:
                raise ComponentError(f"{here}: a vector must have a fixed size")
            return True
        channels, *sides = spec.shape
        if channels is None:
            raise ComponentError(f"{here}: its height or its width may vary, but not its channels")
        if spec.varies and self.pooling == "flatten":
            raise ComponentError(
                f'{here}: pooling="flatten" needs one fixed size. Set pooling="mean", or cut segments of one length'
            )
        if any(side is not None and side < self.smallest_side for side in sides):
            raise ComponentError(
                f"{here}: its height and width must be at least {self.smallest_side}, to be halved five times "
                f"with convs={self.convs} and padding={self.padding!r}. Use longer segments or more bands"
            )
        return True
