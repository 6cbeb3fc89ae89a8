"""From a model file and audio to results; never imports torch."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["runtime"]


def runtime() -> Any:
    """ONNX Runtime, told before it is imported to report nothing to its makers, as it otherwise may."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime
