"""What is installed: versions, both onnxruntimes at once, the machine, our variables, licences."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from ser_toolkit import __version__
from ser_toolkit.doctor import Check
from ser_toolkit.errors import close_matches

__all__ = ["environment", "import_library", "licences", "machine", "versions"]

VARIABLES = (
    "SER_TOOLKIT_CACHE",
    "SER_TOOLKIT_CACHE_MAX_GB",
    "SER_TOOLKIT_DISABLE_PLUGINS",
    "SER_TOOLKIT_STRICT_PLUGINS",
)
"""Environment variables that change what ser-toolkit does."""

_OTHERS = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "NVIDIA_TF32_OVERRIDE", "OMP_NUM_THREADS", "XDG_CACHE_HOME")
_FLAVOURS = {
    "onnxruntime",
    *(f"onnxruntime-{x}" for x in ("directml", "gpu", "migraphx", "openvino", "qnn", "rocm", "silicon", "training")),
}
_RESEARCH = "audEERING Research License"
_OPENSMILE = (
    "the openSMILE inside it may not be used commercially: neither the program, nor its features (egemaps), nor models "
    "trained on them"
)
_SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def versions() -> list[Check]:
    """Python and this package, the onnxruntime that is there, and what is not imported by inference."""
    checks = [
        Check(
            name="ser-toolkit",
            status="ok",
            says=f"{__version__} on Python {platform.python_version()}",
            details={"version": __version__, "python": platform.python_version(), "executable": sys.executable},
        ),
        flavour(_installed()),
    ]
    torch = _version_of("torch")
    checks.append(
        Check(
            name="torch",
            status="ok" if torch else "absent",
            says=torch or "not installed; only training needs it",
            todo="" if torch else "To train: pip install 'ser-toolkit[train]'",
            details={"version": torch},
        )
    )
    return checks


def flavour(installed: dict[str, str]) -> Check:
    """Which onnxruntime is installed; two of them have overwritten each other.

    Parameters
    ----------
    installed : dict of str to str
        Distributions, normalized names to versions.

    Returns
    -------
    Check
        A problem unless there is exactly one.
    """
    found = sorted(_FLAVOURS & installed.keys())
    gpu = sys.platform == "win32" or (sys.platform == "linux" and platform.machine() == "x86_64")
    wanted = "onnxruntime-gpu" if gpu else "onnxruntime"
    details: dict[str, Any] = {"distributions": {name: installed[name] for name in found}}
    if len(found) == 1:
        says = f"{found[0]} {installed[found[0]]}"
        return Check(name="onnxruntime flavour", status="ok", says=says, details=details)
    says = "no onnxruntime is installed"
    todo = f"pip install {wanted}"
    if found:
        says = f"{' and '.join(found)} are both installed: they have written over each other's files"
        todo = f"pip uninstall -y {' '.join(found)} && pip install {wanted}"
    return Check(name="onnxruntime flavour", status="problem", says=says, todo=todo, details=details)


def import_library(name: str) -> Check:
    """Import a library and say its version, and that of the C library in it."""
    module = importlib.import_module(name)
    version = _version_of(name) or str(getattr(module, "__version__", "of unknown version"))
    details: dict[str, Any] = {"version": version, "file": getattr(module, "__file__", None)}
    says = version
    if name == "soundfile":
        details["libsndfile"] = module.__libsndfile_version__
        says += f" with libsndfile {module.__libsndfile_version__}"
    if name == "onnxruntime":
        details["cuda"] = getattr(module, "cuda_version", None)
        built = f", built for CUDA {details['cuda']}" if details["cuda"] else ""
        says = f"{module.__version__}{built}"
    return Check(name=name, status="ok", says=says, details=details)


def machine() -> list[Check]:
    """Platform, cores and memory."""
    system = platform.freedesktop_os_release().get("PRETTY_NAME") if _has_os_release() else None
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = os.cpu_count() or 1
    says = f"{usable} of {cores} cores may be used" if usable != cores else f"{cores} core{'s' if cores > 1 else ''}"
    memory = _memory_bytes()
    return [
        Check(
            name="system",
            status="ok",
            says=", ".join(filter(None, [system, platform.platform(terse=True), platform.machine()])),
            details={"system": sys.platform, "machine": platform.machine(), "platform": platform.platform()},
        ),
        Check(name="processor", status="ok", says=says, details={"cores": cores, "usable": usable}),
        Check(
            name="memory",
            status="ok",
            says=f"{memory / 2**30:.1f} GiB" if memory else "unknown",
            details={"bytes": memory},
        ),
    ]


def environment() -> list[Check]:
    """Variables that change what happens, if they are set."""
    checks = []
    for name, value in sorted(os.environ.items()):
        if name in VARIABLES or (name in _OTHERS and value):
            checks.append(Check(name=name, status="ok", says=value or "(empty)", details={"value": value}))
        elif name.startswith("SER_TOOLKIT_"):
            checks.append(
                Check(
                    name=name,
                    status="warning",
                    says="is set, and means nothing here",
                    todo=close_matches(name, VARIABLES),
                    details={"value": value},
                )
            )
    return checks or [Check(name="variables", status="absent", says="none of ser-toolkit's is set")]


def licences() -> list[Check]:
    """Licences of what is installed of ser-toolkit's dependencies, as their metadata state them."""
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for name, found in sorted(_dependencies().items()):
        licence = licence_of(found)
        groups[licence].append({"name": name, "version": found.version, "licence": licence})
    checks = []
    if research := groups.pop(_RESEARCH, None):
        checks.append(
            Check(
                name="opensmile",
                status="warning",
                says=f"{research[0]['version']}, {_RESEARCH}: {_OPENSMILE}",
                todo="For commercial use, ask audEERING for a licence, or take models without egemaps",
                details={"distributions": research},
            )
        )
    for licence, members in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        if len(members) > 1:
            says = ", ".join(f"{m['name']} {m['version']}" for m in members)
            checks.append(Check(name=licence, status="ok", says=says, details={"distributions": members}))
    others = [members[0] for members in groups.values() if len(members) == 1]
    says = ", ".join(f"{m['name']} {m['version']} ({m['licence']})" for m in others)
    return [
        *checks,
        *([Check(name="others", status="ok", says=says, details={"distributions": others})] if others else []),
    ]


