"""A cluster of three nodes on this machine, with the plugin of `tests/faults` installed: it crashes on one sample."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

sys.path.append(str(Path(__file__).parents[1] / "faults"))

import fault_runs

START_S = 1500.0  # Ray's own processes take seconds, and minutes where others want the cores

CLUSTER = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_register_timeout_seconds": str(round(START_S)),
    "RAY_agent_register_timeout_ms": str(round(1000 * START_S)),
    "OMP_NUM_THREADS": "1",
    "FAULT": "segfault",  # of every recording with the poison in it
    "FAULT_WORK": "20",
}


@dataclass(eq=False)
class Nodes:
    """The cluster."""

    cluster: Any
    others: list[Any]
    environment: dict[str, str]

    @property
    def address(self) -> str:
        return self.cluster.address

    def add(self) -> None:
        with patch.dict(os.environ, self.environment):
            self.others.append(self.cluster.add_node(wait=False, **NODE))
        self.cluster.wait_for_nodes(timeout=START_S)

    def kill_one(self) -> None:
        """One that is not the head, without a word."""
        self.cluster.remove_node(self.others.pop(), allow_graceful=False)


NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_log_monitor": False}


@pytest.fixture(scope="session")
def site_and_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faulty")
    return fault_runs.make_site(folder / "site"), fault_runs.make_model(folder / "faulty.onnx")


@pytest.fixture(scope="session")
def nodes(site_and_model):
    """Three nodes of one core each."""
    pytest.importorskip("ray", reason="tier [ray] is not installed")
    from ray.cluster_utils import Cluster

    environment = CLUSTER | {"PYTHONPATH": str(site_and_model[0])}
    with patch.dict(os.environ, environment):
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    try:
        nodes = Nodes(cluster, [], environment)
        nodes.add()
        nodes.add()
        yield nodes
    finally:
        cluster.shutdown()


@pytest.fixture
def bench(site_and_model, tmp_path, monkeypatch):
    """To run `analyze` in."""
    monkeypatch.setattr(fault_runs, "DEADLINE_S", START_S)
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    return fault_runs.Bench(*site_and_model, tmp)
