"""Thresholds of prediction sets for the bundled model.

    python recipes/add_conformal.py CORPUS/manifest.csv ser_toolkit/models/emodb.onnx

The model hears the recordings of its development speakers (the last pair of ``emodb_folds.py``), with the windows that
it was trained with, and the thresholds go into the recipe in the metadata of the file. The graph stays as it is, to the
byte. Needs the [train] tier for onnx.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import onnx
from emodb_folds import ALPHA, pair

from ser_toolkit.data import atomic
from ser_toolkit.inference.model import Model
from ser_toolkit.recipe import METADATA_KEY, Recipe
from ser_toolkit.training.calibration import conformal

FITTED_ON = "development speakers"


def add_conformal(manifest: Path, path: Path) -> Recipe:
    """Write thresholds into a model and return its new recipe."""
    model = Model.open(path, device="cpu")
    rows = list(csv.DictReader(manifest.open(encoding="utf-8", newline="")))
    rows = [r for r in rows if r["speaker"] in pair(4) and r["emotion"] in model.labels]
    found = [model.predict(manifest.parent / row["file"]).probabilities for row in rows]
    sets = conformal(
        np.array([[p[label] for label in model.labels] for p in found]),
        np.array([model.labels.index(row["emotion"]) for row in rows]),
        labels=model.labels,
        method="lac",
        alpha=ALPHA,
        fitted_on=FITTED_ON,
    )
    assert model.recipe.calibration is not None, "the model was never calibrated"
    calibration = model.recipe.calibration.model_copy(update={"conformal": sets})
    recipe = Recipe.from_json(model.recipe.model_copy(update={"calibration": calibration}).to_json())
    proto = onnx.load(path)
    graph = proto.graph.SerializeToString(deterministic=True)
    (entry,) = (p for p in proto.metadata_props if p.key == METADATA_KEY)
    entry.value = recipe.to_json()
    with atomic.replacing(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())
        assert onnx.load(temporary).graph.SerializeToString(deterministic=True) == graph, "the graph has changed"
        assert Model.open(temporary, device="cpu").recipe == recipe, "the recipe did not survive"
    return recipe


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(add_conformal(Path(sys.argv[1]), Path(sys.argv[2])).conformal)
