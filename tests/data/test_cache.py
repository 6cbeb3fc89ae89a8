"""The cache itself: keys, entries, limits, and everything that a disk can do to it."""

from __future__ import annotations

import dataclasses
import importlib
import json
import multiprocessing
import os
import pickle
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fake_dists import entry_points, importable, install

from ser_toolkit.data.atomic import PREFIX
from ser_toolkit.data.cache import MAX_GB, FeatureCache
from ser_toolkit.data.cache_entry import find_entries, is_damaged, is_there, read_entry, write_entry
from ser_toolkit.data.cache_key import FINGERPRINT, content_hash, samples_hash
from ser_toolkit.data.cache_upkeep import clear_cache, contents_of, select_entries, verify_cache
from ser_toolkit.data.segments import PRESETS, Segmentation
from ser_toolkit.errors import ConfigError
from ser_toolkit.features import FeatureSet
from ser_toolkit.plugin_registry import Registry, default_registry

SR = 16_000
SAMPLES = bytes(range(20))


def features(*, segmentation=PRESETS["robust"], scope="segment", sr=SR, **config) -> FeatureSet:
    return FeatureSet(
        extractors={"mel": default_registry().create("feature", "melspec", config)},
        segmentation=segmentation,
        sr=sr,
        scopes={"mel": scope},
    )


def place(folder: Path, name: str = "ab" + "0" * 38, kind: str = "melspec-1") -> Path:
    return folder / kind / name[:2] / f"{name[2:]}.bin"


def name(i: int) -> str:
    return f"{i:040x}"[::-1]


def rows(n: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((1, 4, 5 + i)).astype(np.float32) for i in range(n)]


@pytest.mark.parametrize(
    "arrays",
    [
        rows(3),
        [],
        [np.arange(7, dtype=np.uint32)],
        [np.arange(28, dtype=np.uint8)],
        [np.zeros((0, 3), dtype=np.float32), np.ones((2, 3), dtype=np.float32)],
        [np.array([np.nan, np.inf, -0.0], dtype=np.float32)],
        [np.asfortranarray(rows(1)[0].T)],
    ],
    ids=["windows", "no window", "fingerprint", "hashes", "empty arrays", "odd values", "Fortran order"],
)
def test_an_entry_comes_back_bit_for_bit(tmp_path, arrays):
    path = place(tmp_path)
    assert write_entry(path, arrays) == path.stat().st_size
    back = read_entry(path)
    assert [(a.shape, a.dtype, a.tobytes()) for a in back] == [(a.shape, a.dtype, a.tobytes()) for a in arrays]


def test_no_entry_is_a_miss(tmp_path):
    assert read_entry(place(tmp_path)) is None
    assert not is_there(place(tmp_path))
    assert not is_damaged(place(tmp_path))


def test_every_truncation_and_every_flipped_byte_is_a_miss_and_is_removed(tmp_path):
    path = place(tmp_path)
    write_entry(path, rows(2))
    whole = path.read_bytes()
    damaged = [whole[:n] for n in range(0, len(whole), 7)] + [whole + b"\0"]
    damaged += [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(0, len(whole), 3)]
    for data in damaged:
        path.write_bytes(data)
        assert read_entry(path) is None
        assert not path.exists()


def test_an_entry_under_another_name_is_a_miss(tmp_path):
    write_entry(place(tmp_path), rows(2))
    other = place(tmp_path, "ab" + "1" * 38)
    place(tmp_path).rename(other)
    assert read_entry(other) is None


def test_what_a_hostile_entry_says_is_not_believed(tmp_path):
    """The checksum is right, the header is not."""
    import struct
    import zlib

    path = place(tmp_path)
    path.parent.mkdir(parents=True)
    key = f"melspec-1/ab{'0' * 38}"
    for header in (
        {"key": key, "dtype": "|O", "shapes": [[1]]},
        {"key": key, "dtype": "<f4", "shapes": [[10**12]]},
        {"key": key, "dtype": "<f4", "shapes": [[-1], [3]]},
        {"key": key, "dtype": "<f4", "shapes": "xx"},
        {"key": key, "dtype": ["<f4"], "shapes": [[2]]},
        {"key": key, "dtype": "<f4"},
        [],
        "no JSON",
    ):
        text = json.dumps(header).encode() if header != "no JSON" else b"{"
        rest = struct.pack("<I", len(text)) + text + b"\0" * 8
        path.write_bytes(b"SERFEAT1" + struct.pack("<I", zlib.crc32(rest)) + rest)
        assert read_entry(path) is None


