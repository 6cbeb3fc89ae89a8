"""Pieces of a recording have its windows, and their features are those of the whole."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_toolkit.data.pieces import Cutter
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.features import FeatureSet
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.testing.fakes import FakeImage, FakeVector

SR = 100
segmentations = st.builds(
    Segmentation,
    window_s=st.floats(0.1, 3.0),
    hop_s=st.floats(0.01, 5.0),
    short=st.sampled_from(["repeat", "pad", "reflect", "drop"]),
    tail=st.sampled_from(["anchor_end", "pad", "drop"]),
)


def cut(cutter, y, sizes):
    """All pieces of a recording that comes in blocks of these sizes."""
    start = 0
    for size in sizes:
        yield from cutter.add(y[start : start + size])
        start += size
    yield from cutter.add(y[start:])
    yield cutter.finish()


@settings(deadline=None, max_examples=300)
@given(
    segmentation=segmentations,
    n_samples=st.integers(1, 3000),
    sizes=st.lists(st.integers(0, 900), max_size=8),
    context_s=st.sampled_from([0.0, 0.005, 0.3, 2.0]),
    n_windows=st.integers(1, 9),
)
def test_pieces_have_the_windows_of_the_recording(segmentation, n_samples, sizes, context_s, n_windows):
    y = np.arange(n_samples, dtype=np.float32)
    cutter = Cutter(segmentation, SR, context_s=context_s, n_windows=n_windows)
    pieces = list(cut(cutter, y, sizes))
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    starts = np.concatenate([piece.starts for piece in pieces])
    assert starts.tolist() == segmentation.starts(n_samples, SR).tolist()
    n_window, n_hop = segmentation.n_window(SR), segmentation.n_hop(SR)
    for piece in pieces:
        assert piece.offset % n_hop == 0
        assert np.array_equal(piece.y, y[piece.offset : piece.offset + len(piece.y)])
        n_more = 1 + math.ceil(math.ceil(context_s * SR) / n_hop) if piece.last else 0
        assert len(piece.starts) <= n_windows + n_more
        if len(piece.starts):
            before, after = piece.starts[0] - context_s * SR, piece.starts[-1] + n_window + context_s * SR
            assert piece.offset <= max(0, before)
            assert piece.offset + len(piece.y) >= min(n_samples, after)


@settings(deadline=None, max_examples=100)
@given(segmentation=segmentations, size=st.integers(1, 500), n_windows=st.integers(1, 9), context_s=st.floats(0.0, 1.0))
def test_no_more_is_held_than_a_piece_and_a_block(segmentation, size, n_windows, context_s):
    cutter = Cutter(segmentation, SR, context_s=context_s, n_windows=n_windows)
    n_context = 2 * int(np.ceil(context_s * SR)) + segmentation.n_hop(SR)
    limit = (n_windows + 1) * segmentation.n_hop(SR) + segmentation.n_window(SR) + n_context + size
    for _ in range(3000 // size):
        for piece in cutter.add(np.zeros(size, dtype=np.float32)):
            assert len(piece.y) <= limit
            assert piece.y.base is None  # a copy, which keeps nothing else alive
        assert sum(map(len, cutter._parts)) <= limit


def test_whole_recordings_are_not_cut():
    with pytest.raises(ValueError, match="not cut"):
        Cutter(Segmentation(window_s=None), SR)


def assert_same(features, y, *, size, n_windows):
    """Pieces of blocks of a size give what the whole recording gives."""
    cutter = Cutter(features.segmentation, features.sr, context_s=features.context_s, n_windows=n_windows)
    blocks = [features.of(piece) for piece in cut(cutter, y, itertools.repeat(size, len(y) // size))]
    whole = list(features.blocks(y))
    if not whole:
        assert not any(len(b.starts) for b in blocks)
        return
    assert np.concatenate([b.starts for b in blocks]).tolist() == np.concatenate([b.starts for b in whole]).tolist()
    for key in features.extractors:
        got = np.array([value for b in blocks for value in b.features[key]])
        expected = np.array([value for b in whole for value in b.features[key]])
        np.testing.assert_array_equal(got, expected, err_msg=key)


@settings(deadline=None, max_examples=60)
@given(
    segmentation=segmentations,
    n_samples=st.integers(400, 4000),
    size=st.integers(50, 900),
    n_windows=st.integers(1, 9),
)
def test_features_of_pieces_are_those_of_the_whole(segmentation, n_samples, size, n_windows):
    y = np.random.default_rng(n_samples).uniform(-0.5, 0.5, n_samples).astype(np.float32)
    features = FeatureSet(
        extractors={"image": FakeImage(n_bands=2, n_frames=2), "vector": FakeVector()},
        segmentation=segmentation,
        sr=1000,
    )
    assert_same(features, y, size=size, n_windows=n_windows)


@pytest.fixture(scope="module")
def speech():
    """40 s of syllables at 16 kHz, with a pause in every second."""
    rng = np.random.default_rng(3)
    t = np.arange(40 * 16_000) / 16_000
    phase = 2 * np.pi * np.cumsum(160 * (1 + 0.1 * np.sin(2 * np.pi * 0.4 * t))) / 16_000
    voice = sum(np.sin(k * phase) / k for k in range(1, 16)) * (0.55 + 0.45 * np.sin(2 * np.pi * 3 * t))
    voice *= t % 1 < 0.7
    return (0.15 * voice + 0.002 * rng.standard_normal(len(t))).astype(np.float32)


@pytest.mark.parametrize("hop_s", [0.75, 3.0, 4.0])
@pytest.mark.parametrize("mode", ["window", "sliding"])
def test_mel_spectrograms_of_pieces_are_exact(speech, mode, hop_s):
    extractor = default_registry().find("feature", "melspec").cls
    names = {"mode": mode} if "mode" in extractor.__dataclass_fields__ else {}
    features = FeatureSet(
        extractors={"mel": extractor(**names)}, segmentation=Segmentation(window_s=3.0, hop_s=hop_s), sr=16_000
    )
    assert_same(features, speech, size=30_011, n_windows=3)


def test_egemaps_of_pieces_are_exact(speech):
    extractor = default_registry().find("feature", "egemaps").cls
    features = FeatureSet(
        extractors={"gemaps": extractor()}, segmentation=Segmentation(window_s=3.0, hop_s=2.0), sr=16_000
    )
    assert_same(features, speech[: 20 * 16_000], size=30_011, n_windows=3)


def test_sliding_egemaps_of_pieces_are_exact(speech):
    """As the extractor promises where no voiced stretch is longer than its context."""
    features = FeatureSet(
        extractors={"gemaps": default_registry().find("feature", "egemaps").cls(mode="sliding")},
        segmentation=Segmentation(window_s=3.0, hop_s=0.75),
        sr=16_000,
    )
    assert_same(features, speech, size=30_011, n_windows=8)
