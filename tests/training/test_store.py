"""Stores of features: the same numbers whatever was cached, and nothing computed twice."""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_toolkit.data.audio import decode
from ser_toolkit.data.augment import augmentation_of
from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.data.cache_entry import find_entries
from ser_toolkit.data.fingerprint import fingerprint
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.data.segments import PRESETS, Segmentation
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import AudioError, ComponentError, ConfigError, OutputError
from ser_toolkit.features import FeatureSet
from ser_toolkit.noise.extraction import samples_of
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.training.config import AugmentConfig
from ser_toolkit.training.store import build_store, open_store, recording_hash

SR = 16_000
WINDOWS = Segmentation(window_s=0.5, hop_s=0.25)


def front(*, segmentation=WINDOWS, sr=SR, **mel) -> FeatureSet:
    """Two fast extractors of different shape."""
    registry = default_registry()
    return FeatureSet(
        extractors={
            "mel": registry.create("feature", "melspec", {"n_mels": 16, "n_fft": 512, "hop_length": 256, **mel}),
            "coarse": registry.create("feature", "melspec", {"n_mels": 8, "n_fft": 512, "hop_length": 512}),
        },
        segmentation=segmentation,
        sr=sr,
    )


@dataclass(frozen=True)
class Gain:
    """A stand-in for an augmentation: louder with every copy; copy 2 of short recordings fails."""

    copies: int = 2
    factor: float = 0.5
    fails_below_s: float = 0.0
    wants_voices: bool = False

    def key(self):
        return f"gain {self.factor}"

    def __call__(self, y, sr, *, recording, copy, voices=()):
        assert recording == recording_hash(y)
        if copy == 2 and len(y) < self.fails_below_s * sr:
            raise AudioError("unreadable", "too short to alter")
        return (y * np.float32(self.factor**copy)).astype(np.float32)


