"""What runs: devices, plugins, the bundled model, the cache, decoders."""

from __future__ import annotations

import importlib.metadata
import math
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ser_toolkit.doctor import Check
from ser_toolkit.errors import DeviceError, SerToolkitError
from ser_toolkit.inference.device_names import parse_device

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ser_toolkit.inference.model import Model

__all__ = ["cache", "cuda_libraries", "device", "driver", "media", "model", "plugins"]


def driver(*, wanted: str) -> list[Check]:
    """The NVIDIA driver and its GPUs.

    Parameters
    ----------
    wanted : str
        The device that the user means to use; without one of NVIDIA's it is no problem that there is none.
    """
    from ser_toolkit.inference.nvidia_driver import look_at_driver

    found = look_at_driver()
    details = asdict(found)
    if not found.cuda[0]:
        return [Check(name="NVIDIA driver", status=_missing(wanted), says=found.problem, details=details)]
    runs = f"{found.version or 'of unknown version'}, runs CUDA {found.cuda[0]}.{found.cuda[1]} at most"
    if found.problem:
        return [
            Check(
                name="NVIDIA driver",
                status="problem" if _is_gpu(wanted) else "warning",
                says=f"{runs}; {found.problem}",
                todo="nvidia-smi shows what the driver sees",
                details=details,
            )
        ]
    gpus = [
        Check(
            name=f"GPU {i}",
            status="ok",
            says=f"{gpu.name}, {gpu.memory_bytes / 2**30:.1f} GiB, "
            f"compute capability {gpu.capability[0]}.{gpu.capability[1]}",
        )
        for i, gpu in enumerate(found.gpus)
    ]
    return [Check(name="NVIDIA driver", status="ok", says=runs, details=details), *gpus]


def cuda_libraries(*, wanted: str) -> list[Check]:
    """Libraries of CUDA, cuDNN and TensorRT, and where they come from."""
    from ser_toolkit.inference.devices import libraries, say_broken
    from ser_toolkit.inference.nvidia_driver import has_driver

    kind, _ = parse_device(wanted)
    gpu = has_driver() or _is_gpu(wanted)
    cuda = libraries("cuda")
    checks = []
    for name, needed, found in (
        ("CUDA and cuDNN", gpu, cuda),
        ("TensorRT", kind == "tensorrt", libraries("tensorrt")[len(cuda) :]),
    ):
        broken = [library for library in found if library.problem]
        there = [f"{x.name}{f' in {Path(x.path).parent}' if x.path else ''}" for x in found if not x.problem]
        said = [say_broken(broken)] if broken else []
        if not needed and broken:  # the names are of interest to those only who want it
            said = [f"{len(broken)} of {len(found)} libraries are missing"]
        if there:
            said.append(f"there: {', '.join(there)}")
        status: Literal["ok", "absent", "warning"] = "ok" if not broken else "warning" if needed else "absent"
        checks.append(
            Check(
                name=name,
                status=status,
                says="; ".join(said) if broken else ", ".join(there),
                details={"libraries": [asdict(x) for x in found]},
            )
        )
    return checks


def device(name: str, *, wanted: str) -> Check:
    """Run something tiny on a device.

    Parameters
    ----------
    name : str
        ``"cpu"``, ``"cuda:0"``, ``"tensorrt:0"``.
    wanted : str
        The device that the user means to use; it must run.
    """
    from ser_toolkit.inference.nvidia_driver import has_driver
    from ser_toolkit.inference.session import try_device

    kind, index = parse_device(name)
    begun_s = time.perf_counter()
    obstacle = try_device(kind, index)
    if obstacle is None:
        seconds = time.perf_counter() - begun_s
        return Check(name=name, status="ok", says=f"runs; opened in {seconds:.1f} s", details={"seconds": seconds})
    must = kind in ("cpu", parse_device(wanted)[0])
    could = kind == "cuda" and has_driver()
    return Check(
        name=name,
        status="problem" if must else "warning" if could else "absent",
        says=f"does not run: {obstacle.reason}",
        todo=obstacle.mend if must or has_driver() else "",
        details=asdict(obstacle),
    )


def plugins() -> list[Check]:
    """Every plugin, as ``ser-toolkit plugins`` lists them."""
    from ser_toolkit.plugin_registry import default_registry

    checks = []
    for plugin in default_registry().plugins:
        kinds = [c.kind for c in plugin.components]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "registers nothing"
        status: Literal["ok", "absent", "problem"] = "ok"
        says, todo = f"{plugin.dist} {plugin.dist_version}: {counts}", ""
        if plugin.status == "failed":
            status, says = "problem", f"{plugin.dist} {plugin.dist_version}: {plugin.reason}"
            todo = f"Update or uninstall {plugin.dist}, or set SER_TOOLKIT_DISABLE_PLUGINS={plugin.name}"
        elif plugin.status == "disabled":
            status, says = "absent", f"{plugin.dist} {plugin.dist_version}: disabled by {plugin.reason}"
        checks.append(Check(name=plugin.name, status=status, says=says, todo=todo, details=plugin.to_json()))
    return checks or [
        Check(
            name="plugins",
            status="problem",
            says="none is installed, not even ser-toolkit's own",
            todo="pip install --force-reinstall --no-deps ser-toolkit",
        )
    ]


