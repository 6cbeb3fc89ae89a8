"""`analyze` on Ray against `analyze` on the local pool: the same files, the same cores.

Usage: python benchmarks/ray_engine.py CORPORA [--files 2000] [--workers 2] [--rounds 3] [--model NAME] [--repeat]

In every round both engines take turns, each in a process of its own with a Ray cluster of this machine alone, nothing
from the cache and nothing kept. Printed are medians: seconds of wall time and of all processors, Ray's own processes
among them, from the first result to the last, per file; and apart from that what it takes to come to the first result.
On a machine that others use as well, trust the seconds of processors. ``--repeat`` takes files again where the corpora
have fewer than are asked for.

What a process has spent is read from /proc twice a second while it lives, so that a last half second may be missing of
each.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

from ser_toolkit.data.files import find_audio

MARK = "SER_TOOLKIT_BENCHMARK"
ENGINES = ("local", "ray")
_TICKS = os.sysconf("SC_CLK_TCK")

CHILD = """
import sys, time
from pathlib import Path
from ser_toolkit.data.files import Found
from ser_toolkit.inference.analysis import Analysis
from ser_toolkit.inference.options import Options

def main():
    engine, workers, model, listed = sys.argv[1:5]
    files = [Found(path=Path(line), root=Path(line)) for line in Path(listed).read_text().splitlines()]
    options = Options(model=model or None, engine=engine, workers=int(workers), cache_use="off", device="cpu")
    with Analysis(files, options, say=lambda text: print("said", text, file=sys.stderr)) as run:
        run.wait_for_workers()
        for n, (_, result) in enumerate(run.results()):
            if n == 0:
                print("first", flush=True)
        print("last", n + 1, flush=True)

if __name__ == "__main__":
    main()
"""


class Processors:
    """Seconds that all processes with a mark in their environment have taken, also those that have ended."""

    def __init__(self, mark: str) -> None:
        self._mark = f"{MARK}={mark}".encode()
        self._spent: dict[tuple[int, int], float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Processors":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def seconds(self) -> float:
        """So far."""
        self._look()
        return sum(self._spent.values())

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self._look()

    def _look(self) -> None:
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                if self._mark in (folder / "environ").read_bytes().split(b"\0"):
                    parts = (folder / "stat").read_text().rpartition(")")[2].split()
                    self._spent[int(folder.name), int(parts[19])] = (int(parts[11]) + int(parts[12])) / _TICKS
            except OSError:
                continue


def measure(engine: str, listed: Path, *, workers: int, model: str) -> dict[str, float]:
    """One run: seconds to the first result, and from there to the last, of the wall and of processors."""
    mark = uuid.uuid4().hex
    environment = {**os.environ, MARK: mark, "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    with (
        Processors(mark) as processors,
        subprocess.Popen(
            [sys.executable, "-c", CHILD, engine, str(workers), model, str(listed)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process,
    ):
        assert process.stdout is not None
        marks = {}
        for line in process.stdout:
            name, *n = line.split()
            marks[name] = time.perf_counter(), processors.seconds(), int(n[0]) if n else 1
        if process.wait():
            raise SystemExit(f"{engine} failed with exit code {process.returncode}")
    (first, first_cpu, _), (last, last_cpu, n_files) = marks["first"], marks["last"]
    return {
        "start": first - began,
        "start_cpu": first_cpu,
        "wall": last - first,
        "cpu": last_cpu - first_cpu,
        "files": n_files - 1,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="")
    parser.add_argument("--repeat", action="store_true")
    args = parser.parse_args()
    found = [str(f.path.absolute()) for f in find_audio([args.corpora]) if f.error is None]
    step = max(1, len(found) // args.files)
    names = found[::step][: args.files]
    with tempfile.TemporaryDirectory() as name:
        if args.repeat:  # links: a file that is named twice is one file
            kept = [Path(name) / f"{i}{Path(path).suffix}" for i, path in enumerate(names * (args.files // len(names)))]
            for link, path in zip(kept, itertools.cycle(names), strict=False):
                link.symlink_to(path)
            names = [str(link) for link in kept]
        listed = Path(name) / "files"
        listed.write_text("\n".join(names))
        runs: dict[str, list[dict[str, float]]] = {engine: [] for engine in ENGINES}
        for _ in range(args.rounds):
            for engine in ENGINES:
                runs[engine].append(measure(engine, listed, workers=args.workers, model=args.model))
                print(json.dumps({"engine": engine, **runs[engine][-1]}), file=sys.stderr, flush=True)
    median = {
        engine: {key: statistics.median(run[key] for run in some) for key in some[0]} for engine, some in runs.items()
    }
    print(f"{len(names)} files, {args.workers} workers, {args.rounds} rounds\n")
    print("| engine | to the first result, s | of processors, s | then ms per file | of processors, ms per file |")
    print("|---|---|---|---|---|")
    for engine, m in median.items():
        each = [f"{1000 * m[key] / m['files']:.1f}" for key in ("wall", "cpu")]
        print(f"| {engine} | {m['start']:.1f} | {m['start_cpu']:.1f} | {each[0]} | {each[1]} |")
    ratios = {
        key: [r[key] / s[key] for r, s in zip(runs["ray"], runs["local"], strict=True)] for key in ("wall", "cpu")
    }
    print(
        f"\nRay takes {statistics.median(ratios['wall']):.2f} times the wall time and "
        f"{statistics.median(ratios['cpu']):.2f} times the processors of the local pool, start-up apart."
    )


if __name__ == "__main__":
    main()
