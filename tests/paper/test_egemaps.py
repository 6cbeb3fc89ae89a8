"""openSMILE functionals: its numbers, clip-safe, finite, and the same wherever a recording is cut."""

import csv
import json
import subprocess
import sys
import tempfile
import typing
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import opensmile
import pytest
import soundfile

import ser_toolkit_paper.egemaps
from ser_toolkit.components import create
from ser_toolkit.errors import AudioError, ComponentError, ConfigError
from ser_toolkit.interfaces import FeatureExtractor, SlidingFeatureExtractor
from ser_toolkit.sliding import slide
from ser_toolkit.testing import assert_extractor
from ser_toolkit.testing.sliding import agreement
from ser_toolkit.testing.sounds import sine, speech
from ser_toolkit_paper.egemaps import N_FEATURES, Egemaps
from ser_toolkit_paper.sliding_smile import sliding_options

SR = 16_000
SETS = typing.get_args(typing.get_type_hints(Egemaps)["feature_set"])
GEMAPS = [name for name in SETS if "GeMAPS" in name]
WINDOW = {"n_window": 48_000, "n_hop": 12_000}


@pytest.fixture(scope="module")
def real_speech(corpora):
    """60 s of three corpora: sentences of many speakers, joined."""
    parts = []
    for name, step in (("emodb", 60), ("ravdess", 230), ("nemo", 190)):
        with (corpora / name / "manifest.csv").open(encoding="utf-8") as file:
            files = [row["file"] for row in csv.DictReader(file)][::step]
        parts += [soundfile.read(corpora / name / f, dtype="float32")[0] for f in files]
    return np.concatenate(parts)[: 60 * SR]


@pytest.mark.parametrize("feature_set", SETS)
def test_sizes_and_names(feature_set):
    extractor = Egemaps(feature_set=feature_set)
    spec = extractor.spec(48_000, SR)
    assert spec.shape == (N_FEATURES[feature_set],)
    assert spec == extractor.spec(None, SR)
    assert spec.role == "vector"
    assert spec.axes == ("feature",)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no warning about sets that openSMILE calls deprecated
        names = extractor.feature_names()
        value = extractor(speech(1.0, SR), SR)
    assert len(set(names)) == len(names) == len(value)
    assert np.isfinite(value).all()


def test_default_is_egemaps_of_88():
    extractor = Egemaps()
    assert extractor.feature_set == "eGeMAPSv02"
    assert extractor(speech(3.0, SR), SR).shape == (88,)
    assert "loudness_sma3_amean" in extractor.feature_names()
    assert isinstance(extractor, FeatureExtractor)
    assert isinstance(extractor, SlidingFeatureExtractor)


def test_numbers_are_opensmiles():
    y = speech(3.0, SR)
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    expected = smile.process_signal(y, SR).to_numpy()[0]
    np.testing.assert_array_equal(Egemaps()(y, SR), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [{}, {"mode": "sliding"}, {"feature_set": "IS09"}, {"feature_set": "GeMAPSv01b", "mode": "sliding"}],
    ids=str,
)
def test_contracts(config):
    assert_extractor(create(Egemaps, config))


def test_full_scale_does_not_wrap_around():
    extractor = Egemaps()
    loudness = extractor.feature_names().index("loudness_sma3_amean")
    below, full = (extractor(sine(150, peak=p, duration_s=3.0, sr=SR), SR)[loudness] for p in (0.99, 1.0))
    assert abs(full / below - 1) < 0.02
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    unsafe = smile(sine(150, peak=1.0, duration_s=3.0, sr=SR), SR).ravel()[loudness]
    assert unsafe > 3 * below  # why the samples are clipped


@pytest.mark.parametrize("mode", ["window", "sliding"])
@pytest.mark.parametrize("n", [1, 160, 800, 1599, 1600, 1601])
def test_short_segments_are_repeated(mode, n):
    extractor = Egemaps(mode=mode)
    y = speech(0.2, SR)[:n]
    value = extractor(y, SR)
    assert value.shape == (88,)
    assert np.isfinite(value).all()
    assert extractor.n_undefined(y, SR) == 0
    np.testing.assert_array_equal(value, extractor(np.resize(y, max(n, 1600)), SR))


