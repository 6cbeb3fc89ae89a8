"""Sound of a microphone, through PortAudio."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data.pcm import mono
from ser_toolkit.errors import AudioError, ConfigError, MissingTierError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BLOCK_S", "Microphone"]

BLOCK_S = 0.02
"""Seconds of sound in a block."""


class Microphone:
    """A microphone that is open while it is used as a context.

    Parameters
    ----------
    name : str, optional
        ``"default"``, a number, or a part of a name; a name that no microphone has is refused with those there are.
    sr : int, optional
        Sample rate in Hz; default: the microphone's own.
    channels : int, optional
        Channels to record, which are averaged.

    Attributes
    ----------
    n_lost : int
        How often the system lost sound because nobody took it.
    n_bad : int
        Samples that were NaN, infinite or absurdly large and are given as silence.
    shown : str
        Its name.

    Raises
    ------
    MissingTierError
        Without the [live] tier.
    AudioError
        ``"unreadable"``: PortAudio is missing, or the microphone cannot be opened, or was pulled out.
    ConfigError
        If there is no such microphone.
    """

    def __init__(self, name: str = "default", *, sr: int | None = None, channels: int = 1) -> None:
        self._library = _sounddevice()
        try:
            found = self._library.query_devices(_key(name), "input")
        except (ValueError, self._library.PortAudioError) as error:
            names = self._names()
            if name == "default" or not names:
                raise AudioError("unreadable", f"there is no microphone to be found ({_said(error)})") from error
            raise ConfigError(f"no microphone is called {name!r} ({_said(error)}). There are: {names}") from error
        self.shown = str(found["name"])
        self._index = int(found["index"])
        self.sr = sr or round(found["default_samplerate"])
        self.channels = channels
        self.n_lost = self.n_bad = 0
        self._stack = contextlib.ExitStack()
        self._stream: Any = None

    def __enter__(self) -> Microphone:
        """Open it."""
        try:
            self._stream = self._stack.enter_context(
                self._library.InputStream(
                    device=self._index, samplerate=self.sr, channels=self.channels, dtype="float32", latency="low"
                )
            )
        except self._library.PortAudioError as error:
            raise AudioError(
                "unreadable",
                f"the microphone {self.shown!r} gives no sound at {self.sr:,} Hz with {self.channels} channels "
                f"({_said(error)})",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._stack.close()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        n = max(1, round(BLOCK_S * self.sr))
        while True:
            try:
                frames, lost = self._stream.read(n)
            except self._library.PortAudioError as error:
                if self._stream.closed:
                    return
                raise AudioError("unreadable", f"the microphone {self.shown!r} is gone ({_said(error)})") from error
            self.n_lost += bool(lost)
            y, n_bad = mono(frames)
            self.n_bad += n_bad
            yield y

    def _names(self) -> str:
        return ", ".join(
            f"{d['index']} {d['name']!r}" for d in self._library.query_devices() if d["max_input_channels"]
        )


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise MissingTierError("a microphone", "live", "sounddevice") from error
    except OSError as error:
        raise AudioError(
            "unreadable", f"{error}: the system has to have it (Debian, Ubuntu: apt install libportaudio2)"
        ) from error
    return sounddevice


def _key(name: str) -> int | str | None:
    if name == "default":
        return None
    return int(name) if name.isdecimal() else name


def _said(error: Exception) -> str:
    return str(error.args[0]) if error.args else type(error).__name__
