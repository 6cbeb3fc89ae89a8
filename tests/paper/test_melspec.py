"""The mel spectrogram: librosa's numbers, shared frames, clear refusals."""

import csv
import warnings

import librosa
import numpy as np
import pytest
import soundfile

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.interfaces import FeatureExtractor, SlidingFeatureExtractor
from ser_toolkit.testing import assert_extractor
from ser_toolkit.testing.sliding import agreement
from ser_toolkit.testing.sounds import sine, speech
from ser_toolkit_paper.melspec import MelSpec

SR = 16_000
WINDOW = {"n_window": 48_000, "n_hop": 12_000}


def by_librosa(y, sr, *, ref=np.max, top_db=80.0, amin=1e-10, **config):
    mel = librosa.feature.melspectrogram(y=y, sr=sr, **{"n_fft": 1024, "hop_length": 128, "n_mels": 128, **config})
    return librosa.power_to_db(mel, ref=ref, top_db=top_db, amin=amin)


def test_paper_shape():
    mel = MelSpec()
    spec = mel.spec(48_000, SR)
    assert spec.shape == (1, 128, 376)
    assert spec.axes == ("channel", "mel", "frame")
    assert spec.unit == "dB"
    assert spec.role == "image"
    assert mel.spec(None, SR).shape == (1, 128, None)
    assert mel(speech(3.0, SR), SR).shape == (1, 128, 376)
    assert isinstance(mel, FeatureExtractor)
    assert isinstance(mel, SlidingFeatureExtractor)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"n_fft": 2048, "hop_length": 160}, {"n_fft": 2048, "hop_length": 160}),
        ({"n_mels": 40, "fmin_hz": 50, "fmax_hz": 6000}, {"n_mels": 40, "fmin": 50, "fmax": 6000}),
        ({"htk": True}, {"htk": True}),
        ({"power": 1.0}, {"power": 1.0}),
        ({"center": False}, {"center": False}),
        ({"ref": 1.0, "top_db": None, "amin": 1e-8}, {"ref": 1.0, "top_db": None, "amin": 1e-8}),
        ({"window": "hamming", "win_length": 400}, {"window": "hamming", "win_length": 400}),
        ({"n_fft": 1023, "hop_length": 100}, {"n_fft": 1023, "hop_length": 100}),
    ],
    ids=str,
)
@pytest.mark.parametrize("sr", [8_000, 16_000])
def test_numbers_are_librosas(ours, theirs, sr):
    if ours.get("fmax_hz", 0) > sr / 2:
        ours, theirs = {**ours, "fmax_hz": 3000}, {**theirs, "fmax": 3000}
    if sr == 8_000 and ours.get("win_length"):
        ours, theirs = {**ours, "n_mels": 64}, {**theirs, "n_mels": 64}
    y = speech(2.0, sr)
    expected = by_librosa(y, sr, **theirs)
    got = create(MelSpec, ours)(y, sr)[0]
    # quiet bins are rounding noise of float32 in either: compare what is within 60 dB of the loudest
    loud = expected > expected.max() - 60
    assert got.shape == expected.shape
    np.testing.assert_allclose(got[loud], expected[loud], atol=2e-3)
    np.testing.assert_allclose(got, expected, atol=0.1)


@pytest.mark.parametrize(
    "config",
    [{}, {"mode": "sliding"}, {"mode": "sliding", "center": False, "ref": 1.0, "hop_length": 200, "n_mels": 40}],
    ids=str,
)
def test_contracts(config):
    assert_extractor(create(MelSpec, config))


def test_config_round_trip():
    mel = MelSpec(ref=1.0, mode="sliding", fmax_hz=7000.0, top_db=None)
    config = to_config(mel)
    assert config["ref"] == 1.0
    assert config["fmax_hz"] == 7000.0
    assert config["win_length"] is None
    assert create(MelSpec, config) == mel
    assert to_config(MelSpec())["ref"] == "max"


@pytest.mark.parametrize("n_hop", [12_000, 12_800, 5_333, 48_000, 100_000])
def test_window_mode_gives_the_numbers_of_single_calls(n_hop):
    y = speech(12.0, SR)
    mel = MelSpec()
    rows = mel.sliding(y, SR, n_window=48_000, n_hop=n_hop)
    alone = np.stack([mel(y[k * n_hop : k * n_hop + 48_000], SR) for k in range(len(rows))])
    np.testing.assert_allclose(rows, alone, atol=1e-3)
    assert mel.sliding_agreement == 1