@pytest.mark.parametrize("mode", ["window", "sliding"])
def test_unusable_audio(mode):
    extractor = Egemaps(mode=mode)
    for y, reason in ((np.zeros(0), "empty"), (np.full(1000, np.inf), "non-finite")):
        with pytest.raises(AudioError) as caught:
            extractor(y.astype(np.float32), SR)
        assert caught.value.reason == reason
    long = np.full(50_000, np.nan, dtype=np.float32)
    with pytest.raises(AudioError, match="non-finite"):
        extractor.sliding(long, SR, **WINDOW)


@pytest.mark.parametrize("feature_set", GEMAPS)
def test_sliding_gives_all_full_windows(feature_set):
    extractor = Egemaps(feature_set=feature_set, mode="sliding")
    y = speech(6.0, SR)
    for n in (47_999, 48_000, 59_999, 60_000, 60_001, 96_000):
        rows = extractor.sliding(y[:n], SR, **WINDOW)
        assert rows.shape == (max(0, 1 + (n - 48_000) // 12_000), N_FEATURES[feature_set])
        assert np.isfinite(rows).all()


@pytest.mark.parametrize("n_window", [1600, 4000, 16_000, 47_999, 48_001])
@pytest.mark.parametrize("n_hop", [160, 8_000, 40_000])
def test_sliding_works_for_any_window_on_the_grid(n_window, n_hop):
    y = speech(4.0, SR)[: n_window + 3 * n_hop]
    rows = Egemaps(mode="sliding").sliding(y, SR, n_window=n_window, n_hop=n_hop)
    assert len(rows) == 1 + (len(y) - n_window) // n_hop


def test_a_single_window_is_a_call():
    y = speech(3.0, SR)
    for mode in ("window", "sliding"):
        extractor = Egemaps(mode=mode)
        np.testing.assert_array_equal(extractor.sliding(y, SR, **WINDOW)[0], extractor(y, SR))


def test_window_mode_is_window_by_window():
    y = speech(5.0, SR)
    extractor = Egemaps()
    rows = extractor.sliding(y, SR, **WINDOW)
    np.testing.assert_array_equal(rows, [extractor(y[k * 12_000 : k * 12_000 + 48_000], SR) for k in range(3)])
    assert extractor.sliding_agreement == 1
    assert extractor.context_s == 0


@pytest.mark.corpora
@pytest.mark.slow
@pytest.mark.parametrize(("n_window", "n_hop"), [(48_000, 12_000), (48_000, 8_000), (48_000, 48_000), (16_000, 8_000)])
def test_real_speech_gives_the_same_numbers_wherever_it_is_cut(real_speech, n_window, n_hop):
    extractor = Egemaps(mode="sliding")
    y = real_speech[: 30 * SR]
    whole = extractor.sliding(y, SR, n_window=n_window, n_hop=n_hop)
    for first in range(1, len(whole), 5):
        part = slide(extractor, y, SR, n_window=n_window, n_hop=n_hop, start=first * n_hop, count=1)
        np.testing.assert_array_equal(part[0], whole[first])


@pytest.mark.corpora
@pytest.mark.slow
def test_agreement_on_real_speech(real_speech):
    """What `sliding_agreement` declares is less than what is measured; the modes are near each other as well."""
    sliding, window = Egemaps(mode="sliding"), Egemaps()
    together = sliding.sliding(real_speech, SR, n_window=48_000, n_hop=24_000)
    segments = [real_speech[k * 24_000 : k * 24_000 + 48_000] for k in range(len(together))]
    assert agreement(together, np.stack([sliding(y, SR) for y in segments])) > 0.995 > sliding.sliding_agreement
    assert agreement(together, np.stack([window(y, SR) for y in segments])) > 0.99


@pytest.mark.parametrize("feature_set", ["IS09", "ComParE_2016"])
def test_sets_with_a_long_memory_have_no_sliding_mode(feature_set):
    with pytest.raises(ConfigError, match=f"{feature_set} has no mode 'sliding'.*use mode 'window'"):
        Egemaps(feature_set=feature_set, mode="sliding")
    with pytest.raises(ConfigError, match="GeMAPS sets"):
        create(Egemaps, {"feature_set": feature_set, "mode": "sliding"})


@pytest.mark.parametrize(
    ("sr", "n_window", "n_hop", "words"),
    [
        (22_050, 66_150, 22_050, "22050 Hz is not a multiple of"),
        (50, 150, 50, "50 Hz"),
        (SR, 48_000, 12_001, "a hop of 12001 samples"),
        (SR, 48_000, 5333, r"\(0.333313 s\) at 16000 Hz"),
        (SR, 1599, 1600, "shorter than 0.1 s"),
    ],
)
def test_sliding_off_the_grid_is_refused(sr, n_window, n_hop, words):
    y = np.zeros(2 * n_window, dtype=np.float32)
    with pytest.raises(ConfigError, match=words):
        Egemaps(mode="sliding").sliding(y, sr, n_window=n_window, n_hop=n_hop)
    if sr == 22_050:
        with pytest.raises(ConfigError, match=words):
            Egemaps(mode="sliding")(y, sr)


def test_unknown_set_lists_the_known_ones():
    with pytest.raises(ConfigError, match="eGeMAPSv02"):
        create(Egemaps, {"feature_set": "GeMAPSv2"})


def test_settings_file_is_there_while_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with sliding_options(SR, **WINDOW) as options:
        (path,) = tmp_path.rglob("*.inc")
        assert options == {"frameModeFunctionalsConf": str(path)}
        lines = dict(line.split(" = ") for line in path.read_text(encoding="utf-8").splitlines())
        assert lines["frameSize"] == "2.95"  # the frames of 60 ms that fit into 3 s
        assert lines["frameStep"] == "0.75"
    Egemaps(mode="sliding").sliding(speech(4.0, SR), SR, **WINDOW)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_printed(capfd):
    for extractor in (Egemaps(), Egemaps(mode="sliding"), Egemaps(feature_set="eGeMAPSv01a")):
        for y in (speech(3.0, SR), np.zeros(1600, dtype=np.float32)):
            extractor(y, SR)
    assert capfd.readouterr() == ("", "")


def test_threads_take_turns():
    segments = [speech(0.5, SR, seed=seed) for seed in range(8)]
    extractor = Egemaps()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda y: extractor(y, SR), segments))
    np.testing.assert_array_equal(together, [extractor(y, SR) for y in segments])


