"""`analyze` against a plain loop over the files, and against what its stages cost by themselves.

The model is the paper's network, trained for one epoch before anything is timed; ``default`` takes the default model,
whose functionals the loop has from their extractor, as nobody else offers them.

Usage: python benchmarks/analyze.py CORPORA [--rounds 3] [--files 160] [--feature egemaps] [--case NAME]...

Each case is measured in rounds; in each round three things take turns on the same files, so that a machine whose speed
drifts treats them alike, and the medians of their ratios are printed:

a. *loop*: soundfile, soxr where the rate differs, librosa, opensmile and onnxruntime as their manuals have it, file by
   file, window by window, one process;
b. *analyze*: `ser_toolkit.inference.analysis.Analysis` with one worker per core, from the first worker that is ready
   to the last result in the journal (what comes before is start-up, and printed apart);
c. *bound*: as many processes as cores, at once, each with its share of the files, time decode, features and
   inference and nothing else; the bound is the sum of these times divided by the cores.

Cases with a hop of 0.75 s use a copy of the model whose eGeMAPS slide (``mode = "sliding"``), which `analyze` shares
among overlapping windows; the loop computes each window, as a plain loop must. ``--feature`` names another extractor
for eGeMAPS. ``warm cache`` runs emodb twice with a cache of its own and times the second run.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

import ser_toolkit
from ser_toolkit.data.audio import decode
from ser_toolkit.data.files import Found, find_audio
from ser_toolkit.inference.analysis import Analysis
from ser_toolkit.inference.collate import collate
from ser_toolkit.inference.options import Options, usable_cores
from ser_toolkit.inference.pipeline import Pipeline
from ser_toolkit.inference.plan import Plan
from ser_toolkit.models import bundled
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.recipe import METADATA_KEY, Recipe
from ser_toolkit.recipe_components import entry_of
from ser_toolkit.training.export import export

Inputs = Callable[[np.ndarray], dict[str, np.ndarray]]
"""What a network takes, of a window."""

BATCH = 4
"""Windows at a time in the bound, as workers do it."""

CASES = ["no overlap", "ravdess", "long", "default", "sessions", "warm cache"]


def network(corpora: Path, folder: Path) -> Path:
    """The paper's network with mean pooling, on spectrogram and eGeMAPS, after one epoch: for times, not results."""
    config = {
        "emotions": ["anger", "happiness", "neutral", "sadness"],
        "features": {"mel": {"name": "melspec"}, "gemaps": {"name": "egemaps"}},
        "model": {"name": "cnn-dnn", "pooling": "mean"},
        "training": {"epochs": 1},
    }
    ser_toolkit.train(corpora / "emodb" / "manifest.csv", config=config, out=folder / "run", device="cpu")
    return export(folder / "run", folder / "network.onnx").path


def variant(network: Path, folder: Path, *, feature: str, sliding: bool) -> Path:
    """A copy of the network with another extractor in the place of eGeMAPS."""
    import onnx

    registry = default_registry()
    model = onnx.load(network)
    (entry,) = [p for p in model.metadata_props if p.key == METADATA_KEY]
    recipe = json.loads(entry.value)
    extractor = registry.create("feature", feature, {"mode": "sliding"} if sliding else {})
    recipe["features"]["gemaps"] |= entry_of(registry, "feature", extractor)
    recipe["segments"]["hop_s"] = 0.75
    recipe["probe"].pop("gemaps", None)
    entry.value = Recipe.model_validate(recipe).to_json()
    path = folder / f"{feature}-{'sliding' if sliding else 'window'}.onnx"
    onnx.save(model, path)
    return path


def as_manuals_have_it() -> Inputs:
    """Inputs of the paper's network for a window, from librosa and opensmile."""
    import librosa
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)

    def compute(part: np.ndarray) -> dict[str, np.ndarray]:
        mel = librosa.feature.melspectrogram(y=part, sr=16_000, n_fft=1024, hop_length=128, n_mels=128)
        mel = librosa.power_to_db(mel, ref=np.max).astype(np.float32)
        return {"mel": mel[None, None], "gemaps": smile.process_signal(part, 16_000).to_numpy(np.float32)}

    return compute


def by_its_extractors(model: Path) -> Inputs:
    """Inputs of any model for a window, one extractor after the other."""
    front = Plan(model=str(model)).front_end()
    extractors = dict(front.features.extractors)
    return lambda part: collate({key: f(part, 16_000)[None] for key, f in extractors.items()}, front.specs)


