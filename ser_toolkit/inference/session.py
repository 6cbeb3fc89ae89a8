"""ONNX Runtime sessions: one file in, the device that really runs out."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import DeviceError, ModelError
from ser_toolkit.recipe import METADATA_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Session", "open_session"]

_DEVICE = re.compile(r"auto|cpu|cuda(?::\d+)?")


@dataclass(frozen=True, kw_only=True)
class Session:
    """An open model.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The session.
    device : str
        Where it really runs: ``"cpu"``, ``"cuda:0"``.
    metadata : dict
        Metadata of the file.
    inputs : dict
        Input name to shape; None for an axis that varies.
    fallback : str
        Why ``"auto"`` did not take a GPU; empty if it did, or was not asked.
    """

    session: Any
    device: str
    metadata: dict[str, str]
    inputs: dict[str, tuple[int | None, ...]]
    fallback: str = ""

    def run(self, output: str, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """One output for a batch of features.

        Parameters
        ----------
        output : str
            Name of the output.
        features : mapping of str to ndarray
            One array (batch, *shape) per input.

        Returns
        -------
        ndarray of float32, shape (batch, n)
            The output.
        """
        (result,) = self.session.run([output], dict(features))
        return np.asarray(result, dtype=np.float32)


def open_session(path: Path, *, device: str = "auto", threads: int = 0) -> Session:
    """Open an ONNX file; nothing that it names is loaded or executed but the operators of ONNX Runtime itself.

    Parameters
    ----------
    path : Path
        The file. Weights outside it are refused.
    device : str, optional
        ``"auto"`` takes a CUDA device if one works; ``"cuda"`` and ``"cuda:1"`` insist on it.
    threads : int, optional
        Threads of one inference on CPU; 0 takes one per core.

    Returns
    -------
    Session
        Open.

    Raises
    ------
    ModelError
        If the file is missing, no ONNX, damaged, or needs data or operators from elsewhere.
    DeviceError
        If the device that was asked for does not run.
    """
    if not isinstance(device, str) or not _DEVICE.fullmatch(device):
        raise DeviceError(f"no device is called {device!r}: it is auto, cpu, cuda or cuda:N")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if device == "cpu":
        return _open(path, data, "cpu", threads)
    if device == "auto" and not _has_nvidia_driver():
        return replace(_open(path, data, "cpu", threads), fallback="no NVIDIA driver")
    index = int(device.partition(":")[2] or 0)
    try:
        return _open_cuda(path, data, index, threads)
    except DeviceError as error:
        if device == "auto":
            return replace(_open(path, data, "cpu", threads), fallback=str(error))
        raise


def _open_cuda(path: Path, data: bytes, index: int, threads: int) -> Session:
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise DeviceError(
            "cuda cannot be used: this onnxruntime was built without CUDA. Install the GPU build: "
            "pip uninstall onnxruntime && pip install onnxruntime-gpu"
        )
    said = io.StringIO()
    if hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(said):  # it prints what it does not find
            onnxruntime.preload_dlls()
    session = _open(path, data, f"cuda:{index}", threads)
    if session.session.get_providers()[0] != "CUDAExecutionProvider":
        missing = sorted(set(re.findall(r"Failed to load ([^\s:]+)", said.getvalue())))
        if not _has_nvidia_driver():
            cause = "no NVIDIA driver is installed (libcuda is not found; nvidia-smi shows one)"
        elif missing:
            cause = f"CUDA libraries are missing: {', '.join(missing)}"
        else:
            cause = f"ONNX Runtime cannot use device {index} (driver too old, or no such device: see nvidia-smi)"
        wanted = (
            f"onnxruntime {onnxruntime.__version__} is built for CUDA {onnxruntime.cuda_version or '13'} and cuDNN 9"
        )
        raise DeviceError(
            f"cuda:{index} cannot be used: {cause}. {wanted}; their libraries come with "
            "pip install 'ser-toolkit[gpu]'. Without a GPU use --device cpu or auto"
        )
    return session


def _open(path: Path, data: bytes, device: str, threads: int) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    # a tensor may name another file; opened from memory a model has no folder, and the one given here cannot exist
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", f"{os.devnull}/none")
    kind, _, index = device.partition(":")
    providers: list[Any] = ["CPUExecutionProvider"]
    if kind == "cuda":
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": int(index)}))
    # trying a provider that is not there writes coloured C++ errors; severity 4 keeps stderr clean
    onnxruntime.set_default_logger_severity(4)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # a provider that fails is announced there
            session = onnxruntime.InferenceSession(data, options, providers=providers)
    except Exception as error:
        raise ModelError(f"{path} is no ONNX model that can be run here: {_first_sentence(error)}") from error
    finally:
        onnxruntime.set_default_logger_severity(2)
    return Session(
        session=session,
        device=device,
        metadata=dict(session.get_modelmeta().custom_metadata_map),
        inputs={i.name: tuple(n if isinstance(n, int) else None for n in i.shape) for i in session.get_inputs()},
    )


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


def _first_sentence(error: Exception) -> str:
    text = re.sub(r"\s+", " ", str(error)).replace("[ONNXRuntimeError] : ", "")
    return text[:240] + ("..." if len(text) > 240 else "")


def _has_nvidia_driver() -> bool:
    name = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
