"""Tables of features: what is written is read again, in every format, however hostile the names."""

from __future__ import annotations

import csv
import json
import resource
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow.parquet
import pytest

from ser_toolkit.errors import ConfigError, OutputError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit.report.feature_layout import FeatureBlock, FeatureFile, FeatureLayout, value_names
from ser_toolkit.report.feature_tables import kind_of, open_features, twin_of
from ser_toolkit.report.results import FileResult

VECTOR = FeatureSpec(shape=(3,), axes=("feature",), unit="mixed", names=("f0", "=jitter()", "level"))
IMAGE = FeatureSpec(shape=(1, 2, 4), axes=("channel", "mel", "frame"), unit="dB")
VARIES = FeatureSpec(shape=(1, 2, None), axes=("channel", "mel", "frame"), unit="dB")
RECIPE = '{"sr": 16000}'
HOSTILE = "=cmd()<script>[red]%0A\U0001f600" + "x" * 4000


def layout(**specs):
    return FeatureLayout(
        specs=specs,
        names={key: spec.names or (key,) for key, spec in specs.items()},
        labels={"emotion": str, "arousal": float, "vote_a/../b": float},
        recipe=RECIPE,
        about={"version": "1.2", "licenses": {"thing": "free for <b>research</b>"}},
    )


def made(specs, n, *, seed=0, first_s=0.0):
    rng = np.random.default_rng(seed)
    starts = first_s + np.arange(n) * 0.75

    def value(spec):
        shape = [rng.integers(1, 5) if size is None else size for size in spec.shape]
        return rng.standard_normal(shape).astype(np.float32)

    features = {key: [value(spec) for _ in range(n)] for key, spec in specs.items()}
    return FeatureBlock(starts_s=starts, ends_s=starts + 3.0, features=features)


def ok(name, **kwargs):
    return FeatureFile(
        result=FileResult(file=name, status="ok", notes=("clipped", "short"), duration_s=4.5), end_s=4.5, **kwargs
    )


BAD = FeatureFile(
    result=FileResult(file="bad.wav", status="failed", reason="undecodable", detail="it is text"), start_s=1.5
)


def write(path, specs, *, labels=None):
    """Two files of two blocks and one bad one between them."""
    blocks = [made(specs, 2), made(specs, 1, seed=1, first_s=1.5), made(specs, 3, seed=2)]
    labels = {"emotion": "anger", "arousal": 0.25} if labels is None else labels
    with open_features(path, layout(**specs), kind=kind_of(path)) as writer:
        writer.write(ok(HOSTILE, labels=labels), iter(blocks[:2]))
        writer.write(BAD, iter(()))
        writer.write(ok("c.wav", labels={"vote_a/../b": 2.0}), iter(blocks[2:]))
    return blocks


