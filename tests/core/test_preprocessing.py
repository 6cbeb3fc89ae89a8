"""Steps before windows: what a recording becomes does not depend on how it comes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import ComponentError, ConfigError
from ser_toolkit.features import FeatureSet, probe
from ser_toolkit.preprocessing import Chain, applied, check_steps, prepared
from ser_toolkit.testing.fakes import FakeImage, FakeVector

SR = 1000


@dataclass(frozen=True, kw_only=True)
class Smooth:
    """Mean over 41 samples: needs 20 on either side."""

    name: ClassVar[str] = "smooth"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "recording"
    context_s: ClassVar[float] = 0.1

    def __call__(self, y, sr):
        return np.convolve(y, np.full(41, 1 / 41), mode="same")[: len(y)].astype(np.float32) if len(y) > 41 else y


@dataclass(frozen=True, kw_only=True)
class Even:
    """Divides by the mean magnitude of what it sees: an estimate."""

    name: ClassVar[str] = "even"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "recording"

    def __call__(self, y, sr):
        return y / np.float32(np.abs(y).mean() + 1e-9)


@dataclass(frozen=True, kw_only=True)
class Window:
    """Says how long the audio was that it saw: every sample becomes its length."""

    name: ClassVar[str] = "window"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "segment"

    def __call__(self, y, sr):
        return np.full_like(y, len(y) / 10_000)


class Keep:
    name, scope = "keep", "recording"

    def __init__(self):
        self.seen = []

    def __call__(self, y, sr):
        self.seen.append(len(y))
        return y


def noise(n, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, n).astype(np.float32)


def in_blocks(steps, y, size, stretch_s):
    chain = Chain(steps, SR, stretch_s=stretch_s)
    made = [chain.add(y[start : start + size]) for start in range(0, len(y), size)]
    return np.concatenate([*made, chain.finish()])


@settings(deadline=None, max_examples=60)
@given(n=st.integers(0, 4000), size=st.integers(1, 4500), stretch_s=st.sampled_from([0.3, 0.75, 1.0]))
def test_blocks_make_no_difference_and_filters_none_to_the_whole(n, size, stretch_s):
    y, steps = noise(n), [Smooth(), Even()]
    whole = in_blocks(steps, y, max(1, n), stretch_s)
    assert len(whole) == n
    np.testing.assert_array_equal(in_blocks(steps, y, size, stretch_s), whole)
    expected = applied([Smooth()], y, SR) if n else y
    np.testing.assert_allclose(in_blocks([Smooth()], y, size, stretch_s), expected, atol=1e-6)


def test_a_minute_and_a_half_is_seen_whole_and_longer_ones_by_the_minute():
    for seconds, seen in ((89.9, [89.9]), (90.0, [60.025, 30.025]), (149.0, [60.025, 89.025]), (151.0, None)):
        step = Keep()
        prepared([step], noise(round(seconds * SR)), SR)
        if seen is not None:
            assert step.seen == [round(s * SR) for s in seen]
        else:
            assert len(step.seen) == 3


def test_what_a_step_leaves_alone_stays_bit_for_bit():
    y = noise(200_000)
    np.testing.assert_array_equal(prepared([Keep(), Keep()], y, SR), y)
    short = y[:5000]
    assert prepared([Keep()], short, SR) is short
    assert prepared([], y, SR) is y
    assert len(prepared([Keep()], y[:0], SR)) == 0


def test_stretches_with_other_estimates_are_faded():
    y = np.concatenate([np.full(2000, 0.5), np.full(2000, 0.05)]).astype(np.float32)
    made = in_blocks([Even()], y, 500, 2.0)
    # 2 s of 0.5 and 2 s of 0.05, each divided by its own mean (25 ms of the other stretch seen too)
    assert made[1000] == pytest.approx(1, abs=0.03)
    assert made[3000] == pytest.approx(1, abs=0.15)
    assert np.all(np.isfinite(made))
    z = in_blocks(
        [Even()], np.full(4000, 0.2, np.float32) * (1 + (np.arange(4000) >= 2000)).astype(np.float32), 500, 2.0
    )
    assert np.abs(np.diff(z[1970:2000])).max() < 0.1


def test_no_more_than_two_stretches_are_held():
    step = Keep()
    chain = Chain([step], SR, stretch_s=1.0)
    n_out, held = 0, []
    for i in range(200):
        n_out += len(chain.add(noise(100, seed=i)))
        held.append((i + 1) * 100 - n_out)
    assert max(held) <= 1700
    assert max(step.seen) <= 1050
    assert n_out + len(chain.finish()) == 20_000


def test_steps_that_break_their_contract():
    class Cuts:
        name, scope = "cuts", "recording"

        def __call__(self, y, sr):
            return y[1:]

    class Breaks(Cuts):
        def __call__(self, y, sr):
            return y * np.float32(np.nan)

    with pytest.raises(ComponentError, match=r"'cuts' made shape \(99,\) of shape \(100,\)"):
        applied([Cuts()], noise(100), SR)
    with pytest.raises(ComponentError, match="not finite"):
        prepared([Breaks()], noise(100), SR)


def test_orders_and_features_that_cannot_be():
    check_steps([Smooth(), Even(), Window()])
    with pytest.raises(ConfigError, match="'smooth' works on recordings and comes after"):
        check_steps([Even(), Window(), Smooth()])
    windows = Segmentation(window_s=1.0, hop_s=0.5)
    with pytest.raises(ConfigError, match=r"'window' changes each window by itself, and features.v sees"):
        FeatureSet(
            extractors={"v": FakeVector()},
            segmentation=windows,
            sr=SR,
            scopes={"v": "recording"},
            preprocess=(Window(),),
        )


def features(**more):
    return FeatureSet(
        extractors={"vector": FakeVector(), "image": FakeImage(n_bands=2, n_frames=2)},
        segmentation=Segmentation(window_s=1.0, hop_s=0.5),
        sr=SR,
        **more,
    )


def test_features_of_a_recording_are_those_of_what_the_steps_made():
    y = noise(3300)
    with_steps = list(features(preprocess=(Smooth(), Even())).blocks(y))
    by_hand = list(features().blocks(applied([Smooth(), Even()], y, SR)))
    for got, want in zip(with_steps, by_hand, strict=True):
        assert got.starts.tolist() == want.starts.tolist()
        for key in ("vector", "image"):
            np.testing.assert_array_equal(got.features[key], want.features[key])


def test_steps_on_windows_see_windows():
    (block,) = features(preprocess=(Window(),)).blocks(noise(2600))
    assert np.allclose([row[1] for row in block.features["vector"]], 0.1)
    assert len(block.starts) == 5


def test_the_probe_depends_on_the_steps_and_has_noise_for_them():
    plain, stepped = probe(FakeVector(), 16_000), probe(FakeVector(), 16_000, preprocess=(Keep(),))
    assert plain != stepped
    assert probe(FakeVector(), 16_000, preprocess=(Even(),)) != stepped
    assert probe(FakeVector(), 16_000, preprocess=(Keep(),)) == stepped
    assert stepped[1:] == pytest.approx(stepped[1:])
