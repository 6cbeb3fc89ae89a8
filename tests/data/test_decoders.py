"""FFmpeg, the optional second decoder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from ser_toolkit.data.audio import decode
from ser_toolkit.errors import AudioError

av = pytest.importorskip("av")

SR = 16_000
CODECS = {"a.m4a": ("aac", None), "a.mp4": ("aac", None), "a.webm": ("libopus", None), "a.aac": ("aac", "adts")}
T = np.arange(4 * 48_000) / 48_000
TONE = (0.4 * np.sin(2 * np.pi * (150 + 60 * T) * T)).astype(np.float32)


def encode(path: Path, codec: str = "aac", form: str | None = None, *, channels: int = 1, **options) -> Path:
    layout = "mono" if channels == 1 else "stereo"
    with av.open(str(path), "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=48_000)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(np.stack([TONE] * channels), format="fltp", layout=layout)
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(format=stream.codec_context.format or "fltp", layout=layout, rate=48_000)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(part))
    return path


def refusal(path: Path) -> AudioError:
    with pytest.raises(AudioError) as caught:
        decode(path, sr=SR)
    return caught.value


@pytest.fixture(autouse=True)
def nothing_printed(capfd):
    yield
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.parametrize("name", CODECS)
def test_formats(tmp_path, name):
    rec = decode(encode(tmp_path / name, *CODECS[name], channels=2), sr=SR)
    assert (rec.source_sr, rec.channels, rec.notes) == (48_000, 2, ("resampled", "mixed down"))
    assert rec.duration_s == pytest.approx(4.0, abs=0.1)
    assert rec.y.dtype == np.float32
    expected = TONE[::3]
    best = max(np.corrcoef(rec.y[SR + lag : 3 * SR + lag], expected[SR : 3 * SR])[0, 1] for lag in range(-400, 1000, 4))
    assert best > 0.95


def test_parts(tmp_path):
    path = encode(tmp_path / "a.m4a")
    whole = decode(path, sr=48_000).y
    part = decode(path, sr=48_000, start_s=1.0, end_s=2.5)
    np.testing.assert_array_equal(part.y, whole[48_000:120_000])
    assert (part.duration_s, part.notes) == (1.5, ())
    assert len(decode(path, sr=48_000, start_s=1.0).y) == len(whole) - 48_000
    assert decode(path, sr=48_000, start_s=1.0, end_s=9.0).notes == ("truncated",)
    with pytest.raises(AudioError, match="empty"):
        decode(path, sr=SR, start_s=20.0)


def test_integer_samples_are_scaled(tmp_path):
    rec = decode(encode(tmp_path / "a.mka", "pcm_s16le"), sr=48_000)
    np.testing.assert_allclose(rec.y, TONE, atol=1e-4)


def test_more_than_eight_channels(tmp_path):
    """PyAV crashes the process where it unpacks more than eight planes."""
    path = tmp_path / "a.mka"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48_000)
        stream.layout = "hexadecagonal"
        samples = np.tile(np.arange(16, dtype=np.int16) * 1000, 4800)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="hexadecagonal")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    rec = decode(path, sr=48_000)
    assert rec.channels == 16
    np.testing.assert_allclose(rec.y, np.full(4800, 7500 / 32768), atol=1e-6)


def test_without_av_the_message_names_the_line_to_run(tmp_path, monkeypatch):
    path = encode(tmp_path / "a.m4a")
    monkeypatch.setitem(sys.modules, "av", None)
    error = refusal(path)
    assert error.reason == "undecodable"
    assert "pip install 'ser-toolkit[media]'" in error.detail
    assert "Format not recognised" in error.detail


def test_when_neither_can_read_it(tmp_path):
    (tmp_path / "a.m4a").write_bytes(b"no sound " * 100)
    error = refusal(tmp_path / "a.m4a")
    assert error.reason == "undecodable"
    assert "libsndfile" in error.detail
    assert "FFmpeg" in error.detail
    assert str(tmp_path) not in error.detail


def test_playlists_do_not_open_other_files(tmp_path):
    secret = encode(tmp_path / "a.aac", "aac", "adts")
    playlist = tmp_path / "list.m4a"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:4,\n{secret}\n#EXT-X-ENDLIST\n")
    assert refusal(playlist).reason == "undecodable"
    playlist.write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    assert refusal(playlist).reason == "undecodable"


def test_a_film_without_sound(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    assert "no sound" in refusal(path).detail


def test_truncated_films(tmp_path):
    late_index = encode(tmp_path / "late.m4a")
    late_index.write_bytes(late_index.read_bytes()[: late_index.stat().st_size // 2])
    assert refusal(late_index).reason == "undecodable"
    early_index = encode(tmp_path / "early.m4a", movflags="faststart")
    early_index.write_bytes(early_index.read_bytes()[: early_index.stat().st_size // 2])
    rec = decode(early_index, sr=48_000)
    assert rec.notes == ("truncated",)
    assert 1 < rec.duration_s < 3


@pytest.mark.parametrize("name", CODECS)
def test_hostile_bytes_give_a_recording_or_an_audio_error(tmp_path, name):
    rng = np.random.default_rng(len(name))
    path = encode(tmp_path / name, *CODECS[name])
    original = path.read_bytes()
    for _ in range(25):
        data = bytearray(original)
        for _ in range(rng.integers(1, 8)):
            at = int(rng.integers(0, min(len(data), 600) if rng.random() < 0.5 else len(data)))
            data[at : at + 4] = rng.bytes(int(rng.integers(0, 8)))
        path.write_bytes(data[: int(rng.integers(1, len(data) + 1))] if rng.random() < 0.3 else data)
        try:
            assert decode(path, sr=SR).y.ndim == 1
        except AudioError as error:
            assert error.reason in ("undecodable", "empty", "non-finite", "too long")


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes exist on Linux only")
def test_any_file_name(tmp_path):
    path = encode(tmp_path / "a.m4a").rename(tmp_path / os.fsdecode(b"caf\xe9\n.m4a"))
    assert decode(path, sr=SR).duration_s == pytest.approx(4.0, abs=0.1)
