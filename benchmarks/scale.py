"""What an hour of audio costs in each stage of `analyze`: CPU seconds and bytes, and whether two workers cost twice.

Usage: python benchmarks/scale.py CORPORA [--files 60] [--output benchmarks/scale_costs.json]

The machine may be shared: everything is CPU time of processes, which other work disturbs by some per cent, and not wall
time. One thread per process.

a. *stages*: ``analyze`` in one process (``workers = 0``) over files of all three corpora; the seconds of each stage are
   those that ``--profile`` shows, with the CPU clock in place of the wall clock. *results* is what remains:
   assembling, and the journal. The corpora have some 1,200 files an hour; *long recordings* is the same sound in three
   files. *paper's network* is that of `analyze.py`: mean pooling, a mel spectrogram and eGeMAPS by openSMILE, after
   one epoch.
b. *scaling*: the same files with one and with two workers: CPU seconds of every process of the tree. The slowest worker
   is the shortest time in which a machine with idle cores could be done, start-up apart.

Writes what `scale_model.py` reads; a GPU is measured only where there is one, and is ``null`` in the file else.
"""

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import soundfile
from analyze import network

from ser_toolkit.data.audio import decode
from ser_toolkit.data.files import Found, find_audio
from ser_toolkit.inference import columns
from ser_toolkit.inference.analysis import Analysis
from ser_toolkit.inference.options import Options

CORPORA = ("emodb", "ravdess", "nemo")
SR = 16_000


def chosen(corpora: Path, count: int) -> list[Path]:
    """As many files of each corpus, spread over all of it."""
    found: list[Path] = []
    for name in CORPORA:
        paths = sorted(file.path for file in find_audio([corpora / name]))
        found += [paths[i] for i in np.linspace(0, len(paths) - 1, count // len(CORPORA)).astype(int)]
    return found


def joined(files: list[Path], folder: Path) -> list[Path]:
    """The same sound as one long recording for each corpus."""
    made: dict[str, list[np.ndarray]] = {}
    for file in files:
        made.setdefault(next(name for name in CORPORA if name in file.parts), []).append(decode(file, sr=SR).y)
    for name, parts in made.items():
        soundfile.write(folder / f"{name}.flac", np.concatenate(parts), SR)
    return sorted(folder.glob("*.flac"))


def hours_of(files: list[Path]) -> float:
    """Hours of audio."""
    return sum(soundfile.info(file).duration for file in files) / 3600


def stages(files: list[Path], journal: Path, **options: object) -> dict[str, object]:
    """CPU seconds and bytes of an hour of audio."""
    found, hours = [Found(path=path, root=path.parent) for path in files], hours_of(files)
    with Analysis(found, Options(workers=0, cache_use="off", **options), journal=journal) as run:
        began = time.process_time()
        windows = sum(len(result.windows) for _, result in run.results())
        total = time.process_time() - began
        profile = {stage.stage: stage.seconds for stage in run.info().profile}
        front = run.front
    profile["results"] = max(0.0, total - sum(profile.values()))
    per_window = sum(4 * int(np.prod([n or 0 for n in spec.shape])) for spec in front.specs.values())
    return {
        "hours": round(hours, 4),
        "files_per_hour": round(len(files) / hours, 1),
        "windows_per_hour": round(windows / hours, 1),
        "core_s_per_hour": {name: round(s / hours, 2) for name, s in profile.items()},
        "gpu_s_per_hour": None,
        "bytes_per_hour": {
            "input": round(sum(file.stat().st_size for file in files) / hours),
            "journal": round(sum(p.stat().st_size for p in journal.parent.glob(f"{journal.name}*")) / hours),
            "features": round(per_window * windows / hours),
        },
    }


def scaling(files: list[Path], workers: int, **options: object) -> dict[str, float]:
    """CPU seconds of the processes of a run with workers, after they are ready, and of making them ready."""
    found, me = [Found(path=path, root=path.parent) for path in files], psutil.Process()

    def spent() -> dict[int, float]:
        alive = [me, *me.children(recursive=True)]
        return {p.pid: sum(p.cpu_times()[:2]) for p in alive if p.status() != psutil.STATUS_ZOMBIE}

    with Analysis(found, Options(workers=workers, cache_use="off", **options)) as run:
        run.wait_for_workers()
        before = spent()
        for _ in run.results():
            pass
        after = spent()
    ready = [s for pid, s in before.items() if pid != me.pid]
    worked = [after[pid] - before[pid] for pid in before if pid != me.pid and after[pid] - before[pid] > 0.02]
    return {
        "workers": workers,
        "hours": round(hours_of(files), 4),
        "start_s_per_worker": round(float(np.mean([s for s in ready if s > 0.5])), 2),
        "driver_s": round(after[me.pid] - before[me.pid], 2),
        "workers_s": round(sum(worked), 2),
        "slowest_worker_s": round(max(worked), 2),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("scale_costs.json"))
    args = parser.parse_args()
    columns.time = SimpleNamespace(perf_counter=time.process_time)
    files = chosen(args.corpora, args.files)
    cases: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        long = joined(files, Path(folder))
        large = network(args.corpora, Path(folder))
        for name, given, options in (
            ("trilingual, hop 3 s", files, {"model": "trilingual", "hop_s": 3.0}),
            ("paper's network, hop 3 s", files, {"model": large, "hop_s": 3.0}),
            ("trilingual, hop 3 s, long recordings", long, {"model": "trilingual", "hop_s": 3.0}),
            ("trilingual, hop 0.75 s, long recordings", long, {"model": "trilingual", "hop_s": 0.75}),
        ):
            stages(given[:2], Path(folder, "warm.jsonl"), **options)  # compiled and imported
            for leftover in Path(folder).glob("*.jsonl*"):
                leftover.unlink()
            cases[name] = stages(given, Path(folder, "run.jsonl"), **options)
            for leftover in Path(folder).glob("*.jsonl*"):
                leftover.unlink()
            print(name, json.dumps(cases[name]), flush=True)
        scaled = [scaling(files, n, model="trilingual", hop_s=3.0) for n in (1, 2)]
    print(json.dumps(scaled), flush=True)
    out = {"machine": f"{platform.machine()}, {psutil.cpu_count()} shared cores", "cases": cases, "scaling": scaled}
    args.output.write_text(json.dumps(out | {"ray_batch_s": None}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
