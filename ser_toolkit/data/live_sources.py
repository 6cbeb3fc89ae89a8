"""Where live sound comes from: standard input, or a microphone."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ser_toolkit.data.microphone import Microphone
from ser_toolkit.data.pcm import Encoding, Pcm
from ser_toolkit.errors import ConfigError

__all__ = ["Source", "open_source"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """An open source of sound.

    Parameters
    ----------
    blocks : Microphone or Pcm
        Gives mono sound as it comes, blocks of float32, shape (n_samples,).
    sr : int
        Sample rate in Hz.
    shown : str
        What it is, for people.
    """

    blocks: Microphone | Pcm
    sr: int
    shown: str

    def troubles(self) -> Iterable[str]:
        """What was odd about the sound so far, in sentences."""
        if isinstance(self.blocks, Microphone) and self.blocks.n_lost:
            yield f"the system lost sound of the microphone {self.blocks.n_lost} times: nobody took it in time"
        if self.blocks.n_bad:
            yield f"{self.blocks.n_bad:,} samples were NaN, infinite or absurdly large, and count as silence"


@contextlib.contextmanager
def open_source(
    mic: str | None, *, encoding: Encoding | None = None, sr: int | None = None, channels: int | None = None
) -> Iterator[Source]:
    """Open standard input or a microphone.

    Parameters
    ----------
    mic : str or None
        As of `ser_toolkit.data.microphone.Microphone`; None: standard input.
    encoding, sr, channels : optional
        As of `ser_toolkit.data.pcm.Pcm`, or of the microphone, which knows no encoding.

    Yields
    ------
    Source
        Valid inside the ``with`` block.

    Raises
    ------
    ConfigError
        If nothing is piped in, or an option does not apply.
    AudioError, MissingTierError
        As `Pcm` and `Microphone`.
    """
    if mic is None:
        pcm = Pcm(_standard_input(), encoding=encoding, sr=sr, channels=channels)
        yield Source(blocks=pcm, sr=pcm.format.sr, shown=f"standard input ({pcm.format})")
        return
    if encoding is not None:
        raise ConfigError("--encoding is of standard input; a microphone has none")
    with Microphone(mic, sr=sr, channels=channels or 1) as microphone:
        yield Source(blocks=microphone, sr=microphone.sr, shown=f"{microphone.shown} ({microphone.sr:,} Hz)")


def _standard_input() -> Callable[[int], bytes]:
    if sys.stdin is None or sys.stdin.closed:
        raise ConfigError("standard input is closed: pipe sound into it, or give a microphone, --mic default")
    if sys.stdin.isatty():
        raise ConfigError(
            "nothing is piped in: give a microphone, --mic default, or pipe sound into standard input, such as "
            "arecord -q -f S16_LE -r 16000 | ser-toolkit listen"
        )
    # not sys.stdin.buffer: a thread that waits in it holds a lock that Python wants at its end
    return functools.partial(os.read, sys.stdin.fileno())