def test_parquet_holds_every_value_with_names_shapes_and_recipe(tmp_path):
    specs = {"gemaps": VECTOR, "mel": IMAGE, "frames": VARIES}
    blocks = write(tmp_path / "t.parquet", specs)
    table = pyarrow.parquet.read_table(tmp_path / "t.parquet")
    assert table.column_names == [
        *("file", "start", "end", "status", "reason", "notes", "emotion", "arousal", "vote_a/../b"),
        *("f0", "=jitter()", "level", "mel", "frames"),
    ]
    assert table["file"].to_pylist() == [HOSTILE] * 3 + ["bad.wav"] + ["c.wav"] * 3
    assert table["status"].to_pylist() == ["ok"] * 3 + ["failed"] + ["ok"] * 3
    assert table["reason"].to_pylist()[3] == "undecodable"
    assert table["notes"][0].as_py() == "clipped; short"
    assert table["start"].to_pylist() == [0.0, 0.75, 1.5, 1.5, 0.0, 0.75, 1.5]
    assert table["end"].to_pylist()[2:4] == [4.5, None]
    assert table["emotion"].to_pylist() == ["anger"] * 3 + [None] * 4
    assert table["vote_a/../b"].to_pylist()[-1] == 2.0
    wanted = {key: [v for block in blocks for v in block.features[key]] for key in specs}
    for i, name in enumerate(VECTOR.names):
        assert table.schema.field(name).type == pyarrow.float32()
        column = table[name].to_pylist()
        assert column.pop(3) is None
        np.testing.assert_array_equal(np.float32(column), [v[i] for v in wanted["gemaps"]])
    field = table.schema.field("mel")
    assert field.type == pyarrow.list_(pyarrow.float32(), 8)
    assert json.loads(field.metadata[b"shape"]) == [1, 2, 4]
    assert field.metadata[b"unit"] == b"dB"
    good = table.filter(pyarrow.compute.equal(table["status"], "ok"))
    mel = good["mel"].combine_chunks().flatten().to_numpy().reshape(-1, 1, 2, 4)
    np.testing.assert_array_equal(mel, wanted["mel"])
    for got, value in zip(good["frames"], wanted["frames"], strict=True):
        np.testing.assert_array_equal(np.float32(got.as_py()).reshape(1, 2, -1), value)
    said = table.schema.metadata
    assert json.loads(said[b"ser_toolkit.recipe"]) == {"sr": 16000}
    assert said[b"ser_toolkit.version"] == b"1.2"
    assert json.loads(said[b"ser_toolkit.licenses"]) == {"thing": "free for <b>research</b>"}
    assert json.loads(said[b"ser_toolkit.features"])["mel"]["axes"] == ["channel", "mel", "frame"]


def test_npz_is_read_without_pickle(tmp_path):
    specs = {"gemaps": VECTOR, "file": IMAGE, "frames": VARIES}
    blocks = write(tmp_path / "t.npz", specs)
    with np.load(tmp_path / "t.npz", allow_pickle=False) as found:
        assert found["file"].tolist() == [HOSTILE, "bad.wav", "c.wav"]
        assert found["status"].tolist() == ["ok", "failed", "ok"]
        assert found["reason"].tolist() == ["", "undecodable", ""]
        assert found["notes"].tolist() == ["clipped; short", "", "clipped; short"]
        assert found["emotion"].tolist() == ["anger", "", ""]
        np.testing.assert_array_equal(found["arousal"], [0.25, np.nan, np.nan])
        np.testing.assert_array_equal(found["vote_a%2F..%2Fb"], [np.nan, np.nan, 2.0])
        np.testing.assert_array_equal(found["duration_s"], [4.5, np.nan, 4.5])
        assert found["index"].tolist() == [0, 0, 0, 2, 2, 2]
        assert found["start"].tolist() == [0.0, 0.75, 1.5, 0.0, 0.75, 1.5]
        assert found["end"].tolist() == [3.0, 3.75, 4.5, 3.0, 3.75, 4.5]
        assert found["gemaps"].dtype == np.float32
        wanted = {key: [v for block in blocks for v in block.features[key]] for key in specs}
        np.testing.assert_array_equal(found["gemaps"], wanted["gemaps"])
        np.testing.assert_array_equal(found["file_values"], wanted["file"])
        ends = found["frames_offsets"]
        for i, value in enumerate(wanted["frames"]):
            np.testing.assert_array_equal(found["frames"][ends[i] : ends[i + 1]].reshape(1, 2, -1), value)
        assert json.loads(str(found["names"]))["gemaps"] == list(VECTOR.names)
        assert json.loads(str(found["recipe"])) == {"sr": 16000}
        assert json.loads(str(found["metadata"]))["ser_toolkit.version"] == "1.2"
    assert [path.name for path in tmp_path.iterdir()] == ["t.npz"]


