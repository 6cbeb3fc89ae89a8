"""Why a device cannot be used, and the libraries that it needs: looked at, not guessed."""

from __future__ import annotations

import contextlib
import ctypes
import io
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_toolkit.inference import runtime
from ser_toolkit.inference.nvidia_driver import hidden, look_at_driver
from ser_toolkit.inference.tensorrt import major_version, preload_tensorrt

__all__ = [
    "PROVIDERS",
    "Library",
    "Obstacle",
    "find_obstacle",
    "libraries",
    "preload",
    "say_broken",
]

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
"""Kind of device to ONNX Runtime's name for what runs there."""

WITHOUT = "Without a GPU use --device cpu or auto"
"""What helps always."""

_CUDNN_MAJOR = 9
_LEAST_CAPABILITY = {12: (5, 0), 13: (7, 5)}
"""CUDA major version to the oldest architecture that it compiles for (its release notes)."""


@dataclass(frozen=True, kw_only=True)
class Library:
    """A shared library that a provider needs.

    Parameters
    ----------
    name : str
        File name: ``"libcublas.so.13"``.
    path : str
        Where it was loaded from; empty if it was not, or the system does not say.
    problem : str
        Why it cannot be loaded: ``"missing"``, or what the system says; empty if it can.
    others : tuple of str
        Other versions of it that are there: ``("libcublas.so.12",)``.
    """

    name: str
    path: str = ""
    problem: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Why a device cannot be used.

    Parameters
    ----------
    reason : str
        What is in the way, without a full stop.
    mend : str
        What to do, a sentence without a full stop; empty if nothing helps.
    """

    reason: str
    mend: str = ""

    def __str__(self) -> str:
        return ". ".join(filter(None, (self.reason, self.mend)))


def preload(kind: str) -> None:
    """Load the CUDA, cuDNN and TensorRT libraries that pip installed, so that ONNX Runtime finds them; silently.

    Parameters
    ----------
    kind : {"cuda", "tensorrt"}
        For which device.
    """
    onnxruntime = runtime()

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():  # it prints what it does not find
        warnings.simplefilter("ignore")
        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()
        if kind == "tensorrt":
            preload_tensorrt()


def libraries(kind: str) -> tuple[Library, ...]:
    """Try to load each library that a provider needs.

    Parameters
    ----------
    kind : {"cuda", "tensorrt"}
        For which device.

    Returns
    -------
    tuple of Library
        In the order of their dependence.
    """
    preload(kind)
    return tuple(_look_at_library(name) for name in _library_names(kind))


def find_obstacle(kind: str, index: int, *, said: str = "") -> Obstacle:
    """Find out why a device that was tried does not run.

    Parameters
    ----------
    kind : {"cpu", "cuda", "tensorrt"}
        Kind of device.
    index : int
        Its number.
    said : str, optional
        What ONNX Runtime said, for the case that all looks well from here.

    Returns
    -------
    Obstacle
        The first thing in the way, in the order in which they must be mended.
    """
    onnxruntime = runtime()

    if kind == "cpu":
        return Obstacle(reason=said, mend="Install onnxruntime again; ser-toolkit doctor shows which")
    if PROVIDERS[kind] not in onnxruntime.get_available_providers():
        built = {"cuda": "CUDA", "tensorrt": "TensorRT"}[kind]
        where = "" if sys.platform in ("linux", "win32") else f"; there is none with it for {sys.platform}"
        mend = (
            "" if where else "pip uninstall -y onnxruntime && pip install --force-reinstall --no-deps onnxruntime-gpu"
        )
        return Obstacle(reason=f"this onnxruntime was built without {built}{where}", mend=mend)
    driver = look_at_driver()
    cuda = _cuda_version()
    if not driver.cuda[0]:
        reason = driver.problem or "the NVIDIA driver does not say which CUDA it runs"
        return Obstacle(reason=reason, mend=WITHOUT)
    if driver.cuda[0] < cuda[0]:
        version = f" {driver.version}" if driver.version else ""
        return Obstacle(
            reason=f"the NVIDIA driver{version} runs CUDA {_dotted(driver.cuda)} at most, and onnxruntime "
            f"{onnxruntime.__version__} is built for CUDA {cuda[0]}",
            mend="Install a newer driver: nvidia.com/drivers",
        )
    if driver.problem:
        return Obstacle(reason=driver.problem, mend="nvidia-smi shows what the driver sees")
    if index >= len(driver.gpus):
        there = ", ".join(f"{i} ({gpu.name})" for i, gpu in enumerate(driver.gpus))
        return Obstacle(reason=f"there is no GPU {index}{hidden()}", mend=f"There is {there}")
    gpu, least = driver.gpus[index], _LEAST_CAPABILITY.get(cuda[0], (0, 0))
    if gpu.capability < least:
        return Obstacle(
            reason=f"GPU {index} ({gpu.name}) has compute capability {_dotted(gpu.capability)}, and CUDA {cuda[0]} "
            f"needs {_dotted(least)} or more",
            mend=WITHOUT,
        )
    if broken := [library for library in libraries(kind) if library.problem]:
        return _libraries_obstacle(broken, cuda_major=cuda[0])
    reason = said or _provider_problem(kind) or f"{PROVIDERS[kind]} does not open, and ONNX Runtime gives no reason"
    return Obstacle(reason=reason, mend=WITHOUT)


def _libraries_obstacle(broken: list[Library], *, cuda_major: int) -> Obstacle:
    own = [b for b in broken if "nvinfer" in b.name or "nvonnxparser" in b.name]
    lines = ["pip install 'ser-toolkit[gpu]'"] if len(own) < len(broken) else []
    if own:
        lines.append(f"pip install 'tensorrt-cu{cuda_major}-libs<{major_version() + 1}'")
    return Obstacle(reason=say_broken(broken), mend=f"Install them: {' && '.join(lines)}")


def say_broken(broken: Sequence[Library]) -> str:
    """Which libraries are missing and which do not load.

    Parameters
    ----------
    broken : sequence of Library
        Those with a problem.

    Returns
    -------
    str
        ``"libraries are missing: libcudnn.so.9 (there is libcudnn.so.8); libcurand.so.10 cannot be loaded: ..."``.
    """
    missing = [
        b.name + (f" (there is {', '.join(b.others)})" if b.others else "") for b in broken if b.problem == "missing"
    ]
    said = [f"libraries are missing: {', '.join(missing)}"] if missing else []
    return "; ".join([*said, *(f"{b.name} cannot be loaded: {b.problem}" for b in broken if b.problem != "missing")])


def _provider_problem(kind: str) -> str:
    """What the system says when it loads ONNX Runtime's own library for a device; empty if that is well."""
    onnxruntime = runtime()

    folder = Path(onnxruntime.__file__).parent / "capi"
    name = "onnxruntime_providers_{}.dll" if sys.platform == "win32" else "libonnxruntime_providers_{}.so"
    try:
        ctypes.CDLL(str(folder / name.format("shared")), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / name.format(kind)))
    except OSError as error:
        return re.sub(r"\s+", " ", str(error))
    return ""


