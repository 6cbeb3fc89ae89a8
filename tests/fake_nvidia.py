"""A machine with an NVIDIA driver, as far as the loader can see: small C libraries of the right names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_DRIVER = """
#include <string.h>
#include <stddef.h>
int cuDriverGetVersion(int *version) { *version = %(version)d; return 0; }
int cuInit(unsigned flags) { return %(init)d; }
int cuDeviceGetCount(int *count) { *count = %(count)d; return 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "Imaginary 1000", length); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 75 ? %(major)d : attribute == 76 ? %(minor)d : 0; return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)8 << 30; return 0; }
int cuGetErrorString(int code, const char **text) { *text = "imaginary failure"; return 0; }
"""
_NVML = """
#include <string.h>
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *version, unsigned length) { strncpy(version, "555.42", length); return 0; }
"""


def driver(folder: Path, *, version=13000, init=0, count=1, capability=(9, 0)) -> Path:
    """Make ``libcuda.so.1`` and ``libnvidia-ml.so.1`` that answer so."""
    numbers = {"version": version, "init": init, "count": count, "major": capability[0], "minor": capability[1]}
    library(folder, "libcuda.so.1", _DRIVER % numbers)
    library(folder, "libnvidia-ml.so.1", _NVML)
    return folder


def library(folder: Path, name: str, source: str = "") -> None:
    """Make a shared library of that name."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler to imitate NVIDIA's libraries")
    command = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{name}", "-w", "-x", "c", "-", "-o", str(folder / name)]
    subprocess.run(command, input=source, text=True, check=True)


def python(folder: Path, code: str, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the loader finds what is in the folder first."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("LD_LIBRARY_PATH", "")]))
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "LD_LIBRARY_PATH": path, "OMP_NUM_THREADS": "1", **env},
    )