def loop(files: list[Path], model: Path, hop_s: float, compute: Inputs) -> float:
    """Seconds of a plain loop."""
    import onnxruntime
    import soxr

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    compute(np.random.default_rng(0).standard_normal(48_000).astype(np.float32) / 10)  # compiles
    began = time.perf_counter()
    for file in files:
        y, sr = soundfile.read(file, dtype="float32", always_2d=True)
        y = y.mean(axis=1)
        if sr != 16_000:
            y = soxr.resample(y, sr, 16_000)
        window, hop = 48_000, round(hop_s * 16_000)
        if len(y) < window:
            y = np.resize(y, window)
        starts = list(range(0, len(y) - window + 1, hop))
        if starts[-1] + window < len(y):
            starts.append(len(y) - window)
        for start in starts:
            part = y[start : start + window]
            inputs = compute(part)
            session.run(None, {name: inputs[name] for name in names})
    return time.perf_counter() - began


def analyze(files: list[Path], model: Path, hop_s: float, **options: object) -> tuple[float, float, int]:
    """Seconds of `analyze` after and before the first worker is ready, and its windows."""
    found = [Found(path=path, root=path) for path in files]
    chosen = Options(model=model, hop_s=hop_s, workers=usable_cores(), **{"cache_use": "off", **options})
    began = time.perf_counter()
    with Analysis(found, chosen) as run:
        run.wait_for_workers()
        ready = time.perf_counter()
        n = sum(len(result.windows) for _, result in run.results())
        return time.perf_counter() - ready, ready - began, n


def stages(plan: Plan, files: list[Path], start: object) -> dict[str, float]:
    """Seconds of each stage by itself over some files, begun together with the other processes."""
    front, session = plan.front_end(), plan.session()
    features, output = front.features, front.output
    (warm,) = features.blocks(np.random.default_rng(0).standard_normal(48_000).astype(np.float32) / 10)
    session.run(output, collate(warm.features, front.specs))
    spent = dict.fromkeys(("decode", "features", "inference"), 0.0)
    start.wait()
    for file in files:
        marks = [time.perf_counter()]
        recording = decode(file, sr=features.sr)
        marks.append(time.perf_counter())
        spent["decode"] += marks[1] - marks[0]
        blocks = features.blocks(recording.y)
        while True:
            began = time.perf_counter()
            block = next(blocks, None)
            extracted = time.perf_counter()
            spent["features"] += extracted - began
            if block is None:
                break
            for first in range(0, len(block.starts), BATCH):
                part = {key: values[first : first + BATCH] for key, values in block.features.items()}
                session.run(output, collate(part, front.specs))
            spent["inference"] += time.perf_counter() - extracted
    return spent


def _share(plan: Plan, files: list[Path], start: object, answers: object) -> None:
    answers.put(stages(plan, files, start))


def bound(files: list[Path], model: Path, hop_s: float) -> dict[str, float]:
    """Seconds of the stages over all files, summed over processes that keep all cores busy, divided by the cores."""
    context, cores = multiprocessing.get_context("spawn"), usable_cores()
    start, answers = context.Barrier(cores), context.Queue()
    plan = Plan(model=str(model), hop_s=hop_s, threads=1)
    with _one_thread():
        processes = [context.Process(target=_share, args=(plan, files[i::cores], start, answers)) for i in range(cores)]
        for process in processes:
            process.start()
    spent = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    return {stage: sum(s[stage] for s in spent) / cores for stage in spent[0]}


class _one_thread:
    def __enter__(self) -> None:
        self._before = os.environ.get("OMP_NUM_THREADS")
        os.environ["OMP_NUM_THREADS"] = "1"

    def __exit__(self, *_: object) -> None:
        os.environ.pop("OMP_NUM_THREADS")
        if self._before:
            os.environ["OMP_NUM_THREADS"] = self._before