def _library_names(kind: str) -> list[str]:
    cuda = _cuda_version()[0]
    stems: list[tuple[str, int]] = [("cublasLt", cuda), ("cublas", cuda), ("cudart", cuda), ("cudnn", _CUDNN_MAJOR)]
    if sys.platform != "win32":
        stems.insert(2, ("curand", 10))
    if kind == "tensorrt":
        stems += [(stem, major_version()) for stem in ("nvinfer", "nvinfer_plugin", "nvonnxparser")]
    return [_file_name(stem, major) for stem, major in stems]


def _file_name(stem: str, major: int) -> str:
    if sys.platform != "win32":
        return f"lib{stem}.so.{major}"
    return f"{stem}_{major}.dll" if stem.startswith("nv") else f"{stem}64_{major}.dll"


def _look_at_library(name: str) -> Library:
    try:
        ctypes.CDLL(name)
    except OSError as error:
        said = re.sub(r"\s+", " ", str(error))
        if not re.match(rf"{re.escape(name)}: cannot open shared object|Could not find module", said):
            return Library(name=name, problem=said.removeprefix(f"{name}: "))
        return Library(name=name, problem="missing", others=_other_versions(name))
    return Library(name=name, path=_loaded_from(name))


def _other_versions(name: str) -> tuple[str, ...]:
    """Libraries of the same name and another major version, where pip or the system puts them."""
    if not (parts := re.fullmatch(r"(lib\w+\.so\.)(\d+)", name)):
        return ()
    onnxruntime = runtime()

    stem, major = parts.group(1), int(parts.group(2))
    site = Path(onnxruntime.__file__).parents[1]
    found = {path.name for path in site.glob(f"nvidia/**/{stem}*")} | {
        path.name for path in site.glob(f"tensorrt_libs/{stem}*")
    }
    for other in range(max(1, major - 3), major + 3):
        with contextlib.suppress(OSError):
            ctypes.CDLL(f"{stem}{other}")
            found.add(f"{stem}{other}")
    return tuple(sorted(found - {name}))


def _loaded_from(name: str) -> str:
    try:
        maps = Path("/proc/self/maps").read_text(errors="replace")
    except OSError:
        return ""
    match = re.search(rf"(/\S.*/{re.escape(name)}\S*)$", maps, re.MULTILINE)
    return match.group(1) if match else ""


def _cuda_version() -> tuple[int, int]:
    onnxruntime = runtime()

    major, minor = [*re.findall(r"\d+", getattr(onnxruntime, "cuda_version", None) or ""), "0", "0"][:2]
    return int(major), int(minor)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
