"""Fixtures shared by all tests: sound made on the spot, and the shared corpora where they are present."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import remote_servers
import soundfile
from tiny import TINY

from ser_toolkit.training.export import export
from ser_toolkit.training.results import TrainResult
from ser_toolkit.training.run import train

# what tests compute does not belong into the user's cache
os.environ["SER_TOOLKIT_CACHE"] = tempfile.mkdtemp(prefix="ser-toolkit-test-cache-")
atexit.register(shutil.rmtree, os.environ["SER_TOOLKIT_CACHE"], ignore_errors=True)

# broken plugins are made here on purpose, and tests start processes that must not run tests in their turn
os.environ.pop("SER_TOOLKIT_STRICT_PLUGINS", None)

# what is started in the background of a script ignores Ctrl-C, and so would all that it starts
signal.signal(signal.SIGINT, signal.default_int_handler)

CORPORA = Path(os.environ.get("SER_TOOLKIT_CORPORA", Path(__file__).parents[1] / "../shared/corpora"))


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Folder of the shared corpora."""
    if not (CORPORA / "emodb" / "manifest.csv").is_file():
        pytest.skip("the shared corpora are not beside the project (set SER_TOOLKIT_CORPORA)")
    return CORPORA.resolve()


@pytest.fixture(scope="session")
def vowel() -> np.ndarray:
    """One second of a synthetic vowel at 16 kHz: harmonics of 140 Hz, falling 6 dB an octave, peak 0.5."""
    t = np.arange(16_000) / 16_000
    y = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 30))
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


VOWELS_HZ = np.array([[730, 1090, 2440], [270, 2290, 3010], [530, 1840, 2480]])


def utter(path: Path, *, f0_hz: float, tempo_hz: float, seconds: float, seed: int, sr: int = 16_000) -> None:
    """Write a voice-like sound, near enough to pass for speech: syllables of three vowels with a pitch that moves."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * sr)) / sr
    turns = tempo_hz * t + rng.uniform(0, 1)
    pitch_hz = f0_hz * (1 + 0.06 * np.sin(np.pi * t))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sr
    glide = np.hanning(int(0.04 * sr))
    formants_hz = [
        np.convolve(np.pad(f, len(glide), mode="edge"), glide / glide.sum(), mode="same")[len(glide) : -len(glide)]
        for f in VOWELS_HZ[turns.astype(int) % 3].T
    ]
    voice = np.zeros(len(t))
    for k in range(1, int(5500 / f0_hz)):
        resonance = sum(1 / (1 + ((k * pitch_hz - f) / 90) ** 2) for f in formants_hz)
        voice += resonance / k**0.5 * np.sin(k * phase)
    syllables = np.sin(np.pi * (turns % 1)) ** 0.7
    y = 0.3 * voice * syllables / np.abs(voice).max() + 0.0005 * rng.standard_normal(len(t))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y.astype(np.float32), sr)


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Manifest of 6 speakers x 2 emotions x 2 short recordings; "anger" is high and fast, "sadness" low and slow."""
    folder = tmp_path_factory.mktemp("tiny-corpus")
    rows = ["file,speaker,emotion,gender"]
    for s in range(6):
        for emotion, f0, tempo in (("anger", 260, 6.0), ("sadness", 150, 2.0)):
            for i in range(2):
                name = f"audio/s{s}-{emotion}-{i}.wav"
                seed = 100 * s + 10 * i + len(emotion)
                utter(folder / name, f0_hz=f0 * (1 + 0.03 * s), tempo_hz=tempo, seconds=1.0 + 0.6 * i, seed=seed)
                rows.append(f"{name},speaker{s},{emotion},{'female' if s % 2 else 'male'}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="session")
def tiny_run(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """A finished run on the tiny corpus."""
    return train(tiny_corpus, config=TINY, out=tmp_path_factory.mktemp("tiny-run") / "run", device="cpu")


@pytest.fixture(scope="session")
def tiny_model(tiny_run: TrainResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run as an .onnx file."""
    path = tmp_path_factory.mktemp("tiny-model") / "tiny.onnx"
    export(tiny_run.run_dir, path)
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home folder with the keys of `sftp`."""
    return tmp_path_factory.mktemp("ssh")


@pytest.fixture(scope="module")
def sftp(home: Path) -> Iterator[str]:
    """Address of a folder on an SFTP server."""
    with remote_servers.sftp_server(home) as address:
        yield address


@pytest.fixture(scope="module")
def s3(files: Path) -> Iterator[str]:
    """Address of a bucket with the `files` of the module."""
    pytest.importorskip("s3fs", reason="the [remote] tier is not installed")
    with remote_servers.s3_server(files) as address:
        yield address


@pytest.fixture(scope="module")
def gs() -> Iterator[str]:
    """Address of an empty bucket."""
    pytest.importorskip("gcsfs", reason="the [remote] tier is not installed")
    with remote_servers.gs_server() as address:
        yield address


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[str]:
    """Address of a web server with the `files` of the module."""
    pytest.importorskip("aiohttp", reason="the [remote] tier is not installed")
    with remote_servers.web_server(tmp_path_factory.mktemp("web"), files) as address:
        yield address
