"""Decoding: formats, parts of files, damage, absurd headers, odd names."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from ser_toolkit.data.audio import MAX_DURATION_S, Recording, decode, from_array
from ser_toolkit.errors import AudioError

SR = 16_000
FORMATS = {
    "a.wav": {"subtype": "PCM_16"},
    "f.wav": {"subtype": "FLOAT"},
    "a.flac": {},
    "vorbis.ogg": {"format": "OGG", "subtype": "VORBIS"},
    "a.opus": {"format": "OGG", "subtype": "OPUS"},
    "a.mp3": {},
    "a.aiff": {},
    "a.au": {},
}


def sound(duration_s: float = 3.0, sr: int = SR) -> np.ndarray:
    """A gliding tone with noise below it, peak about 0.45."""
    t = np.arange(round(duration_s * sr)) / sr
    noise = np.random.default_rng(0).standard_normal(len(t))
    return (0.4 * np.sin(2 * np.pi * (150 + 60 * t) * t) + 0.01 * noise).astype(np.float32)


def write(path: Path, y: np.ndarray | None = None, sr: int = SR, **options) -> Path:
    soundfile.write(path, sound() if y is None else y, sr, **(options or FORMATS.get(path.name, {})))
    return path


def wav(*, sr: int = SR, channels: int = 1, claims: int | None = None, data: bytes = b"\x10\x20" * 8000) -> bytes:
    """A 16-bit wav file whose header may lie."""
    claims = len(data) if claims is None else claims
    align = channels * 2
    fmt = struct.pack("<HHIIHH", 1, channels, sr, (sr * align) & 0xFFFFFFFF, align, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", claims) + data
    return b"RIFF" + struct.pack("<I", min(36 + claims, 0xFFFFFFFF)) + body


def refusal(path, **part) -> AudioError:
    with pytest.raises(AudioError) as caught:
        decode(path, sr=SR, **part)
    assert caught.value.detail
    assert str(path) not in caught.value.detail
    return caught.value


@pytest.fixture(autouse=True)
def nothing_printed(capfd):
    """No decoder writes to the terminal, whatever it meets."""
    yield
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


# ---- formats


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_libsndfile(tmp_path, name):
    rec = decode(write(tmp_path / name), sr=SR)
    assert isinstance(rec, Recording)
    assert rec.y.dtype == np.float32
    assert rec.y.flags.writeable
    assert (rec.sr, rec.source_sr, rec.channels, rec.notes) == (SR, SR, 1, ())
    assert rec.duration_s == pytest.approx(3.0, abs=0.08)
    assert len(rec.y) == round(rec.duration_s * SR)
    n = min(len(rec.y), 3 * SR)
    assert np.corrcoef(rec.y[:n], sound()[:n])[0, 1] > 0.99


def test_pcm_and_float_are_exact(tmp_path):
    np.testing.assert_array_equal(decode(write(tmp_path / "f.wav"), sr=SR).y, sound())
    pcm = np.round(sound() * 32768).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", pcm, SR)
    np.testing.assert_array_equal(decode(tmp_path / "a.wav", sr=SR).y, pcm / np.float32(32768))


def test_the_content_decides_not_the_suffix(tmp_path):
    path = write(tmp_path / "a.flac").rename(tmp_path / "a.mp3")
    np.testing.assert_allclose(decode(path, sr=SR).y, sound(), atol=1e-4)
    np.testing.assert_allclose(decode(path.rename(tmp_path / "a"), sr=SR).y, sound(), atol=1e-4)
    np.testing.assert_allclose(decode(str((tmp_path / "a").rename(tmp_path / "a.raw")), sr=SR).y, sound(), atol=1e-4)


@pytest.mark.parametrize("source_sr", [8_000, 11_025, 44_100, 192_000])
def test_resampling_in_blocks_equals_soxr_in_one_piece(tmp_path, source_sr):
    y = sound(1.5, source_sr)
    rec = decode(write(tmp_path / "f.wav", y, source_sr, subtype="FLOAT"), sr=SR)
    assert rec.notes == ("resampled",)
    assert rec.duration_s == pytest.approx(1.5, abs=1e-4)
    np.testing.assert_array_equal(rec.y, soxr.resample(y, source_sr, SR, quality="HQ"))


def test_channels_are_averaged(tmp_path):
    y = np.stack([sound() * gain for gain in np.linspace(0, 1, 8)], axis=1)
    rec = decode(write(tmp_path / "f.wav", y, subtype="FLOAT"), sr=SR)
    assert (rec.channels, rec.notes) == (8, ("mixed down",))
    np.testing.assert_allclose(rec.y, sound() / 2, atol=1e-6)
    both = decode(write(tmp_path / "b.wav", y[:, :2], 48_000), sr=SR)
    assert both.notes == ("resampled", "mixed down")


def test_clipped_frames_are_counted_before_mixing_and_resampling(tmp_path):
    left = sound(sr=48_000)
    left[1000:1010] = 1.0
    left[2000:2003] = -1.0
    rec = decode(write(tmp_path / "c.wav", np.stack([left, 0 * left], axis=1), 48_000), sr=SR)
    assert rec.n_clipped == 13
    assert rec.clipped_share == pytest.approx(13 / len(left))


# ---- parts


@pytest.mark.parametrize("name", FORMATS)
def test_parts_are_cut_by_time(tmp_path, name):
    path = write(tmp_path / name)
    whole = decode(path, sr=SR).y
    tolerance = 5e-3 if name == "a.opus" else 1e-6  # opus is not exact after seeking
    for start_s, end_s in [(None, 1.0), (1.1, 2.2), (1.5, None), (0.0, 2.5)]:
        part = decode(path, sr=SR, start_s=start_s, end_s=end_s)
        expected = whole[round((start_s or 0) * SR) : None if end_s is None else round(end_s * SR)]
        assert part.duration_s == pytest.approx(len(expected) / SR)
        assert part.notes == ()
        np.testing.assert_allclose(part.y, expected, atol=tolerance)


def test_parts_outside_the_file(tmp_path):
    path = write(tmp_path / "a.wav")
    assert decode(path, sr=SR, start_s=1.0, end_s=3.05).notes == ()
    over = decode(path, sr=SR, start_s=1.0, end_s=4.0)
    assert over.notes == ("truncated",)
    assert over.duration_s == 2.0
    for part in ({"start_s": 3.0}, {"start_s": 9.0, "end_s": 10.0}, {"start_s": 2.0, "end_s": 1.0}, {"start_s": -1.0}):
        assert refusal(path, **part).reason == "empty"


# ---- nothing there, nothing readable


def test_missing_and_unreadable(tmp_path):
    file = write(tmp_path / "a.wav")
    assert refusal(tmp_path / "gone.wav").reason == "missing"
    assert refusal(file / "below.wav").reason == "missing"
    assert refusal("nul\0l.wav").reason == "missing"
    assert refusal(tmp_path).reason == "unreadable"
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    assert refusal(tmp_path / "loop.wav").reason == "unreadable"
    assert refusal(tmp_path / ("x" * 300 + ".wav")).reason == "unreadable"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and pipes")
def test_no_permission_and_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert refusal(tmp_path / "pipe.wav").reason == "unreadable"
    closed = write(tmp_path / "a.wav")
    closed.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        assert refusal(closed).reason == "unreadable"
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        closed.chmod(stat.S_IRUSR | stat.S_IWUSR)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a"])
def test_zero_bytes(tmp_path, name):
    (tmp_path / name).touch()
    assert refusal(tmp_path / name).reason == "empty"


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "vorbis.ogg", "a.aiff"])
def test_zero_samples(tmp_path, name):
    assert refusal(write(tmp_path / name, np.zeros(0))).reason in ("empty", "undecodable")
    assert refusal(write(tmp_path / "z.wav", np.zeros((0, 2)))).reason == "empty"


# ---- damage


@pytest.mark.parametrize("name", ["a.wav", "f.wav", "a.flac", "a.mp3", "a.aiff", "a.au"])
def test_a_truncated_file_is_used_up_to_its_end(tmp_path, name):
    path = write(tmp_path / name, sound(20.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    rec = decode(path, sr=8_000)
    assert rec.notes == ("resampled", "truncated")
    assert rec.duration_s == pytest.approx(10, abs=0.6)
    assert len(rec.y) == pytest.approx(rec.duration_s * 8_000, abs=1)


def test_a_truncated_ogg_ends_early_without_a_word(tmp_path):
    path = write(tmp_path / "vorbis.ogg", sound(20.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    rec = decode(path, sr=SR)  # its header promises no length
    assert rec.notes == ()
    assert 5 < rec.duration_s < 15


@pytest.mark.parametrize("name", ["a.flac", "a.mp3"])
def test_a_file_damaged_in_the_middle_is_used_up_to_there(tmp_path, name):
    path = write(tmp_path / name, sound(20.0))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
    path.write_bytes(data)
    rec = decode(path, sr=SR)
    assert rec.notes == ("truncated",)
    assert 8 < rec.duration_s < 12


def test_damaged_from_the_first_sample(tmp_path):
    path = write(tmp_path / "a.flac")
    data = bytearray(path.read_bytes())
    data[60:] = bytes(len(data) - 60)
    path.write_bytes(data)
    assert refusal(path).reason == "undecodable"


@pytest.mark.parametrize("claims", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wav_from_a_pipe_claims_no_length_and_is_not_truncated(tmp_path, claims):
    (tmp_path / "a.wav").write_bytes(wav(claims=claims))
    rec = decode(tmp_path / "a.wav", sr=SR)
    assert rec.notes == ()
    assert rec.duration_s == 0.5


def flac_with_total(path: Path, total: int) -> Path:
    """Rewrite the 36 bits of a FLAC header that hold the number of samples."""
    data = bytearray(write(path).read_bytes())
    data[21] = (data[21] & 0xF0) | (total >> 32)
    data[22:26] = struct.pack(">I", total & 0xFFFFFFFF)
    path.write_bytes(data)
    return path


def test_a_flac_from_a_pipe_states_no_length(tmp_path):
    rec = decode(flac_with_total(tmp_path / "a.flac", 0), sr=SR)
    assert (rec.duration_s, rec.notes) == (3.0, ())


# ---- absurd headers


def test_huge_claims_allocate_nothing(tmp_path):
    path = flac_with_total(tmp_path / "a.flac", 2**36 - 1)
    (tmp_path / "a.wav").write_bytes(wav(claims=0x7000_0000))
    tracemalloc.start()
    try:
        assert decode(path, sr=SR).notes == ("truncated",)
        assert decode(tmp_path / "a.wav", sr=SR).notes == ("truncated",)
        assert refusal(path, start_s=3000.0).reason in ("empty", "undecodable")
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "header",
    [{"sr": 0}, {"sr": 1}, {"sr": 10**9}, {"sr": 3 * 10**9}, {"channels": 0}, {"channels": 65}, {"channels": 1000}],
)
def test_absurd_headers(tmp_path, header):
    (tmp_path / "a.wav").write_bytes(wav(**header))
    assert refusal(tmp_path / "a.wav").reason == "undecodable"


@pytest.mark.parametrize(
    "content", [b"This is text, not sound.\n" * 200, b"\0" * 5000, b"RIFF", b"ID3\x04\0\0\0\0\0\0"]
)
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.raw"])
def test_no_sound_inside(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert refusal(tmp_path / name).reason == "undecodable"


@pytest.mark.parametrize("name", [*FORMATS, "random.bin"])
def test_hostile_bytes_give_a_recording_or_an_audio_error(tmp_path, name):
    rng = np.random.default_rng(len(name))
    original = rng.bytes(20_000) if name == "random.bin" else write(tmp_path / name, sound(0.5)).read_bytes()
    path = tmp_path / name
    for _ in range(60):
        data = bytearray(original)
        for _ in range(rng.integers(1, 8)):
            at = int(rng.integers(0, min(len(data), 400) if rng.random() < 0.7 else len(data)))
            data[at : at + 4] = rng.bytes(int(rng.integers(0, 8)))
        path.write_bytes(data[: int(rng.integers(1, len(data) + 1))] if rng.random() < 0.3 else data)
        try:
            rec = decode(path, sr=SR)
        except AudioError as error:
            assert error.reason in ("undecodable", "empty", "non-finite", "too long")
        else:
            assert rec.y.ndim == 1
            assert rec.y.dtype == np.float32


def test_non_finite_samples(tmp_path):
    for value in (np.nan, np.inf):
        y = sound()
        y[SR : SR + 5] = value
        error = refusal(write(tmp_path / "f.wav", y, subtype="FLOAT"))
        assert error.reason == "non-finite"
        assert "1.000 s" in error.detail
    assert decode(tmp_path / "f.wav", sr=SR, end_s=0.9).notes == ()


def test_huge_floats_do_not_overflow_when_mixed(tmp_path):
    y = np.full((SR, 2), 3e38, dtype=np.float32)
    assert np.isfinite(decode(write(tmp_path / "f.wav", y, subtype="FLOAT"), sr=SR).y).all()


# ---- names


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes exist on Linux only")
@pytest.mark.parametrize(
    "name", [b"caf\xe9.wav", b"\xff\xfe\n.wav", "ünï [b]x.wav".encode(), b"a\x1b[31m.wav", b"-.wav"]
)
def test_any_file_name(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    write(tmp_path / "a.wav").rename(path)
    assert decode(path, sr=SR).duration_s == 3.0
    path.write_bytes(b"no sound")
    refusal(path).detail.encode()


# ---- standard error


def test_without_a_standard_error(tmp_path):
    """A service may have closed it; the MP3 decoder's chatter still ends nothing."""
    path = write(tmp_path / "a.mp3")
    code = (
        "import os, sys; os.close(2); from ser_toolkit.data import audio; print(audio.decode(sys.argv[1], sr=8000).sr)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"8000\n"


# ---- arrays


def test_arrays_equal_files(tmp_path):
    y = np.stack([sound(sr=44_100), 0.5 * sound(sr=44_100)])
    of_file = decode(write(tmp_path / "f.wav", y.T, 44_100, subtype="FLOAT"), sr=SR)
    of_array = from_array(y, 44_100, sr=SR)
    np.testing.assert_array_equal(of_array.y, of_file.y)
    assert (of_array.notes, of_array.duration_s, of_array.channels) == (of_file.notes, of_file.duration_s, 2)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_array_types(dtype):
    scale = -float(np.iinfo(dtype).min) if np.issubdtype(dtype, np.integer) else 1.0
    y = (sound().astype(np.float64) * scale).astype(dtype)
    before = y.copy()
    rec = from_array(y, SR, sr=SR)
    np.testing.assert_allclose(rec.y, sound(), atol=2e-4)
    rec.y[:] = 0
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize(
    ("y", "sr", "reason"),
    [
        (np.zeros(0), SR, "empty"),
        (np.zeros((2, 0)), SR, "empty"),
        (np.zeros((SR, 2)), SR, "undecodable"),
        (np.zeros((1, 1, SR)), SR, "undecodable"),
        (np.float32(1), SR, "undecodable"),
        (np.zeros(SR, dtype=bool), SR, "undecodable"),
        (np.zeros(SR, dtype=complex), SR, "undecodable"),
        (np.zeros(SR, dtype=np.uint8), SR, "undecodable"),
        (["a"], SR, "undecodable"),
        (np.zeros(SR), 10**9, "undecodable"),
        (np.zeros(SR), float("nan"), "undecodable"),
        (np.array([0, np.nan]), SR, "non-finite"),
        (np.array([0, 1e300]), SR, "non-finite"),
    ],
)
def test_arrays_that_are_no_audio(y, sr, reason):
    with pytest.raises(AudioError) as caught:
        from_array(y, sr, sr=SR)
    assert caught.value.reason == reason


def test_more_than_six_hours_are_refused():
    endless = np.broadcast_to(np.float32(0), (round(MAX_DURATION_S * 1000) + 1,))
    with pytest.raises(AudioError, match="6 hours") as caught:
        from_array(endless, 1000, sr=1000)
    assert caught.value.reason == "too long"


@pytest.mark.corpora
def test_corpora(corpora):
    rec = decode(corpora / "emodb" / "wav" / "03a01Fa.flac", sr=SR)
    assert rec.duration_s == pytest.approx(1.8982, abs=1e-3)
    assert (rec.channels, rec.notes) == (1, ())
