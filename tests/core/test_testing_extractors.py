"""The extractor contracts pass the fakes and catch each way of being broken."""

import itertools
import pickle
import sys
import types
from dataclasses import dataclass, field

import numpy as np
import pytest

from ser_toolkit.interfaces import FeatureExtractor, FeatureSpec, SlidingFeatureExtractor
from ser_toolkit.testing import assert_extractor, check_extractor
from ser_toolkit.testing.fakes import FakeImage, FakeSequence, FakeVector
from ser_toolkit.testing.sliding import agreement, check_sliding
from ser_toolkit.testing.sounds import hard_sounds, sine, speech

SR = 16_000
THIS_PROCESS = []  # filled by a fixture, so empty where a check starts another process
FAKES = [FakeVector(), FakeVector(gain=2.0), FakeImage(), FakeImage(n_bands=3, n_frames=5), FakeSequence()]


@pytest.fixture(autouse=True)
def this_process(monkeypatch):
    """Marks this process, and takes back what `ImportsTorch` leaves."""
    monkeypatch.setitem(sys.modules, "torch", sys.modules.get("torch", types.ModuleType("torch")))
    monkeypatch.setattr(sys.modules[__name__], "THIS_PROCESS", [1])


@pytest.mark.parametrize("extractor", FAKES, ids=repr)
def test_fakes_keep_every_contract(extractor):
    assert_extractor(extractor)


@pytest.mark.parametrize("sr", [8_000, 44_100])
def test_contracts_hold_at_other_sample_rates(sr):
    for extractor in (FakeVector(), FakeImage(), FakeSequence()):
        assert_extractor(extractor, sr)


def test_fakes_are_one_of_each_role():
    roles = [extractor.spec(None, SR).role for extractor in (FakeVector(), FakeSequence(), FakeImage())]
    assert roles == ["vector", "sequence", "image"]
    assert FakeSequence().spec(None, SR).shape == (None, 2)
    assert FakeSequence().spec(SR, SR).shape == (50, 2)
    assert all(isinstance(extractor, FeatureExtractor) for extractor in FAKES)
    assert isinstance(FakeVector(), SlidingFeatureExtractor)
    assert not isinstance(FakeImage(), SlidingFeatureExtractor)


def test_results_have_name_and_detail():
    results = check_extractor(FakeVector())
    assert all(result.passed for result in results)
    names = [result.name for result in results]
    assert len(set(names)) == len(names)
    assert {"JSON round trip", "picklable", "shape", "finite", "clips", "no torch", "sliding in chunks"} <= set(names)
    assert not any("sliding" in result.name for result in check_extractor(FakeImage()))


# Each class breaks one promise of FakeVector; the table below says which check must notice.


class WrongShape(FakeVector):
    def __call__(self, y, sr):
        return super().__call__(y, sr)[:2]


class ShapeOfLength(FakeVector):
    """Fits its spec at one length and not at another."""

    def __call__(self, y, sr):
        return super().__call__(y, sr) if len(y) >= sr else np.zeros(4, dtype=np.float32)


class OpenSpec(FakeVector):
    def spec(self, n_samples, sr):
        return FeatureSpec(shape=(None,), axes=("feature",), unit="mixed")


class OtherUnit(FakeVector):
    def spec(self, n_samples, sr):
        return FeatureSpec(shape=(3,), axes=("feature",), unit="mixed" if n_samples else "dB")


class Float64(FakeVector):
    def __call__(self, y, sr):
        return super().__call__(y, sr).astype(np.float64)


class LogOfSilence(FakeVector):
    def __call__(self, y, sr):
        with np.errstate(divide="ignore"):
            return np.log(super().__call__(y, sr))


class NanWhenConstant(FakeVector):
    def __call__(self, y, sr):
        return super().__call__(y, sr) if np.ptp(y) else np.full(3, np.nan, dtype=np.float32)


class Jitters(FakeVector):
    def __call__(self, y, sr):
        return super().__call__(y, sr) + np.random.default_rng().normal(scale=1e-3, size=3).astype(np.float32)


class Remembers(FakeVector):
    calls = itertools.count()

    def __call__(self, y, sr):
        return super().__call__(y, sr) + np.float32(next(self.calls))


class ClipsInPlace(FakeVector):
    def __call__(self, y, sr):
        np.clip(y, -1, 1, out=y)
        return super().__call__(y, sr)


class ReadOnlyOutput(FakeVector):
    def __call__(self, y, sr):
        value = super().__call__(y, sr)
        value.setflags(write=False)
        return value