def licence_of(distribution: importlib.metadata.Distribution) -> str:
    """The licence in a distribution's metadata: its expression, its classifiers, or its first words."""
    if _normal(distribution.name) == "opensmile":  # its classifier is that of the Python around it
        return _RESEARCH
    metadata = distribution.metadata
    if expressions := metadata.get_all("License-Expression"):
        return str(expressions[0])
    classifiers = [c.split(" :: ")[-1] for c in metadata.get_all("Classifier") or () if c.startswith("License ::")]
    names = [c for c in classifiers if c not in ("OSI Approved", "License")]
    if names:
        return " AND ".join(sorted(_SPDX.get(name, name) for name in names))
    words = str((metadata.get_all("License") or [""])[0]).strip()
    first = words.splitlines()[0][:60] if words else "not stated"
    return _SPDX.get(first, first)


def _dependencies() -> dict[str, importlib.metadata.Distribution]:
    """Installed distributions that ser-toolkit needs to run, its tiers included; by normalized name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [("ser-toolkit", True)]
    while waiting:
        name, extras = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # of a tier, or for another platform
            continue
        for requirement in distribution.requires or ():
            needed, _, marker = requirement.partition(";")
            if "extra" not in marker or (extras and not re.search(r"['\"](test|docs)['\"]", marker)):
                waiting.append((_normal(re.split(r"[^\w.-]", needed.strip(), maxsplit=1)[0]), False))
    return found


def _installed() -> dict[str, str]:
    return {_normal(d.name): d.version for d in importlib.metadata.distributions() if d.name}


def _version_of(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _has_os_release() -> bool:
    return sys.platform == "linux" and any(Path(p).exists() for p in ("/etc/os-release", "/usr/lib/os-release"))


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return None
