"""Two CPU processes under a launcher end where one does that takes the same windows per step."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import tiny_training
from safetensors.numpy import load_file
from tiny_training import configure, make_store, speak

from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.errors import ConfigError
from ser_toolkit.evaluation.crossval import cross_validate
from ser_toolkit.evaluation.predictions import PREDICTIONS, Predictions
from ser_toolkit.training.results import read_result
from ser_toolkit.training.run import train

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


def start(command, **more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS), **more}
    return subprocess.Popen(
        [*map(str, command)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, said = process.communicate(timeout=300)
    assert process.returncode == 0, said[-3000:]
    return out + said


def settings(batch_size: int, *, accumulate: int = 1, **changes) -> dict:
    tables = SETTINGS | changes
    return tables | {"training": tables["training"] | {"batch_size": batch_size, "accumulate": accumulate}}


def assert_same(one: dict, two: dict) -> None:
    """Equal but for the order in which sums are taken."""
    assert two["lr"] == one["lr"]
    assert two["ua"] == one["ua"]
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    for key, values in one["state"].items():
        np.testing.assert_allclose(two["state"][key], values, atol=1e-5, err_msg=key)
    np.testing.assert_allclose(two["test"], one["test"], atol=1e-4)


@pytest.mark.slow
def test_two_processes_train_the_same_network_as_one(tmp_path):
    """The same windows per step: in one batch, in two batches of one process, and in two processes.

    The second network has what depends on the batch, and is the same in the latter two: batch normalization, dropout
    and mixup.
    """
    utterances, _ = speak(tmp_path / "audio")
    make_store(tmp_path / "store", utterances, configure())
    random = {"augment": SETTINGS["augment"] | {"mixup": 0.3}, "model": {"name": "tiny", "dropout": 0.3, "norm": True}}
    runs = {
        "two": [settings(4), settings(4, **random)],
        "one": [settings(8), settings(4, accumulate=2), settings(4, accumulate=2, **random)],
    }
    said = [[json.dumps(each) for each in tables] for tables in runs.values()]
    finish(start([*TORCHRUN, TESTS / "tiny_training.py", tmp_path / "store", tmp_path / "two", *said[0]]))
    tiny_training.main(str(tmp_path / "store"), str(tmp_path / "one"), *said[1])
    two, one = (
        [json.loads((tmp_path / name / str(i) / "outcome.json").read_text()) for i in range(len(tables))]
        for name, tables in runs.items()
    )
    assert [run["processes"] for run in one + two] == [1, 1, 1, 2, 2]
    assert_same(one[0], one[1])
    assert_same(one[1], two[0])
    assert_same(one[2], two[1])
    assert not np.allclose(one[2]["losses"], one[1]["losses"], rtol=1e-3)


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


LINEAR = {
    "features": {"gemaps": {"name": "egemaps"}},
    "model": {"name": "compact", "vector_dense": []},
    "segments": {"preset": "utterance"},
    "training": {"epochs": 40, "batch_size": 2, "lr": 0.01, "select": "last", "average": "ema", "workers": 1},
}
"""Without batch normalization."""


def told(config: dict) -> list[str]:
    """The same for the command line."""
    keys = [
        f"{table}.{key}={json.dumps(value).replace(': ', ' = ')}"
        for table, values in config.items()
        for key, value in values.items()
    ]
    return [part for key in ("features={}", *keys) for part in ("--set", key)]


def halves(config: dict) -> dict:
    """One process that takes the batches of two."""
    return config | {"training": config["training"] | {"accumulate": 2}}


@pytest.mark.slow
def test_a_killed_process_ends_the_others_and_one_process_goes_on_alone(tiny_corpus, tmp_path):
    command = ["-m", "ser_toolkit", "train", tiny_corpus, "--device", "cpu", "--no-cache", *told(LINEAR)]
    process = start([*TORCHRUN, *command, "--out", tmp_path / "run"])
    said = ""
    while "\n    1 " not in said:  # the line of the first epoch
        assert (line := process.stderr.readline()), said
        said += line
    workers = {p.environ()["RANK"]: p for p in psutil.Process(process.pid).children()}
    workers["1"].kill()
    rest = process.communicate(timeout=120)
    ours = [line for line in "".join(rest).splitlines() if "--resume" in line]
    assert process.returncode != 0
    assert len(ours) == 1, rest
    assert not workers["0"].is_running()
    with pytest.raises(ConfigError, match="batches per step: 2 -> 1"):
        train(tiny_corpus, config=LINEAR, out=tmp_path / "run", device="cpu", resume=True)
    resumed = train(tiny_corpus, config=halves(LINEAR), out=tmp_path / "run", device="cpu", resume=True)
    whole = train(tiny_corpus, config=halves(LINEAR), out=tmp_path / "whole", device="cpu")
    assert len(resumed.epochs) == len(whole.epochs) == 40
    weights = [load_file(run.run_dir / "weights.safetensors") for run in (resumed, whole)]
    for key, values in weights[1].items():
        np.testing.assert_allclose(weights[0][key], values, atol=1e-4, err_msg=key)


@pytest.mark.slow
def test_two_nodes_evaluate_what_one_process_does(tiny_corpus, tmp_path):
    """Two launchers, as on two machines with one file system; the second says nothing on standard output."""
    config = LINEAR | {
        "training": LINEAR["training"] | {"epochs": 2}, "split": {"protocol": "grouped-k-fold", "folds": 2},
    }  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    nodes = [
        start(
            [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--node_rank", rank, "--nproc_per_node",
             "1", "--master_addr", "127.0.0.1", "--master_port", port, "-m", "ser_toolkit", "evaluate", tiny_corpus,
             "--device", "cpu", "--out", tmp_path / "nodes", *told(config)],
            SER_TOOLKIT_CACHE=str(tmp_path / "cache"),
        )
        for rank in (0, 1)
    ]  # fmt: skip
    out = [node.communicate(timeout=300) for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], out
    assert "device: cpu, 2 processes" in out[0][1]
    assert "report:" in out[0][0]
    assert out[1][0] == ""
    assert "windows" not in out[1][1]
    one = cross_validate(
        tiny_corpus, config=halves(config), out=tmp_path / "one", device="cpu", cache=FeatureCache(tmp_path / "cache")
    ).predictions
    two = Predictions.load(tmp_path / "nodes" / PREDICTIONS)
    np.testing.assert_allclose(two.logits, one.logits, atol=1e-4)
    assert [item.file for item in two.items] == [item.file for item in one.items]


@pytest.mark.slow
def test_what_both_processes_find_wrong_is_said_once(tiny_corpus, tmp_path):
    command = [*TORCHRUN, "-m", "ser_toolkit", "train", tiny_corpus, "--set", "training.epoch=1"]
    process = start([*command, "--out", tmp_path / "run"])
    _, said = process.communicate(timeout=120)
    assert process.returncode != 0
    assert said.count("unknown key 'training.epoch'") == 1, said
    assert not (tmp_path / "run").exists()
