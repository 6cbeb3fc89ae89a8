"""Steps against noise: less noise below their threshold, nothing at all above it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from conftest import SR

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import ConfigError, MissingTierError
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.testing.preprocessors import check_preprocessor
from ser_toolkit_denoise.rnnoise import RNNoise
from ser_toolkit_denoise.snr import estimated_snr_db
from ser_toolkit_denoise.spectral_gate import SpectralGate
from ser_toolkit_denoise.wiener import Wiener

DENOISERS = [Wiener(), SpectralGate(), SpectralGate(mode="steady"), RNNoise()]


def needs(step):
    try:
        step.require()
    except MissingTierError as error:
        pytest.skip(str(error))


def unlike(y, clean):
    """Energy of what is not the clean speech (times the best factor), relative to it, in dB."""
    y, clean = y.astype(np.float64), clean.astype(np.float64)
    part = clean * (y @ clean) / (clean @ clean)
    return 10 * np.log10(np.sum((y - part) ** 2) / np.sum(part**2))


@pytest.mark.parametrize("step", DENOISERS, ids=repr)
def test_contract(step):
    needs(step)
    assert [(r.name, r.detail) for r in check_preprocessor(step) if not r.passed] == []


@pytest.mark.parametrize("step", DENOISERS, ids=repr)
def test_pauses_become_quieter_and_speech_stays(step, clean, noisy):
    needs(step)
    y = noisy(5)
    made = step(y, SR)
    assert made.shape == y.shape
    frames = np.abs(clean[: len(clean) // 400 * 400]).reshape(-1, 400).max(axis=1)
    pauses = np.repeat(frames < 0.005, 400)
    assert pauses.sum() > SR / 2

    def level(x):
        return 10 * np.log10(np.mean(np.square(x[: len(pauses)][pauses])))

    assert level(made) < level(y) - 5
    assert np.corrcoef(made, clean)[0, 1] > 0.7


@pytest.mark.parametrize("step", [Wiener(), RNNoise()], ids=repr)
def test_the_rest_is_closer_to_clean_speech(step, clean, noisy):
    needs(step)
    y = noisy(5)
    assert unlike(step(y, SR), clean) < unlike(y, clean) - 2


@pytest.mark.parametrize("step", DENOISERS, ids=repr)
def test_recordings_with_little_noise_stay_as_they_are(step, clean, noisy):
    needs(step)
    assert step(clean, SR) is clean
    y = noisy(25)
    assert step(y, SR) is y
    assert step(noisy(5), SR) is not y
    silence = np.zeros(SR, dtype=np.float32)
    assert step(silence, SR) is silence
    never, always = (create(type(step), {**to_config(step), "below_snr_db": snr}) for snr in (-20, 61))
    assert never(noisy(0), SR) is not None
    assert np.array_equal(never(noisy(0), SR), noisy(0))
    assert not np.array_equal(always(clean, SR), clean)


def test_settings():
    step = default_registry().create("preprocessor", "wiener", {"below_snr_db": 8, "floor_db": -10})
    assert step == Wiener(below_snr_db=8.0, floor_db=-10.0)
    with pytest.raises(ConfigError, match="wiener has no setting 'floor'"):
        default_registry().create("preprocessor", "wiener", {"floor": -10})
    with pytest.raises(ConfigError, match="spectral-gate: mode"):
        default_registry().create("preprocessor", "spectral-gate", {"mode": "stationary"})


def test_the_floor_of_the_wiener_filter(noisy):
    y = noisy(0)
    powers = [np.mean(np.square(Wiener(floor_db=floor)(y, SR)[:2000])) for floor in (-3, -10, -30)]
    assert powers == sorted(powers, reverse=True)
    np.testing.assert_allclose(Wiener(floor_db=0)(y, SR), y - y.mean(), atol=1e-6)


def test_amounts(noisy):
    for step in (SpectralGate(amount=0, mode="changing"), RNNoise(amount=0)):
        needs(step)
        np.testing.assert_allclose(step(noisy(0), SR), noisy(0) - noisy(0).mean(), atol=1e-5)


@pytest.mark.parametrize("sr", [8000, 22_050, 48_000])
def test_rnnoise_at_other_rates_neither_delays_nor_changes_the_length(sr):
    needs(RNNoise())
    result = {r.name: r for r in check_preprocessor(RNNoise(), sr)}
    assert result["not delayed"].passed, result["not delayed"].detail
    assert result["length"].passed


@pytest.mark.parametrize(("step", "library"), [(SpectralGate(), "noisereduce"), (RNNoise(), "pyrnnoise")], ids=repr)
def test_without_its_library_a_step_names_the_tier(step, library):
    """In a process in which the library cannot be found."""
    program = (
        "import importlib.util, numpy as np\n"
        f"from {type(step).__module__} import {type(step).__name__} as Step\n"
        "find = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *more: None if name == {library!r} else find(name, *more)\n"
        "Step()(np.zeros(16000, np.float32), 16000)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert f"MissingTierError: the preprocessor '{step.name}' needs the [denoise] tier" in done.stderr
    assert "pip install 'ser-toolkit[denoise]'" in done.stderr


@pytest.mark.parametrize("kind", ["white", "pink"])
def test_the_estimate_follows_the_noise(kind, noisy):
    estimates = [estimated_snr_db(noisy(snr, kind), SR) for snr in (20, 10, 0)]
    assert estimates == sorted(estimates, reverse=True)
    np.testing.assert_allclose(estimates, [20, 10, 0], atol=5)


def test_the_estimate_of_what_has_no_noise(clean):
    assert estimated_snr_db(clean, SR) > 20
    assert estimated_snr_db(np.zeros(SR, np.float32), SR) == 60
    assert estimated_snr_db(clean[:100], SR) == 60
    white = (0.1 * np.random.default_rng(0).standard_normal(3 * SR)).astype(np.float32)
    assert estimated_snr_db(white, SR) < 0


@pytest.mark.corpora
def test_the_estimate_on_speech_with_known_noise(corpora):
    """Within 3 dB on average for white noise at 0 to 20 dB, as docs/denoise.md says."""
    import soundfile

    from ser_toolkit.noise.degradation import degrade

    files = sorted((corpora / "emodb" / "wav").glob("*.flac"))[::60]
    off = []
    for file in files:
        y, sr = soundfile.read(file, dtype="float32")
        off += [estimated_snr_db(degrade(y, sr, f"white:{snr}"), sr) - snr for snr in (20, 10, 0)]
    assert np.mean(np.abs(off)) < 3
