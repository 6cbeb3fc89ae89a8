"""Looks at an installation: what is there, what runs, what is broken, and what to do about it.

Each trial runs in another process: a library that is broken, hangs or crashes is a row, and the rest goes on.
"""

from __future__ import annotations

import contextlib
import json
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Literal

from ser_toolkit import __version__
from ser_toolkit.inference.device_names import parse_device

__all__ = ["SECTIONS", "Check", "Diagnosis", "Trial", "diagnose", "run_trials", "trials"]

SECTIONS = ("installation", "machine", "devices", "plugins", "model", "cache", "media", "environment", "licences")
"""What is looked at, in order."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        What: ``"onnxruntime"``, ``"cuda:0"``.
    status : {"ok", "absent", "warning", "problem"}
        ``absent`` is optional and not there; a ``problem`` keeps something from working.
    says : str
        What was found.
    todo : str
        What to do about it; empty if nothing need be done.
    details : dict
        The same for programs: JSON values.
    """

    name: str
    status: Literal["ok", "absent", "warning", "problem"]
    says: str
    todo: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is run in another process.

    Parameters
    ----------
    section : str
        One of `SECTIONS`.
    name : str
        Which: ``"import:librosa"``; see `ser_toolkit.doctor_trials`.
    limit_s : float
        Seconds after which it counts as hung.
    todo : str
        What to do if it fails, crashes or hangs.
    """

    section: str
    name: str
    limit_s: float = 120.0
    todo: str = "Report it, with the output of ser-toolkit doctor --json"


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All that was looked at.

    Parameters
    ----------
    sections : dict of str to tuple of Check
        In the order of `SECTIONS`.
    """

    sections: dict[str, tuple[Check, ...]]

    @property
    def checks(self) -> tuple[Check, ...]:
        """All of them."""
        return tuple(check for checks in self.sections.values() for check in checks)

    @property
    def broken(self) -> bool:
        """Whether there is a problem."""
        return any(check.status == "problem" for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "ser_toolkit": __version__,
            "broken": self.broken,
            "sections": {name: [asdict(check) for check in checks] for name, checks in self.sections.items()},
        }


def trials(device: str = "auto") -> tuple[Trial, ...]:
    """What is tried for a device.

    Parameters
    ----------
    device : str, optional
        The device that the user means to use; one that is asked for by name must run.

    Returns
    -------
    tuple of Trial
        In order.

    Raises
    ------
    DeviceError
        If there is no such device.
    """
    kind, index = parse_device(device)
    imports = ("numpy", "onnxruntime", "librosa", "opensmile", "soundfile", "soxr", "pyarrow")
    return (
        Trial(section="installation", name="versions"),
        *(
            Trial(
                section="installation",
                name=f"import:{name}",
                todo=f"Install it again: pip install --force-reinstall --no-deps {name}",
            )
            for name in imports
        ),
        Trial(section="machine", name="machine"),
        Trial(section="devices", name="driver", todo="Install the NVIDIA driver again: nvidia.com/drivers"),
        Trial(section="devices", name="libraries", todo="pip install --force-reinstall 'ser-toolkit[gpu]'"),
        Trial(section="devices", name="device:cpu", todo="pip install --force-reinstall --no-deps onnxruntime"),
        Trial(section="devices", name=f"device:cuda:{index}", limit_s=300.0),
        Trial(section="devices", name=f"device:tensorrt:{index}", limit_s=600.0),
        Trial(
            section="plugins",
            name="plugins",
            todo="Switch off the plugin that crashes: SER_TOOLKIT_DISABLE_PLUGINS=name",
        ),
        Trial(section="model", name="model", limit_s=600.0 if kind == "tensorrt" else 300.0),
        Trial(section="cache", name="cache"),
        Trial(section="media", name="media", todo="pip install --force-reinstall 'ser-toolkit[media]'"),
        Trial(section="environment", name="environment"),
        Trial(section="licences", name="licences"),
    )


def diagnose(
    *, device: str = "auto", on_step: Callable[[str], None] | None = None, only: Sequence[str] | None = None
) -> Diagnosis:
    """Look at this installation.

    Parameters
    ----------
    device : str, optional
        As for `trials`.
    on_step : callable, optional
        Called with the name of each trial before it starts.
    only : sequence of str, optional
        Sections to look at; default: all.

    Returns
    -------
    Diagnosis
        Whatever is broken.

    Raises
    ------
    DeviceError
        If there is no device of that name.
    """
    wanted = [trial for trial in trials(device) if only is None or trial.section in only]
    sections: dict[str, list[Check]] = {name: [] for name in SECTIONS if only is None or name in only}
    for trial, checks in zip(wanted, run_trials(wanted, device=device, on_step=on_step), strict=True):
        sections[trial.section].extend(checks)
    return Diagnosis(sections={name: tuple(checks) for name, checks in sections.items()})


def run_trials(
    wanted: Sequence[Trial], *, device: str = "auto", on_step: Callable[[str], None] | None = None
) -> list[list[Check]]:
    """Run trials in another process, and in a new one after each that ends it.

    Parameters
    ----------
    wanted : sequence of Trial
        What to run.
    device : str, optional
        As for `trials`.
    on_step : callable, optional
        As for `diagnose`.

    Returns
    -------
    list of list of Check
        Of each trial.
    """
    done: list[list[Check]] = []
    while len(done) < len(wanted):
        rest = wanted[len(done) :]
        with tempfile.TemporaryFile() as stderr, _child(rest, device, stderr) as (child, lines):
            for trial in rest:
                if on_step:
                    on_step(trial.name)
                try:
                    line = lines.get(timeout=trial.limit_s)
                except queue.Empty:
                    done.append([_failed(trial, f"hangs: no answer within {trial.limit_s:g} s")])
                    break
                if line is None:
                    done.append([_failed(trial, _cause_of_death(child.wait(), stderr))])
                    break
                found = json.loads(line)
                done.append([_failed(trial, found)] if isinstance(found, str) else [Check(**check) for check in found])
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=10)
    return done


def _failed(trial: Trial, says: str) -> Check:
    return Check(name=trial.name.removeprefix("import:"), status="problem", says=says, todo=trial.todo)


@contextlib.contextmanager
def _child(wanted: Sequence[Trial], device: str, stderr: IO[bytes]) -> Any:
    """A process that writes one line per trial, and a queue of these lines; None follows the last."""
    # -P: what lies in the folder of the user is not imported in place of a library
    command = [sys.executable, "-P", "-X", "faulthandler", "-m", "ser_toolkit.doctor_trials", device]
    child = subprocess.Popen(
        [*command, *(trial.name for trial in wanted)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr
    )
    lines: queue.Queue[bytes | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(child.stdout, lines), daemon=True)
    reader.start()
    try:
        yield child, lines
    finally:
        child.kill()
        child.wait()
        reader.join()


def _read(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def _cause_of_death(code: int, stderr: IO[bytes]) -> str:
    stderr.seek(0)
    said = stderr.read().decode(errors="replace").strip()
    if code < 0:
        with contextlib.suppress(ValueError):
            place = re.search(r'File "(.+)", line (\d+)', said)
            where = f" at {place.group(1)}:{place.group(2)}" if place else ""
            return f"crashes Python ({signal.Signals(-code).name}){where}"
    last = said.splitlines()[-1][:300] if said else "nothing on standard error"
    return f"ends Python with code {code}: {last}"
