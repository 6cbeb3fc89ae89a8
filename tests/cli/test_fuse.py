"""The command `fuse`, on folders as evaluations leave them."""

from __future__ import annotations

import json

import numpy as np

from ser_toolkit.evaluation.predictions import Item, Predictions
from ser_toolkit.evaluation.run_folds import development_file


def evaluation(folder, sure: float):
    """Two folds of one utterance per class; development speakers are others."""

    def said(speaker: str, fold: str) -> Predictions:
        items = tuple(
            Item(file=f"{speaker}-{label}.wav", emotion=label, speaker=speaker, fold=fold) for label in ("anger", "joy")
        )
        p = np.array([[sure, 1 - sure], [1 - sure, sure]])
        return Predictions(
            labels=("anger", "joy"), protocol="by hand", items=items, owner=np.arange(2), logits=np.log(p)
        )

    for fold in (1, 2):
        name = f"seed-0-fold-{fold}"
        development_file(folder / "folds", name).parent.mkdir(parents=True, exist_ok=True)
        said(f"dev {fold}", f"fold {fold}").save(development_file(folder / "folds", name))
        said(f"test {fold}", f"fold {fold}").save(folder / "folds" / f"{name}.parquet")
    return folder


def test_fuse_writes_an_evaluation(tmp_path, cli):
    one, other = evaluation(tmp_path / "one", 0.9), evaluation(tmp_path / "other", 0.3)
    done = cli("fuse", one, other, "--out", tmp_path / "fused")
    assert done.code == 0 and "UA" in done.out
    assert Predictions.load(tmp_path / "fused" / "predictions.parquet").predicted().tolist() == [0, 1, 0, 1]
    assert json.loads((tmp_path / "fused" / "evaluation.json").read_text())["protocol"] == "by hand"
    assert "confidence" in (tmp_path / "fused" / "report.md").read_text()
    done = cli("fuse", one, other, "--method", "mean", "--out", tmp_path / "fused")
    assert done.code == 2 and "not empty" in done.err
    done = cli("fuse", one, other, "--method", "vote", "--out", tmp_path / "x")
    assert done.code == 2 and "'vote' is not one of" in done.err