class Odd:
    """A front end that returns something else."""

    def __init__(self, values):
        self.options, self.values = {}, values

    def __call__(self, y, sr):
        return self.values


def test_undefined_values_become_zero_and_are_counted(monkeypatch):
    values = np.ones((1, 88, 1), dtype=np.float32)
    values[0, [3, 7, 11], 0] = [np.nan, np.inf, -np.inf]
    monkeypatch.setattr(ser_toolkit_paper.egemaps, "_smile", lambda *_: Odd(values.copy()))
    y = speech(1.0, SR)
    assert Egemaps().n_undefined(y, SR) == 3
    value = Egemaps()(y, SR)
    assert (value[[3, 7, 11]] == 0).all()
    assert value.sum() == 85


def test_an_opensmile_that_gives_something_else_is_reported(monkeypatch):
    y = speech(6.0, SR)
    monkeypatch.setattr(ser_toolkit_paper.egemaps, "_smile", lambda *_: Odd(np.ones((1, 62, 1), dtype=np.float32)))
    with pytest.raises(ComponentError, match="62 values for eGeMAPSv02, not 88"):
        Egemaps()(y, SR)
    monkeypatch.setattr(ser_toolkit_paper.egemaps, "_smile", lambda *_: Odd(np.ones((1, 88, 1), dtype=np.float32)))
    with pytest.raises(ComponentError, match="1 windows of eGeMAPSv02 where there are 5"):
        Egemaps(mode="sliding").sliding(y, SR, **WINDOW)


def test_spec_imports_no_opensmile():
    code = (
        "import sys; sys.path[:] = __import__('json').loads(sys.argv[1])\n"
        "from ser_toolkit_paper.egemaps import Egemaps\n"
        "from ser_toolkit_paper.melspec import MelSpec\n"
        "assert Egemaps(mode='sliding').spec(48_000, 16_000).shape == (88,)\n"
        "assert MelSpec().spec(48_000, 16_000).shape == (1, 128, 376)\n"
        "print(sorted({'opensmile', 'pandas', 'librosa', 'scipy', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(sys.path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
