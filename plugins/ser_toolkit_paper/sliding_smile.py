"""openSMILE settings for the windows of a whole recording in one pass."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ser_toolkit.errors import ConfigError

__all__ = ["sliding_options"]

FRAMES_PER_S = 100
"""openSMILE's low-level descriptors come every 10 ms."""

FRAME_STEPS = 6
"""The longest frames of the GeMAPS sets are 60 ms, for the pitch."""


@contextlib.contextmanager
def sliding_options(sr: int, *, n_window: int, n_hop: int) -> Iterator[dict[str, str]]:
    """Options for ``opensmile.Smile`` that give one row of functionals per window instead of one in all.

    Parameters
    ----------
    sr : int
        Sample rate in Hz, a multiple of 100.
    n_window : int
        Samples per window, 0.1 s or more. Its statistics run over the 60 ms frames that lie wholly inside.
    n_hop : int
        Samples per hop, a multiple of 10 ms.

    Yields
    ------
    dict of str to str
        Names a settings file that is there until the context ends.

    Raises
    ------
    ConfigError
        If sample rate, window or hop do not fit openSMILE's grid of 10 ms.
    """
    step, rest = divmod(sr, FRAMES_PER_S)
    if rest or not step:
        raise ConfigError(
            f"egemaps: mode 'sliding' works on a grid of 10 ms, which {sr} Hz is not a multiple of: "
            "use 16000 Hz or mode 'window'"
        )
    if n_hop % step or n_hop < step:
        raise ConfigError(
            f"egemaps: mode 'sliding' works on a grid of 10 ms, a hop of {n_hop} samples ({n_hop / sr:g} s) at {sr} Hz "
            "is not on it: use a hop_s that is a multiple of 0.01, or mode 'window'"
        )
    if n_window * 10 < sr:
        raise ConfigError(f"egemaps: a window of {n_window} samples at {sr} Hz is shorter than 0.1 s: lengthen it")
    n_frames = (n_window - FRAME_STEPS * step) // step + 1
    # the keys of openSMILE's own FrameModeFunctionals.conf.inc
    settings = {
        "frameMode": "fixed",
        "frameSize": f"{n_frames / FRAMES_PER_S:.2f}",
        "frameStep": f"{n_hop // step / FRAMES_PER_S:.2f}",
        "frameCenterSpecial": "left",
    }
    with tempfile.TemporaryDirectory(prefix="ser-toolkit-") as folder:
        path = Path(folder) / "functionals.conf.inc"
        path.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()), encoding="utf-8")
        yield {"frameModeFunctionalsConf": str(path)}