def test_csv_gives_every_float_back_and_runs_nothing(tmp_path):
    blocks = write(tmp_path / "t.csv", {"gemaps": VECTOR}, labels={"emotion": "+SUM(A1)"})
    with (tmp_path / "t.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header[-3:] == ["f0", "'=jitter()", "level"]
    assert rows[0][0] == f"'{HOSTILE}"
    assert rows[0][6:9] == ["'+SUM(A1)", "", ""]
    assert rows[3][:6] == ["bad.wav", "1.5", "", "failed", "undecodable", ""]
    assert rows[3][-3:] == [""] * 3
    del rows[3]
    wanted = [v for block in blocks for v in block.features["gemaps"]]
    np.testing.assert_array_equal(np.array([row[-3:] for row in rows], dtype=np.float32), wanted)
    said = json.loads(twin_of(tmp_path / "t.csv").read_text())
    assert said["ser_toolkit.recipe"] == {"sr": 16000}
    assert said["ser_toolkit.version"] == "1.2"


def test_csv_takes_vectors_only(tmp_path):
    with pytest.raises(ConfigError, match=r"t\.csv: 'mel' has a shape.*write \.parquet or \.npz"):
        write(tmp_path / "t.csv", {"mel": IMAGE})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["parquet", "npz", "csv"])
def test_all_or_nothing(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    path.write_text("what was there")
    specs = {"gemaps": VECTOR}
    with pytest.raises(KeyboardInterrupt), open_features(path, layout(**specs), kind=kind_of(path)) as writer:
        writer.write(ok("a.wav"), iter([made(specs, 5)]))
        raise KeyboardInterrupt
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "what was there"


@pytest.mark.parametrize("suffix", ["parquet", "npz", "csv"])
def test_no_file_at_all_is_a_table_too(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    with open_features(path, layout(gemaps=VECTOR), kind=kind_of(path)):
        pass
    if suffix == "parquet":
        assert pyarrow.parquet.read_table(path).num_rows == 0
    elif suffix == "npz":
        with np.load(path) as found:
            assert found["gemaps"].shape == (0, 3)
            assert found["file"].shape == (0,)
    else:
        assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("suffix", ["parquet", "npz", "csv"])
def test_a_folder_that_is_not_there(tmp_path, suffix):
    path = tmp_path / "nowhere" / f"t.{suffix}"
    with (
        pytest.raises(OutputError, match="cannot be written"),
        open_features(path, layout(gemaps=VECTOR), kind=kind_of(path)),
    ):
        pass


def test_other_suffixes_are_refused(tmp_path):
    assert kind_of(tmp_path / "T.PARQUET") == "parquet"
    with pytest.raises(ConfigError, match=r"t\.txt: features are written as \.parquet, \.npz or \.csv"):
        kind_of(tmp_path / "t.txt")


@pytest.mark.parametrize("suffix", ["parquet", "npz"])
def test_memory_does_not_grow_with_the_files(tmp_path, suffix):
    """240 MB of values, a good deal more than what may be held."""
    path = tmp_path / f"t.{suffix}"
    big = FeatureSpec(shape=(1, 128, 376), axes=("channel", "mel", "frame"), unit="dB")
    block = made({"mel": big}, 5)
    with open_features(path, layout(mel=big), kind=kind_of(path)) as writer:
        for i in range(100):
            writer.write(ok(f"{i}.wav"), iter([block]))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for i in range(150):
            writer.write(ok(f"{i}.wav"), iter([block]))
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 40
    if suffix == "parquet":
        assert pyarrow.parquet.ParquetFile(path).num_row_groups > 5
    else:
        with np.load(path) as found:
            assert found["mel"].shape == (1250, 1, 128, 376)


@dataclass(frozen=True, kw_only=True)
class Named:
    name: ClassVar[str] = "named"
    version: ClassVar[int] = 1
    names: tuple[str, ...] = ("a", "b")

    def feature_names(self):
        return self.names


def test_names_of_values_never_clash():
    plain = FeatureSpec(shape=(2,), axes=("feature",), unit="")
    specs = {"x": plain, "y": plain, "mel": IMAGE}
    names = value_names({"x": Named(), "y": Named(names=("b", "file")), "mel": object()}, specs, taken=["a"])
    assert names == {"x": ("x_a", "x_b"), "y": ("y_b", "y_file"), "mel": ("mel",)}
    assert value_names({"x": object()}, {"x": plain}) == {"x": ("x_0", "x_1")}
    assert value_names({"x": Named(names=("only one",))}, {"x": plain}) == {"x": ("x_0", "x_1")}
    with pytest.raises(ConfigError, match="two values are called"):
        value_names({"x": Named(names=("a", "a"))}, {"x": plain})
