"""Two processes, or two nodes, that extract into one cache at once."""

from __future__ import annotations

import dataclasses
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_toolkit.data.atomic import PREFIX
from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.data.cache_entry import find_entries
from ser_toolkit.data.cache_upkeep import verify_cache
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import ConfigError
from ser_toolkit.features import FeatureSet
from ser_toolkit.testing.fakes import FakeImage, FakeVector
from ser_toolkit.training.config import TrainConfig
from ser_toolkit.training.dataset import Dataset, extract
from ser_toolkit.training.progress import Silent
from ser_toolkit.training.store import build_store, open_store

COUNT = 40

FEATURES = FeatureSet(
    extractors={"image": FakeImage(), "vector": FakeVector()},
    segmentation=Segmentation(window_s=0.5, hop_s=0.25),
    sr=16_000,
    scopes={"image": "segment", "vector": "segment"},
)


def spoken(folder: Path) -> list[Utterance]:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    made = []
    for i in range(COUNT):
        path = folder / f"{i}.wav"
        if not path.is_file():
            soundfile.write(path, 0.1 * rng.standard_normal(12_000).astype(np.float32), 16_000)
        made.append(Utterance(file=path, key=path.name, emotion="anger", speaker="1"))
    return made


def extract_all(folder: str, name: str, barrier) -> None:
    """All recordings, into a store of its own and a cache that is shared."""
    utterances = spoken(Path(folder) / "audio")
    barrier.wait()
    cache = FeatureCache(Path(folder) / "cache")
    build_store(Path(folder) / name, utterances, FEATURES, cache=cache, workers=1)
    assert cache.warnings == []


def test_two_processes_extract_into_one_cache(tmp_path):
    utterances = spoken(tmp_path / "audio")
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=extract_all, args=(str(tmp_path), name, barrier)) for name in ("a", "b")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    alone = FeatureCache(tmp_path / "alone")
    build_store(tmp_path / "c", utterances, FEATURES, cache=alone, workers=1)
    for name in ("a", "b"):
        for file in (tmp_path / "c").iterdir():
            assert (tmp_path / name / file.name).read_bytes() == file.read_bytes()
    shared, own = (
        {path.relative_to(folder): path.read_bytes() for path in (entry.path for entry in find_entries(folder))}
        for folder in (tmp_path / "cache", tmp_path / "alone")
    )
    assert shared == own
    assert len(own) == 4 * COUNT  # two features, a fingerprint, and what the file decodes to
    assert verify_cache(tmp_path / "cache").damaged == 0
    assert not list((tmp_path / "cache").rglob(f"{PREFIX}*"))


@dataclasses.dataclass(frozen=True)
class Second:
    """Of a second node, as far as extraction asks."""

    is_main_process: bool = False
    num_processes: int = 1


def test_a_node_that_does_not_see_the_output_folder_is_told_so(tmp_path):
    data = Dataset(manifest=None, utterances=(), labels=(), classes=np.zeros(0, dtype=np.int64))
    with pytest.raises(ConfigError, match="file system that all nodes share"):
        extract(tmp_path / "work", data, FEATURES, TrainConfig(), Silent(), Second(), cache=None)
    with pytest.raises(FileNotFoundError):
        open_store(tmp_path / "work")
