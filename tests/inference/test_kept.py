"""What the cache knows is neither decoded nor computed again, and nothing else is taken from it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile
from fake_setup import SR, FakeSetup, speech

from ser_toolkit.data.files import Found
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.inference import stages
from ser_toolkit.inference.pipeline import in_process


@pytest.fixture
def files(tmp_path):
    made = []
    for i, seconds in enumerate((2.5, 0.6, 5.0)):
        made.append(tmp_path / "audio" / f"{i}.wav")
        made[-1].parent.mkdir(exist_ok=True)
        soundfile.write(made[-1], speech(seconds, seed=i), SR)
    return made


@pytest.fixture
def opened(monkeypatch):
    """Names of the files that are decoded."""
    right, names = stages.open_recording, []

    def counted(path, **kwargs):
        names.append(str(path).rpartition("/")[2])
        return right(path, **kwargs)

    monkeypatch.setattr(stages, "open_recording", counted)
    return names


def run(tmp_path, files, cache_use="write", **options):
    """Rows of the files."""
    setup = FakeSetup(folder=tmp_path / "cache", cache_use=cache_use, **options)
    return list(in_process(setup, [(i, Found(path=p, root=p)) for i, p in enumerate(files)], infer=True))


def same(a, b):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert tuple(x.get("notes") or ()) == tuple(y.get("notes") or ())
        for key in ("status", "reason", "duration_s", "n_samples", "silent_parts", "recording", "seconds"):
            assert x.get(key) == y.get(key), key
        if "probabilities" in x:
            np.testing.assert_array_equal(x["probabilities"], y["probabilities"])
            np.testing.assert_array_equal(x["starts"], y["starts"])
            np.testing.assert_array_equal(x["heard"], y["heard"])


@pytest.fixture
def computed(monkeypatch):
    """Pieces whose features are computed."""
    from ser_toolkit.features import FeatureSet

    right, pieces = FeatureSet.of, []

    def counted(self, piece):
        pieces.append(piece)
        return right(self, piece)

    monkeypatch.setattr(FeatureSet, "of", counted)
    return pieces


def test_a_second_run_neither_decodes_nor_computes(tmp_path, files, opened, computed):
    y = speech(6.0, seed=9)
    y[SR : 3 * SR] = 0
    soundfile.write(files[0], y, SR)
    plain = run(tmp_path, files, "off")
    first = run(tmp_path, files)
    assert len(opened) == len(computed) == 2 * len(files)
    second = run(tmp_path, files)
    third = run(tmp_path, files, "read")
    assert len(opened) == len(computed) == 2 * len(files)
    for rows in (first, second, third):
        same(rows, plain)
    assert second[0]["silent_parts"]


def test_reading_writes_nothing(tmp_path, files, opened):
    run(tmp_path, files, "read")
    assert not (tmp_path / "cache").exists()
    assert len(opened) == len(files)


def test_edits_miss_and_renames_hit(tmp_path, files, opened, computed):
    run(tmp_path, files)
    opened.clear()
    computed.clear()
    files[0].rename(files[0].with_name("renamed.wav"))
    shutil.copy(files[1], files[1].with_name("copy.wav"))
    soundfile.write(files[2], speech(5.0, seed=77), SR)
    names = ["renamed.wav", "copy.wav", "2.wav"]
    rows = run(tmp_path, [files[0].with_name(name) for name in names])
    assert opened == ["2.wav"]
    assert len(computed) == 1
    same(rows, run(tmp_path, [files[0].with_name(name) for name in names], "off"))


def test_other_windows_miss(tmp_path, files, opened):
    run(tmp_path, files)
    opened.clear()
    run(tmp_path, files, segmentation=Segmentation(window_s=1.0, hop_s=0.5))
    assert len(opened) == len(files)


def test_hashes_are_not_taken_from_where_there_are_none(tmp_path, files, opened):
    run(tmp_path, files)
    opened.clear()
    with_hashes = run(tmp_path, files, hashes=True)
    assert len(opened) == len(files)
    same(with_hashes, run(tmp_path, files, "off", hashes=True))
    opened.clear()
    same(run(tmp_path, files, hashes=True), with_hashes)
    assert opened == []


def test_pieces_of_long_recordings_are_not_computed_again(tmp_path, files, opened, computed):
    soundfile.write(files[0], speech(150.0, seed=5), SR)
    plain = run(tmp_path, files[:1], "off")
    computed.clear()
    same(run(tmp_path, files[:1]), plain)
    n_pieces = len(computed)
    assert n_pieces == len(plain) == 3
    same(run(tmp_path, files[:1]), plain)
    assert len(computed) == n_pieces
    assert opened == ["0.wav"] * 3


@pytest.mark.parametrize("damage", [lambda data: data[:-7], lambda data: data[:-1] + b"\x00\x01", lambda _: b""])
def test_damaged_entries_are_computed_again(tmp_path, files, opened, damage):
    plain = run(tmp_path, files, "off")
    run(tmp_path, files)
    opened.clear()
    for entry in (tmp_path / "cache").rglob("*.bin"):
        entry.write_bytes(damage(entry.read_bytes()))
    same(run(tmp_path, files), plain)
    assert len(opened) == len(files)
    opened.clear()
    same(run(tmp_path, files), plain)
    assert opened == []


def test_entries_are_shared_with_training(tmp_path, files, computed):
    """What training keeps of a recording with the same windows is what `analyze` looks for, and the other way round."""
    from ser_toolkit.data.audio import decode
    from ser_toolkit.data.cache_entry import is_there, read_entry
    from ser_toolkit.data.cache_key import samples_hash

    setup = FakeSetup(folder=tmp_path / "cache", cache_use="write")
    _, keys = setup.cache()
    y = decode(files[0], sr=SR).y
    path = keys.path("vector", samples_hash(y, SR))
    assert not is_there(path)
    run(tmp_path, files[:1])
    assert is_there(path)
    (block,) = setup.front_end().features.blocks(y)
    np.testing.assert_array_equal(read_entry(path), block.features["vector"])


def test_a_file_that_changes_while_it_is_read_is_not_noted(tmp_path, files, opened, monkeypatch):
    right = stages.Extract._values

    def meanwhile(self, row):
        files[0].write_bytes(files[1].read_bytes())
        return right(self, row)

    monkeypatch.setattr(stages.Extract, "_values", meanwhile)
    run(tmp_path, files[:1])
    monkeypatch.setattr(stages.Extract, "_values", right)
    opened.clear()
    rows = run(tmp_path, files[:1])
    assert opened == ["0.wav"]
    assert rows[0]["duration_s"] == pytest.approx(0.6)
