"""Stragglers and lost nodes: what a job of a million hours loses to them, by the size of its batches.

Usage: python benchmarks/scale_simulation.py [--hours 1e6] [--core-s 50] [--seed 0] [--plot docs/images/scale.svg]

Workers take batches from one queue, as an engine hands them out. What goes wrong is assumed, not measured:

- the work of a batch varies: log-normal, 20 % for an hour of audio, and less for larger batches, which average;
- stragglers: 5 % of the nodes work at half the speed, all the time;
- lost nodes: each fails every 30 days on average, spot machines every day. It loses the batches that its cores were
  at, and is replaced after ten minutes; the batches go back to the queue then, and are done again.

Printed as Markdown: the share of all core time that is finished work, for each size of batch. The rest is waiting for
the last batches, work that is done twice, and nodes that are gone. Everything is drawn from the seed.
"""

import argparse
import heapq
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Outcome", "Trouble", "simulate"]

DAY_S = 86_400.0

HOURS = (1.0, 4.0, 16.0, 64.0, 256.0)
"""Of audio in a batch."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What goes wrong.

    Parameters
    ----------
    spread : float
        Deviation of the logarithm of the work of an hour of audio.
    slow : float
        Share of nodes that work at half the speed.
    mtbf_s : float
        Mean seconds from one failure of a node to the next; infinite: none fails.
    replace_s : float
        Seconds until a lost node is replaced, and its batches are handed out again.
    batch_s : float
        Seconds that a batch costs beside its work.
    """

    spread: float = 0.2
    slow: float = 0.0
    mtbf_s: float = float("inf")
    replace_s: float = 600.0
    batch_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job went.

    Parameters
    ----------
    seconds : float
        Until the last batch was finished.
    efficiency : float
        Work over the time of all cores, 0 to 1.
    lost : int
        Batches that were begun and lost.
    failures : int
        Nodes that failed while they worked.
    """

    seconds: float
    efficiency: float
    lost: int
    failures: int


def simulate(
    *, hours: float, hours_per_batch: float, core_s: float, nodes: int, cores: int, trouble: Trouble, seed: int
) -> Outcome:
    """Run a job.

    Parameters
    ----------
    hours : float
        Of audio.
    hours_per_batch : float
        Of audio in a batch.
    core_s : float
        Mean work of an hour of audio, in core-seconds.
    nodes, cores : int
        Machines, and workers on each.
    trouble : Trouble
        What goes wrong.
    seed : int
        Of all that is drawn.

    Returns
    -------
    Outcome
        The same for the same arguments.
    """
    rng = np.random.default_rng(seed)
    spread, n_batches = trouble.spread / np.sqrt(hours_per_batch), int(np.ceil(hours / hours_per_batch))
    work = (core_s * hours_per_batch * rng.lognormal(-(spread**2) / 2, spread, n_batches)).tolist()
    pace = np.where(np.arange(nodes) < round(trouble.slow * nodes), 2.0, 1.0).tolist()
    fails = (rng.exponential(trouble.mtbf_s, nodes) if np.isfinite(trouble.mtbf_s) else np.full(nodes, np.inf)).tolist()
    seen: set[tuple[int, float]] = set()
    free = [(0.0, i) for i in range(nodes * cores)]  # when a worker is free, and which
    back: list[tuple[float, int]] = []  # when a lost batch is handed out again, and which
    done, lost, fresh = 0.0, 0, iter(range(n_batches))
    while True:
        now, worker = heapq.heappop(free)
        node = worker // cores
        if now >= fails[node]:
            fails[node] += trouble.replace_s + rng.exponential(trouble.mtbf_s)
        if back and back[0][0] <= now:
            batch = heapq.heappop(back)[1]
        elif (batch := next(fresh, -1)) < 0:
            if not back:
                break
            at, batch = heapq.heappop(back)
            now = max(now, at)
        if now >= fails[node]:  # it failed while it waited
            heapq.heappush(back, (now, batch))
            heapq.heappush(free, (max(now, fails[node] + trouble.replace_s), worker))
            continue
        end = now + trouble.batch_s + work[batch] * pace[node]
        if end > fails[node]:
            lost += 1
            seen.add((node, fails[node]))
            end = fails[node] + trouble.replace_s
            heapq.heappush(back, (end, batch))
        else:
            done = max(done, end)
        heapq.heappush(free, (end, worker))
    return Outcome(seconds=done, efficiency=sum(work) / (done * nodes * cores), lost=lost, failures=len(seen))


def plot(found: dict[str, list[Outcome]], path: Path) -> None:
    """Draw the efficiency of each kind of trouble over the size of a batch."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "scale"
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for (name, outcomes), mark in zip(found.items(), "osd^v", strict=False):
        axes.plot(HOURS, [100 * o.efficiency for o in outcomes], marker=mark, label=name)
    axes.set(xscale="log", xlabel="hours of audio in a batch", ylabel="core time that is finished work, %")
    axes.set_xticks(HOURS, [f"{h:g}" for h in HOURS])
    axes.minorticks_off()
    axes.set_ylim(None, 101)
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Simulate, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1e6)
    parser.add_argument("--core-s", type=float, default=50.0, help="core-seconds for an hour of audio")
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--cores", type=int, default=32)
    parser.add_argument("--batch-s", type=float, default=0.0, help="seconds that a batch costs beside its work")
    parser.add_argument("--mtbf-days", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    spot = {"mtbf_s": DAY_S}
    troubles = {
        "nothing but unequal batches": {},
        "one node in 20 at half speed": {"slow": 0.05},
        f"nodes lost every {args.mtbf_days:g} days": {"mtbf_s": args.mtbf_days * DAY_S},
        "both": {"slow": 0.05, "mtbf_s": args.mtbf_days * DAY_S},
        "slow nodes, and spot machines lost every day": {"slow": 0.05, **spot},
    }
    same = {"hours": args.hours, "core_s": args.core_s, "nodes": args.nodes, "cores": args.cores, "seed": args.seed}
    found = {
        name: [
            simulate(hours_per_batch=h, trouble=Trouble(batch_s=args.batch_s, **trouble), **same)  # type: ignore[arg-type]
            for h in HOURS
        ]
        for name, trouble in troubles.items()
    }
    least = args.hours * args.core_s / (args.nodes * args.cores)
    print(f"{args.nodes} nodes of {args.cores} cores; without any loss {least / 3600:.1f} hours\n")
    print(f"| share of core time that is finished work | {' | '.join(f'batches of {h:g} h' for h in HOURS)} |")
    print("|---|" + "---|" * len(HOURS))
    for name, outcomes in found.items():
        cells = (f"{o.efficiency:.1%} ({o.lost} lost, {o.seconds / 3600:.1f} h)" for o in outcomes)
        print(f"| {name} | {' | '.join(cells)} |")
    if args.plot:
        plot(found, args.plot)


if __name__ == "__main__":
    main()
