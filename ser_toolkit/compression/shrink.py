"""The methods behind one call: an exported model and its training windows in, a smaller graph out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.compression.windows import pick
from ser_toolkit.errors import ManifestError
from ser_toolkit.recipe import METADATA_KEY
from ser_toolkit.training import checkpoint

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from ser_toolkit.compression.mark import Method
    from ser_toolkit.compression.members import Member, Source
    from ser_toolkit.compression.prune import Pruning
    from ser_toolkit.compression.windows import Features
    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.recipe import Recipe

__all__ = ["CALIBRATION", "CHOICE", "Shrink", "Shrunk"]

CALIBRATION = 256
"""Most training windows that ranges of activations are found on."""

CHOICE = 128
"""Most further training windows that settings are chosen on."""

_FEW = 100
_TRACE = 8


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """A smaller graph.

    Parameters
    ----------
    proto : onnx.ModelProto
        With the inputs and outputs of the original.
    recipe : Recipe
        That of the original, but for the calibration of a network that was trained further.
    settings : dict of str to str
        How it was made, in words.
    cautions : tuple of str
        What a reader has to know.
    """

    proto: onnx.ModelProto
    recipe: Recipe
    settings: dict[str, str]
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shrink:
    """One method with its settings, applied to any number of models of one source.

    Parameters
    ----------
    method : {"int8", "fp16", "prune"}
        What to do.
    pruning : Pruning
        Settings of ``"prune"``.
    source : Source
        Data of the models.
    registry : Registry
        Where components are looked up.
    tell : callable
        Is told of long steps.
    """

    method: Method
    pruning: Pruning
    source: Source
    registry: Registry
    tell: Callable[[str], None]

    @classmethod
    def make(
        cls, method: Method, pruning: Pruning | None, source: Source, *, registry: Registry, tell: Callable[[str], None]
    ) -> Shrink:
        """Check what can be checked before any work is done.

        Raises
        ------
        MissingTierError
            If the method needs what is not installed.
        """
        from ser_toolkit.compression.prune import Pruning, check_tier

        if method == "prune":
            check_tier()
        return cls(method=method, pruning=pruning or Pruning(), source=source, registry=registry, tell=tell)

    def wants(self, member: Member) -> list[int]:
        """Utterances that it needs of a model's data, but for the test part."""
        if self.method == "prune":
            return list(range(len(self.source.data.utterances)))  # training counts utterances by the data set
        return pick(member, self.source.data.utterances, n=CALIBRATION + CHOICE)

    def export(self, member: Member, features: Features, path: Path) -> None:
        """Write the model as it was trained, in float32."""
        from onnx.helper import set_model_props

        from ser_toolkit.training.export import export
        from ser_toolkit.training.export_network import convert_network

        if (member.folder / checkpoint.SAMPLES).is_file():  # of a run folder; folds have none
            export(member.folder, path, registry=self.registry)
            return
        recipe, network = checkpoint.load_network(member.folder, self.registry)
        windows = features.windows(features.usable(self.wants(member)))[:_TRACE]
        if not len(windows):
            raise ManifestError(f"no training recording of {member.name} can be used")
        proto = convert_network(network, recipe, features.batch(windows))
        set_model_props(proto, {METADATA_KEY: recipe.to_json()})
        path.write_bytes(proto.SerializeToString())

    def __call__(self, member: Member, exported: Path, features: Features) -> Shrunk:
        """Compress one model.

        Parameters
        ----------
        member : Member
            The model.
        exported : Path
            What `export` wrote.
        features : Features
            Of all that it `wants`.

        Returns
        -------
        Shrunk
            Its graph.

        Raises
        ------
        ModelError
            If the method does not suit the network.
        """
        if self.method == "fp16":
            from ser_toolkit.compression.float16 import to_float16

            settings = {
                "layers": "16-bit floating point",
                "in float32": "inputs, standardization, softmax and temperature",
            }
            return Shrunk(proto=to_float16(exported), recipe=member.recipe, settings=settings)
        if self.method == "int8":
            return self._int8(member, exported, features)
        from ser_toolkit.compression.prune import prune

        return prune(member, self.source, features, self.pruning, registry=self.registry, tell=self.tell)

    def _int8(self, member: Member, exported: Path, features: Features) -> Shrunk:
        from ser_toolkit.compression.int8 import quantize

        chosen = features.usable(self.wants(member))
        cut = max(1, round(len(chosen) * CALIBRATION / (CALIBRATION + CHOICE)))
        ranges = _some(features.windows(chosen[:cut]), CALIBRATION)
        choice = _some(features.windows(chosen[cut:]), CHOICE)
        if not len(ranges) or not len(choice):
            raise ManifestError(f"{member.folder}: no training windows are left to calibrate int8 on")
        made = quantize(
            exported,
            member.recipe.targets[0].name,
            calibration=features.batch(ranges),
            choice=features.batch(choice),
        )
        few = f"only {len(ranges)} training windows to calibrate on: ranges of activations may be too narrow"
        return Shrunk(
            proto=made.proto,
            recipe=member.recipe,
            settings=made.about(),
            cautions=(few,) if len(ranges) < _FEW else (),
        )


def _some(windows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """At most `n` of the windows, spread over all."""
    if len(windows) <= n:
        return windows
    return windows[np.linspace(0, len(windows) - 1, n).astype(np.int64)]
