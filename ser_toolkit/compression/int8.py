"""Static int8: weights per channel, activations by the ranges seen on training windows, settings chosen on others."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ser_toolkit.compression.graphs import Batch, divergence, layers, n_rows, probabilities, rows_of
from ser_toolkit.errors import ModelError

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

__all__ = ["CLOSE", "Int8", "quantize"]

CLOSE = 1e-3
"""Mean Kullback-Leibler divergence in nats that is good enough: further settings are not tried."""

Ranges = Literal["minmax", "percentile"]

_STEP = 4
"""Windows in memory at a time: all activations of a batch are kept."""

_HISTOGRAM_WINDOWS = 32
"""Histograms of all activations take seconds a window."""

# what carries 8-bit numbers on from layer to layer; standardization, statistics, softmax and temperature are none
_CARRIERS = (
    "Add", "AveragePool", "Concat", "Flatten", "GlobalAveragePool", "MaxPool", "Relu", "Reshape", "Squeeze",
    "Transpose", "Unsqueeze",
)  # fmt: skip
_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True, kw_only=True)
class Int8:
    """A quantized graph, and how it was made.

    Parameters
    ----------
    proto : onnx.ModelProto
        Inputs and outputs are those of the original, in float32.
    ranges : {"minmax", "percentile"}
        How the ranges of activations were found.
    float_layers : tuple of str
        Which layers stayed in float32: none, ``"first"``, ``"last"``, or both.
    divergence : float
        Mean Kullback-Leibler divergence of its probabilities from the original's, in nats, on the windows that the
        settings were chosen on.
    n_calibration, n_choice : int
        Windows that ranges were found on, and that settings were chosen on.
    """

    proto: onnx.ModelProto
    ranges: Ranges
    float_layers: tuple[str, ...]
    divergence: float
    n_calibration: int
    n_choice: int

    def about(self) -> dict[str, str]:
        """Settings in words, for people."""
        return {
            "activations": f"8 bits, ranges by {self.ranges} over {self.n_calibration} training windows",
            "weights": "7 bits of 8, a scale per channel (the same numbers on CPUs without VNNI)",
            "in float32": ", ".join(
                ["standardization, softmax and temperature", *(f"{x} layers" for x in self.float_layers)]
            ),
            "divergence": f"{self.divergence:.1e} nats on {self.n_choice} other training windows",
        }


def quantize(path: Path, output: str, *, calibration: Batch, choice: Batch) -> Int8:
    """Quantize a graph.

    Parameters
    ----------
    path : Path
        An exported model.
    output : str
        Its output: probabilities.
    calibration : dict of str to ndarray
        Features of training windows, by input name, that ranges of activations are found on.
    choice : dict of str to ndarray
        Features of other training windows, that settings are chosen on.

    Returns
    -------
    Int8
        With the first settings that come close to the original (`CLOSE`), else those that come closest.

    Raises
    ------
    ModelError
        If ONNX Runtime cannot quantize the graph.

    Notes
    -----
    Activations are unsigned and weights signed 8-bit integers (QDQ). Weights use seven bits: CPUs without VNNI add
    products in 16 bits, which overflow with eight, and the gate's verdict has to hold on any machine. The extremes of
    activations come first, then extremes without the first or last layers, then ranges that leave out one value in
    ten thousand. ONNX Runtime's search by entropy is not tried: its time grows with the square of the range, and one
    loud window makes it hours.
    """
    from ser_toolkit.inference import runtime

    runtime()
    from onnxruntime.quantization.shape_inference import quant_pre_process

    expected = probabilities(path, output, choice)
    found: list[Int8] = []
    with tempfile.TemporaryDirectory(prefix="ser-toolkit-", ignore_cleanup_errors=True) as folder, _quiet():
        ready = Path(folder) / "ready.onnx"
        try:
            quant_pre_process(path, ready, skip_symbolic_shape=True)
            for ranges, float_layers in _settings(ready):
                part = calibration if ranges == "minmax" else rows_of(calibration, slice(_HISTOGRAM_WINDOWS))
                proto, made = _quantized(ready, Path(folder), ranges, float_layers, part)
                found.append(
                    Int8(
                        proto=proto,
                        ranges=ranges,
                        float_layers=float_layers,
                        divergence=divergence(expected, probabilities(made, output, choice)),
                        n_calibration=n_rows(part),
                        n_choice=len(expected),
                    )
                )
                if found[-1].divergence <= CLOSE:
                    break
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(
                f"ONNX Runtime cannot quantize {path.name}: {type(error).__name__}: {str(error)[:300]}"
            ) from error
    return min(found, key=lambda made: made.divergence)


def _settings(path: Path) -> Iterator[tuple[Ranges, tuple[str, ...]]]:
    """Settings, those first that are quicker to find and leave less in float32."""
    ends = layers(path)
    several = len(set(ends.first) | set(ends.last)) < len(ends.all)
    yield "minmax", ()
    if several:
        yield "minmax", ("last",)
        yield "minmax", ("first",)
        yield "minmax", ("first", "last")
    yield "percentile", ()
    if several:
        yield "percentile", ("first", "last")


def _quantized(
    ready: Path, folder: Path, ranges: Ranges, float_layers: Sequence[str], batch: Batch
) -> tuple[onnx.ModelProto, Path]:
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    methods = {"minmax": CalibrationMethod.MinMax, "percentile": CalibrationMethod.Percentile}
    ends = layers(ready)
    made = folder / f"{ranges}-{'-'.join(float_layers)}.onnx"
    quantize_static(
        ready,
        made,
        _reader(batch),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=[*_LAYERS, *_CARRIERS],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=[name for end in float_layers for name in getattr(ends, end)],
        calibrate_method=methods[ranges],
        calibration_cache_path=folder / f"{ranges}.json",  # found once for all choices of layers
        extra_options={"CalibStridedMinMax": 1, "CalibPercentile": 99.99, "MatMulConstBOnly": True},
    )
    return onnx.load(made), made


def _reader(batch: Batch) -> Any:
    """The windows, a few at a time, as ONNX Runtime asks for them."""
    from onnxruntime.quantization import CalibrationDataReader

    parts = [rows_of(batch, slice(first, first + _STEP)) for first in range(0, n_rows(batch), _STEP)]

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.waiting: list[dict[str, NDArray[Any]]] = []

        def __len__(self) -> int:
            return len(parts)

        def set_range(self, start_index: int, end_index: int) -> None:
            self.waiting = parts[start_index:end_index]

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            return self.waiting.pop(0) if self.waiting else None

    return Reader()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's prints and log off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            yield
    finally:
        logging.disable(before)
