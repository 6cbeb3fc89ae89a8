"""Batches of few sizes, so that a GPU tunes for each of them once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.inference import runtime
from ser_toolkit.inference.session import beside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.inference.session import Session
    from ser_toolkit.interfaces import FeatureSpec

__all__ = ["FREE_AXIS_STEP", "SIZES", "BatchRunner"]

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Batch sizes that a GPU sees."""

FREE_AXIS_STEP = 64
"""An axis that varies is filled up with zeros to a multiple of this."""

_FULL_ENOUGH = 0.75
_MAX_BOUND = 24


class BatchRunner:
    """Runs a session on batches of any size, through inputs that stay on the device.

    On a GPU a batch is cut into pieces of the sizes given, and a piece that fills three quarters of one is filled up:
    the last row is repeated, and what comes of it cut off. A feature whose shape varies is filled up with zeros along
    that axis; its length, which the network gets too, is left alone. On CPU batches run as they are.

    Parameters
    ----------
    session : Session
        Open. It outlives the runner.
    output : str or sequence of str
        Name of the output; names of those whose columns are put together.
    specs : mapping of str to FeatureSpec
        Shapes of the inputs.
    sizes : sequence of int, optional
        Ascending. Those beyond what the device takes at once are left out.
    pinned : bool, optional
        Whether to keep to the sizes; default: on GPUs only.

    Raises
    ------
    ValueError
        If no size is left, or they do not ascend.

    Notes
    -----
    One thread at a time: the inputs on the device are used again by the next batch.
    """

    def __init__(
        self,
        session: Session,
        output: str | Sequence[str],
        specs: Mapping[str, FeatureSpec],
        *,
        sizes: Sequence[int] = SIZES,
        pinned: bool | None = None,
    ) -> None:
        if list(sizes) != sorted({s for s in sizes if s > 0}):
            raise ValueError(f"batch sizes ascend from 1 or more; got {tuple(sizes)}")
        self._sizes = [s for s in sizes if session.max_batch is None or s <= session.max_batch]
        if not self._sizes:
            raise ValueError(f"none of the batch sizes {tuple(sizes)} is within the {session.max_batch} of the device")
        self._session = session
        self._outputs = [output] if isinstance(output, str) else list(output)
        self._free = {name: spec.shape.index(None) + 1 for name, spec in specs.items() if spec.varies}
        kind, _, index = session.device.partition(":")
        self._pinned = kind != "cpu" if pinned is None else pinned
        self._place = ("cpu", 0) if kind == "cpu" else ("cuda", int(index))
        self._bound: OrderedDict[tuple[Any, ...], tuple[Any, dict[str, Any]]] = OrderedDict()

    def run(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The output for a batch.

        Parameters
        ----------
        features : mapping of str to ndarray
            One array (n, *shape) per input, as from `collate`; n is at least 1.

        Returns
        -------
        ndarray of float32, shape (n, k)
            As `Session.run` gives it, to rounding.

        Raises
        ------
        ValueError
            If the batch is empty, or the inputs have different numbers of rows.
        """
        counts = {name: len(array) for name, array in features.items()}
        if len(set(counts.values())) != 1 or 0 in counts.values():
            raise ValueError(f"a batch has as many rows in each input, and at least one; got {counts}")
        n = next(iter(counts.values()))
        parts, start = [], 0
        for count, size in self._pieces(n):
            piece = {name: array[start : start + count] for name, array in features.items()}
            if self._pinned:
                filled = {name: self._filled(name, array, size) for name, array in piece.items()}
                parts.append(self._run_bound(filled)[:count])
            else:
                parts.append(self._session.run(self._outputs, piece))
            start += count
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _pieces(self, n: int) -> Iterator[tuple[int, int]]:
        """Rows of each piece, and the size that it is filled up to."""
        while n:
            size = next((s for s in self._sizes if s >= n), self._sizes[-1])
            if n < _FULL_ENOUGH * size and self._pinned:
                size = max((s for s in self._sizes if s <= n), default=size)
            count = min(n, size)
            yield count, size
            n -= count

    def _filled(self, name: str, array: NDArray[Any], size: int) -> NDArray[Any]:
        padding = [(0, 0)] * array.ndim
        if (axis := self._free.get(name)) is not None:
            padding[axis] = (0, -array.shape[axis] % FREE_AXIS_STEP)
        if any(after for _, after in padding):
            array = np.pad(array, padding)
        if len(array) < size:
            array = np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])
        return np.ascontiguousarray(array)

    def _run_bound(self, features: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        binding, values = self._binding(features)
        for name, array in features.items():
            values[name].update_inplace(array)
        # the copies run on another stream than the session
        binding.synchronize_inputs()
        self._session.session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return np.array(beside(binding.copy_outputs_to_cpu()), dtype=np.float32)

    def _binding(self, features: Mapping[str, NDArray[Any]]) -> tuple[Any, dict[str, Any]]:
        onnxruntime = runtime()

        key = tuple((name, array.shape, array.dtype.str) for name, array in features.items())
        if key in self._bound:
            self._bound.move_to_end(key)
            return self._bound[key]
        if len(self._bound) >= _MAX_BOUND:
            self._bound.popitem(last=False)
        binding = self._session.session.io_binding()
        values = {
            name: onnxruntime.OrtValue.ortvalue_from_shape_and_type(array.shape, array.dtype, *self._place)
            for name, array in features.items()
        }
        for name, value in values.items():
            binding.bind_ortvalue_input(name, value)
        for output in self._outputs:
            binding.bind_output(output)  # to the memory of the CPU
        self._bound[key] = (binding, values)
        return self._bound[key]
