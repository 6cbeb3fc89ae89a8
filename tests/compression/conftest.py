"""A run with two test speakers, and a cross-validation that kept the models of its folds, both tiny."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import TINY

from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.evaluation.crossval import cross_validate
from ser_toolkit.training.run import train

WIDER = {
    **TINY,
    "model": {**TINY["model"], "filters": [8, 8, 16, 16, 32]},
    "training": {**TINY["training"], "epochs": 8},
}


@pytest.fixture(scope="session")
def judged_run(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("judged") / "run"
    train(tiny_corpus, config={**WIDER, "split": {"test": 0.34}}, out=out, device="cpu", cache=FeatureCache.default())
    return out


@pytest.fixture(scope="session")
def kept_folds(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("kept") / "cv"
    config = {**WIDER, "split": {"protocol": "grouped-k-fold", "folds": 3}}
    cross_validate(tiny_corpus, config=config, out=out, device="cpu", cache=FeatureCache.default())
    return out
