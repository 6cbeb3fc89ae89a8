"""ONNX Runtime sessions: one file in, the device that really runs out."""

from __future__ import annotations

import base64
import functools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import DeviceError, ModelError
from ser_toolkit.inference import runtime, tensorrt
from ser_toolkit.inference.device_names import parse_device
from ser_toolkit.inference.devices import PROVIDERS, WITHOUT, Obstacle, find_obstacle, preload
from ser_toolkit.inference.nvidia_driver import NO_DRIVER, has_driver
from ser_toolkit.recipe import METADATA_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Session", "beside", "open_session", "recipe_text", "try_device"]

# a convolution of ones, 3 by 3, without padding: input x (1, 1, 3, 3), output y (1, 1, 1, 1)
_TRIAL = base64.b64decode(
    "CAg6gwEKDwoBeAoBdxIBeSIEQ29udhIBdCozCAEIAQgDCAMQAUIBd0okAACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/WhsKAXgS"
    "FgoUCAESEAoCCAEKAggBCgIIAwoCCANiGwoBeRIWChQIARIQCgIIAQoCCAEKAggBCgIIAUIECgAQEQ=="
)


@dataclass(frozen=True, kw_only=True)
class Session:
    """An open model.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The session.
    device : str
        Where it really runs: ``"cpu"``, ``"cuda:0"``, ``"tensorrt:0"``.
    metadata : dict
        Metadata of the file.
    inputs : dict
        Input name to shape; None for an axis that varies.
    fallback : str
        Why ``"auto"`` did not take a GPU; empty if it did, or was not asked.
    max_batch : int, optional
        Most rows that the device takes at once; None: any number.
    """

    session: Any
    device: str
    metadata: dict[str, str]
    inputs: dict[str, tuple[int | None, ...]]
    fallback: str = ""
    max_batch: int | None = None

    def run(self, output: str | Sequence[str], features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """One output for a batch of features, or several side by side.

        Parameters
        ----------
        output : str or sequence of str
            Name of the output; names of those whose columns are put together.
        features : mapping of str to ndarray
            One array (batch, *shape) per input.

        Returns
        -------
        ndarray of float32, shape (batch, n)
            The output.
        """
        n = len(next(iter(features.values())))
        step = self.max_batch or n
        names = [output] if isinstance(output, str) else list(output)
        parts = [
            beside(self.session.run(names, {name: array[start : start + step] for name, array in features.items()}))
            for start in range(0, max(n, 1), max(step, 1))
        ]
        return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts), dtype=np.float32)


