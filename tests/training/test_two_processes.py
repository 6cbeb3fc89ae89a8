"""Two CPU processes under torchrun end where one does that takes the same windows per step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_training import configure, make_store, speak

from ser_toolkit.training.results import read_result

TESTS = Path(__file__).parents[1]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]

SETTINGS = {
    "training": {
        "epochs": 4, "schedule": "one-cycle", "sampling": "corpus-balanced", "select": "loss", "average": "ema",
        "clip_norm": 0.5,
    },
    "augment": {
        "freq_masks": 1, "freq_width": 3, "time_masks": 2, "time_width": 4, "stretch": 0.1, "shift_bands": 1,
        "shift_frames": 2, "level": 3, "tilt": 2,
    },
}  # fmt: skip


def start(command) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    return subprocess.Popen(
        [*map(str, command)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, said = process.communicate(timeout=300)
    assert process.returncode == 0, said[-3000:]
    return out + said


@pytest.mark.slow
def test_two_processes_train_the_same_network_as_one(tmp_path):
    """A network without batch normalization: equal but for rounding, with every option on."""
    utterances, _ = speak(tmp_path / "audio")
    make_store(tmp_path / "store", utterances, configure())
    running = []
    for name, launcher, batch_size in (("one", [sys.executable], 8), ("two", TORCHRUN, 4)):
        (tmp_path / name).mkdir()
        settings = {**SETTINGS, "training": {**SETTINGS["training"], "batch_size": batch_size}}
        job = [TESTS / "tiny_training.py", tmp_path / "store", tmp_path / name, json.dumps(settings)]
        running.append(start([*launcher, *job]))
    for process in running:
        finish(process)
    one, two = (json.loads((tmp_path / name / "outcome.json").read_text()) for name in ("one", "two"))
    assert (one["processes"], two["processes"]) == (1, 2)
    assert two["lr"] == one["lr"]
    assert two["ua"] == one["ua"]
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    for key, values in one["state"].items():
        np.testing.assert_allclose(two["state"][key], values, atol=1e-5, err_msg=key)
    np.testing.assert_allclose(two["test"], one["test"], atol=1e-4)


@pytest.mark.slow
def test_the_command_in_two_processes_ends_near_one(tiny_corpus, tmp_path):
    """The paper's network, whose batch normalization sees half as many windows in each of two processes.

    Tolerances: development loss of each epoch within 15 %, mean training loss within 30 %, the same test scores.
    Standardization, which no batch takes part in, is the same.
    """
    config = tmp_path / "train.toml"
    config.write_text(
        '[features.mel]\nname = "melspec"\nn_mels = 32\nhop_length = 512\n'
        "[model]\nfilters = [4, 4, 8, 8, 16]\nmfep_dense = [16]\nerp = [16]\n[segments]\nwindow_s = 1.5\n"
        '[loss]\nname = "cross-entropy"\n'
        '[training]\nepochs = 5\nlr = 0.003\nworkers = 1\nsampling = "balanced"\nselect = "last"\n'
        "[augment]\nfreq_masks = 1\nfreq_width = 6\ntime_masks = 1\ntime_width = 10\n"
    )
    runs = {"one": ([sys.executable], 8), "two": (TORCHRUN, 4)}
    running = {
        name: start(
            [*launcher, "-m", "ser_toolkit", "train", tiny_corpus, "--config", config, "--out", tmp_path / name,
             "--device", "cpu", "--set", f"training.batch_size={batch_size}"]
        )
        for name, (launcher, batch_size) in runs.items()
    }  # fmt: skip
    said = {name: finish(process) for name, process in running.items()}
    assert "device: cpu, 2 processes" in said["two"]
    results = {name: read_result(tmp_path / name) for name in runs}
    one, two = results["one"].epochs, results["two"].epochs
    assert [e.dev_loss for e in two] == pytest.approx([e.dev_loss for e in one], rel=0.15)
    assert np.mean([e.train_loss for e in two]) == pytest.approx(np.mean([e.train_loss for e in one]), rel=0.3)
    assert results["two"].test.utterance == results["one"].test.utterance
    weights = {name: load_file(tmp_path / name / "weights.safetensors") for name in runs}
    for key in ("mean_mel", "scale_mel"):
        assert np.array_equal(weights["one"][key], weights["two"][key])
