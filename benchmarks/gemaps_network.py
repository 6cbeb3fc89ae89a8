"""Can `egemaps-fast` stand in for openSMILE in a trained network? Held-out speakers are scored with either.

Usage: python benchmarks/gemaps_network.py FOLDER... --manifests MANIFEST...

FOLDER is a run of `ser-toolkit train`, or an evaluation that kept its models; MANIFEST what it was made from. Windows
of the test parts get their GeMAPS once from the extractor that the network was trained on and once from the other, all
else equal. Scores are pooled over all folders, per corpus.
"""

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.metrics import recall_score

from ser_toolkit.compression.members import read_source
from ser_toolkit.data import audio, quality
from ser_toolkit.errors import AudioError
from ser_toolkit.inference.collate import collate
from ser_toolkit.inference.front_end import front_end
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.training.checkpoint import load_network
from ser_toolkit.training.metrics import softmax

OTHER = {"egemaps": "egemaps-fast", "egemaps-fast": "egemaps"}


def swapped(features, registry):
    """The same features with GeMAPS from the other extractor."""
    extractors = dict(features.extractors)
    for key, extractor in extractors.items():
        if extractor.name in OTHER:
            extractors[key] = registry.create("feature", OTHER[extractor.name], {"mode": extractor.mode})
    return replace(features, extractors=extractors)


def logits(network, features, y):
    """Logits of all windows of a recording."""
    import torch

    specs, rows = features.specs(), defaultdict(list)
    for block in features.blocks(y):
        for key, values in block.features.items():
            rows[key] += values
    if not rows:
        return None
    batch = {key: torch.from_numpy(x) for key, x in collate(dict(rows), specs).items()}
    with torch.inference_mode():
        return next(iter(network(**batch).values())).numpy()


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--manifests", nargs="+", type=Path, required=True)
    args = parser.parse_args()
    registry = default_registry()
    truth, told, changed = defaultdict(list), defaultdict(list), defaultdict(list)
    for source in (read_source(folder, args.manifests) for folder in args.folders):
        for member in source.members:
            recipe, network = load_network(member.folder, registry)
            own = front_end(recipe, hop_s=None, registry=registry, name=str(member.folder)).features
            names = [e.name for e in own.extractors.values() if e.name in OTHER]
            both = {names[0]: own, OTHER[names[0]]: swapped(own, registry)}
            for i in member.split.indices("test"):
                u = source.data.utterances[i]
                try:
                    recording = audio.decode(u.file, sr=own.sr, start_s=u.start_s, end_s=u.end_s)
                    quality.check(recording)
                except AudioError:
                    continue
                said = {name: logits(network, features, recording.y) for name, features in both.items()}
                if any(z is None for z in said.values()):
                    continue
                where = (u.corpus, names[0])
                truth[where].append(source.data.classes[i])
                means = {name: softmax(z).mean(axis=0) for name, z in said.items()}
                told[where].append({name: int(p.argmax()) for name, p in means.items()})
                changed[where].append(float(np.abs(means["egemaps"] - means["egemaps-fast"]).max()))
    print("| corpus | recordings | trained on | UA, openSMILE | UA, egemaps-fast | median change of a probability |")
    print("|---|---|---|---|---|---|")
    for where, labels in truth.items():
        ua = [
            100 * recall_score(labels, [t[name] for t in told[where]], average="macro")
            for name in ("egemaps", "egemaps-fast")
        ]
        cells = (where[0], len(labels), where[1], f"{ua[0]:.1f}", f"{ua[1]:.1f}", f"{np.median(changed[where]):.4f}")
        print(f"| {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
