"""The plugin keeps the contracts of ser-toolkit, and measures what it says."""

from __future__ import annotations

import numpy as np

import ser_toolkit
from ser_toolkit.testing.plugin import check_plugin


def test_contracts() -> None:
    failed = [
        f"{component}: {check.name}: {check.detail}"
        for component, checks in check_plugin("rhythm", ser_toolkit.registry())
        for check in checks
        if not check.passed
    ]
    assert not failed, "\n".join(failed)


def test_four_bursts_a_second_are_four_onsets() -> None:
    t = np.arange(32_000) / 16_000
    y = np.where(t % 0.25 < 0.1, np.sin(2 * np.pi * 200 * t), 0).astype(np.float32)
    rhythm = ser_toolkit.registry().create("feature", "rhythm")
    values = dict(zip(rhythm.spec(None, 16_000).names, rhythm(y, 16_000), strict=True))
    assert 3 <= values["onsets_hz"] <= 4
    assert values["pause_share"] > 0.5
    assert values["syllabic"] > values["slow"]