def test_entries_are_no_pickles(tmp_path):
    cache = FeatureCache(tmp_path)
    keys = cache.keys(features())
    cache.put(keys.path("mel", SAMPLES), rows(2))
    cache.put(keys.path(FINGERPRINT, SAMPLES), [np.arange(3, dtype=np.uint32)])
    entries = list(find_entries(tmp_path))
    assert len(entries) == 2
    for entry in entries:
        assert entry.path.read_bytes().startswith(b"SERFEAT1")
        with pytest.raises(Exception):
            pickle.loads(entry.path.read_bytes())
        with pytest.raises(ValueError):
            np.load(entry.path)


def test_keys_are_the_same_in_every_process_and_travel_to_workers(tmp_path):
    keys = FeatureCache(tmp_path).keys(features(n_mels=40), altered="gain")
    again = FeatureCache(tmp_path).keys(features(n_mels=40), altered="gain")
    assert pickle.loads(pickle.dumps(keys)) == again == keys
    assert keys.path("mel", SAMPLES).parent.parent == tmp_path / "melspec-1"


def test_every_setting_that_changes_numbers_changes_the_key(tmp_path):
    cache = FeatureCache(tmp_path)
    robust = PRESETS["robust"]
    sets = [
        features(),
        features(n_mels=64),
        features(fmin_hz=20.0),
        features(mode="sliding"),
        features(scope="recording"),
        features(sr=22_050),
        features(segmentation=dataclasses.replace(robust, window_s=2.0)),
        features(segmentation=dataclasses.replace(robust, hop_s=0.5)),
        features(segmentation=dataclasses.replace(robust, short="pad")),
        features(segmentation=dataclasses.replace(robust, tail="drop")),
        features(segmentation=Segmentation(window_s=None)),
    ]
    paths = [cache.keys(s).path("mel", SAMPLES) for s in sets]
    paths += [cache.keys(sets[0]).path("mel", SAMPLES[::-1])]
    for altered in ("gain", "noise"):
        keys = cache.keys(sets[0], altered=altered)
        assert keys.path("mel", SAMPLES) == paths[0]  # what alters copies does not matter to the recording
        paths += [keys.path("mel", SAMPLES, copy=copy) for copy in (1, 2)]
    assert len(set(paths)) == len(paths)


EXTRACTOR = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
import ser_toolkit
from ser_toolkit.interfaces import FeatureSpec

LEVEL = 1.0  # stands for what a library computes

@dataclass(frozen=True, kw_only=True)
class Levels:
    name: ClassVar[str] = "levels"
    version: ClassVar[int] = {version}
    context_s: ClassVar[float] = 0.0
    libraries: ClassVar[tuple[str, ...]] = ("level-library",)
    def spec(self, n_samples, sr):
        return FeatureSpec(shape=(1,), axes=("feature",), unit="1")
    def __call__(self, y, sr):
        return np.array([np.abs(y).mean() * LEVEL], dtype=np.float32)

@ser_toolkit.hookimpl
def ser_register_features():
    return [Levels]
