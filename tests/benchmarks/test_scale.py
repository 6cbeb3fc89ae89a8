"""The cost model of docs/scale.md and its simulation of stragglers and lost nodes."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def loaded(name: str):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


model, simulation = loaded("scale_model"), loaded("scale_simulation")

COSTS = model.Costs(core_s=50.0, driver_s=0.1, start_s=10.0, bytes_in=60e6, bytes_out=1e6, batch_s=0.02)


def test_time_is_that_of_the_slowest_part():
    few = model.estimate(COSTS, model.Cluster(nodes=2, cores=10), hours=1000)
    assert few.compute == 1000 * 50 / 20
    assert few.driver == pytest.approx((1000 * 0.1 + 1000 * 0.02) / 2)
    assert few.storage == pytest.approx(1000 * 61e6 / 2e9)
    assert few.bottleneck == "compute"
    assert few.seconds == 10 + few.compute
    many = model.Cluster(nodes=200, cores=10)
    assert model.estimate(COSTS, many, hours=1000, drivers=1).bottleneck == "driver"
    assert model.estimate(COSTS, many, hours=1000).bottleneck == "compute"
    assert model.estimate(COSTS, model.Cluster(nodes=1, cores=99, network=1e5), hours=9).bottleneck == "storage"


def test_large_batches_cost_the_driver_less():
    cluster = model.Cluster(nodes=2)
    small, large = (model.estimate(COSTS, cluster, hours=100, hours_per_batch=h, drivers=1) for h in (0.1, 10))
    assert small.driver - large.driver == pytest.approx((1000 - 10) * 0.02)


@pytest.mark.parametrize("efficiency", [1.0, 0.8])
def test_as_many_nodes_as_are_needed_and_no_more(efficiency):
    one = model.Cluster(nodes=1, cores=32, efficiency=efficiency)
    nodes = model.nodes_for(COSTS, one, hours=1e6, seconds=86_400)
    for count, in_time in ((nodes, True), (nodes - 1, False)):
        cluster = model.Cluster(nodes=count, cores=32, efficiency=efficiency)
        assert (model.estimate(COSTS, cluster, hours=1e6).seconds <= 86_400) == in_time
    with pytest.raises(ValueError, match="needs to start"):
        model.nodes_for(COSTS, one, hours=1e6, seconds=9)


def test_the_model_agrees_with_the_measured_scaling():
    """CPU seconds with two workers, from those with one; the machine was shared."""
    measured = json.loads((BENCHMARKS / "scale_costs.json").read_text())
    case = next(iter(measured["cases"]))
    for run in measured["scaling"]:
        expected = model.predicted(measured, case, workers=run["workers"])
        for name in ("workers_s", "slowest_worker_s"):
            assert run[name] == pytest.approx(expected[name], rel=1e-6 if run["workers"] == 1 else 0.15)


def test_tables_are_printed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["scale_model.py", "--hours", "1e4"])
    model.main()
    said = capsys.readouterr().out
    assert "10,000 hours of audio in 24 hours" in said
    assert "not measured" in said
    assert said.count("| measured |") == said.count("| model |") == 2


SAME = {"hours": 2000, "hours_per_batch": 1.0, "core_s": 60.0, "nodes": 10, "cores": 4, "seed": 1}


def test_without_trouble_all_time_is_work():
    ideal = simulation.simulate(**SAME, trouble=simulation.Trouble(spread=0.0))
    assert ideal.efficiency == pytest.approx(1.0)
    assert ideal.seconds == pytest.approx(2000 * 60 / 40)
    assert (ideal.lost, ideal.failures) == (0, 0)


def test_stragglers_take_less_and_end_the_job_late():
    slow = simulation.simulate(**SAME, trouble=simulation.Trouble(spread=0.0, slow=0.5))
    assert slow.efficiency == pytest.approx(0.75, abs=0.02)  # half of the cores do half as much


def test_what_a_lost_node_was_at_is_done_again():
    often = simulation.Trouble(mtbf_s=3000.0, replace_s=60.0)
    first, again = (simulation.simulate(**SAME, trouble=often) for _ in range(2))
    assert first == again
    assert first.failures > 3
    assert first.failures <= first.lost <= 4 * first.failures
    plain = simulation.simulate(**SAME, trouble=simulation.Trouble())
    assert first.seconds > plain.seconds
    assert 0.5 < first.efficiency < plain.efficiency


def test_batches_lose_at_both_ends():
    """Small ones to what each costs, large ones to waiting for the last."""
    trouble = simulation.Trouble(batch_s=5.0)
    small, middle, large = (
        simulation.simulate(**SAME | {"hours_per_batch": h}, trouble=trouble).efficiency for h in (0.1, 2.0, 60.0)
    )
    assert middle > small
    assert middle > large


def test_the_plot_is_the_same_each_time(tmp_path):
    outcomes = {"some": [simulation.Outcome(seconds=1.0, efficiency=0.9, lost=0, failures=0)] * len(simulation.HOURS)}
    for name in ("a.svg", "b.svg"):
        simulation.plot(outcomes, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