def model(*, device: str) -> list[Check]:
    """Open the bundled model, compare its probes, predict a sound."""
    from ser_toolkit.features import probe_signal
    from ser_toolkit.inference.model import Model
    from ser_toolkit.inference.probe_check import check_probes
    from ser_toolkit.models import bundled

    checks = []
    try:
        try:
            opened = Model.open(device=device, speech="off")
        except DeviceError as error:
            says = f"does not open on {device} (see devices), so it is tried on the CPU"
            checks.append(Check(name=bundled.DEFAULT, status="problem", says=says, details={"reason": str(error)}))
            opened = Model.open(device="cpu", speech="off")
    except SerToolkitError as error:
        return [*checks, Check(name=bundled.DEFAULT, status="problem", says=str(error))]
    reads = opened.labels or opened.dimensions
    fallback = " (a GPU would be taken if it ran)" if opened.session.fallback else ""
    checks.append(
        Check(
            name=opened.name,
            status="ok",
            says=f"opens on {opened.device}{fallback}; its recipe reads: {', '.join(reads)}",
            details={"device": opened.device, "fallback": opened.session.fallback, "labels": list(opened.labels)},
        )
    )
    for probe in check_probes(opened.recipe, opened.features.extractors, preprocess=opened.features.preprocess):
        computed = f"{probe.extractor} gives the same numbers as where the model was trained"
        changed = f" ({', '.join(probe.changed)} makes no difference)" if probe.changed else ""
        checks.append(
            Check(
                name=f"feature {probe.feature}",
                status="ok" if probe.agrees else "warning",
                says=f"{computed}{changed}" if probe.agrees else probe.message,
                todo="" if probe.agrees else "Install the versions that the model was trained with",
                details=asdict(probe),
            )
        )
    return [*checks, _prediction(opened, probe_signal(opened.recipe.sr))]


def _prediction(opened: Model, y: NDArray[np.float32]) -> Check:
    seconds = []
    for _ in range(2):
        begun_s = time.perf_counter()
        result = opened.predict(y, opened.recipe.sr)
        seconds.append(time.perf_counter() - begun_s)
    sound_s = len(y) / opened.recipe.sr
    return Check(
        name="prediction",
        status="ok",
        says=f"{sound_s:g} s of synthetic sound in {seconds[1]:.2f} s (the first time {seconds[0]:.1f} s)",
        details={"seconds": seconds, "probabilities": result.probabilities},
    )


def cache() -> list[Check]:
    """Folder, size and limit of the feature cache, and whether it can be written."""
    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.data.cache_upkeep import contents_of

    try:
        found = FeatureCache.default()
    except SerToolkitError as error:
        return [Check(name="cache", status="problem", says=str(error))]
    held = contents_of(found.folder)
    details = held.to_json(max_bytes=found.max_bytes)
    if found.max_bytes <= 0:
        says = found.warnings[0] if found.warnings else "switched off by SER_TOOLKIT_CACHE_MAX_GB"
        return [Check(name="cache", status="absent", says=says, details=details)]
    limit = "no limit" if math.isinf(found.max_bytes) else f"limit {found.max_bytes / 1e9:g} GB"
    used = f"{held.n_bytes / 1e9:.1f} GB" if held.n_bytes >= 1e9 else f"{held.n_bytes / 1e6:.1f} MB"
    says = f"{found.folder}: {used} in {held.entries} entries, {limit}"
    nearest = next((p for p in (found.folder, *found.folder.parents) if p.exists()), found.folder)
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        return [
            Check(
                name="cache",
                status="warning",
                says=f"{says}; {nearest} cannot be written, so nothing is kept",
                todo="Set SER_TOOLKIT_CACHE to a folder that can",
                details=details,
            )
        ]
    return [Check(name="cache", status="ok", says=says, details=details)]


def media() -> list[Check]:
    """Formats that can be decoded, by libsndfile and by FFmpeg (the [media] tier)."""
    import soundfile

    formats = sorted(soundfile.available_formats())
    checks = [Check(name="libsndfile", status="ok", says=", ".join(formats), details={"formats": formats})]
    try:
        importlib.metadata.version("av")
    except importlib.metadata.PackageNotFoundError:
        says, todo = "not installed: no m4a, aac, wma, webm, video", "pip install 'ser-toolkit[media]'"
        return [*checks, Check(name="FFmpeg (PyAV)", status="absent", says=says, todo=f"To read them: {todo}")]
    import av

    known = [name for name in ("aac", "mp3", "opus", "vorbis", "wmav2", "amrnb", "ac3") if name in av.codecs_available]
    says = f"PyAV {av.__version__}: also m4a, mp4, mkv, webm, wma and more ({', '.join(known)})"
    return [*checks, Check(name="FFmpeg (PyAV)", status="ok", says=says, details={"codecs": known})]


def _is_gpu(wanted: str) -> bool:
    return parse_device(wanted)[0] in ("cuda", "tensorrt")


def _missing(wanted: str) -> Literal["absent", "problem"]:
    return "problem" if _is_gpu(wanted) else "absent"
