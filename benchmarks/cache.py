"""Time of extracting the features of a corpus without a cache, the first time and the second; all must be equal.

Usage: python benchmarks/cache.py MANIFEST [EMOTION,EMOTION,...]

Each row is a process of its own with `ser_toolkit.training.store.build_store` in it, default features and windows. The
time that all runs spend to start (imports, making and probing the extractors) stands apart. CPU seconds are those of
all processes, and do not depend on what else the machine does.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.data.cache_upkeep import contents_of
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.training.config import read_config
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.store import build_store


def run(manifest: str, emotions: str, cache: str, out: str) -> None:
    """One run, as `ser-toolkit train` does it; prints seconds and a hash of the store."""
    began = time.perf_counter()
    found = read_manifest([Path(manifest)])
    found = found.select(emotions.split(",")) if emotions else found
    plan = Plan.make(read_config(), tuple(found.labels()), default_registry())
    plan.check(list(found.labels().values()))
    ready, cpu = time.perf_counter(), sum(os.times()[:4])
    store = build_store(Path(out), found.utterances, plan.features, cache=FeatureCache(cache) if cache else None)
    done, cpu = time.perf_counter(), sum(os.times()[:4]) - cpu
    digest = hashlib.sha256()
    for file in sorted(Path(out).iterdir()):
        digest.update(file.read_bytes())
    row = {"start": ready - began, "wall": done - ready, "cpu": cpu, "windows": len(store), "hash": digest.hexdigest()}
    print(json.dumps(row))


def main() -> None:
    """Print a table."""
    manifest, emotions = sys.argv[1], "".join(sys.argv[2:3])
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        rows = {}
        for i, (name, where) in enumerate({"no cache": "", "first run": cache, "second run": cache}.items()):
            command = [sys.executable, __file__, "--one", manifest, emotions, str(where), f"{folder}/store{i}"]
            rows[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        size = contents_of(cache)
    print("| run | start s | extraction s | share of the first | extraction, CPU s | share of the first |")
    print("|---|---|---|---|---|---|")
    first = rows["first run"]
    for name, row in rows.items():
        wall, cpu = (f"{row[k]:.2f} | {row[k] / first[k]:.1%}" for k in ("wall", "cpu"))
        print(f"| {name} | {row['start']:.1f} | {wall} | {cpu} |")
    same = len({row["hash"] for row in rows.values()}) == 1
    print(f"\n{rows['no cache']['windows']} windows; {size.entries} entries, {size.n_bytes / 1e6:.0f} MB; ", end="")
    print("all stores are equal, bit for bit" if same else "THE STORES DIFFER")


if __name__ == "__main__":
    run(*sys.argv[2:]) if sys.argv[1] == "--one" else main()
