"""The shared corpora on a Ray cluster of three nodes on this machine: are the rows those of a local run?

Usage: python benchmarks/ray_cluster.py CORPORA [--files N]

Three runs on the cluster, nothing from the cache and nothing kept: one in which nothing happens; one whose driver is
killed when a third is done, and which goes on with --resume; one in which a node is killed when a third is done. (A
file that kills its process needs a plugin that does so: tests/ray_engine has one.) Printed are files, seconds, and the
largest difference of a probability of a file or window from the local run. Needs Linux and the tier [ray].
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ray.cluster_utils import Cluster

from ser_toolkit.data.files import find_audio

NODE = {"num_cpus": 1, "object_store_memory": 200 * 2**20, "include_log_monitor": False}
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal", "OMP_NUM_THREADS": "1"}


def start(files: list[str], out: Path, *options: str) -> subprocess.Popen:
    """A run of the command."""
    command = [sys.executable, "-m", "ser_toolkit", "analyze", *files, "-o", out, "--no-cache", "--device", "cpu"]
    return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen) -> None:
    """Wait for the end of a run, which may have failed files."""
    err = process.communicate()[1]
    if process.returncode not in (0, 3):
        raise SystemExit(err)


def rows(path: Path) -> dict[str, dict]:
    """Rows by file, each of which is there once."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = {line["file"]: line for line in lines}
    assert len(found) == len(lines), "a file has two rows"
    return found


def difference(found: dict[str, dict], expected: dict[str, dict]) -> float:
    """Largest difference of a probability; everything else must be the same."""
    assert found.keys() == expected.keys(), "not the same files"
    most = 0.0
    for name, row in found.items():
        other = expected[name]
        assert (row["status"], row["reason"], row["notes"]) == (other["status"], other["reason"], other["notes"]), name
        pairs = [(row, other)] if row["probabilities"] else []
        pairs += zip(row["windows"], other["windows"], strict=True)
        for one, two in pairs:
            most = max(most, *(abs(p - two["probabilities"][label]) for label, p in one["probabilities"].items()))
    return most


def when(out: Path, n: int, process: subprocess.Popen, act: Callable[[], object]) -> None:
    """Do something when so many files are done."""
    journal = out.with_name(out.name + ".resume")
    while process.poll() is None:
        if journal.exists() and len(journal.read_bytes().splitlines()) > n:
            act()
            return
        time.sleep(0.1)
    raise SystemExit("the run ended before anything could happen to it: give more --files")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--files", type=int, help="Of the corpora, evenly; default: all.")
    args = parser.parse_args()
    found = [str(f.path.absolute()) for f in find_audio([args.corpora]) if f.error is None]
    files = found[:: max(1, len(found) // (args.files or len(found)))]
    os.environ.update(ENVIRONMENT)
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    nodes = [cluster.add_node(**NODE) for _ in range(2)]
    cluster.wait_for_nodes()
    on_ray = ("--engine", "ray", "--address", cluster.address)
    print("| run | files | s | largest difference |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def timed(title: str, out: Path, run: Callable[[], object]) -> None:
            began = time.perf_counter()
            run()
            seconds, made = time.perf_counter() - began, rows(out)
            apart = "" if title == "local" else f"{difference(made, rows(folder / 'local.jsonl')):.1e}"
            print(f"| {title} | {len(made)} | {seconds:.0f} | {apart} |", flush=True)

        def lost() -> None:
            process = start(files, folder / "lost.jsonl", *on_ray)
            when(folder / "lost.jsonl", len(files) // 3, process,
                 lambda: cluster.remove_node(nodes.pop(), allow_graceful=False))  # fmt: skip
            ended(process)

        def killed() -> None:
            process = start(files, folder / "killed.jsonl", *on_ray)
            when(folder / "killed.jsonl", len(files) // 3, process, process.kill)
            process.wait()
            ended(start(files, folder / "killed.jsonl", *on_ray, "--resume"))

        timed("local", folder / "local.jsonl", lambda: ended(start(files, folder / "local.jsonl")))
        timed("three nodes", folder / "ray.jsonl", lambda: ended(start(files, folder / "ray.jsonl", *on_ray)))
        timed("driver killed, then --resume", folder / "killed.jsonl", killed)
        timed("a node killed", folder / "lost.jsonl", lost)
    cluster.shutdown()


if __name__ == "__main__":
    main()