@pytest.mark.parametrize(("n_window", "n_hop"), [(48_000, 12_000), (48_000, 8_000), (16_000, 4_000), (32_000, 1_600)])
def test_sliding_mode_does_not_depend_on_where_a_recording_is_cut(n_window, n_hop):
    y = speech(8.0, SR)
    mel = MelSpec(mode="sliding")
    whole = mel.sliding(y, SR, n_window=n_window, n_hop=n_hop)
    context = -(-round(mel.context_s * SR) // n_hop)  # hops
    for first in (1, 3, 7):
        cut = mel.sliding(y[first * n_hop :], SR, n_window=n_window, n_hop=n_hop)[context:]
        np.testing.assert_allclose(cut, whole[first + context :], atol=1e-3)


def test_sliding_mode_sees_the_neighbours():
    y = speech(8.0, SR)
    window, sliding = MelSpec(ref=1.0), MelSpec(ref=1.0, mode="sliding")
    kw = {"n_window": 16_000, "n_hop": 16_000}  # hop a multiple of hop_length: frames in the same places
    a, b = window.sliding(y, SR, **kw), sliding.sliding(y, SR, **kw)
    np.testing.assert_allclose(a[..., 4:-4], b[..., 4:-4], atol=1e-3)
    assert np.abs(a[1:-1, ..., :3] - b[1:-1, ..., :3]).mean() > 0.1
    np.testing.assert_allclose(a[0, ..., :3], b[0, ..., :3], atol=1e-3)  # nothing before the first window


def test_frames_are_shared_evenly_where_the_hop_is_no_multiple():
    """A click in two overlapping windows is in the frame that is nearest either way, half a frame apart at most."""
    y = np.zeros(96_000, dtype=np.float32)
    y[30_000] = 1
    rows = MelSpec(mode="sliding").sliding(y, SR, **WINDOW)
    loudest = rows[:, 0].mean(axis=1).argmax(axis=1)
    for k in range(3):
        assert abs(loudest[k] - (30_000 - 12_000 * k) / 128) <= 1


@pytest.mark.corpora
def test_agreement_on_real_speech(corpora):
    """Three speakers' sentences joined: what `sliding_agreement` declares is less than what is measured."""
    with (corpora / "emodb" / "manifest.csv").open(encoding="utf-8") as file:
        files = [row["file"] for row in csv.DictReader(file)][::60]
    y = np.concatenate([soundfile.read(corpora / "emodb" / f, dtype="float32")[0] for f in files])
    mel = MelSpec(mode="sliding")
    for n_window, n_hop in ((48_000, 12_000), (48_000, 8_000), (16_000, 4_000)):
        together = mel.sliding(y, SR, n_window=n_window, n_hop=n_hop)
        alone = np.stack([mel(y[k * n_hop : k * n_hop + n_window], SR) for k in range(len(together))])
        assert agreement(together, alone) > 0.99 > mel.sliding_agreement


def test_level():
    y = speech(1.0, SR)
    keeps, removes = MelSpec(ref=1.0, top_db=None), MelSpec()
    loud = keeps(y, SR) > -60
    np.testing.assert_allclose((keeps(y, SR) - keeps(y / 2, SR))[loud], 6.0206, atol=0.01)
    np.testing.assert_allclose(removes(y, SR), removes(y / 2, SR), atol=0.01)
    assert removes(y, SR).max() == 0
    assert removes(y, SR).min() == -80


def test_silence():
    silence = np.zeros(16_000, dtype=np.float32)
    assert (MelSpec()(silence, SR) == 0).all()
    np.testing.assert_allclose(MelSpec(ref=1.0)(silence, SR), -100)


@pytest.mark.parametrize("n", [1, 100, 511, 1023, 1024])
@pytest.mark.parametrize("center", [True, False])
def test_short_segments(n, center):
    mel = MelSpec(center=center)
    y = sine(440, peak=0.5, duration_s=n / SR, sr=SR)
    assert mel(y, SR).shape == mel.spec(n, SR).shape
    assert np.isfinite(mel(y, SR)).all()


@pytest.mark.parametrize("sr", [8_000, 22_050, 44_100, 48_000])
def test_other_sample_rates(sr):
    assert MelSpec(n_mels=64)(speech(1.0, sr), sr).shape == (1, 64, 1 + sr // 128)


@pytest.mark.parametrize(
    ("config", "sr", "words"),
    [
        ({"n_fft": 512, "htk": True}, SR, ["mel bands hold no FFT bin at 16000 Hz", "n_fft 512", "lower n_mels"]),
        ({"fmax_hz": 9000}, SR, ["fmax_hz 9000", "half of the sample rate 16000 Hz"]),
        ({"fmin_hz": 8000}, SR, ["fmin_hz 8000"]),
        ({"mode": "sliding", "n_fft": 16_384}, SR, ["n_fft 16384", "context", "mode 'window'"]),
    ],
    ids=str,
)
def test_refusals_at_use(config, sr, words, capfd):
    mel = create(MelSpec, config)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConfigError) as caught:
            mel(speech(1.0, sr), sr)
    for word in words:
        assert word in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"win_length": 2048}, "win_length 2048 exceeds n_fft 1024"),
        ({"fmin_hz": 5000, "fmax_hz": 4000}, "fmax_hz 4000.0 is not above fmin_hz 5000"),
        ({"n_mels": 0}, "n_mels"),
        ({"hop_length": 0}, "hop_length"),
        ({"ref": "mean"}, "ref"),
        ({"ref": 0.0}, "ref"),
        ({"window": "kaiser"}, "window"),
        ({"mode": "both"}, "mode"),
        ({"fmax": 8000}, "Did you mean 'fmax_hz'"),
    ],
    ids=str,
)
def test_refusals_of_configurations(config, words):
    with pytest.raises(ConfigError, match="melspec") as caught:
        create(MelSpec, config)
    assert words in str(caught.value)


@pytest.mark.parametrize("mode", ["window", "sliding"])
def test_unusable_audio(mode):
    mel = MelSpec(mode=mode)
    with pytest.raises(AudioError) as caught:
        mel(np.zeros(0, dtype=np.float32), SR)
    assert caught.value.reason == "empty"
    with pytest.raises(AudioError) as caught:
        mel(np.full(1000, np.nan, dtype=np.float32), SR)
    assert caught.value.reason == "non-finite"
