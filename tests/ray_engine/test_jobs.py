"""Features for training and tables of features, made by a cluster of three nodes: what one process makes."""

from __future__ import annotations

import math
import operator
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from fault_runs import speech, write

from ser_toolkit.data.process_map import jobs_on_ray, process_map
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import SerToolkitError
from ser_toolkit.features import FeatureSet
from ser_toolkit.testing.fakes import FakeVector
from ser_toolkit.training.store import build_store

pytestmark = pytest.mark.slow


@pytest.fixture
def recordings(tmp_path):
    """Ten good recordings, one of two minutes, and one that is none."""
    for i in range(10):
        write(tmp_path / "in" / f"{i}.wav", speech(1.5 + i / 4, seed=i))
    write(tmp_path / "in" / "long.wav", speech(120, seed=77))
    (tmp_path / "in" / "none.wav").write_text("no sound")
    return tmp_path / "in"


def mapped(function, jobs):
    return list(process_map(function, jobs, n_jobs=len(jobs), workers=0, died=lambda near: f"died near {near}"))


def test_a_table_of_features_is_the_same(bench, recordings, nodes, tmp_path):
    tables = []
    on_ray = ["--engine", "ray", "--address", nodes.address, "--files-per-part", "5", "--resume"]
    for name, options in (("local.parquet", ["--workers", "0"]), ("ray", on_ray)):
        done = subprocess.run(
            [sys.executable, "-m", "ser_toolkit", "extract", recordings, "-o", tmp_path / name,
             "--features", "fault-vector", "--window", "1", "--sr", "4000", *options],
            env={**os.environ, "PYTHONPATH": str(bench.site)}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 3, done.stderr
        tables.append(pyarrow.parquet.read_table(tmp_path / name))
    assert tables[0].equals(tables[1])
    assert len(tables[0]) > 120


def test_a_store_is_the_same_bit_for_bit(recordings, nodes, tmp_path, monkeypatch):
    windows = Segmentation(window_s=1.0, hop_s=0.5)
    features = FeatureSet(extractors={"vector": FakeVector()}, segmentation=windows, sr=4000)
    monkeypatch.chdir(recordings)  # paths that are not absolute mean the same on all nodes
    names = sorted(path.name for path in recordings.iterdir())
    utterances = [Utterance(file=Path(name), key=name, emotion="joy") for name in names]
    here = build_store(tmp_path / "here", utterances, features)
    with jobs_on_ray(nodes.address):
        there = build_store(tmp_path / "there", utterances, features)
    np.testing.assert_array_equal(here.values["vector"], there.values["vector"])
    np.testing.assert_array_equal(here.owner, there.owner)
    assert here.recordings == there.recordings
    assert here.excluded == there.excluded != {}


def test_results_come_in_order_and_errors_as_they_are(nodes):
    with jobs_on_ray(nodes.address):
        assert mapped(operator.neg, list(range(50))) == [-i for i in range(50)]
        with pytest.raises(ValueError, match="math domain error"):
            mapped(math.sqrt, [1.0, -1.0])
        with pytest.raises(SerToolkitError, match=r"died near \[7"):
            mapped(os._exit, [7])
    assert mapped(operator.neg, [1]) == [-1]
