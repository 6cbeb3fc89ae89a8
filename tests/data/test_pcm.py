"""Plain samples through a pipe, with and without a WAV header, in pieces of any size."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from ser_toolkit.data.audio import decode
from ser_toolkit.data.pcm import Pcm, PcmFormat
from ser_toolkit.errors import AudioError, ConfigError

SR = 8_000


def reader(data, size=1 << 16):
    """As `os.read` of a pipe that gives no more than `size` bytes at a time."""
    stream = io.BytesIO(data)
    return lambda n: stream.read(min(n, size))


def joined(pcm):
    return np.concatenate([np.zeros(0, dtype=np.float32), *pcm])


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (1001, 2))


def wav(frames, subtype, **kwargs):
    file = io.BytesIO()
    soundfile.write(file, frames, SR, format=kwargs.pop("format", "WAV"), subtype=subtype, **kwargs)
    return file.getvalue()


@pytest.mark.parametrize("size", [1, 5, 1000, 1 << 16])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
def test_wav_gives_the_samples_of_the_file(tmp_path, frames, subtype, kind, size):
    data = wav(frames, subtype, format=kind)
    path = tmp_path / "x.wav"
    path.write_bytes(data)
    pcm = Pcm(reader(data, size))
    assert (pcm.format.sr, pcm.format.channels) == (SR, 2)
    np.testing.assert_array_equal(joined(pcm), decode(path, sr=SR).y)


@pytest.mark.parametrize("size", [1, 3, 7, 4096])
@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("s16le", lambda y: (y * 32767).astype("<i2").tobytes()),
        ("s32le", lambda y: (y * (2**31 - 1)).astype("<i4").tobytes()),
        ("f32le", lambda y: y.astype("<f4").tobytes()),
        ("s24le", lambda y: b"".join(int(x * (2**23 - 1)).to_bytes(3, "little", signed=True) for x in y)),
    ],
)
def test_plain_samples(encoding, raw, size):
    y = np.random.default_rng(1).uniform(-1, 1, 500)
    found = joined(Pcm(reader(raw(y), size), encoding=encoding, sr=SR))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, y, atol=7e-5 if encoding == "s16le" else 3e-7)


def test_defaults_and_an_incomplete_frame():
    pcm = Pcm(reader(np.array([0, 16384, -32768], dtype="<i2").tobytes() + b"\x01"))
    assert pcm.format == PcmFormat(encoding="s16le", sr=16_000, channels=1)
    assert joined(pcm).tolist() == [0, 0.5, -1]
    assert joined(Pcm(reader(b""))).tolist() == []
    assert joined(Pcm(reader(b"\x00"))).tolist() == []


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_length_that_nobody_knew(frames, size):
    data = bytearray(wav(frames, "PCM_16"))
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    assert len(joined(Pcm(reader(bytes(data))))) == len(frames)


@pytest.mark.parametrize("size", [3, 1 << 16])
def test_what_follows_the_samples_is_no_sound(frames, size):
    data = wav(frames, "PCM_16") + b"LIST" + struct.pack("<I", 4) + b"INFO"
    assert len(joined(Pcm(reader(data, size)))) == len(frames)


def test_parts_before_the_samples(frames):
    data = wav(frames, "PCM_16")
    at = data.index(b"fmt ")
    odd = b"LIST" + struct.pack("<I", 5) + b"INFO!\x00"
    assert len(joined(Pcm(reader(data[:at] + odd + data[at:], 7)))) == len(frames)


def test_what_is_no_number_is_silence():
    y = np.array([[0.5, 0.5], [np.nan, 0.5], [np.inf, -3e38]], dtype="<f4")
    pcm = Pcm(reader(y.tobytes()), encoding="f32le", channels=2)
    assert joined(pcm).tolist() == [0.5, 0.25, 0]
    assert pcm.n_bad == 3


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"fLaC" + bytes(100), "FLAC, which is compressed.*ffmpeg"),
        (b"OggS" + bytes(100), "Ogg"),
        (b"ID3\x03" + bytes(100), "MP3"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(100), "MP4"),
        (b"RIFF\x00\x00\x00\x00WAVEdata" + bytes(4), "does not say how"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "ends within"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt \x08\x00\x00\x00" + bytes(8), "too short"),
        (b"RIFF\x00\x00\x00\x00WAVEJUNK\xff\xff\xff\xff", "part of 4,294,967,295 bytes"),
    ],
)
def test_what_cannot_be_read(data, match):
    with pytest.raises(AudioError, match=match):
        Pcm(reader(data))


def test_other_kinds_of_samples(frames):
    for subtype in ("PCM_U8", "DOUBLE", "ULAW"):
        with pytest.raises(AudioError, match="16, 24 or 32 bits, or floats"):
            Pcm(reader(wav(frames, subtype)))


def test_options_that_contradict_the_header(frames):
    data = wav(frames, "PCM_16")
    assert Pcm(reader(data), sr=SR, channels=2, encoding="s16le").format.sr == SR
    for given in ({"sr": 16_000}, {"channels": 1}, {"encoding": "f32le"}):
        with pytest.raises(ConfigError, match="header of the stream says"):
            Pcm(reader(data), **given)


@pytest.mark.parametrize(
    "given", [{"sr": 0}, {"sr": 10**6}, {"channels": 0}, {"channels": 1000}, {"encoding": "mp3"}], ids=str
)
def test_bounds(given):
    with pytest.raises(ConfigError):
        Pcm(reader(b""), **given)
