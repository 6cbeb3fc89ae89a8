"""The contract of preprocessors: those that keep it pass, and each way to break it is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from ser_toolkit.testing import assert_preprocessor, check_preprocessor


@dataclass(frozen=True, kw_only=True)
class Half:
    """Half as loud: keeps all promises."""

    name: ClassVar[str] = "half"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "recording"

    def __call__(self, y, sr):
        return y * np.float32(0.5)


class Mislaid(Half):
    scope = "file"


class Needy(Half):
    context_s = 31


class Short(Half):
    def __call__(self, y, sr):
        return y[:-1] if len(y) > 1 else y


class Double(Half):
    def __call__(self, y, sr):
        return y * np.float64(2)


class Divides(Half):
    def __call__(self, y, sr):
        with np.errstate(all="ignore"):
            return y / np.abs(y).max()


class Hums(Half):
    def __call__(self, y, sr):
        return y + np.float32(0.01) * np.sin(np.arange(len(y), dtype=np.float32))


class Rolls(Half):
    def __call__(self, y, sr):
        return y * np.float32(np.random.default_rng().uniform())


class Writes(Half):
    def __call__(self, y, sr):
        if y.flags.writeable:
            y[:] *= np.float32(0.5)
            return y
        return y * np.float32(0.5)


class Lags(Half):
    def __call__(self, y, sr):
        return np.concatenate([np.zeros(80, np.float32), y])[: len(y)]


class Torches(Half):
    def __call__(self, y, sr):
        import torch

        return (torch.from_numpy(y.copy()) * 0.5).numpy()


class Counts(Half):
    """What comes out depends on where the recording began."""

    def __call__(self, y, sr):
        return y * np.float32(np.sign(np.sin(np.arange(len(y)) / sr * 3.0)))


def test_one_that_keeps_it():
    assert_preprocessor(Half())
    names = [r.name for r in check_preprocessor(Half())]
    assert names == [
        *("component class", "JSON round trip", "picklable", "works", "length", "float32", "finite"),
        *("silence stays silent", "deterministic", "input untouched", "not delayed", "no torch", "in stretches"),
    ]


@pytest.mark.parametrize(
    ("cls", "name", "said"),
    [
        (Mislaid, "works", "scope is 'file'"),
        (Needy, "works", "context_s is 31"),
        (Short, "length", "shape"),
        (Double, "float32", "float64"),
        (Divides, "finite", "on silence"),
        (Hums, "silence stays silent", "makes sound of silence"),
        (Rolls, "deterministic", "different samples"),
        (Writes, "input untouched", "was changed"),
        (Lags, "not delayed", "80 samples later"),
        (Torches, "no torch", "imports torch"),
        (Counts, "in stretches", "correlation of stretches and whole"),
    ],
)
def test_ways_to_break_it(cls, name, said):
    import re

    results = {r.name: r for r in check_preprocessor(cls())}
    assert not results[name].passed
    assert re.search(said, results[name].detail), results[name].detail


def test_the_assertion_lists_what_is_broken():
    with pytest.raises(AssertionError, match="not delayed: speech comes back 80 samples later"):
        assert_preprocessor(Lags())