class CachedOutput(FakeVector):
    cache = {}

    def __call__(self, y, sr):
        return self.cache.setdefault(y.tobytes(), super().__call__(y, sr))


class ViewOfInput(FakeVector):
    def __call__(self, y, sr):
        return y[:3]


class NoClip(FakeVector):
    def __call__(self, y, sr):
        return super().__call__(y, sr) + np.float32([np.abs(y).max(), 0, 0])


class WrapsAround(FakeVector):
    """Casts to 16 bit as openSMILE does."""

    def __call__(self, y, sr):
        pcm = (np.clip(y, -1, 1) * 32768).astype(np.int64).astype(np.int16)
        return np.float32([np.abs(np.diff(pcm / 32768)).max(), 0, 0])


class WrappingLoudness(WrapsAround):
    def spec(self, n_samples, sr):
        return FeatureSpec(shape=(3,), axes=("feature",), unit="mixed", names=("Loudness", "a", "b"))


class ImportsTorch(FakeVector):
    def __call__(self, y, sr):
        sys.modules.setdefault("torch", types.ModuleType("torch"))
        return super().__call__(y, sr)


class OnlyHere(FakeVector):
    """Works in the process that made it and in no other."""

    def __call__(self, y, sr):
        if not THIS_PROCESS:
            raise RuntimeError("not here")
        return super().__call__(y, sr)


class Fails(FakeVector):
    def __call__(self, y, sr):
        raise ZeroDivisionError("by design")


class ListsOutput(FakeVector):
    def __call__(self, y, sr):
        return super().__call__(y, sr).tolist()


class NoFeatureSpec(FakeVector):
    def spec(self, n_samples, sr):
        return (3,)


class NegativeContext(FakeVector):
    context_s = -1.0


class Unhashable(FakeVector):
    __hash__ = None


class WindowTooMany(FakeVector):
    def sliding(self, y, sr, *, n_window, n_hop):
        return super().sliding(np.pad(y, (0, n_hop)), sr, n_window=n_window, n_hop=n_hop)


class SlidingFloat64(FakeVector):
    def sliding(self, y, sr, *, n_window, n_hop):
        return super().sliding(y, sr, n_window=n_window, n_hop=n_hop).astype(np.float64)


class SlidingInPlace(FakeVector):
    def sliding(self, y, sr, *, n_window, n_hop):
        y *= 0.5
        return super().sliding(y, sr, n_window=n_window, n_hop=n_hop)


class SlidingNoClip(FakeVector):
    def sliding(self, y, sr, *, n_window, n_hop):
        return super().sliding(y, sr, n_window=n_window, n_hop=n_hop) + np.float32(np.abs(y).max())


class SeesWholeRecording(FakeVector):
    """Normalises by the recording's peak, so that a chunk gives other numbers."""

    sliding_agreement = 0.5

    def sliding(self, y, sr, *, n_window, n_hop):
        y = np.clip(y, -1, 1)
        return super().sliding(y / max(np.abs(y).mean(), 1e-9) / 100, sr, n_window=n_window, n_hop=n_hop)


class OtherNumbers(FakeVector):
    def sliding(self, y, sr, *, n_window, n_hop):
        return 1.001 * super().sliding(y, sr, n_window=n_window, n_hop=n_hop)


class Unrelated(FakeVector):
    sliding_agreement = 0.5

    def sliding(self, y, sr, *, n_window, n_hop):
        return -super().sliding(y, sr, n_window=n_window, n_hop=n_hop)


class OverstatedAgreement(FakeVector):
    sliding_agreement = 1.5


@dataclass(frozen=True)
class Positional(FakeVector):
    extra: int = 0


@dataclass(frozen=True, kw_only=True)
class LosesItsConfig(FakeVector):
    place: object = field(default_factory=object)


@dataclass(frozen=True, kw_only=True)
class NotPicklable(FakeVector):
    def __reduce__(self):
        raise pickle.PicklingError("by design")


