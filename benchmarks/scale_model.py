"""What a job of many hours takes: cores, nodes, storage, and what limits it, from the costs that `scale.py` measured.

Usage: python benchmarks/scale_model.py [--hours 1e6] [--days 1] [--cores 32] [--costs benchmarks/scale_costs.json]

Prints the measured costs, the plan for the job, the model against the measured scaling, and the storage, as Markdown.

Model: nodes and the driver work side by side with the storage, so that the slowest of three decides::

    compute   hours * c / (nodes * cores * efficiency)        c: core-seconds of all stages for an hour of audio
    driver    (hours * d + batches * b) / drivers             d: of a driver for an hour, b: of the engine for a batch
    storage   hours * bytes / (nodes * network)               bytes: in and out for an hour of audio

and the start of a worker comes before. The first case is that of the scaling runs: what their one worker took more
than the stages by themselves is handing over between processes, and c and d of all cases are scaled by it.
``efficiency`` holds what a simulation of stragglers and lost nodes leaves, see `scale_simulation.py`.
"""

import argparse
import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Cluster", "Costs", "Estimate", "estimate", "nodes_for", "predicted"]

COSTS = Path(__file__).with_name("scale_costs.json")

DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Costs of an hour of audio.

    Parameters
    ----------
    core_s : float
        CPU seconds of the workers.
    driver_s : float
        CPU seconds of the one process that collects results.
    start_s : float
        CPU seconds until a worker is ready, once for each.
    bytes_in, bytes_out : float
        Bytes read and written.
    batch_s : float
        Seconds of the driver for each batch that is handed out, whatever is in it.
    """

    core_s: float
    driver_s: float
    start_s: float
    bytes_in: float
    bytes_out: float
    batch_s: float = 0.0

    @classmethod
    def of(cls, measured: Mapping[str, Any], case: str) -> "Costs":
        """Costs of a case of `scale.py`, times what handing over between processes adds in its run with one worker."""
        found, first = measured["cases"][case], next(iter(measured["cases"].values()))
        one = measured["scaling"][0]
        alone = [_work(first) * one["hours"], first["core_s_per_hour"]["results"] * one["hours"]]
        return cls(
            core_s=_work(found) * one["workers_s"] / alone[0],
            driver_s=found["core_s_per_hour"]["results"] * one["driver_s"] / alone[1],
            start_s=one["start_s_per_worker"],
            bytes_in=found["bytes_per_hour"]["input"],
            bytes_out=found["bytes_per_hour"]["journal"],
            batch_s=measured["ray_batch_s"] or 0.0,
        )


def _work(case: Mapping[str, Any]) -> float:
    """CPU seconds of all stages for an hour of audio, without the driver's."""
    return float(sum(s for name, s in case["core_s_per_hour"].items() if name != "results"))


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Machines.

    Parameters
    ----------
    nodes : int
        Machines that compute.
    cores : int
        Workers on each.
    network : float
        Bytes per second between a node and the storage.
    efficiency : float
        Share of the workers' time that is work, 0 to 1.
    """

    nodes: int
    cores: int = 32
    network: float = 1.0e9
    efficiency: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a job takes, in seconds.

    Parameters
    ----------
    compute, driver, storage : float
        If nothing but this limited it.
    start : float
        Before the first result.
    """

    compute: float
    driver: float
    storage: float
    start: float

    @property
    def seconds(self) -> float:
        """Of the whole job."""
        return self.start + max(self.compute, self.driver, self.storage)

    @property
    def bottleneck(self) -> str:
        """Which of the three decides."""
        return max(("compute", "driver", "storage"), key=lambda name: getattr(self, name))


def estimate(
    costs: Costs, cluster: Cluster, *, hours: float, hours_per_batch: float = 1.0, drivers: int | None = None
) -> Estimate:
    """Time of a job.

    Parameters
    ----------
    costs, cluster : Costs, Cluster
        Of an hour, and what works.
    hours : float
        Of audio.
    hours_per_batch : float, optional
        Of audio in one batch.
    drivers : int, optional
        Parts that are worked on at once, each with a driver of its own; default: one on each node.
    """
    workers = cluster.nodes * cluster.cores * cluster.efficiency
    batches = math.ceil(hours / hours_per_batch)
    return Estimate(
        compute=hours * costs.core_s / workers,
        driver=(hours * costs.driver_s + batches * costs.batch_s) / (drivers or cluster.nodes),
        storage=hours * (costs.bytes_in + costs.bytes_out) / (cluster.nodes * cluster.network),
        start=costs.start_s,
    )


