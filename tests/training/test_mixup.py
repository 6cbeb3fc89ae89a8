"""Mixed windows: proportions, labels, lengths, and that they repeat."""

from __future__ import annotations

import numpy as np
import torch

from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit.training.config import AugmentConfig
from ser_toolkit.training.mixup import Mixup, mixup_of

SPECS = {
    "mel": FeatureSpec(shape=(1, 4, 6), axes=("channel", "mel", "frame"), unit="dB"),
    "long": FeatureSpec(shape=(1, 4, None), axes=("channel", "mel", "frame"), unit="dB"),
    "gemaps": FeatureSpec(shape=(3,), axes=("feature",), unit="mixed"),
}
MEANS = {key: torch.full((1,) * len(spec.shape), -7.0) for key, spec in SPECS.items()}
ROWS = 64
NUMBER = torch.arange(ROWS, dtype=torch.float32)
LENGTH = torch.arange(ROWS) % 5 + 1


def mixed(alpha=0.4, **where):
    """Windows that are full of their number, mixed; their targets are one-hot, so that both partners show."""
    batch = {key: NUMBER.reshape(-1, *[1] * len(s.shape)) for key, s in SPECS.items()}
    batch = {key: batch[key].repeat(1, *(5 if n is None else n for n in SPECS[key].shape)) for key in SPECS}
    batch["long_length"] = LENGTH
    place = {"epoch": 1, "step": 0, "share": 0, **where}
    return Mixup(alpha=alpha, seed=3)(batch, torch.eye(ROWS), SPECS, MEANS, **place)


def test_nothing_asked_for_is_none():
    assert mixup_of(AugmentConfig(), seed=0) is None
    assert mixup_of(AugmentConfig(mixup=0.2), seed=5) == Mixup(alpha=0.2, seed=5)


def test_inputs_and_labels_are_mixed_in_one_proportion():
    batch, targets = mixed()
    torch.testing.assert_close(targets.sum(1), torch.ones(ROWS))
    assert (targets > 0).sum(1).max() == 2
    expected = targets @ NUMBER
    torch.testing.assert_close(batch["gemaps"], expected[:, None].expand(-1, 3))
    torch.testing.assert_close(batch["mel"][:, 0, 3, 5], expected)


def test_windows_are_as_long_as_the_longer_and_end_in_the_mean():
    batch, targets = mixed()
    partners = [sorted({i, *torch.nonzero(row).flatten().tolist()}) for i, row in enumerate(targets)]
    for i, pair in enumerate(partners):
        assert batch["long_length"][i] == LENGTH[pair].max()
        inside = torch.arange(5) < LENGTH[:, None]
        values = torch.where(inside, NUMBER[:, None], -7.0)
        torch.testing.assert_close(batch["long"][i, 0, 0], targets[i] @ values)


def test_small_alpha_leaves_most_nearly_as_they_are():
    shares = {alpha: mixed(alpha)[1].diagonal() for alpha in (0.05, 50.0)}
    assert ((shares[0.05] < 0.05) | (shares[0.05] > 0.95)).float().mean() > 0.7
    assert ((shares[50.0] > 0.3) & (shares[50.0] < 0.7)).float().mean() > 0.9


def test_random_numbers_depend_on_where_it_is_alone():
    _, once = mixed()
    assert torch.equal(mixed()[1], once)
    for where in ({"epoch": 2}, {"step": 1}, {"share": 1}):
        assert not torch.equal(mixed(**where)[1], once)
    assert np.isfinite(once.numpy()).all()
