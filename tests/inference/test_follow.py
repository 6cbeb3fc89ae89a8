"""Models that follow live sound: the windows of `predict`, each as soon as it is complete."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

import ser_toolkit
from ser_toolkit.data.arrivals import Arrivals
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import AudioError, ModelError
from ser_toolkit.inference.follow import follow, listen, warm_up
from ser_toolkit.inference.live import context_s
from ser_toolkit.inference.model import Model
from ser_toolkit.recipe import METADATA_KEY
from ser_toolkit.testing.sounds import speech

SR = 16_000


@pytest.fixture(scope="module")
def model():
    return ser_toolkit.load(device="cpu")


@pytest.fixture(scope="module")
def sound():
    """Speech, silence, noise and speech; the last window is not on the grid of hops."""
    noise = np.random.default_rng(0).standard_normal(4 * SR).astype(np.float32) * 0.05
    return np.concatenate([speech(4.0, SR), np.zeros(4 * SR, dtype=np.float32), noise, speech(4.1, SR, seed=1)])


def cut(y, size):
    return (y[i : i + size] for i in range(0, len(y), size))


def with_hop(model, **changes):
    segmentation = replace(model.features.segmentation, **changes)
    return replace(model, features=replace(model.features, segmentation=segmentation))


def assert_equal(streamed, whole):
    assert [(w.start_s, w.end_s) for w in streamed] == [(w.start_s, w.end_s) for w in whole]
    for a, b in zip(streamed, whole, strict=True):
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-6)
        assert a.prediction_set == b.prediction_set


@pytest.mark.parametrize("size", [777, 10**9])
def test_the_windows_of_predict(model, sound, size):
    whole = model.predict(sound, SR).windows
    assert_equal(list(model.stream(cut(sound, size), SR, rest=True)), whole)
    assert_equal(list(model.stream(cut(sound, size), SR)), whole[:-1])
    assert whole[-1].end_s == pytest.approx(len(sound) / SR)


@pytest.mark.parametrize("changes", [{"tail": "pad"}, {"tail": "drop"}, {"hop_s": 4.5}, {"hop_s": 3.0}], ids=str)
def test_other_windows(model, sound, changes):
    other = with_hop(model, **changes)
    assert_equal(list(other.stream(cut(sound, 5000), SR, rest=True)), other.predict(sound, SR).windows)


def test_another_rate(model, sound):
    import soxr

    fast = soxr.resample(sound, SR, 44_100)
    assert_equal(list(model.stream(cut(fast, 441), 44_100, rest=True)), model.predict(fast, 44_100).windows)


@pytest.mark.parametrize("seconds", [0.5, 2.9, 3.0])
def test_sound_of_less_than_a_window(model, seconds):
    y = speech(seconds, SR)
    assert_equal(list(model.stream([y], SR, rest=True)), model.predict(y, SR).windows)


def test_too_little_sound(model):
    for seconds, reason in ((0.0, "empty"), (0.3, "too short")):
        y = speech(1.0, SR)[: round(seconds * SR)]
        assert list(model.stream([y], SR)) == []
        with pytest.raises(AudioError, match=reason):
            list(model.stream([y], SR, rest=True))
    short = with_hop(model, short="drop")
    with pytest.raises(AudioError, match="ended before a window"):
        list(short.stream([speech(1.0, SR)], SR, rest=True))


def test_windows_of_a_third_of_a_second(model):
    """Shorter than what a recording must have."""
    brief = with_hop(model, window_s=0.3, hop_s=0.3)
    assert [w.start_s for w in follow(brief, cut(speech(1.0, SR), 800), SR)] == pytest.approx([0, 0.3, 0.6])


def test_windows_without_an_emotion_are_there_too(model, sound):
    windows = list(follow(model, [sound], SR, rest=True))
    assert [w.start_s for w in windows[:-1]] == [0.75 * i for i in range(len(windows) - 1)]
    kinds = {w.start_s: (w.status, w.reason, w.detail) for w in windows}
    assert kinds[0.0] == ("ok", "", "")
    assert kinds[4.5] == ("skipped", "no speech", "it does not reach -80 dBFS")
    assert kinds[8.25] == ("skipped", "no speech", "nobody speaks in it")
    assert [w.peak_dbfs for w in windows if w.start_s == 4.5] == [-np.inf]
    off = Model.open(device="cpu", speech="off")
    assert {w.start_s for w in follow(off, [sound], SR) if w.status == "skipped"} == {4.5}


def test_a_window_that_fails_is_not_the_end(model, sound):
    class Moody:
        """Raises at its second window, and gives what is no number at its third."""

        n = 0

        def run(self, output, features):
            self.n += 1
            if self.n == 2:
                raise ValueError("not now")
            found = model.session.run(output, features)
            return found * np.nan if self.n == 3 else found

    moody = replace(model, session=Moody())
    windows = list(follow(moody, [sound[: 6 * SR]], SR))
    assert [w.status for w in windows] == ["ok", "failed", "failed", "ok", "ok"]
    assert (windows[1].reason, windows[1].detail) == ("crashed", "not now")
    assert "not finite" in windows[2].detail
    with pytest.raises(ValueError, match="not now"):
        list(replace(model, session=Moody()).stream([sound], SR))


def test_whole_recordings_cannot_be_followed(model):
    with pytest.raises(ModelError, match="cannot follow a stream"):
        list(with_hop(model, window_s=None).stream([np.zeros(SR)], SR))
    assert Segmentation(window_s=None).n_window(SR) is None


def test_listen_says_when(model, sound):
    warm_up(model)
    with Arrivals(cut(sound, 320), SR) as arrivals:
        rows = list(listen(model, arrivals, min_confidence=1.0))
    assert_equal([r.window.result for r in rows if r.window.result], model.predict(sound, SR).windows)
    assert all(r.latency_s > 0 and r.at.utcoffset().total_seconds() == 0 for r in rows)
    assert {r.window.result.predicted for r in rows if r.window.result} == {"uncertain"}


def test_what_listen_holds_does_not_grow(model, sound):
    """Six minutes, of which it keeps a window; the same array again and again takes no memory of its own."""
    import tracemalloc

    def blocks():
        for i in range(30):
            yield from cut(sound[: 12 * SR] * np.float32(0.5 + i / 60), 1600)
            peaks.append(tracemalloc.get_traced_memory()[0])

    peaks = []
    warm_up(model)
    silent = replace(model, session=None)  # nobody speaks, so no network is needed
    tracemalloc.start()
    try:
        for _ in follow(silent, (y * np.float32(1e-6) for y in blocks()), SR):
            pass
    finally:
        tracemalloc.stop()
    assert peaks[-1] - peaks[9] < 100_000


@pytest.mark.slow
def test_features_that_slide(tmp_path, tiny_model, corpora):
    """A model whose eGeMAPS see 1.5 s around their window."""
    proto = onnx.load(tiny_model)
    data = json.loads({p.key: p.value for p in proto.metadata_props}[METADATA_KEY])
    data["features"]["gemaps"]["config"]["mode"] = "sliding"
    helper.set_model_props(proto, {METADATA_KEY: json.dumps(data)})
    path = tmp_path / "sliding.onnx"
    onnx.save(proto, path)
    sliding = Model.open(path, device="cpu", speech="off")
    assert context_s(sliding.features) == 1.5
    files = sorted((corpora / "emodb" / "wav").iterdir())[:5]
    y = np.concatenate([ser_toolkit.data.audio.decode(path, sr=SR).y for path in files])[: round(8.3 * SR)]
    assert_equal(list(sliding.stream(cut(y, 4000), SR, rest=True)), sliding.predict(y, SR).windows)
    got = []
    for window in sliding.stream((got.append(i) or y[i : i + 1600] for i in range(0, len(y), 1600)), SR):
        if window.start_s == 0:
            needed = sliding.features.segmentation.n_window(SR) + round(1.5 * SR)
            assert needed <= got[-1] + 1600 < needed + 1600  # the block that ends 1.5 s after the window