BROKEN = [
    (WrongShape, "shape"),
    (ShapeOfLength, "shape"),
    (OpenSpec, "shape"),
    (OtherUnit, "shape"),
    (Float64, "float32"),
    (LogOfSilence, "finite"),
    (NanWhenConstant, "finite"),
    (Jitters, "deterministic"),
    (Remembers, "deterministic"),
    (ClipsInPlace, "input untouched"),
    (ReadOnlyOutput, "output its own"),
    (CachedOutput, "output its own"),
    (ViewOfInput, "output its own"),
    (NoClip, "clips"),
    (WrapsAround, "full-scale sine"),
    (WrappingLoudness, "full-scale sine"),
    (ImportsTorch, "no torch"),
    (OnlyHere, "no torch"),
    (Fails, "works"),
    (ListsOutput, "works"),
    (NoFeatureSpec, "works"),
    (NegativeContext, "works"),
    (Unhashable, "works"),
    (WindowTooMany, "sliding windows"),
    (SlidingFloat64, "sliding windows"),
    (SlidingInPlace, "sliding windows"),
    (SlidingNoClip, "sliding windows"),
    (OverstatedAgreement, "sliding windows"),
    (SeesWholeRecording, "sliding in chunks"),
    (OtherNumbers, "sliding agreement"),
    (Unrelated, "sliding agreement"),
    (Positional, "component class"),
    (LosesItsConfig, "JSON round trip"),
    (NotPicklable, "picklable"),
]


@pytest.mark.parametrize(("cls", "name"), BROKEN, ids=[cls.__name__ for cls, _ in BROKEN])
def test_broken_extractor_is_caught(cls, name, monkeypatch):
    if name != "no torch":  # the check that starts a process: only for those that it must catch
        monkeypatch.setattr(cls, "libraries", ("torch",), raising=False)
    results = {result.name: result for result in check_extractor(cls())}
    assert not results[name].passed
    assert results[name].detail


def test_assert_extractor_lists_all_failures():
    class Both(Float64, NoClip):
        libraries = ("torch",)

        def __call__(self, y, sr):
            return super().__call__(y, sr).astype(np.float64)

    with pytest.raises(AssertionError) as caught:
        assert_extractor(Both())
    assert "float32: float64, not float32" in str(caught.value)
    assert "clips: input beyond [-1, 1]" in str(caught.value)


def test_extractor_that_declares_torch_may_load_it(monkeypatch):
    monkeypatch.setattr(ImportsTorch, "libraries", ("torch",), raising=False)
    assert {r.name: r for r in check_extractor(ImportsTorch())}["no torch"].passed


def test_little_context_is_reported_with_its_size():
    class Smooths(FakeVector):
        """Adds what goes before: a second of context is declared, two are needed."""

        context_s = 1.0
        sliding_agreement = 0.1

        def sliding(self, y, sr, *, n_window, n_hop):
            rows = super().sliding(y, sr, n_window=n_window, n_hop=n_hop)
            before = [np.clip(y[max(0, k * n_hop - 2 * sr) : k * n_hop + 1], -1, 1).std() for k in range(len(rows))]
            return rows + np.float32(before).reshape(-1, 1)

    results = {result.name: result for result in check_sliding(Smooths())}
    assert not results["sliding in chunks"].passed
    assert "context_s of 1 around" in results["sliding in chunks"].detail


def test_agreement_is_the_median_correlation():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(50, 3)).astype(np.float32)
    assert agreement(a, a) == pytest.approx(1)
    assert agreement(a, 3 * a + 2) == pytest.approx(1)
    assert agreement(a, -a) == pytest.approx(-1)
    assert agreement(a, a * np.float32([1, 1, -1])) == pytest.approx(1)
    expected = np.median([np.corrcoef(a[:, k], a[:, 0])[0, 1] for k in range(3)])
    assert agreement(a, a[:, [0, 0, 0]]) == pytest.approx(expected, abs=1e-6)
    constant = np.ones((5, 2), dtype=np.float32)
    assert agreement(constant, constant) == 1
    assert agreement(constant, constant + 1) == 0


@pytest.mark.parametrize("sr", [8_000, 16_000, 44_100])
def test_speech_is_reproducible_and_speech_like(sr):
    y = speech(6.0, sr)
    assert y.dtype == np.float32
    assert y.shape == (6 * sr,)
    assert 0.45 < np.abs(y).max() < 0.55
    np.testing.assert_array_equal(y, speech(6.0, sr))
    assert not np.array_equal(y, speech(6.0, sr, seed=1))
    assert y.flags.writeable
    level_db = 10 * np.log10((y.reshape(-1, sr // 50) ** 2).mean(axis=1))
    assert np.percentile(level_db, 95) - np.percentile(level_db, 5) > 25  # syllables and pauses


def test_other_sounds():
    y = sine(100, peak=0.25, duration_s=0.5, sr=SR)
    assert y.shape == (SR // 2,)
    assert np.abs(y).max() == pytest.approx(0.25, abs=1e-4)
    for name, y in hard_sounds(SR).items():
        assert y.dtype == np.float32
        assert np.abs(y).max() <= 1, name
        assert len(y) in (SR // 10, 3 * SR)