@pytest.fixture
def corpus(tmp_path) -> list[Utterance]:
    """Eight recordings of 0.2 to 1.6 s, one of silence, one that is no audio, and a part of a recording."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "audio"
    folder.mkdir()
    utterances = []
    for i in range(8):
        n = int((0.2 + 0.2 * i) * SR)
        y = (np.linspace(0.02, 0.1, n) * rng.standard_normal(n)).astype(np.float32)
        soundfile.write(folder / f"{i}.wav", y, SR, subtype="PCM_16")
        utterances.append(Utterance(file=folder / f"{i}.wav", key=f"{i}.wav", emotion="x"))
    soundfile.write(folder / "silence.wav", np.zeros(SR), SR)
    (folder / "text.wav").write_text("no audio")
    utterances.insert(3, Utterance(file=folder / "silence.wav", key="silence.wav", emotion="x"))
    utterances.insert(5, Utterance(file=folder / "text.wav", key="text.wav", emotion="x"))
    utterances.append(Utterance(file=folder / "7.wav", key="7.wav", emotion="x", start_s=0.25, end_s=1.0))
    return utterances


class Computed:
    """Counts what an extractor class is asked for, without changing what it gives."""

    def __init__(self, monkeypatch):
        self.n = 0
        cls = type(front().extractors["mel"])
        for method in ("__call__", "sliding"):
            monkeypatch.setattr(cls, method, self._counting(getattr(cls, method)))

    def _counting(self, method):
        def counted(extractor, y, *args, **kwargs):
            self.n += len(y) != 3 * SR  # not the probe
            return method(extractor, y, *args, **kwargs)

        return counted

    def take(self) -> int:
        n, self.n = self.n, 0
        return n


@pytest.fixture
def computed(monkeypatch):
    return Computed(monkeypatch)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_the_store_holds_what_the_extractors_give(corpus, tmp_path):
    features = front()
    store = build_store(tmp_path / "s", corpus, features)
    assert sorted(store.excluded) == [3, 5]
    assert store.excluded[3].startswith("no speech")
    window = 0
    for i, u in enumerate(corpus):
        if i in store.excluded:
            assert store.recordings[i] == 0
            assert store.fingerprints[i].shape == (0,)
            assert len(store.windows_of([i])) == 0
            continue
        y = decode(u.file, sr=SR, start_s=u.start_s, end_s=u.end_s).y
        assert store.recordings[i] == recording_hash(y)
        assert np.array_equal(store.fingerprints[i], fingerprint(y, SR))
        assert store.fingerprints[i].dtype == np.uint32
        for block in features.blocks(y):
            for k in range(len(block.starts)):
                assert store.owner[window] == i
                for key in features.extractors:
                    assert np.array_equal(store.get(key, window), block.features[key][k])
                window += 1
    assert window == len(store)
    assert set(store.copy.tolist()) == {0}


def test_hits_are_bit_for_bit_what_misses_were(corpus, tmp_path, computed):
    cache = FeatureCache(tmp_path / "cache")
    gain = Gain()
    none = build_store(tmp_path / "none", corpus, front(), augmentation=gain)
    n = computed.take()
    build_store(tmp_path / "cold", corpus, front(), cache=cache, augmentation=gain)
    assert computed.take() == n > 0
    warm = build_store(tmp_path / "warm", corpus, front(), cache=FeatureCache(tmp_path / "cache"), augmentation=gain)
    assert computed.take() == 0
    assert bytes_of(tmp_path / "none") == bytes_of(tmp_path / "cold") == bytes_of(tmp_path / "warm")
    assert len(none) == len(warm)
    assert cache.warnings == []


@pytest.mark.slow
def test_the_number_of_processes_does_not_matter(corpus, tmp_path):
    many = corpus * 2
    build_store(tmp_path / "one", many, front(), augmentation=Gain(), workers=1)
    build_store(tmp_path / "cold", many, front(), augmentation=Gain(), workers=2, cache=FeatureCache(tmp_path / "c"))
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "cold")
    # half of it is there now: hits and misses in turns
    for i, entry in enumerate(list(find_entries(tmp_path / "c"))):
        if i % 3 == 0:
            entry.path.unlink()
    build_store(tmp_path / "half", many, front(), augmentation=Gain(), workers=2, cache=FeatureCache(tmp_path / "c"))
    assert bytes_of(tmp_path / "half") == bytes_of(tmp_path / "one")


def test_renaming_moving_and_re_encoding_hit(corpus, tmp_path, computed):
    cache = FeatureCache(tmp_path / "cache")
    before = build_store(tmp_path / "a", corpus, front(), cache=cache)
    computed.take()
    moved = []
    for i, u in enumerate(corpus):
        target = tmp_path / "elsewhere" / f"renamed {i}.wav"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(u.file, target)
        if i == 2:  # the same samples in another container: decoded, and then found
            y, sr = soundfile.read(u.file, dtype="int16")
            target = target.with_suffix(".flac")
            soundfile.write(target, y, sr)
        moved.append(dataclasses.replace(u, file=target, key=target.name))
    after = build_store(tmp_path / "b", moved, front(), cache=cache)
    assert computed.take() == 0
    assert before.recordings == after.recordings
    assert bytes_of(tmp_path / "a")["mel.f32"] == bytes_of(tmp_path / "b")["mel.f32"]


def test_editing_one_file_misses_that_one(corpus, tmp_path, computed):
    cache = FeatureCache(tmp_path / "cache")
    before = build_store(tmp_path / "a", corpus, front(), cache=cache)
    computed.take()
    build_store(tmp_path / "one", corpus[1:2], front())
    of_one = computed.take()
    path = corpus[1].file
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # the smallest edit: one step of the last sample; size and times as they were
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = build_store(tmp_path / "b", corpus, front(), cache=cache)
    assert computed.take() == of_one > 0
    changed = [i for i in range(len(corpus)) if before.recordings[i] != after.recordings[i]]
    assert changed == [1]
    build_store(tmp_path / "c", corpus, front())
    assert bytes_of(tmp_path / "b") == bytes_of(tmp_path / "c")


def test_changing_a_parameter_misses_that_feature_only(corpus, tmp_path, computed):
    cache = FeatureCache(tmp_path / "cache")
    build_store(tmp_path / "a", corpus, front(), cache=cache)
    n = computed.take()
    build_store(tmp_path / "b", corpus, front(fmin_hz=50.0), cache=cache)
    assert computed.take() == n // 2  # of two features
    build_store(tmp_path / "c", corpus, front(segmentation=dataclasses.replace(WINDOWS, short="pad")), cache=cache)
    assert computed.take() == n
    build_store(tmp_path / "d", corpus, front(), cache=cache)
    assert computed.take() == 0


def test_damaged_entries_are_computed_again(corpus, tmp_path, computed):
    cache = FeatureCache(tmp_path / "cache")
    build_store(tmp_path / "a", corpus, front(), cache=cache)
    computed.take()
    for i, entry in enumerate(sorted(find_entries(cache.folder), key=lambda e: e.path)):
        data = entry.path.read_bytes()
        entry.path.write_bytes(data[: len(data) // 2] if i % 2 else b"")
    build_store(tmp_path / "b", corpus, front(), cache=cache)
    assert computed.take() > 0
    build_store(tmp_path / "c", corpus, front(), cache=cache)
    assert computed.take() == 0
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b") == bytes_of(tmp_path / "c")


def test_an_entry_that_is_damaged_behind_its_back_is_computed_again(corpus, tmp_path, computed):
    """What is known of the files is sound, so that the damage shows only when features are read."""
    cache = FeatureCache(tmp_path / "cache")
    build_store(tmp_path / "a", corpus, front(), cache=cache)
    computed.take()
    for entry in find_entries(cache.folder):
        if entry.kind == "melspec":
            entry.path.write_bytes(entry.path.read_bytes()[:-4])
    build_store(tmp_path / "b", corpus, front(), cache=cache)
    assert computed.take() > 0
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_a_cache_that_cannot_be_written_does_not_end_a_run(corpus, tmp_path):
    (tmp_path / "cache").write_text("a file in place of the folder")
    cache = FeatureCache(tmp_path / "cache")
    store = build_store(tmp_path / "a", corpus, front(), cache=cache)
    assert len(cache.warnings) == 1
    build_store(tmp_path / "b", corpus, front())
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    assert len(store) > 10


def test_two_runs_at_once_share_a_cache(corpus, tmp_path):
    caches = [FeatureCache(tmp_path / "cache") for _ in range(3)]
    threads = [
        threading.Thread(target=build_store, args=(tmp_path / f"s{i}", corpus, front()), kwargs={"cache": cache})
        for i, cache in enumerate(caches)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert bytes_of(tmp_path / "s0") == bytes_of(tmp_path / "s1") == bytes_of(tmp_path / "s2")
    assert [c.warnings for c in caches] == [[], [], []]


def test_recordings_without_a_window_are_remembered_too(corpus, tmp_path, computed):
    paper = dataclasses.replace(PRESETS["paper"], window_s=0.7)
    cache = FeatureCache(tmp_path / "cache")
    first = build_store(tmp_path / "a", corpus, front(segmentation=paper), cache=cache)
    assert len(first.windows_of([0])) == 0
    assert 0 not in first.excluded
    computed.take()
    told = []
    build_store(tmp_path / "b", corpus, front(segmentation=paper), cache=cache, on_progress=lambda *n: told.append(n))
    assert computed.take() == 0
    assert told == [(i + 1, len(corpus)) for i in range(len(corpus))]
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_copies_follow_the_recording(corpus, tmp_path):
    store = build_store(tmp_path / "a", corpus, front(), augmentation=Gain(), augmented=[1, 3, 4])
    plain = build_store(tmp_path / "b", corpus, front())
    assert len(store.windows_of(range(len(corpus)))) == len(plain)
    for i in range(len(corpus)):
        own, all_ = store.windows_of([i]), store.windows_of([i], copies=True)
        assert np.array_equal([store.get("mel", w) for w in own], [plain.get("mel", w) for w in plain.windows_of([i])])
        copies = 2 if i in (1, 4) else 0  # 3 is silent
        assert store.copy[all_].tolist() == sorted(list(range(copies + 1)) * len(own))
        assert np.array_equal(all_, np.arange(all_[0], all_[0] + len(all_)) if len(all_) else [])
    y = decode(corpus[4].file, sr=SR).y
    second = store.windows_of([4], copies=True)[store.copy[store.windows_of([4], copies=True)] == 2]
    (block,) = front().blocks((y * np.float32(0.25)).astype(np.float32))
    assert np.array_equal([store.get("mel", w) for w in second], block.features["mel"])
    assert len(store.fingerprints) == len(store.recordings) == len(corpus)


def test_more_copies_or_another_augmentation_compute_only_what_is_new(corpus, tmp_path, computed):
    cache = FeatureCache(tmp_path / "cache")
    build_store(tmp_path / "a", corpus, front(), cache=cache)
    n = computed.take()
    for name, gain, times in (
        ("b", Gain(copies=1), 1),
        ("c", Gain(copies=2), 1),
        ("d", Gain(copies=1), 0),
        ("e", Gain(copies=1, factor=0.7), 1),
    ):
        build_store(tmp_path / name, corpus, front(), cache=cache, augmentation=gain)
        assert computed.take() == times * n


def test_a_copy_that_cannot_be_made_is_left_out(corpus, tmp_path):
    gain = Gain(fails_below_s=0.7)
    store = build_store(tmp_path / "a", corpus, front(), augmentation=gain, cache=FeatureCache(tmp_path / "c"))
    assert sorted(store.excluded) == [3, 5]
    assert set(store.copy[store.windows_of([0], copies=True)].tolist()) == {0, 1}
    assert set(store.copy[store.windows_of([9], copies=True)].tolist()) == {0, 1, 2}
    build_store(tmp_path / "b", corpus, front(), augmentation=gain, cache=FeatureCache(tmp_path / "c"))
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_unusable_recordings_are_asked_again_each_time(corpus, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    first = build_store(tmp_path / "a", corpus, front(), cache=cache)
    assert not [e for e in find_entries(cache.folder) if e.kind == "_recordings" and e.n_bytes < 100]
    assert first.excluded == build_store(tmp_path / "b", corpus, front(), cache=cache).excluded
    corpus[5].file.write_bytes(corpus[6].file.read_bytes())
    assert 5 not in build_store(tmp_path / "c", corpus, front(), cache=cache).excluded


def test_a_file_that_changes_while_it_is_decoded_is_not_remembered(corpus, tmp_path, monkeypatch):
    from ser_toolkit.training import extraction

    def decode_then_change(path, **kwargs):
        recording = decode(path, **kwargs)
        if path == corpus[0].file:
            path.write_bytes(corpus[7].file.read_bytes())
        return recording

    monkeypatch.setattr(extraction.audio, "decode", decode_then_change)
    cache = FeatureCache(tmp_path / "cache")
    build_store(tmp_path / "a", corpus[:1], front(), cache=cache)
    monkeypatch.undo()
    build_store(tmp_path / "b", corpus[:1], front(), cache=cache)
    build_store(tmp_path / "c", corpus[:1], front())
    assert bytes_of(tmp_path / "b") == bytes_of(tmp_path / "c") != bytes_of(tmp_path / "a")


def test_select_shares_the_maps(corpus, tmp_path):
    store = build_store(tmp_path / "a", corpus, front())
    only = store.select(["coarse"])
    assert list(only.values) == list(only.offsets) == list(only.shapes) == ["coarse"]
    assert only.values["coarse"] is store.values["coarse"]
    assert np.array_equal(only.get("coarse", 3), store.get("coarse", 3))
    assert len(only) == len(store)
    assert list(store.select(["coarse", "mel"]).values) == ["coarse", "mel"]
    with pytest.raises(ConfigError, match="no input 'gemaps'; it has 'mel', 'coarse'"):
        store.select(["gemaps"])


def test_an_unfinished_or_older_store_is_none(corpus, tmp_path):
    with pytest.raises(FileNotFoundError):
        open_store(tmp_path)
    build_store(tmp_path / "a", corpus, front())
    (tmp_path / "a" / "index.json").write_text('{"owner": [], "recordings": [], "excluded": {}, "shapes": {}}')
    with pytest.raises(KeyError):
        open_store(tmp_path / "a")


def test_nothing_usable_and_nothing_at_all(corpus, tmp_path):
    store = build_store(tmp_path / "a", [corpus[3]], front())
    assert (len(store), store.recordings, len(store.fingerprints)) == (0, (0,), 1)
    assert len(build_store(tmp_path / "b", [], front(), cache=FeatureCache(tmp_path / "c"))) == 0


def test_a_broken_extractor_ends_the_run(corpus, tmp_path, monkeypatch):
    cls = type(front().extractors["mel"])
    real = cls.spec
    monkeypatch.setattr(cls, "spec", lambda self, n, sr: dataclasses.replace(real(self, n, sr), shape=(1, 2, 3)))
    with pytest.raises(ComponentError, match="its spec says"):
        build_store(tmp_path / "a", corpus, front(), cache=FeatureCache(tmp_path / "c"))


def test_a_full_disk_under_the_store_is_an_error(corpus, tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match="features cannot be written"):
            build_store(tmp_path / "a", corpus, front())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.corpora
def test_a_second_run_on_real_recordings_neither_decodes_nor_computes(corpora, tmp_path, monkeypatch):
    """With the default features; benchmarks/cache.py takes the time that all of emodb takes."""
    from ser_toolkit.training import extraction
    from ser_toolkit.training.config import read_config
    from ser_toolkit.training.plan import Plan

    utterances = read_manifest([corpora / "emodb" / "manifest.csv"]).utterances[:12]
    features = Plan.make(read_config(), ("anger", "sadness"), default_registry()).features
    build_store(tmp_path / "first", utterances, features, cache=FeatureCache(tmp_path / "cache"))

    def refuse(*args, **kwargs):
        raise AssertionError("this is in the cache")

    monkeypatch.setattr(extraction.audio, "decode", refuse)
    monkeypatch.setattr(FeatureSet, "blocks", refuse)
    monkeypatch.setattr(extraction, "fingerprint", refuse)
    build_store(tmp_path / "second", utterances, features, cache=FeatureCache(tmp_path / "cache"))
    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")


def test_copies_with_voices_change_with_who_is_heard_and_survive_who_cannot_be_read(corpus, tmp_path):
    some = [dataclasses.replace(u, speaker="a") for u in corpus[6:9]]
    noise = AugmentConfig(waveform=[{"name": "AddAnyNoise", "kinds": ["voices"], "p": 1.0}], copies=2)
    augmentation = augmentation_of(noise, seed=0)

    def copies_of_the_first(name):
        samples_of.cache_clear()
        cache = FeatureCache(tmp_path / "cache")
        store = build_store(tmp_path / name, some, front(), cache=cache, augmentation=augmentation)
        of_it = [np.flatnonzero((store.owner == 0) & (store.copy == copy)) for copy in range(3)]
        return [np.stack([store.get("mel", i) for i in windows]) for windows in of_it]

    first = copies_of_the_first("first")
    assert not np.array_equal(first[1], first[2])
    shutil.copy(some[0].file, some[1].file)
    second = copies_of_the_first("second")
    some[1].file.write_text("no audio")
    third = copies_of_the_first("third")
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[0], third[0])
    for a, b in ((first, second), (second, third), (first, third)):
        assert not np.array_equal(a[1], b[1])