"""


def plugin_key(tmp_path, *, plugin="1.0", library="1.0", version=1, level=1.0, registered=True, comment="") -> Path:
    """Key of an extractor of a plugin that is installed on the spot, beside its library."""
    site = tmp_path / f"site-{plugin}-{library}-{version}"
    if not site.exists():
        install(site, "ser-toolkit-levels", version=plugin, entry_points={"levels": "levels_plugin"})
        install(site, "level-library", version=library, entry_points={})
    (site / "levels_plugin.py").write_text(EXTRACTOR.replace("{version}", str(version)) + comment)
    sys.modules.pop("levels_plugin", None)
    with importable(site):
        module = importlib.import_module("levels_plugin")
        module.LEVEL = level
        registry = Registry(entry_points(site) if registered else [])
        found = FeatureSet(extractors={"x": module.Levels()}, segmentation=PRESETS["robust"], sr=SR)
        return FeatureCache(tmp_path / "cache", registry=registry).keys(found).path("x", SAMPLES)


def test_another_version_of_plugin_library_or_component_or_another_probe_is_a_miss(tmp_path):
    paths = [
        plugin_key(tmp_path),
        plugin_key(tmp_path, plugin="1.1"),
        plugin_key(tmp_path, library="2.0"),
        plugin_key(tmp_path, version=2),
        plugin_key(tmp_path, level=1.001),
        plugin_key(tmp_path, registered=False),
        plugin_key(tmp_path, registered=False, comment="# changed\n"),
    ]
    assert len(set(paths)) == len(paths)
    assert plugin_key(tmp_path) == paths[0]
    assert plugin_key(tmp_path, comment="# changed\n") == paths[0]  # its distribution has a version for that


def test_a_class_without_a_source_shares_nothing(tmp_path, monkeypatch):
    mel = features().extractors["mel"]
    monkeypatch.delattr(sys.modules[type(mel).__module__], "__file__")
    keys = [FeatureCache(tmp_path, registry=Registry([])).keys(features()).digests["mel"] for _ in range(2)]
    assert keys[0] != keys[1]


def test_the_hash_of_samples_is_exact(vowel):
    y = vowel.copy()
    assert len(samples_hash(y, SR)) * 8 >= 128
    assert samples_hash(y, SR) == samples_hash(y.copy(), SR)
    assert samples_hash(y, SR) != samples_hash(y, 8000)
    assert samples_hash(y, SR) != samples_hash(y[:-1], SR)
    y[500] = np.nextafter(y[500], np.float32(1))
    assert samples_hash(y, SR) != samples_hash(vowel, SR)
    # a decoder that overshoots full scale is not what was clipped there
    assert samples_hash(y * 3, SR) != samples_hash(np.clip(y * 3, -1, 1), SR)


def test_content_hash_is_that_of_a_regular_file_only(tmp_path, vowel):
    path = tmp_path / "a.wav"
    soundfile.write(path, vowel, SR)
    first = content_hash(path)
    path.rename(tmp_path / "b.wav")
    assert content_hash(tmp_path / "b.wav") == first
    assert content_hash(path) is None
    assert content_hash(tmp_path) is None
    assert content_hash(Path("a\0b")) is None
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert content_hash(tmp_path / "pipe") is None


def test_a_large_file_is_hashed_again_when_it_changes(tmp_path):
    path = tmp_path / "large.wav"
    path.write_bytes(bytes(17 * 2**20))
    first = content_hash(path)
    assert content_hash(path) == first
    with path.open("r+b") as file:
        file.write(b"x")
    assert content_hash(path) != first


def test_a_part_of_a_file_has_a_key_of_its_own(tmp_path):
    keys = FeatureCache(tmp_path).keys(features())
    parts = [(None, None), (0.5, None), (None, 0.5), (0.5, 1.0)]
    assert len({keys.recording(SAMPLES, start_s=a, end_s=b) for a, b in parts}) == 4
    assert keys.recording(SAMPLES, start_s=0.0, end_s=None) == keys.recording(SAMPLES, start_s=None, end_s=None)


def test_the_folder_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_TOOLKIT_CACHE", str(tmp_path / "mine"))
    assert FeatureCache.default().folder == tmp_path / "mine"
    assert FeatureCache.default().max_bytes == MAX_GB * 1e9
    monkeypatch.delenv("SER_TOOLKIT_CACHE")
    if sys.platform == "win32":
        pytest.skip("the rest is POSIX")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert FeatureCache.default().folder == tmp_path / "ser-toolkit" / "features"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert FeatureCache.default().folder == tmp_path / "home" / ".cache" / "ser-toolkit" / "features"


def test_without_a_home_folder_there_is_no_cache_and_a_warning(tmp_path, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for variable in ("SER_TOOLKIT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.chdir(tmp_path)
    cache = FeatureCache.default()
    cache.put(cache.keys(features()).path("mel", SAMPLES), rows(1))
    assert "no home folder" in cache.warnings[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("said", ["many", "-1", "nan"])
def test_a_limit_that_is_none_is_refused(monkeypatch, said):
    monkeypatch.setenv("SER_TOOLKIT_CACHE_MAX_GB", said)
    with pytest.raises(ConfigError, match=r"SER_TOOLKIT_CACHE_MAX_GB is .*give gigabytes"):
        FeatureCache.default()


def test_a_limit_of_zero_writes_nothing_and_inf_never_trims(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_TOOLKIT_CACHE", str(tmp_path / "c"))
    monkeypatch.setenv("SER_TOOLKIT_CACHE_MAX_GB", "0")
    cache = FeatureCache.default()
    cache.put(place(cache.folder), rows(1))
    assert not cache.folder.exists()
    monkeypatch.setenv("SER_TOOLKIT_CACHE_MAX_GB", "inf")
    cache = FeatureCache.default()
    cache.put(place(cache.folder), rows(1))
    assert cache.trim() == 0
    assert read_entry(place(cache.folder)) is not None


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    block = [np.zeros(1000, dtype=np.float32)]  # 4 kB and a bit
    cache = FeatureCache(tmp_path, max_bytes=50_000)
    now = time.time()
    for i in range(10):
        cache.put(place(tmp_path, name(i)), block)
        used = now - 10_000 + i
        os.utime(place(tmp_path, name(i)), (used, used))
    assert is_there(place(tmp_path, name(0)))  # which marks it as used
    for i in range(10, 14):
        cache.put(place(tmp_path, name(i)), block)
    cache.trim()
    left = {i for i in range(14) if place(tmp_path, name(i)).exists()}
    assert sum(e.n_bytes for e in find_entries(tmp_path)) <= 50_000
    assert {0, 9, 10, 11, 12, 13} <= left
    assert not {1, 2, 3} & left
    assert not cache.warnings or "limit" in cache.warnings[0]


def test_a_run_larger_than_the_limit_says_so_and_stays_within_it(tmp_path):
    cache = FeatureCache(tmp_path, max_bytes=20_000)
    for i in range(30):
        cache.put(place(tmp_path, name(i)), [np.zeros(1000, dtype=np.float32)])
        assert sum(e.n_bytes for e in find_entries(tmp_path)) <= 26_000
    cache.trim()
    assert len(cache.warnings) == 1
    assert "raise SER_TOOLKIT_CACHE_MAX_GB" in cache.warnings[0]


def test_a_file_in_place_of_the_folder_switches_the_cache_off_with_one_warning(tmp_path):
    (tmp_path / "cache").write_text("not a folder")
    cache = FeatureCache(tmp_path / "cache")
    for i in range(3):
        cache.put(place(cache.folder, name(i)), rows(1))
    assert len(cache.warnings) == 1
    assert "not cached from here on" in cache.warnings[0]
    assert read_entry(place(cache.folder)) is None
    assert contents_of(cache.folder).entries == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
def test_a_write_that_the_system_breaks_off_leaves_nothing_behind(tmp_path):
    """As on a full disk: the file can be made, and its bytes cannot be written."""
    import resource

    cache = FeatureCache(tmp_path)
    cache.put(place(tmp_path, name(1)), rows(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        cache.put(place(tmp_path, name(2)), [np.zeros(100_000, dtype=np.float32)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(cache.warnings) == 1
    cache.put(place(tmp_path, name(3)), rows(1))  # off: a full disk is not tried again for each recording
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert files == [place(tmp_path, name(1))]
    assert read_entry(files[0]) is not None


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="takes root's rights away, which needs root")
def test_a_folder_that_may_only_be_read_still_gives_what_it_holds(tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    cache.put(place(cache.folder), rows(2))
    os.utime(place(cache.folder), (1e9, 1e9))
    outside = [tmp_path, *tmp_path.parents[:3]]
    modes = [p.stat().st_mode for p in outside]
    for p in outside:
        p.chmod(0o755)
    os.seteuid(65534)
    try:
        assert is_there(place(cache.folder))
        assert len(read_entry(place(cache.folder))) == 2
        assert cache.warnings == []
        cache.put(place(cache.folder, name(5)), rows(1))
        assert "Permission denied" in cache.warnings[0]
    finally:
        os.seteuid(0)
        for p, mode in zip(outside, modes):
            p.chmod(mode)


def write_many(folder, barrier, worker):
    barrier.wait()
    for round_ in range(30):
        for i in range(4):
            write_entry(place(Path(folder), name(i)), [np.full(5000, i, dtype=np.float32)])
            back = read_entry(place(Path(folder), name((i + worker) % 4)))
            assert back is None or (len(back[0]) == 5000 and len(set(back[0].tolist())) == 1)
    sys.exit(0)


@pytest.mark.slow
def test_processes_that_write_the_same_entries_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    processes = [context.Process(target=write_many, args=(str(tmp_path), barrier, w)) for w in range(3)]
    for p in processes:
        p.start()
    for p in processes:
        p.join(120)
    assert [p.exitcode for p in processes] == [0, 0, 0]
    assert [read_entry(place(tmp_path, name(i)))[0][0] for i in range(4)] == [0, 1, 2, 3]
    assert verify_cache(tmp_path).damaged == 0
    assert not list(tmp_path.rglob(f"{PREFIX}*"))


def test_clearing_while_another_thread_writes(tmp_path):
    cache = FeatureCache(tmp_path)
    stop = threading.Event()

    def write():
        i = 0
        while not stop.is_set():
            cache.put(place(tmp_path, name(i % 50)), rows(1))
            i += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            clear_cache(tmp_path, select_entries(tmp_path))
    finally:
        stop.set()
        writer.join()
    assert cache.warnings == []


def test_contents_clear_and_verify(tmp_path):
    cache = FeatureCache(tmp_path)
    for i in range(4):
        write_entry(place(tmp_path, name(i), "melspec-1"), rows(2))
    write_entry(place(tmp_path, name(1), "egemaps-1"), rows(1))
    write_entry(place(tmp_path, name(1), "_fingerprints-1"), rows(1))
    old = time.time() - 40 * 86_400
    os.utime(place(tmp_path, name(0)), (old, old))
    found = contents_of(tmp_path)
    assert [(k.name, k.version, k.entries) for k in found.kinds] == [
        ("_fingerprints", 1, 1), ("egemaps", 1, 1), ("melspec", 1, 4),
    ]  # fmt: skip
    assert found.n_bytes == sum(p.stat().st_size for p in tmp_path.rglob("*.bin"))
    assert found.kinds[2].oldest_s == pytest.approx(old)
    assert found.kinds[2].newest_s > old + 86_400
    assert found.to_json(max_bytes=cache.max_bytes)["features"][1]["name"] == "egemaps"
    assert found.to_json(max_bytes=float("inf"))["max_bytes"] is None

    place(tmp_path, name(3)).write_bytes(b"SERFEAT1 but then")
    told = []
    assert dataclasses.astuple(verify_cache(tmp_path, on_progress=lambda *n: told.append(n))) == (6, 1)
    assert told[-1] == (6, 6)
    assert dataclasses.astuple(verify_cache(tmp_path)) == (5, 0)

    with pytest.raises(ConfigError, match="nothing of 'melspek'.*Did you mean 'melspec'"):
        select_entries(tmp_path, feature="melspek")
    assert len(select_entries(tmp_path, older_than_days=30)) == 1
    assert clear_cache(tmp_path, select_entries(tmp_path, older_than_days=30)).entries == 1
    assert clear_cache(tmp_path, select_entries(tmp_path, feature="melspec")).entries == 2
    assert not (tmp_path / "melspec-1").exists()
    assert clear_cache(tmp_path, select_entries(tmp_path)).entries == 2
    assert list(tmp_path.iterdir()) == []


def test_only_files_of_the_cache_are_ever_removed(tmp_path):
    mine = [
        tmp_path / "thesis.tex",
        tmp_path / "melspec-1" / "notes.txt",
        tmp_path / "melspec-1" / "ab" / "notes.bin",
        tmp_path / "photos-2019" / "holiday" / f"{'0' * 38}.bin",
    ]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    write_entry(place(tmp_path), rows(1))
    left_by_a_killed_process = place(tmp_path).with_name(PREFIX + "0123")
    left_by_a_killed_process.write_bytes(b"x")
    os.utime(left_by_a_killed_process, (1e9, 1e9))
    being_written = place(tmp_path).with_name(PREFIX + "4567")
    being_written.write_bytes(b"x")
    cache = FeatureCache(tmp_path, max_bytes=1)
    cache.put(place(tmp_path, name(7)), rows(1))
    cache.trim()
    clear_cache(tmp_path, select_entries(tmp_path))
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted([*mine, being_written])
