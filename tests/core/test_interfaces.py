"""What a feature may say of its shape."""

from __future__ import annotations

import pytest

from ser_toolkit.interfaces import FeatureSpec


@pytest.mark.parametrize(
    ("shape", "axes", "names", "said"),
    [
        ((1, 2), ("feature",), (), "2 axes"),
        ((0,), ("feature",), (), "at least 1"),
        ((1, None, None), ("channel", "mel", "frame"), (), "at most one axis may vary"),
        ((3,), ("feature",), ("a", "b"), "2 names do not fit"),
    ],
)
def test_specs_that_contradict_themselves(shape, axes, names, said):
    with pytest.raises(ValueError, match=said):
        FeatureSpec(shape=shape, axes=axes, unit="dB", names=names)


def test_the_role_is_the_number_of_axes():
    specs = [FeatureSpec(shape=(2,) * n, axes=("x",) * n, unit="dB") for n in (1, 2, 3, 4)]
    assert [s.role for s in specs[:3]] == ["vector", "sequence", "image"]
    with pytest.raises(ValueError, match="1 to 3 axes"):
        _ = specs[3].role
    assert FeatureSpec(shape=(None, 4), axes=("frame", "feature"), unit="dB").varies
