"""The NVIDIA driver and its GPUs, asked through the driver's own library."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

__all__ = ["NO_DRIVER", "Driver", "Gpu", "has_driver", "hidden", "library_name", "look_at_driver"]

NO_DRIVER = "no NVIDIA driver"
"""Why device ``auto`` takes no GPU on most machines."""

_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CUdevice_attribute


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU as the driver describes it.

    Parameters
    ----------
    name : str
        ``"NVIDIA H100 80GB HBM3"``.
    capability : tuple of int
        Compute capability: (9, 0).
    memory_bytes : int
        All of its memory.
    """

    name: str
    capability: tuple[int, int]
    memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Driver:
    """The NVIDIA driver.

    Parameters
    ----------
    version : str
        Of the driver: ``"580.65.06"``; empty if it does not say.
    cuda : tuple of int
        Highest CUDA version that it runs: (13, 0); (0, 0) without a driver.
    gpus : tuple of Gpu
        By device index.
    problem : str
        Why there are none; empty if there are.
    """

    version: str = ""
    cuda: tuple[int, int] = (0, 0)
    gpus: tuple[Gpu, ...] = ()
    problem: str = ""


def has_driver() -> bool:
    """Whether an NVIDIA driver is installed; says nothing about whether it works."""
    try:
        ctypes.CDLL(library_name())
    except OSError:
        return False
    return True


def look_at_driver() -> Driver:
    """Ask the NVIDIA driver for its version and its GPUs.

    Returns
    -------
    Driver
        With a `problem` where there is no driver or no GPU.
    """
    try:
        cuda = ctypes.CDLL(library_name())
    except OSError:
        return Driver(problem=f"no NVIDIA driver is installed ({library_name()} cannot be loaded)")
    try:
        number = ctypes.c_int()
        cuda.cuDriverGetVersion(ctypes.byref(number))
        known = Driver(version=_driver_version(), cuda=(number.value // 1000, number.value % 1000 // 10))
        code = cuda.cuInit(0)
        count = ctypes.c_int()
        code = code or cuda.cuDeviceGetCount(ctypes.byref(count))
        if code == _NO_DEVICE or (not code and not count.value):
            return _with_problem(known, f"the NVIDIA driver sees no GPU{hidden()}")
        if code:
            return _with_problem(known, f"the NVIDIA driver does not start: {_error_text(cuda, code)}")
        gpus = tuple(_gpu(cuda, i) for i in range(count.value))
    except AttributeError as error:
        return Driver(problem=f"{library_name()} is no NVIDIA driver ({error})")
    return Driver(version=known.version, cuda=known.cuda, gpus=gpus)


def library_name() -> str:
    """File name of the driver's library."""
    return "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"


def hidden() -> str:
    """What hides GPUs from the driver, in brackets; empty if nothing does."""
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if said is None else f" (CUDA_VISIBLE_DEVICES is {said!r})"


def _driver_version() -> str:
    try:
        nvml = ctypes.CDLL("nvml.dll" if os.name == "nt" else "libnvidia-ml.so.1")
        text = ctypes.create_string_buffer(80)
        if nvml.nvmlInit_v2() or nvml.nvmlSystemGetDriverVersion(text, 80):
            return ""
        nvml.nvmlShutdown()
    except (OSError, AttributeError):
        return ""
    return text.value.decode(errors="replace")


def _gpu(cuda: ctypes.CDLL, index: int) -> Gpu:
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    major, minor = ctypes.c_int(), ctypes.c_int()
    cuda.cuDeviceGetName(name, 256, index)
    cuda.cuDeviceGetAttribute(ctypes.byref(major), _CAPABILITY_MAJOR, index)
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), _CAPABILITY_MINOR, index)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), index)
    return Gpu(
        name=name.value.decode(errors="replace"),
        capability=(major.value, minor.value),
        memory_bytes=memory.value,
    )


def _error_text(cuda: ctypes.CDLL, code: int) -> str:
    text = ctypes.c_char_p()
    if cuda.cuGetErrorString(code, ctypes.byref(text)) or not text.value:
        return f"error {code}"
    return f"{text.value.decode(errors='replace')} (error {code})"


def _with_problem(driver: Driver, problem: str) -> Driver:
    return Driver(version=driver.version, cuda=driver.cuda, problem=problem)
