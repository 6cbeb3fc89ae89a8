"""The trials of the doctor, as they run in a process of their own: one JSON line for each."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ser_toolkit import doctor_installation as installation
from ser_toolkit import doctor_running as running
from ser_toolkit.doctor import Check

_TRIALS: dict[str, Callable[[str], list[Check]]] = {
    "versions": lambda _: installation.versions(),
    "machine": lambda _: installation.machine(),
    "environment": lambda _: installation.environment(),
    "licences": lambda _: installation.licences(),
    "driver": lambda device: running.driver(wanted=device),
    "libraries": lambda device: running.cuda_libraries(wanted=device),
    "plugins": lambda _: running.plugins(),
    "model": lambda device: running.model(device=device),
    "cache": lambda _: running.cache(),
    "media": lambda _: running.media(),
}


def main(device: str, names: list[str]) -> None:
    """Run trials and write what they found.

    Parameters
    ----------
    device : str
        The device that the user means to use.
    names : list of str
        Trials, in order.
    """
    # whatever a library prints, from Python or from C, must not get between the lines
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for name in names:
        out.write(json.dumps(_run(name, device)) + "\n")
        out.flush()


def _run(name: str, device: str) -> list[dict[str, Any]] | str:
    """What was found, or what went wrong."""
    kind, _, rest = name.partition(":")
    try:
        if kind == "import":
            checks = [installation.import_library(rest)]
        elif kind == "device":
            checks = [running.device(rest, wanted=device)]
        else:
            checks = _TRIALS[name](device)
    except (Exception, SystemExit) as error:  # noqa: BLE001 whatever is wrong with it is what was to be found out
        return " ".join(f"{type(error).__name__}: {error}".split())
    return [asdict(check) for check in checks]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
