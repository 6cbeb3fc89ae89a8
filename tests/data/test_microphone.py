"""Microphones, on a library that stands in for PortAudio: test machines have no microphone."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from ser_toolkit.data.live_sources import open_source
from ser_toolkit.data.microphone import Microphone
from ser_toolkit.errors import AudioError, ConfigError, MissingTierError

DEVICES = [
    {"name": "speakers", "index": 0, "max_input_channels": 0, "default_samplerate": 48_000.0},
    {"name": "USB microphone", "index": 1, "max_input_channels": 2, "default_samplerate": 44_100.0},
]


class PortAudioError(Exception):
    pass


class InputStream:
    """Gives a ramp; loses sound at the third block, and is pulled out at the fifth."""

    def __init__(self, *, device, samplerate, channels, dtype, latency):
        if samplerate == 1:
            raise PortAudioError("Invalid sample rate", -9997)
        assert (device, dtype) == (1, "float32")
        self.n, self.channels, self.closed = 0, channels, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def read(self, n):
        self.n += 1
        if self.closed or self.n == 5:
            raise PortAudioError("Stream is stopped")
        frames = np.full((n, self.channels), 0.1 * self.n, dtype=np.float32)
        frames[:, 0] += 0.2
        if self.n == 2:
            frames[0] = np.nan
        return frames, self.n == 3


def query_devices(device=None, kind=None):
    inputs = [d for d in DEVICES if d["max_input_channels"]]
    if kind is None:
        return DEVICES
    if device is None:
        return inputs[0]
    if isinstance(device, int):
        if device != 1:
            raise PortAudioError(f"Error querying device {device}")
        return DEVICES[device]
    found = [d for d in inputs if device.lower() in d["name"].lower()]
    if not found:
        raise ValueError(f"No input device matching {device!r}")
    return found[0]


@pytest.fixture
def portaudio(monkeypatch):
    made = types.SimpleNamespace(query_devices=query_devices, InputStream=InputStream, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    return made


@pytest.mark.parametrize("name", ["default", "usb", "1"])
def test_blocks_until_it_is_pulled_out(portaudio, name):
    with Microphone(name, channels=2) as mic:
        assert (mic.shown, mic.sr) == ("USB microphone", 44_100)
        blocks = iter(mic)
        found = [next(blocks) for _ in range(4)]
        assert [len(y) for y in found] == [882] * 4
        assert [y[-1] for y in found] == pytest.approx([0.2, 0.3, 0.4, 0.5])
        assert found[1][0] == 0
        assert (mic.n_lost, mic.n_bad) == (1, 2)
        with pytest.raises(AudioError, match="'USB microphone' is gone"):
            next(blocks)


def test_as_a_source(portaudio):
    with open_source("default", sr=16_000) as source:
        blocks = iter(source.blocks)
        assert source.shown == "USB microphone (16,000 Hz)"
        assert (source.sr, len(next(blocks))) == (16_000, 320)
        assert list(source.troubles()) == []
        next(blocks), next(blocks)
        assert [text.split(":")[0] for text in source.troubles()] == [
            "the system lost sound of the microphone 1 times",
            "1 samples were NaN, infinite or absurdly large, and count as silence",
        ]
    assert list(blocks) == []  # closed
    with pytest.raises(ConfigError, match="a microphone has none"), open_source("default", encoding="s16le"):
        pass


def test_microphones_that_are_not_there(portaudio, monkeypatch):
    for name in ("nope", "7"):
        with pytest.raises(ConfigError, match=f"no microphone is called '{name}' .*There are: 1 'USB microphone'"):
            Microphone(name)
    with pytest.raises(AudioError, match=r"no sound at 1 Hz with 1 channels \(Invalid sample rate\)"):
        Microphone("default", sr=1).__enter__()

    def none(device=None, kind=None):
        if kind is None:
            return []
        raise PortAudioError("Error querying device -1")

    monkeypatch.setattr(portaudio, "query_devices", none)
    with pytest.raises(AudioError, match="there is no microphone to be found"):
        Microphone()


def test_without_the_tier(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingTierError, match=r"pip install 'ser-toolkit\[live\]'"):
        Microphone()


def test_without_portaudio(monkeypatch, tmp_path):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AudioError, match="PortAudio library not found.*apt install libportaudio2"):
        Microphone()
