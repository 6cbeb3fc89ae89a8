"""A training small enough for milliseconds: synthetic hums, fake features, a network without batch normalization.

Run as a script it trains, under torchrun too: ``tiny_training.py STORE OUT SETTINGS...``, settings being JSON of the
configuration's tables; the outcome of the first is written to ``OUT/0/outcome.json``.
"""

from __future__ import annotations

import json
import sys
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import soundfile
import torch
from torch import nn

from ser_toolkit.data.augment import augmentation_of
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.features import FeatureSet
from ser_toolkit.interfaces import TargetSpec
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.testing.fakes import FakeImage, FakeVector
from ser_toolkit.training.config import TrainConfig, check_config
from ser_toolkit.training.fitting import fit_network, make_accelerator
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.progress import Silent
from ser_toolkit.training.splits import Split
from ser_toolkit.training.store import build_store, open_store
from ser_toolkit_paper.cross_entropy import CrossEntropy

LABELS = ("anger", "sadness")
COUNTS = {"anger": 6, "sadness": 2}
"""Recordings per speaker, of five speakers."""


@dataclass(frozen=True, kw_only=True)
class TinyModel:
    name: ClassVar[str] = "tiny"
    version: ClassVar[int] = 1
    dropout: float = 0.0
    norm: bool = False

    def build(self, inputs, targets):
        return TinyNetwork(inputs, targets[0], self.dropout, norm=self.norm)


class TinyNetwork(nn.Module):
    alive: ClassVar[weakref.WeakSet[nn.Module]] = weakref.WeakSet()

    def __init__(self, inputs, target, dropout, *, norm=False):
        super().__init__()
        self.alive.add(self)
        self.inputs, self.target = tuple(inputs), target.name
        size = sum(int(np.prod(s.shape)) for s in inputs.values())
        self.layers = nn.Sequential(
            nn.Linear(size, 12), nn.BatchNorm1d(12) if norm else nn.Identity(), nn.Tanh(), nn.Dropout(dropout),
            nn.Linear(12, len(target.labels)),
        )  # fmt: skip

    def forward(self, **features):
        x = torch.cat([features[k].flatten(1) for k in self.inputs], dim=1)  # (B, all values)
        return {self.target: self.layers(x)}


def listed(folder: Path) -> tuple[list[Utterance], Split]:
    """What `speak` writes; the last speakers are development and test."""
    utterances, parts = [], []
    for speaker in range(5):
        for label, count in COUNTS.items():
            for i in range(count):
                path = folder / f"{speaker}-{label}-{i}.wav"
                utterances.append(Utterance(file=path, key=path.name, emotion=label, speaker=str(speaker)))
                parts.append({3: "dev", 4: "test"}.get(speaker, "train"))
    return utterances, Split(parts=tuple(parts), protocol="by speaker")


def speak(folder: Path) -> tuple[list[Utterance], Split]:
    """Recordings of 0.75 s: two windows each."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    t = np.arange(12_000) / 16_000
    utterances, parts = listed(folder)
    for u in utterances:
        pitch = (2600 if u.emotion == "anger" else 1500) * rng.uniform(0.8, 1.25)
        y = 0.2 * np.sin(2 * np.pi * pitch * t) + rng.uniform(0.05, 0.2) * rng.standard_normal(len(t))
        soundfile.write(u.file, np.clip(y, -1, 1).astype(np.float32), 16_000)
    return utterances, parts


def configure(**tables: dict[str, Any]) -> TrainConfig:
    training = {"epochs": 4, "batch_size": 8, "lr": 0.01, "workers": 1, **tables.pop("training", {})}
    return check_config({"training": training, **tables})


def plan_of(config: TrainConfig, *, inputs: tuple[str, ...] = ("image", "vector"), model: Any = None) -> Plan:
    extractors = {"image": FakeImage(), "vector": FakeVector()}
    features = FeatureSet(
        extractors={key: extractors[key] for key in inputs},
        segmentation=Segmentation(window_s=0.5, hop_s=0.25),
        sr=16_000,
        scopes=dict.fromkeys(inputs, "segment"),
    )
    return Plan(
        config=config,
        registry=default_registry(),
        features=features,
        target=TargetSpec(name="emotion", kind="class", labels=LABELS),
        model=model or TinyModel(),
        loss=CrossEntropy(),
    )


def make_store(folder: Path, utterances, config: TrainConfig):
    augmentation = augmentation_of(config.augment, seed=config.training.seed)
    more = {"augmentation": augmentation} if augmentation else {}
    return build_store(folder, utterances, plan_of(config).features, workers=1, **more)


def classes_of(utterances) -> np.ndarray:
    return np.array([LABELS.index(u.emotion) for u in utterances])


def main(store: str, out: str, *settings: str) -> None:
    for number, each in enumerate(settings):
        train_once(store, Path(out) / str(number), json.loads(each))


def train_once(store: str, folder: Path, settings: dict[str, Any]) -> None:
    config = configure(**settings)
    model = TinyModel(dropout=config.model.get("dropout", 0.0), norm=config.model.get("norm", False))
    utterances, parts = listed(folder)
    accelerator = make_accelerator(config, "cpu")
    state, logits, epochs = fit_network(
        plan_of(config, model=model), open_store(Path(store)), parts, classes_of(utterances), config, accelerator,
        folder, Silent(),
    )  # fmt: skip
    if accelerator.is_main_process:
        outcome = {
            "processes": accelerator.num_processes,
            "losses": [(e.train_loss, e.dev_loss) for e in epochs],
            "ua": [e.dev_ua for e in epochs],
            "lr": [e.lr for e in epochs],
            "state": {k: v.tolist() for k, v in state.items()},
            "test": logits["test"].tolist(),
        }
        (folder / "outcome.json").write_text(json.dumps(outcome))
    accelerator.wait_for_everyone()


if __name__ == "__main__":
    main(*sys.argv[1:])