def beside(outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Outputs (n, k) of one batch side by side."""
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1)


def open_session(path: Path, *, device: str = "auto", threads: int = 0, spin: bool = True) -> Session:
    """Open an ONNX file; nothing that it names is loaded or executed but the operators of ONNX Runtime itself.

    Parameters
    ----------
    path : Path
        The file. Weights outside it are refused. Or the run folder of a classical model, which runs on the CPU.
    device : str, optional
        ``"auto"`` takes a CUDA device if one works; ``"cuda"``, ``"cuda:1"`` and ``"tensorrt"`` insist on it.
        TensorRT compiles each model for minutes at first.
    threads : int, optional
        Threads of one inference on CPU; 0 takes one per core.
    spin : bool, optional
        Whether threads that wait for work keep their cores busy, which answers sooner. Turn it off where other
        processes want these cores.

    Returns
    -------
    Session
        Open.

    Raises
    ------
    ModelError
        If the file is missing, no ONNX, damaged, or needs data or operators from elsewhere.
    DeviceError
        If the device that was asked for does not run; says why and what to install.
    """
    kind, index = parse_device(device)
    if path.is_dir():
        from ser_toolkit.inference.classical_run import open_run

        if kind not in ("auto", "cpu"):
            raise DeviceError(f"{kind}:{index} cannot be used: {path} holds a classical model, which runs on the CPU")
        return open_run(path, fallback="a classical model runs on the CPU" if kind == "auto" else "")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    fallback = ""
    if kind == "auto" and not has_driver():
        kind, fallback = "cpu", NO_DRIVER
    if kind != "cpu":
        try:
            return _open_gpu(path, data, "cuda" if kind == "auto" else kind, index, threads=threads, spin=spin)
        except DeviceError as error:
            if kind != "auto":
                raise
            fallback = str(error)
    return replace(_open_cpu(path, data, threads=threads, spin=spin), fallback=fallback)


@functools.cache
def try_device(kind: str, index: int = 0) -> Obstacle | None:
    """Run a tiny convolution on a device; once per process.

    Parameters
    ----------
    kind : {"cpu", "cuda", "tensorrt"}
        Kind of device.
    index : int, optional
        Its number.

    Returns
    -------
    Obstacle or None
        Why it does not run; None if it does.
    """
    try:
        session = _session(_TRIAL, kind, index, {"x": (1, 1, 3, 3)})
        providers = session.get_providers()
        (result,) = session.run(["y"], {"x": np.full((1, 1, 3, 3), 2, np.float32)})
    except Exception as error:  # noqa: BLE001 onnxruntime's errors have no root of their own
        return find_obstacle(kind, index, said=_first_sentence(error))
    if providers[0] != PROVIDERS[kind]:
        return find_obstacle(kind, index)
    if abs(result.item() - 18) > 1e-3:
        return Obstacle(reason=f"it computes that 9 times 2 is {result.item():g}", mend=WITHOUT)
    return None


def recipe_text(session: Session, path: Path) -> str:
    """The recipe in a model's metadata.

    Raises
    ------
    ModelError
        If there is none.
    """
    try:
        return session.metadata[METADATA_KEY]
    except KeyError:
        raise ModelError(
            f"{path} is an ONNX model, but not one of ser-toolkit's: its metadata hold no recipe, which says how audio "
            "becomes its inputs. Models made by `ser-toolkit export-onnx` have one"
        ) from None


def _open_cpu(path: Path, data: bytes, **options: Any) -> Session:
    try:
        session = _session(data, "cpu", **options)
    except Exception as error:
        raise ModelError(f"{path} is no ONNX model that can be run here: {_first_sentence(error)}") from error
    return Session(session=session, device="cpu", metadata=_metadata(session), inputs=_inputs(session))


def _open_gpu(path: Path, data: bytes, kind: str, index: int, **options: Any) -> Session:
    # for TensorRT, which compiles, the opening itself is the trial
    if kind == "cuda" and (obstacle := try_device(kind, index)):
        raise _device_error(kind, index, obstacle)
    # tells the faults of a file from those of a device, and TensorRT compiles for the shapes
    inputs = _open_cpu(path, data, threads=1, optimize=False).inputs
    try:
        session = _session(data, kind, index, inputs, **options)
    except Exception as error:
        raise _device_error(kind, index, find_obstacle(kind, index, said=_first_sentence(error))) from error
    if session.get_providers()[0] != PROVIDERS[kind]:
        raise _device_error(kind, index, find_obstacle(kind, index))
    return Session(
        session=session,
        device=f"{kind}:{index}",
        metadata=_metadata(session),
        inputs=inputs,
        max_batch=tensorrt.MAX_BATCH if kind == "tensorrt" else None,
    )


def _session(
    data: bytes,
    kind: str,
    index: int = 0,
    inputs: Mapping[str, tuple[int | None, ...]] | None = None,
    *,
    threads: int = 0,
    spin: bool = True,
    optimize: bool = True,
) -> Any:
    onnxruntime = runtime()

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if not spin:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # a tensor may name another file; opened from memory a model has no folder, and the one given here cannot exist
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", f"{os.devnull}/none")
    providers: list[Any] = [PROVIDERS["cpu"]]
    if kind != "cpu" and PROVIDERS[kind] in onnxruntime.get_available_providers():
        preload(kind)
        # TF32 keeps 10 bits of each factor: numbers would differ from those on CPU in the third digit
        providers.insert(0, (PROVIDERS["cuda"], {"device_id": index, "use_tf32": 0}))
        if kind == "tensorrt":
            providers.insert(0, (PROVIDERS[kind], tensorrt.provider_options(data, inputs or {}, index=index)))
    # trying a provider that is not there writes coloured C++ errors; severity 4 keeps stderr clean
    onnxruntime.set_default_logger_severity(4)
    try:
        # without its fallback, which would go on with another provider and print that, here and in any later run
        return onnxruntime.InferenceSession(data, options, providers=providers, enable_fallback=False)
    finally:
        onnxruntime.set_default_logger_severity(2)


def _device_error(kind: str, index: int, obstacle: Obstacle) -> DeviceError:
    return DeviceError(f"{kind}:{index} cannot be used: {obstacle}")


def _metadata(session: Any) -> dict[str, str]:
    return dict(session.get_modelmeta().custom_metadata_map)


def _inputs(session: Any) -> dict[str, tuple[int | None, ...]]:
    return {i.name: tuple(n if isinstance(n, int) else None for n in i.shape) for i in session.get_inputs()}


def _first_sentence(error: Exception) -> str:
    text = re.sub(r"\s+", " ", str(error)).replace("[ONNXRuntimeError] : ", "")
    return text[:240] + ("..." if len(text) > 240 else "")
