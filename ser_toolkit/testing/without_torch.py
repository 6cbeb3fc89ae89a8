"""A component that needs no torch must not load it: inference runs where torch is not installed."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

from ser_toolkit.interfaces import FeatureExtractor, Preprocessor
from ser_toolkit.testing.checks import require

__all__ = ["works_without_torch"]

_PROGRAM = """
import json, pickle, sys
sys.path[:] = json.loads(sys.argv[1])
import numpy as np
component, sr = pickle.load(sys.stdin.buffer), int(sys.argv[2])
if hasattr(component, "spec"):
    component.spec(sr, sr)
component(np.random.default_rng(0).uniform(-0.1, 0.1, sr).astype(np.float32), sr)
sys.exit(3 if "torch" in sys.modules else 0)
"""
"""Makes a component in a new process, calls it, and ends with 3 if that loaded torch."""


def works_without_torch(component: FeatureExtractor | Preprocessor, sr: int) -> str:
    """Call a component in a process of its own.

    Parameters
    ----------
    component : FeatureExtractor or Preprocessor
        The component, configured.
    sr : int
        Sample rate in Hz to call it at.

    Returns
    -------
    str
        What was found.

    Raises
    ------
    AssertionError
        If it loads torch and its ``libraries`` do not name it, or does not work in a new process.
    """
    if "torch" in getattr(component, "libraries", ()):
        return "its libraries name torch"
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(sys.path), str(sr)],
        input=pickle.dumps(component),
        capture_output=True,
        timeout=300,
        check=False,
    )
    require(done.returncode != 3, "making and calling it imports torch: import it only where it is used")
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    require(done.returncode == 0, f"it does not work in a new process: {''.join(last)}")
    return "torch is not loaded"
