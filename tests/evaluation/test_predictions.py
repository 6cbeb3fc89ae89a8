"""The table of predictions: it survives its file exactly, and a file that anybody wrote is refused in one line."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evaluation.made import certain, random_predictions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser_toolkit.errors import ModelError, OutputError
from ser_toolkit.evaluation.predictions import Item, Predictions, concatenate

KEY = b"ser_toolkit.predictions"

TABLE = Predictions(
    labels=("anger", "joy"),
    protocol="leave-one-speaker-out",
    items=(
        Item(file="a.wav", emotion="anger", speaker="s1", temperature=2.0, thresholds=(0.5, 1.0), seed=3),
        Item(file="b.wav", emotion="joy", start_s=0.0, end_s=1.5, fold="fold 1", thresholds=(0.0, 0.25)),
        Item(file="c.wav", emotion="joy", thresholds=(0.5, 0.5)),
    ),
    owner=np.array([0, 0, 1]),
    logits=np.array([[2.0, 0.0], [0.0, 2.0], [-1e200, 1e-300]]),
    alpha=0.1,
    notes=("one", "two"),
)


def same(a: Predictions, b: Predictions) -> bool:
    return (
        all(getattr(a, name) == getattr(b, name) for name in ("labels", "protocol", "items", "alpha", "notes"))
        and np.array_equal(a.owner, b.owner)
        and np.array_equal(a.logits, b.logits)
        and (b.owner.dtype, b.logits.dtype) == (np.int64, np.float64)
    )


def test_file_and_back(tmp_path):
    TABLE.save(tmp_path / "p.parquet")
    assert same(TABLE, Predictions.load(tmp_path / "p.parquet"))
    nothing = TABLE.select(np.zeros(3, dtype=bool))
    nothing.save(tmp_path / "p.parquet")  # replaces it
    assert same(nothing, Predictions.load(tmp_path / "p.parquet"))
    with pytest.raises(OutputError):
        TABLE.save(tmp_path / "nowhere" / "p.parquet")


words = st.text(max_size=8)
seconds = st.none() | st.floats(0, 1e9)
items = st.builds(
    Item,
    file=st.text(st.characters(exclude_categories=()), max_size=8),  # names of files need not be valid Unicode
    emotion=st.sampled_from(["x", "\n[red]"]),
    start_s=seconds,
    end_s=seconds,
    speaker=st.none() | st.text(min_size=1, max_size=5),
    fold=words,
    seed=st.integers(-(2**63), 2**63 - 1),
    temperature=st.floats(1e-3, 1e3),
    thresholds=st.just(()) | st.tuples(st.floats(0, 1), st.floats(0, 1)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    items=st.lists(items, max_size=5),
    windows=st.lists(st.integers(0, 3), min_size=5, max_size=5),
    value=st.floats(-1e300, 1e300),
    alpha=st.none() | st.floats(0.001, 0.999),
    notes=st.lists(words, max_size=2),
)
def test_any_table_survives_its_file(items, windows, value, alpha, notes, tmp_path):
    owner = np.repeat(np.arange(len(items)), windows[: len(items)])
    table = Predictions(
        labels=("x", "\n[red]"),
        protocol="p",
        items=tuple(items),
        owner=owner,
        logits=np.full((len(owner), 2), value),
        alpha=alpha,
        notes=tuple(notes),
    )
    table.save(tmp_path / "p.parquet")
    again = Predictions.load(tmp_path / "p.parquet")
    assert same(table, again)
    mean, has = again.utterances()
    assert has.tolist() == [n > 0 for n in windows[: len(items)]]
    assert np.isfinite(mean[has]).all()


def test_probabilities_and_labels():
    assert TABLE.seeds == (0, 3)
    assert TABLE.truth.tolist() == [0, 1, 1]
    assert TABLE.predicted().tolist() == [0, 1, -1]
    one = 1 / (1 + np.exp(-1.0))  # two logits apart, temperature 2
    np.testing.assert_allclose(TABLE.windows()[:2], [[one, 1 - one], [1 - one, one]])
    assert TABLE.windows(calibrated=False)[0, 0] == pytest.approx(1 / (1 + np.exp(-2.0)))
    mean, has = TABLE.utterances()
    np.testing.assert_allclose(mean[:2], [[0.5, 0.5], [0.0, 1.0]])
    assert has.tolist() == [True, True, False]
    assert np.isnan(mean[2]).all()


def test_sets_are_never_empty_and_full_without_a_window():
    # 1 - p is 0.5 for both labels of the first; the second names joy, above its threshold or not
    assert TABLE.sets().tolist() == [[True, True], [False, True], [True, True]]
    strict = replace(TABLE, items=tuple(replace(i, thresholds=(0.0, 0.0)) for i in TABLE.items))
    assert strict.sets().tolist() == [[True, False], [False, True], [True, True]]
    assert replace(TABLE, alpha=None).sets() is None
    assert TABLE.select(np.zeros(3, dtype=bool)).sets() is None
    assert replace(TABLE, items=(*TABLE.items[:2], replace(TABLE.items[2], thresholds=()))).sets() is None


@settings(max_examples=40, deadline=None)
@given(wanted=st.lists(st.booleans(), min_size=30, max_size=30))
def test_selected_utterances_keep_their_windows(wanted):
    table = random_predictions(n=30, without=4)
    chosen = table.select(np.array(wanted))
    assert chosen.items == tuple(item for item, keep in zip(table.items, wanted, strict=True) if keep)
    mean, _ = table.utterances()
    np.testing.assert_array_equal(chosen.utterances()[0], mean[np.array(wanted)])
    assert len(chosen.owner) == sum(wanted[o] for o in table.owner)


def test_tables_are_joined():
    a, b = random_predictions(n=10, seeds=(0,)), random_predictions(n=10, seeds=(1,), without=2)
    b = replace(b, notes=("same", "b"), protocol="another")
    both = concatenate([replace(a, notes=("same", "a")), b])
    assert (len(both.items), both.seeds, both.protocol) == (20, (0, 1), a.protocol)
    assert both.notes == ("same", "a", "b")
    second = np.array([item.seed == 1 for item in both.items])
    assert same(replace(both.select(second), notes=b.notes, protocol=b.protocol), b)
    np.testing.assert_array_equal(both.utterances()[0], np.concatenate([a.utterances()[0], b.utterances()[0]]))
    with pytest.raises(ModelError, match="different labels"):
        concatenate([a, certain([("s", "x", "x")], labels=("x", "y"))])
    with pytest.raises(ModelError, match="different labels"):
        concatenate([])


def write(path, *, about=None, raw=None, columns=None):
    """The table with other metadata, or other columns."""
    TABLE.save(path)
    table = pq.read_table(path)
    if columns is not None:
        old = {name: table[name] for name in table.column_names}
        table = pa.table({k: v for k, v in {**old, **columns}.items() if v is not None}).replace_schema_metadata(
            table.schema.metadata
        )
    if about is not None:
        raw = json.dumps({**json.loads(table.schema.metadata[KEY]), **about}).encode()
    if raw is not None:
        table = table.replace_schema_metadata({KEY: raw})
    pq.write_table(table, path)
    return path


def item(**changes):
    """Metadata whose second item is another."""
    rows = [
        {"file": "a", "emotion": "anger"},
        {"file": "b", "emotion": "joy", **changes},
        {"file": "c", "emotion": "joy"},
    ]
    return {"items": rows}


METADATA = {
    "format 2": ({"format": 2}, "format: Input should be 1"),
    "format in words": ({"format": "1"}, "format"),
    "integer protocol": ({"protocol": 3}, "protocol: Input should be a valid string"),
    "no labels": ({"labels": []}, "labels"),
    "the same label twice": ({"labels": ["joy", "joy"]}, "labels repeat"),
    "an empty label": ({"labels": ["", "joy"]}, "labels.0"),
    "labels that are a word": ({"labels": "ab"}, "labels"),
    "three labels for two columns": ({"labels": ["anger", "joy", "fear"], **item()}, "its columns are"),
    "one label for two columns": ({"labels": ["joy"], "items": item()["items"][1:2] * 3}, "its columns are"),
    "two thousand labels": ({"labels": [str(i) for i in range(2000)]}, "labels"),
    "alpha of zero": ({"alpha": 0}, "alpha"),
    "alpha of one": ({"alpha": 1}, "alpha"),
    "alpha in words": ({"alpha": "0.1"}, "alpha"),
    "notes of numbers": ({"notes": [1]}, "notes.0"),
    "unknown key": ({"code": "import os"}, "code"),
    "items that are a mapping": ({"items": {"0": {}}}, "items"),
    "an item that is a number": ({"items": [1, 2, 3]}, "items.0"),
    "too few items": ({"items": item()["items"][:1]}, "items 0 to 1, but there are 1 items"),
    "no items": ({"items": []}, "there are 0 items"),
    "unknown key of an item": (item(code="import os"), "items.1.code"),
    "no file": ({"items": [{"emotion": "joy"}]}, "items.0.file"),
    "a file that is a list": (item(file=["a"]), "items.1.file"),
    "an emotion that is no label": (item(emotion="fear"), "emotion of items.1 is 'fear', which is none of the labels"),
    "an emotion that is a number": (item(emotion=1), "items.1.emotion"),
    "temperature x": (item(temperature="x"), "items.1.temperature"),
    "temperature in words": (item(temperature="1"), "items.1.temperature"),
    "temperature of zero": (item(temperature=0), "items.1.temperature"),
    "a negative temperature": (item(temperature=-1.0), "items.1.temperature"),
    "temperature true": (item(temperature=True), "items.1.temperature"),
    "temperature null": (item(temperature=None), "items.1.temperature"),
    "a temperature that overflows": (item(temperature=1e-320), "items.1.temperature"),
    "three thresholds": (item(thresholds=[0.5] * 3), "items.1 has 3 thresholds for 2 labels"),
    "one threshold": (item(thresholds=[0.5]), "items.1 has 1 thresholds for 2 labels"),
    "a threshold above one": (item(thresholds=[0.5, 1.5]), "items.1.thresholds.1"),
    "a threshold in words": (item(thresholds=[0.5, "1"]), "items.1.thresholds.1"),
    "thresholds that are a number": (item(thresholds=1), "items.1.thresholds"),
    "a seed that is a fraction": (item(seed=1.5), "items.1.seed"),
    "a seed in words": (item(seed="1"), "items.1.seed"),
    "a huge seed": (item(seed=10**30), "items.1.seed"),
    "a negative second": (item(start_s=-1), "items.1.start_s"),
    "seconds in words": (item(end_s="1"), "items.1.end_s"),
    "nested": ({"notes": eval("[" * 20 + "]" * 20)}, "nests deeper than 5 levels"),
}  # fmt: skip

RAW = {
    "nothing": (b"", "no JSON"),
    "no JSON": (b"<html>", "no JSON"),
    "no text": (b"\xff\xfe\xfd", "no JSON"),
    "a list": (b"[]", "valid dictionary"),
    "a number": (b"1", "valid dictionary"),
    "NaN": (b'{"alpha": NaN}', "NaN is not a JSON number"),
    "infinite": (b'{"format": 1, "labels": ["a"], "protocol": "", "alpha": 1e999, "notes": [], "items": []}', "alpha"),
    "deep": (b"[" * 100_000, "no JSON: RecursionError"),
    "half of it": (b'{"format": 1', "no JSON"),
}

COLUMNS = {
    "an owner that is out of range": ({"item": pa.array([0, 0, 3])}, "items 0 to 3, but there are 3 items"),
    "a huge owner": ({"item": pa.array([0, 0, 2**62])}, "but there are 3 items"),
    "a negative owner": ({"item": pa.array([-1, 0, 1])}, "items -1 to 1"),
    "owners in disorder": ({"item": pa.array([0, 2, 1])}, "not in the order"),
    "an owner that overflows": ({"item": pa.array([0, 0, 2**63], pa.uint64())}, "uint64"),
    "an owner that is a fraction": ({"item": pa.array([0.0, 0.5, 1.0])}, "double, double, double"),
    "no owner": ({"item": pa.array([0, None, 1])}, "no value in a column"),
    "no logit": ({"logit_1": pa.array([0.0, None, 1.0])}, "no value in a column"),
    "a logit that is not a number": ({"logit_0": pa.array([0.0, float("nan"), 1.0])}, "not a finite number"),
    "an infinite logit": ({"logit_0": pa.array([0.0, 1.0, float("-inf")])}, "not a finite number"),
    "a logit that overflows": ({"logit_0": pa.array([0.0, 1.0, 1e308])}, "not a finite number"),
    "logits in words": ({"logit_0": pa.array(["0", "1", "2"])}, "int64, string, double"),
    "lists for logits": ({"logit_0": pa.array([[0.0], [1.0], []])}, "list"),
    "a column less": ({"logit_1": None}, "its columns are"),
    "a column more": ({"logit_2": pa.array([0.0, 1.0, 2.0])}, "its columns are"),
}


def refusal(path) -> str:
    with pytest.raises(ModelError) as caught:
        Predictions.load(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: no predictions of ser-toolkit: ")
    assert not {unicodedata.category(c) for c in said} & {"Cc", "Cs", "Zl", "Zp"}, "one line, nothing that steers"
    assert len(said) < 2000
    return said


@pytest.mark.parametrize("case", METADATA)
def test_hostile_metadata(case, tmp_path):
    about, said = METADATA[case]
    assert said in refusal(write(tmp_path / "p.parquet", about=about))


@pytest.mark.parametrize("case", RAW)
def test_metadata_that_is_none(case, tmp_path):
    raw, said = RAW[case]
    assert said in refusal(write(tmp_path / "p.parquet", raw=raw))


@pytest.mark.parametrize("case", COLUMNS)
def test_hostile_columns(case, tmp_path):
    columns, said = COLUMNS[case]
    assert said in refusal(write(tmp_path / "p.parquet", columns=columns))


def test_other_files(tmp_path):
    pq.write_table(pa.table({"item": [0]}), tmp_path / "other.parquet")
    assert "its metadata has no 'ser_toolkit.predictions'" in refusal(tmp_path / "other.parquet")
    (tmp_path / "junk.parquet").write_bytes(b"PAR1" + bytes(40) + b"PAR1")
    refusal(tmp_path / "junk.parquet")
    (tmp_path / "empty.parquet").touch()
    refusal(tmp_path / "empty.parquet")
    assert "No such file" in refusal(tmp_path / "gone.parquet")
    assert "directory" in refusal(tmp_path)
    twice = pa.table([pa.array([0]), pa.array([0.0]), pa.array([0.0])], names=["item", "logit_0", "logit_0"])
    TABLE.save(tmp_path / "p.parquet")
    about = pq.read_schema(tmp_path / "p.parquet").metadata
    pq.write_table(twice.replace_schema_metadata(about), tmp_path / "twice.parquet")
    assert "its columns are" in refusal(tmp_path / "twice.parquet")


def test_too_large(tmp_path, monkeypatch):
    TABLE.save(tmp_path / "p.parquet")
    monkeypatch.setattr("ser_toolkit.evaluation.predictions_file._MAX_NUMBERS", 8)
    assert "it has 3 windows; no real one has over 2" in refusal(tmp_path / "p.parquet")
    monkeypatch.setattr("ser_toolkit.evaluation.predictions_file._MAX_CHARACTERS", 100)
    assert "no real one has over 100" in refusal(tmp_path / "p.parquet")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(["format", "labels", "protocol", "alpha", "notes", "items"]) | st.text(max_size=4),
    field=st.none() | st.sampled_from(["file", "emotion", "temperature", "thresholds", "seed", "start_s", "fold"]),
    value=json_values,
)
def test_any_metadata_is_read_or_refused_in_one_line(key, field, value, tmp_path):
    path = write(tmp_path / "p.parquet", about={key: value} if field is None else item(**{field: value}))
    try:
        found = Predictions.load(path)
    except ModelError:
        refusal(path)
        return
    mean, has = found.utterances()
    assert np.isfinite(mean[has]).all()
    assert len(found.predicted()) == len(found.truth) == 3
    found.sets()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_a_damaged_file_is_read_or_refused_in_one_line(flips, tmp_path):
    TABLE.save(tmp_path / "p.parquet")
    data = bytearray((tmp_path / "p.parquet").read_bytes())
    for where, change in flips:
        data[int(where * len(data))] ^= change
    (tmp_path / "p.parquet").write_bytes(data)
    try:
        found = Predictions.load(tmp_path / "p.parquet")
    except ModelError:
        refusal(tmp_path / "p.parquet")
        return
    found.utterances()
