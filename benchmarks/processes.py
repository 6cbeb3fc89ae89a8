"""Two processes against one: the curve of a training, with and without batch normalization, over several seeds.

Usage: python benchmarks/processes.py MANIFEST [--seeds 5] [--epochs 10]

Everything is trained three times from the same features, split and seeds, with 32 windows in each step:

a. *one*: one process, batches of 32;
b. *accumulated*: one process, two batches of 16 for each step (``training.accumulate = 2``);
c. *two*: two processes under torchrun on CPU, batches of 16.

Networks: *linear* (``compact`` without hidden layers, trained as in recipes/default.toml: moving average of weights,
corpus-balanced sampling) has no batch normalization; *dnn* is the paper's network on a vector, which has. Both hear
egemaps-fast. Printed as Markdown: how far the curves of development loss are apart, and how far apart seeds are.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.training.config import TrainConfig, check_config
from ser_toolkit.training.dataset import extract, read_dataset
from ser_toolkit.training.fitting import make_accelerator
from ser_toolkit.training.fold import fit_fold
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.progress import Silent
from ser_toolkit.training.protocols import folds_of
from ser_toolkit.training.results import score_part

COMMON = {"emotions": ["anger", "happiness", "neutral", "sadness"], "split": {"seed": 0}}
FEATURES = {"gemaps": {"name": "egemaps-fast"}}
NETWORKS = {
    "linear": {
        "features": FEATURES,
        "model": {"name": "compact", "vector_dense": []},
        "loss": {"name": "cross-entropy", "label_smoothing": 0.1},
        "augment": {"vector_noise": 0.2},
        "training": {
            "lr": 5e-3, "weight_decay": 0.1, "schedule": "one-cycle", "sampling": "corpus-balanced",
            "average": "ema", "average_decay": 0.99, "select": "last",
        },
    },
    "dnn": {
        "features": FEATURES,
        "model": {"name": "cnn-dnn", "branches": "vector"},
        "training": {"lr": 3e-4, "select": "last"},
    },
}  # fmt: skip
WAYS = {"one": (32, 1), "accumulated": (16, 2), "two": (16, 1)}


def configured(network: str, way: str, *, seed: int, epochs: int) -> TrainConfig:
    """Settings of one training."""
    batch_size, accumulate = WAYS[way]
    table = COMMON | NETWORKS[network]
    own = {"batch_size": batch_size, "accumulate": accumulate, "seed": seed, "epochs": epochs, "workers": 1}
    return check_config(table | {"training": {**table["training"], **own}})


def curves(manifest: Path, folder: Path, ways: list[str], *, seeds: int, epochs: int) -> dict:
    """``{network: {way: {"loss": (seed, epoch), "ua": (seed,)}}}``; the folder keeps the features."""
    registry, found = default_registry(), {}
    for network in NETWORKS:
        config = configured(network, ways[0], seed=0, epochs=epochs)
        data = read_dataset(manifest, config, speaker_pattern=None)
        accelerator = make_accelerator(config, "cpu")
        first = Plan.make(config, data.labels, registry)
        cache = FeatureCache.default()
        store = extract(folder / "store", data, first.features, config, Silent(), accelerator, cache=cache)
        parts = folds_of(data.utterances, config.split, seed=config.split_seed).folds[0].split
        found[network] = {}
        for way in ways:
            rows = []
            for seed in range(seeds):
                config = configured(network, way, seed=seed, epochs=epochs)
                plan, out = Plan.make(config, data.labels, registry), folder / network / way / str(seed)
                fitted = fit_fold(plan, store, parts, data, config, accelerator, out, Silent())
                test = score_part(fitted.logits["test"], store, parts.indices("test"), data.classes, data.labels)
                rows.append({"loss": [epoch.dev_loss for epoch in fitted.epochs], "ua": test.utterance.ua})
            found[network][way] = {key: [row[key] for row in rows] for key in ("loss", "ua")}
        if accelerator.is_main_process:
            (folder / "curves.json").write_text(json.dumps(found), encoding="utf-8")
    return found


def main() -> None:
    """Train, in this process and in two, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    same = {"seeds": args.seeds, "epochs": args.epochs}
    if args.worker:
        curves(args.manifest, args.worker, ["two"], **same)
        return
    with tempfile.TemporaryDirectory() as folder:
        one = curves(args.manifest, Path(folder, "one"), ["one", "accumulated"], **same)
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        options = [f"--{key}={value}" for key, value in same.items()]
        subprocess.run([*launcher, __file__, args.manifest, *options, "--worker", Path(folder, "two")], check=True)
        two = json.loads(Path(folder, "two", "curves.json").read_text(encoding="utf-8"))
    print(f"{args.manifest.parent.name}, {args.seeds} seeds, {args.epochs} epochs; mean and deviation over seeds\n")
    print("| network | way | test UA | development loss at the end | curve against *two*, largest difference |")
    print("|---|---|---|---|---|")
    for network in NETWORKS:
        ways = one[network] | two[network]
        reference = np.array(ways["two"]["loss"])
        for way, values in ways.items():
            ua, loss = np.array(values["ua"]), np.array(values["loss"])
            apart = "" if way == "two" else f"{np.abs(loss - reference).max():.2g}"
            print(
                f"| {network} | {way} | {ua.mean():.3f} ({ua.std(ddof=1):.3f}) "
                f"| {loss[:, -1].mean():.4f} ({loss[:, -1].std(ddof=1):.4f}) | {apart} |"
            )


if __name__ == "__main__":
    main()