def sample(folder: Path, n: int) -> list[Path]:
    """About n files of a folder, evenly over all of them."""
    files = [found.path for found in find_audio([folder]) if found.error is None]
    return files[:: max(1, len(files) // n)][:n]


def joined(files: list[Path], folder: Path, n: int) -> list[Path]:
    """Recordings of a minute and more, joined of files."""
    made: list[Path] = []
    parts: list[np.ndarray] = []
    for file in files:
        parts.append(decode(file, sr=16_000).y)
        if sum(map(len, parts)) >= 75 * 16_000:
            made.append(folder / f"joined-{len(made)}.wav")
            soundfile.write(made[-1], np.concatenate(parts), 16_000, subtype="PCM_16")
            parts = []
        if len(made) == n:
            break
    return made


def compare(
    name: str, files: list[Path], model: Path, *, hop_s: float, rounds: int, compute: Inputs | None = None
) -> None:
    """Print a row: loop, analyze, bound, and their ratios."""
    rows, compute = [], compute or as_manuals_have_it()
    for _ in range(rounds):
        plain = loop(files, model, hop_s, compute)
        ours, start, windows = analyze(files, model, hop_s)
        parts = bound(files, model, hop_s)
        rows.append((plain, ours, sum(parts.values()), start, windows, parts))
    plain, ours, least, start = (statistics.median(r[i] for r in rows) for i in range(4))
    speedup, share = (statistics.median(x) for x in zip(*((r[0] / r[1], r[2] / r[1]) for r in rows), strict=True))
    spread = f"{min(r[0] / r[1] for r in rows):.2f} to {max(r[0] / r[1] for r in rows):.2f}"
    parts = rows[-1][5]
    most = ", ".join(f"{stage} {s / sum(parts.values()):.0%}" for stage, s in parts.items())
    print(
        f"| {name} | {len(files)} | {rows[0][4]} | **{speedup:.2f}** ({spread}) | **{share:.0%}** | {plain:.1f} | "
        f"{ours:.1f} | {least:.1f} | {start:.1f} | {most} |",
        flush=True,
    )


def warm(files: list[Path], model: Path, folder: Path, *, rounds: int) -> None:
    """Print what the second run over the same files costs, up to the network's input and in all."""
    os.environ["SER_TOOLKIT_CACHE"] = str(folder / "cache")
    analyze(files, model, 3.0, cache_use="write")
    rows = []
    for _ in range(rounds):
        whole, _, n = analyze(files, model, 3.0, cache_use="read")
        found = [(i, Found(path=path, root=path)) for i, path in enumerate(files)]
        plan = Plan(model=str(model), hop_s=3.0, cache_use="read")
        with Pipeline(plan, infer=False, n_workers=usable_cores(), timeout_s=300) as pipeline:
            pipeline.open(n_workers=usable_cores())
            began = time.perf_counter()
            for _ in pipeline.rows(found):
                pass
            up_to_input = time.perf_counter() - began
        inference = bound(files, model, 3.0)["inference"]
        rows.append((len(files) / up_to_input, whole / inference, len(files) / whole, n))
    per_s, ratio, in_all = (statistics.median(r[i] for r in rows) for i in range(3))
    print("\n| emodb, warm cache | |\n|---|---|")
    print(f"| files/s up to the network's input (features in the main process) | **{per_s:.0f}** |")
    print(f"| whole run / pure inference | **{ratio:.2f}** |")
    print(f"| files/s in all | {in_all:.0f} |", flush=True)


def sessions(files: list[Path], model: Path, *, rounds: int) -> None:
    """Print a session for each worker against one for all of them."""
    own, shared = zip(
        *((analyze(files, model, 3.0)[0], analyze(files, model, 3.0, shared=True)[0]) for _ in range(rounds)),
        strict=True,
    )
    ratio = statistics.median(b / a for a, b in zip(own, shared, strict=True))
    print("\n| sessions on the CPU | s |\n|---|---|")
    print(f"| one per worker, one thread each | {statistics.median(own):.1f} |")
    print(f"| one for all, all cores, features sent to it | {statistics.median(shared):.1f} (**{ratio:.2f}** times) |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=160, help="files of each case")
    parser.add_argument("--feature", default="egemaps")
    parser.add_argument("--case", action="append", choices=CASES)
    args = parser.parse_args()
    cases = args.case or CASES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if cases != ["default"]:
            trained = network(args.corpora, folder)
            window = variant(trained, folder, feature=args.feature, sliding=False)
            sliding = variant(trained, folder, feature=args.feature, sliding=True)
        print(f"{usable_cores()} cores, feature {args.feature}, {args.rounds} rounds\n")
        print(
            "| case | files | windows | times the loop | of the bound | loop s | analyze s | bound s | start-up s | "
            "the bound's parts |\n|---|---|---|---|---|---|---|---|---|---|"
        )
        if "no overlap" in cases:
            compare("no overlap, all corpora", sample(args.corpora, args.files), window, hop_s=3.0, rounds=args.rounds)
        if "ravdess" in cases:
            files = sample(args.corpora / "ravdess", args.files)
            compare("hop 0.75 s, ravdess", files, sliding, hop_s=0.75, rounds=args.rounds)
        if "long" in cases:
            files = joined(sample(args.corpora / "ravdess", 400), folder, max(2, args.files // 16))
            compare("hop 0.75 s, 75 s recordings", files, sliding, hop_s=0.75, rounds=args.rounds)
        if "default" in cases:
            model = bundled.resolve(None)
            given = {"rounds": args.rounds, "compute": by_its_extractors(model)}
            files = sample(args.corpora, args.files)
            compare(f"{bundled.DEFAULT}, no overlap, all corpora", files, model, hop_s=3.0, **given)
            files = joined(sample(args.corpora / "ravdess", 400), folder, max(2, args.files // 16))
            compare(f"{bundled.DEFAULT}, hop 0.75 s, 75 s recordings", files, model, hop_s=0.75, **given)
        if "sessions" in cases:
            sessions(sample(args.corpora, args.files), window, rounds=args.rounds)
        if "warm cache" in cases:
            warm(sample(args.corpora / "emodb", 10_000), window, folder, rounds=args.rounds)


if __name__ == "__main__":
    main()
