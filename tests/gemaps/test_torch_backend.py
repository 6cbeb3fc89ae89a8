"""The torch backend: the same numbers as numpy, in batches, where the tensors are."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from ser_toolkit.components import create
from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.testing import assert_extractor
from ser_toolkit.testing.sounds import hard_sounds, sine, speech
from ser_toolkit_gemaps import EgemapsFast
from ser_toolkit_gemaps.names import NAMES

torch = pytest.importorskip("torch", reason="the torch backend needs torch")

SR = 16_000
NUMPY, TORCH = EgemapsFast(), EgemapsFast(backend="torch")
SLIDING = {"n_window": 48_000, "n_hop": 12_000}


def assert_agree(got, want):
    """Equal but for rounding; of F0 it may change the whole samples between which periods are looked for."""
    got, want = np.asarray(got), np.asarray(want)
    periods = np.resize([n.startswith(("jitter", "shimmer")) for n in NAMES], got.shape)
    np.testing.assert_allclose(got[~periods], want[~periods], rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(got[periods], want[periods], rtol=5e-2, atol=1e-3)


def windows(corpora, per_corpus):
    """Files of the shared corpora, repeated or cut to 3 s, shape (n, 48000)."""
    rows = []
    for name in ("emodb", "ravdess", "nemo"):
        files = sorted((corpora / name).rglob("*.flac"))
        for file in files[:: len(files) // per_corpus][:per_corpus]:
            rows.append(np.resize(soundfile.read(file, dtype="float32")[0], 48_000))
    return np.stack(rows)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["window", "sliding"])
def test_keeps_the_contract(mode):
    assert_extractor(EgemapsFast(mode=mode, backend="torch"))


def test_is_configured():
    assert create(EgemapsFast, {"backend": "torch"}) == TORCH
    assert pickle.loads(pickle.dumps(TORCH)) == TORCH
    assert TORCH.libraries == (*NUMPY.libraries, "torch")


def test_numpy_does_not_import_torch():
    code = "import numpy as np, sys; from ser_toolkit_gemaps import EgemapsFast; e = EgemapsFast(); "
    code += "e.batch(np.zeros((1, 1600), np.float32), 16000); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


@pytest.mark.corpora
def test_agrees_on_real_speech(corpora):
    y = windows(corpora, per_corpus=8)
    ours, theirs = TORCH.batch(y, SR), NUMPY.batch(y, SR)
    assert np.isfinite(ours).all()
    correlation = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(ours.T, theirs.T, strict=True)])
    assert correlation.min() > 0.999, [n for n, r in zip(NAMES, correlation, strict=True) if r <= 0.999]
    assert (np.abs(ours - theirs) < 1e-3 * theirs.std(axis=0) + 1e-5).mean() > 0.99


@pytest.mark.parametrize("name", hard_sounds(SR))
def test_agrees_on_hard_sounds(name):
    y = hard_sounds(SR)[name]
    ours, theirs = TORCH(y, SR), NUMPY(y, SR)
    assert np.isfinite(ours).all()
    rounding = []  # all that varies in these
    if "direct current" in name:
        rounding = [k for k, n in enumerate(NAMES) if not n.startswith(("loudness", "equivalent", "F0"))]
    elif name == "click":
        rounding = [k for k, n in enumerate(NAMES) if n.startswith("loudness") and ("Slope" in n or "Peaks" in n)]
    ours[rounding] = theirs[rounding]
    assert_agree(ours, theirs)


@pytest.mark.parametrize("f0_hz", [57, 80, 123, 230, 411, 700, 980])
def test_agrees_on_tones_of_any_pitch(f0_hz):
    t = np.arange(SR) / SR
    phase = 2 * np.pi * f0_hz * (t + 0.002 * np.sin(2 * np.pi * 3 * t))
    y = sum(np.sin(k * phase) / k for k in range(1, min(30, 7000 // f0_hz) + 1))
    y = (0.4 * y / np.abs(y).max() * (1 + 0.3 * np.sin(2 * np.pi * 7 * t))).astype(np.float32)
    assert_agree(TORCH(y, SR), NUMPY(y, SR))


@pytest.mark.parametrize("sr", [8000, 11_025, 44_100])
def test_agrees_at_other_sample_rates(sr):
    y = speech(1.5, sr)
    assert_agree(TORCH(y, sr), NUMPY(y, sr))


@pytest.mark.parametrize("n", [1, 37, 960, 1600, 1761, 4000])
def test_short_segments(n):
    y = speech(1.0, SR)[5000 : 5000 + n]
    assert_agree(TORCH(y, SR), NUMPY(y, SR))


def test_a_batch_is_its_segments():
    y = speech(6.0, SR).reshape(6, -1)
    rows = TORCH.batch(torch.tensor(y), SR)
    assert (rows.shape, rows.dtype, rows.requires_grad) == ((6, 88), torch.float32, False)
    assert_agree(rows.numpy(), np.stack([TORCH(row, SR) for row in y]))
    assert torch.equal(rows, TORCH.batch(torch.tensor(y), SR))
    np.testing.assert_array_equal(NUMPY.batch(y, SR), np.stack([NUMPY(row, SR) for row in y]))


def test_batches_are_divided(monkeypatch):
    y = torch.tensor(speech(6.0, SR).reshape(6, -1))
    whole = TORCH.batch(y, SR)
    monkeypatch.setattr("ser_toolkit_gemaps.batched.extract.SECONDS_AT_ONCE", {"cpu": 2.0})
    monkeypatch.setattr("ser_toolkit_gemaps.batched.descriptors.FRAMES_AT_ONCE", 100)
    assert_agree(TORCH.batch(y, SR), whole)


def test_what_surrounds_it_changes_nothing():
    y = torch.tensor(speech(2.0, SR)[None], dtype=torch.float64, requires_grad=True)
    want = TORCH.batch(y.detach(), SR)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = TORCH.batch(y, SR)
    assert torch.equal(got, want)
    assert (got * torch.nn.Parameter(torch.ones(88))).sum().requires_grad  # can be an input of a network in training


def test_sliding_agrees():
    y = speech(6.0, SR)
    for mode in ("window", "sliding"):
        ours, theirs = (EgemapsFast(mode=mode, backend=b).sliding(y, SR, **SLIDING) for b in ("torch", "numpy"))
        assert_agree(ours, theirs)


def test_refuses_what_it_cannot_use():
    assert TORCH.batch(torch.zeros(0, 48_000), SR).shape == (0, 88)
    assert NUMPY.batch(np.zeros((0, 48_000), np.float32), SR).shape == (0, 88)
    with pytest.raises(AudioError, match="at least one sample"):
        TORCH.batch(torch.zeros(2, 0), SR)
    with pytest.raises(AudioError, match="NaN"):
        TORCH.batch(torch.full((2, SR), torch.nan), SR)
    with pytest.raises(ConfigError, match="not 1 axes"):
        TORCH.batch(torch.zeros(SR), SR)
    with pytest.raises(ConfigError, match="backend='torch'"):
        NUMPY.batch(torch.zeros(1, SR), SR)
    with pytest.raises(ConfigError, match="8000 Hz or more"):
        TORCH.batch(torch.zeros(1, SR), 4000)
    with pytest.raises(ConfigError, match="11025 Hz is not a multiple"):
        EgemapsFast(mode="sliding", backend="torch").batch(torch.zeros(1, 11_025), 11_025)


def test_all_stays_on_the_device():
    from ser_toolkit_gemaps.batched import descriptors, functionals, pitch, temporal

    y = descriptors.wave(torch.empty(2, SR, device="meta"))  # a device without data: what mixes it with another fails
    magnitude, rms = descriptors.gauss60(y, SR)
    pitch_hz, settled = pitch.track(pitch.candidates(magnitude, SR), rms)
    powers = descriptors.power(descriptors.hamming20(y, SR))
    given = [
        pitch_hz,
        settled,
        descriptors.harmonics(pitch_hz[0], torch.empty(len(pitch_hz[0]), 3, device="meta"), magnitude[0], SR),
        descriptors.flux(powers, SR),
        descriptors.slope(powers, SR, low_hz=0, high_hz=500),
        descriptors.sound_level(descriptors.energy(y, SR)),
        functionals.percentiles(rms.double(), (rms > 0).sum(-1)),
        *temporal.segment_statistics(pitch_hz > 0),
    ]
    assert {values.device.type for values in given} == {"meta"}


@pytest.mark.gpu
def test_on_a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    y = torch.tensor(np.stack([speech(3.0, SR, seed=k) for k in range(4)] + [sine(150, peak=1, duration_s=3.0, sr=SR)]))
    got = TORCH.batch(y.cuda(), SR)
    assert got.device.type == "cuda"
    assert torch.equal(got, TORCH.batch(y.cuda(), SR))
    assert_agree(got.cpu().numpy(), TORCH.batch(y, SR).numpy())
