"""TensorRT behind ONNX Runtime: its libraries, the shapes that it compiles for, and where it keeps what it compiled."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.errors import ConfigError
from ser_toolkit.inference import runtime

__all__ = ["MAX_BATCH", "engine_folder", "major_version", "preload_tensorrt", "provider_options"]

MAX_BATCH = 128
"""Most rows of one run: engines are compiled for 1 to so many."""

_USUAL_BATCH = 32
_UNKNOWN_MAJOR = 10


@functools.cache
def major_version() -> int:
    """The major version of TensorRT that this onnxruntime was linked with: read off its provider library."""
    onnxruntime = runtime()

    folder = Path(onnxruntime.__file__).parent / "capi"
    for name in ("libonnxruntime_providers_tensorrt.so", "onnxruntime_providers_tensorrt.dll"):
        with contextlib.suppress(OSError):
            found = re.search(rb"nvinfer(?:\.so\.|_)(\d+)", (folder / name).read_bytes())
            if found:
                return int(found.group(1))
    return _UNKNOWN_MAJOR


def preload_tensorrt() -> None:
    """Load TensorRT's libraries from where pip puts them; they carry no search path of their own."""
    found = importlib.util.find_spec("tensorrt_libs")
    for folder in (found.submodule_search_locations or ()) if found else ():
        if sys.platform == "win32":
            os.add_dll_directory(folder)
        # the parser and the plugins need nvinfer, which looks for its builder by name only
        needed = sorted(Path(folder).glob("*nvinfer*"), key=lambda path: len(path.name))
        for path in [*needed, *Path(folder).glob("*nvonnxparser*")]:
            with contextlib.suppress(OSError):
                ctypes.CDLL(str(path))


def provider_options(data: bytes, inputs: Mapping[str, tuple[int | None, ...]], *, index: int) -> dict[str, Any]:
    """Options of ONNX Runtime's TensorRT provider for a model, in single precision.

    Parameters
    ----------
    data : bytes
        The model.
    inputs : mapping of str to tuple
        Input name to shape; None for an axis that varies, the first of which is the batch.
    index : int
        Number of the GPU.

    Returns
    -------
    dict
        With shapes to compile for, if the batch is all that varies; others are compiled as they come.
    """
    options: dict[str, Any] = {"device_id": index, "trt_fp16_enable": False}
    if all(shape[:1] == (None,) and None not in shape[1:] for shape in inputs.values()):
        for name, rows in (("min", 1), ("opt", _USUAL_BATCH), ("max", MAX_BATCH)):
            options[f"trt_profile_{name}_shapes"] = ",".join(
                f"{key}:{'x'.join(str(n) for n in (rows, *shape[1:]))}" for key, shape in inputs.items()
            )
    if folder := engine_folder(data):
        options |= {
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": True,
            "trt_timing_cache_path": str(folder.parent),
        }
    return options


def engine_folder(data: bytes) -> Path | None:
    """Make the folder for the engines of a model.

    ONNX Runtime names engines by the graph and not by its weights, nor by TensorRT's version, so that each model
    and version has a folder of its own.

    Parameters
    ----------
    data : bytes
        The model.

    Returns
    -------
    Path or None
        In ``tensorrt`` in the folder that ``SER_TOOLKIT_CACHE`` names, or in ``ser-toolkit`` in the user's cache
        folder; private to the user. None if it cannot be made: the engine is then compiled each time.
    """
    onnxruntime = runtime()

    try:
        features = FeatureCache.default().folder
    except ConfigError:  # about the limit of the feature cache, which is not asked here
        return None
    base = features if os.environ.get("SER_TOOLKIT_CACHE") else features.parent
    key = hashlib.sha256(data).hexdigest()[:24]
    folder = base / "tensorrt" / f"ort{onnxruntime.__version__}-trt{_exact_version()}" / key
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        own = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
    except OSError:
        return None
    return folder if own else None


def _exact_version() -> int:
    """The number that TensorRT gives itself: 101601 for 10.16.1; 0 if it is not loaded."""
    name = f"nvinfer_{major_version()}.dll" if sys.platform == "win32" else f"libnvinfer.so.{major_version()}"
    try:
        return int(ctypes.CDLL(name).getInferLibVersion())
    except (OSError, AttributeError):
        return 0