def nodes_for(costs: Costs, cluster: Cluster, *, hours: float, seconds: float) -> int:
    """Fewest nodes, of the kind of `cluster` and with a driver on each, that are done in time.

    Raises
    ------
    ValueError
        If the time is over before a worker has started.
    """
    left = seconds - costs.start_s
    if left <= 0:
        raise ValueError(f"{seconds:g} s are less than a worker needs to start, {costs.start_s:g} s")
    one = estimate(costs, dataclasses.replace(cluster, nodes=1), hours=hours)
    return math.ceil(max(one.compute, one.driver, one.storage) / left)


def predicted(measured: Mapping[str, Any], case: str, *, workers: int) -> dict[str, float]:
    """CPU seconds that the model expects of a scaling run, under the names of `scale.py`."""
    costs = Costs.of(measured, case)
    hours = next(run["hours"] for run in measured["scaling"] if run["workers"] == workers)
    return {
        "driver_s": hours * costs.driver_s,
        "workers_s": hours * costs.core_s,
        "slowest_worker_s": hours * costs.core_s / workers,
    }


def _print_costs(measured: Mapping[str, Any]) -> None:
    stages = list(dict.fromkeys(stage for case in measured["cases"].values() for stage in case["core_s_per_hour"]))
    cases = measured["cases"]
    print(f"| CPU seconds for an hour of audio | {' | '.join(cases)} |")
    print("|---|" + "---|" * len(cases))
    for stage in stages:
        cells = (f"{case['core_s_per_hour'].get(stage, 0.0):.2f}" for case in cases.values())
        print(f"| {stage} | {' | '.join(cells)} |")
    sums = (f"**{sum(case['core_s_per_hour'].values()):.1f}**" for case in cases.values())
    print(f"| **all** | {' | '.join(sums)} |")
    print(f"| GPU seconds | {' | '.join('not measured' for _ in cases)} |")
    for name in ("files_per_hour", "windows_per_hour"):
        cells = (f"{case[name]:,.0f}" for case in cases.values())
        print(f"| {name.replace('_per_hour', '')} | {' | '.join(cells)} |")
    for name, said in (("input", "MB read"), ("journal", "MB of results"), ("features", "MB of features, if kept")):
        cells = (f"{case['bytes_per_hour'][name] / 1e6:.2f}" for case in cases.values())
        print(f"| {said} | {' | '.join(cells)} |")


def _print_scaling(measured: Mapping[str, Any], case: str) -> None:
    print("| workers | | driver s | workers s | slowest worker s | start of a worker s |\n|---|---|---|---|---|---|")
    names = ("driver_s", "workers_s", "slowest_worker_s")
    for run in measured["scaling"]:
        found = [f"{run[name]:.2f}" for name in names]
        print(f"| {run['workers']} | measured | {' | '.join(found)} | {run['start_s_per_worker']:.2f} |")
        expected = [f"{predicted(measured, case, workers=run['workers'])[name]:.2f}" for name in names]
        print(f"| {run['workers']} | model | {' | '.join(expected)} | |")


def main() -> None:
    """Print the tables of docs/scale.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1e6)
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--cores", type=int, default=32)
    parser.add_argument("--network", type=float, default=1.0e9, help="bytes per second of a node")
    parser.add_argument("--efficiency", type=float, default=0.9)
    parser.add_argument("--costs", type=Path, default=COSTS)
    args = parser.parse_args()
    measured = json.loads(args.costs.read_text(encoding="utf-8"))
    one = Cluster(nodes=1, cores=args.cores, network=args.network, efficiency=args.efficiency)
    _print_costs(measured)
    print(f"\n{args.hours:,.0f} hours of audio in {24 * args.days:g} hours on nodes of {args.cores} cores:\n")
    print(
        "| | core-years | nodes | hours of cores | of each driver | of storage | one driver for all | TB in | TB out |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for case in measured["cases"]:
        costs = Costs.of(measured, case)
        nodes = nodes_for(costs, one, hours=args.hours, seconds=args.days * DAY_S)
        needs = estimate(costs, dataclasses.replace(one, nodes=nodes), hours=args.hours)
        alone = estimate(costs, one, hours=args.hours, drivers=1).driver
        times = (f"{s / 3600:.1f}" for s in (needs.compute, needs.driver, needs.storage, alone))
        print(
            f"| {case} | {args.hours * costs.core_s / DAY_S / 365:.1f} | {nodes} | {' | '.join(times)} "
            f"| {args.hours * costs.bytes_in / 1e12:.1f} | {args.hours * costs.bytes_out / 1e12:.2f} |"
        )
    print(f"\nCores that keep one driver busy, {next(iter(measured['cases']))}: ", end="")
    costs = Costs.of(measured, next(iter(measured["cases"])))
    print(f"{costs.core_s / costs.driver_s:.0f}\n")
    _print_scaling(measured, next(iter(measured["cases"])))


if __name__ == "__main__":
    main()
