"""A corpus whose ratings can be computed from its sounds, and models that were trained on it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fake_dists import install
from rated_plugin import CONFIG, DIMENSIONS

from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.training.export import export
from ser_toolkit.training.run import train


@pytest.fixture(scope="package")
def plugin(tmp_path_factory):
    """The plugin of `rated_plugin`, installed."""
    site = tmp_path_factory.mktemp("site")
    install(site, "rated", entry_points={"rated": "rated_plugin"})
    sys.path.insert(0, str(site))
    default_registry.cache_clear()
    yield default_registry()
    sys.path.remove(str(site))
    default_registry.cache_clear()


def hum(path: Path, *, valence: float, arousal: float, seed: int) -> None:
    """A second of syllables: valence from 1 to 5 is in their pitch, arousal from 0 to 10 in their loudness."""
    rng = np.random.default_rng(seed)
    t = np.arange(16_000) / 16_000
    y = (0.05 + 0.045 * arousal) * np.sin(2 * np.pi * (400 * valence * t + rng.uniform()))
    y *= 0.55 + 0.45 * np.sin(2 * np.pi * 4 * t)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, (y + 0.001 * rng.standard_normal(len(t))).astype(np.float32), 16_000)


@pytest.fixture(scope="package")
def corpus(tmp_path_factory):
    """Manifest of 10 speakers, 8 recordings each, of which every fourth has no ratings and two no valence."""
    folder = tmp_path_factory.mktemp("rated-corpus")
    rng = np.random.default_rng(1)
    rows = ["file,speaker,emotion,gender,valence,arousal"]
    for s in range(10):
        for i in range(8):
            valence, arousal = round(float(rng.uniform(1.2, 4.8)), 2), round(float(rng.uniform(0, 10)), 1)
            name = f"audio/{s}-{i}.wav"
            hum(folder / name, valence=valence, arousal=arousal, seed=100 * s + i)
            said = [
                "" if i % 4 == 3 or (s, i) in ((0, 0), (1, 1)) else f"{valence:g}",
                "" if i % 4 == 3 else f"{arousal:g}",
            ]
            emotion = "anger" if arousal > 5 else "sadness"
            rows.append(f"{name},s{s},{emotion},{'female' if s % 2 else 'male'},{','.join(said)}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="package")
def alone(plugin, corpus, tmp_path_factory):
    """A finished run on dimensions alone."""
    config = {**CONFIG, "targets": {**DIMENSIONS, "emotions": False, "loss": {"name": "ccc"}}}
    return train(corpus, config=config, out=tmp_path_factory.mktemp("alone") / "run", device="cpu")


@pytest.fixture(scope="package")
def both(plugin, corpus, tmp_path_factory):
    """A finished run on emotions and dimensions."""
    config = {**CONFIG, "targets": {**DIMENSIONS, "weight": 2.0}}
    return train(corpus, config=config, out=tmp_path_factory.mktemp("both") / "run", device="cpu")


@pytest.fixture(scope="package")
def alone_model(alone, tmp_path_factory):
    path = tmp_path_factory.mktemp("alone-model") / "alone.onnx"
    export(alone.run_dir, path)
    return path


@pytest.fixture(scope="package")
def both_model(both, tmp_path_factory):
    path = tmp_path_factory.mktemp("both-model") / "both.onnx"
    export(both.run_dir, path)
    return path
