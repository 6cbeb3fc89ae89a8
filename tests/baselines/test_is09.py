"""The functionals of the 2009 challenge: those of openSMILE, by their own name."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.errors import AudioError
from ser_toolkit.testing.extractors import assert_extractor
from ser_toolkit.testing.sounds import speech
from ser_toolkit_baselines.is09 import Is09
from ser_toolkit_paper.egemaps import Egemaps


def test_contract():
    assert_extractor(Is09())


def test_are_those_of_opensmile():
    y = speech(1.5, 16_000)
    got = Is09()(y, 16_000)
    assert got.shape == (384,)
    np.testing.assert_array_equal(got, Egemaps(feature_set="IS09")(y, 16_000))
    assert Is09().n_undefined(y, 16_000) == 0
    names = Is09().feature_names()
    assert len(names) == 384
    assert names[0] == "pcm_RMSenergy_sma_max"
    assert "openSMILE" in Is09().license


def test_refusals():
    with pytest.raises(AudioError, match="at least one sample"):
        Is09()(np.zeros(0, np.float32), 16_000)
