"""A split that is written is read back the same, and one that does not fit the data is refused."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from ser_toolkit.data.manifest import Utterance
from ser_toolkit.errors import OutputError, SplitError
from ser_toolkit.training.config import SplitConfig
from ser_toolkit.training.protocols import folds_of
from ser_toolkit.training.split_file import read_split, write_split


def make(n=6, corpora=("x",), **fields):
    return [
        Utterance(
            file=Path(f"/{corpus}/s{s}-{label}.wav"),
            key=f"s{s}-{label}.wav",
            speaker=f"{corpus}-s{s}",
            gender="female" if s % 2 else "male",
            emotion=label,
            corpus=corpus,
            **fields,
        )
        for corpus in corpora
        for s in range(n)
        for label in ("anger", "neutral")
    ]


@pytest.fixture
def written(tmp_path):
    utterances = make()
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-pair-out"), seed=0)
    write_split(tmp_path / "split.csv", utterances, folds)
    return utterances, folds, tmp_path / "split.csv"


def edit(path, change):
    rows = list(csv.DictReader(path.open(newline="")))
    rows = [row for row in map(change, rows) if row]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_read_back_the_same(written):
    utterances, folds, path = written
    again = read_split(path, utterances)
    assert again.digest == folds.digest
    assert again.protocol == folds.protocol
    assert again.folds == folds.folds
    header = path.read_text().splitlines()[0]
    assert header.startswith("corpus,file,start,end,speaker,emotion,protocol,seed,fold 1: x-s0 + x-s1,")


def test_seed_and_any_order_of_rows(tmp_path):
    utterances = make()
    folds = folds_of(utterances, SplitConfig(protocol="grouped-k-fold", folds=3), seed=7)
    write_split(tmp_path / "s.csv", utterances, folds)
    lines = (tmp_path / "s.csv").read_text().splitlines()
    (tmp_path / "s.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    again = folds_of(utterances[::-1], SplitConfig(file=str(tmp_path / "s.csv")), seed=0)
    assert again.seed == 7
    assert again.digest == folds.digest


def test_columns_of_one_name_stay_two_folds(written):
    utterances, folds, path = written
    header, rest = path.read_text().split("\n", 1)
    fixed = header.split(",")[:8]
    path.write_text(",".join([*fixed, "fold 1: same", "fold 2: same", "fold 3: "]) + "\n" + rest)
    again = read_split(path, utterances)
    assert [fold.name for fold in again.folds] == ["same (1)", "same (2)", "fold 3"]
    assert again.digest == folds.digest
    write_split(path, utterances, again)
    assert [fold.name for fold in read_split(path, utterances).folds] == ["same (1)", "same (2)", "fold 3"]


def test_hash_changes_with_the_parts(written):
    utterances, folds, path = written
    swap = {"dev": "test", "test": "dev"}
    edit(path, lambda row: {k: swap.get(v, v) if k.startswith("fold 1") else v for k, v in row.items()})
    assert read_split(path, utterances).digest != folds.digest


def test_segments_hostile_names_and_equal_names_in_two_corpora(tmp_path):
    utterances = make(corpora=("x", "y"), start_s=0.1, end_s=1.25)
    utterances = [replace(u, speaker=f"={u.speaker},\n") for u in utterances]
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-corpus-out"), seed=0)
    write_split(tmp_path / "s.csv", utterances, folds)
    assert "\n=" not in (tmp_path / "s.csv").read_text()
    assert read_split(tmp_path / "s.csv", utterances).digest == folds.digest


def test_a_renamed_corpus_is_found(written):
    utterances, folds, path = written
    assert read_split(path, [replace(u, corpus="other") for u in utterances]).digest == folds.digest


def test_names_that_are_not_utf8(tmp_path):
    utterances = [replace(u, key=f"\udce9{u.key}") for u in make()]
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-pair-out"), seed=0)
    write_split(tmp_path / "s.csv", utterances, folds)
    assert read_split(tmp_path / "s.csv", utterances).folds == folds.folds


def test_a_row_may_be_unused_and_words_may_differ(written):
    utterances, _, path = written
    words = {"dev": "Validation", "train": "training"}

    def change(row):
        first = next(k for k in row if k.startswith("fold 1"))
        row = {**row, first: words.get(row[first], row[first])}
        return {**row, first: ""} if row["file"] == "s5-anger.wav" else row

    edit(path, change)
    fold = read_split(path, utterances).folds[0]
    assert fold.parts[-2] is None
    assert sum(fold.split.counts().values()) == len(utterances) - 1


def test_rows_about_others_are_told(written):
    utterances, _, path = written
    assert not read_split(path, utterances).warnings
    kept = [u for u in utterances if u.key != "s0-anger.wav"]
    assert any("1 rows" in w for w in read_split(path, kept).warnings)


def test_a_file_of_other_tools_needs_only_file_and_parts(tmp_path):
    utterances = make()
    side = {"x-s4": "dev", "x-s5": "test"}
    lines = ["file,part", *(f"{u.key},{side.get(u.speaker, 'train')}" for u in utterances)]
    (tmp_path / "s.csv").write_text("\n".join(lines))
    folds = read_split(tmp_path / "s.csv", utterances)
    assert folds.protocol == "split file s.csv, 1 folds, speaker-independent"
    assert folds.folds[0].name == "part"


def test_overlap_is_refused_or_said(written):
    utterances, _, path = written
    edit(
        path,
        lambda row: {**row, next(k for k in row if k.startswith("fold 1")): "dev"} if "s0-a" in row["file"] else row,
    )
    with pytest.raises(SplitError, match=r"1 speakers stand on several sides .*x-s0"):
        read_split(path, utterances)
    allowed = read_split(path, utterances, allow_speaker_overlap=True)
    assert allowed.protocol.startswith("SPEAKER-DEPENDENT (scores are inflated): leave-one-pair-out")
    assert "speaker-independent" not in allowed.protocol


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda row: None if row["file"] == "s0-anger.wav" else row, r"lacks 1 of 12 utterances: s0-anger.wav"),
        (lambda row: {**row, "speaker": "x-s0"}, "has speaker 'x-s0'.*made for other data"),
        (lambda row: {**row, "emotion": "joy"}, "has emotion 'joy'"),
        (lambda row: {k: "holdout" if k.startswith("fold 1") else v for k, v in row.items()}, "'holdout' is none of"),
        (lambda row: {**row, "start": "soon"}, "'soon' is no time"),
        (lambda row: {**row, "file": "s0-anger.wav"}, "listed twice"),
        (lambda row: {**row, "seed": row["file"]}, "rows disagree"),
        (lambda row: {k: v for k, v in row.items() if k != "file"}, "no split file"),
        (lambda row: {k: "train" if k.startswith("fold") else v for k, v in row.items()}, "leaves nothing for dev"),
    ],
)
def test_what_does_not_fit_is_refused(written, change, said):
    utterances, _, path = written
    edit(path, change)
    with pytest.raises(SplitError, match=said):
        read_split(path, utterances)


def test_one_row_for_files_of_two_corpora_is_not_enough(tmp_path):
    (tmp_path / "s.csv").write_text("file,part\n" + "".join(f"{u.key},train\n" for u in make()))
    with pytest.raises(SplitError, match="add the column corpus"):
        read_split(tmp_path / "s.csv", make(corpora=("x", "y")))


def test_unreadable_files(tmp_path):
    with pytest.raises(SplitError, match="cannot be read"):
        read_split(tmp_path / "none.csv", make())
    for content, said in ((b"\xff\xfe", "no split file"), (b"", "no split file"), (b"file,a,a\n", "more than once")):
        (tmp_path / "s.csv").write_bytes(content)
        with pytest.raises(SplitError, match=said):
            read_split(tmp_path / "s.csv", make())
    (tmp_path / "s.csv").write_text("file,a\nx\n")
    with pytest.raises(SplitError, match="row 2: 1 cells"):
        read_split(tmp_path / "s.csv", make())


def test_no_folder_to_write_into(tmp_path, written):
    utterances, folds, _ = written
    with pytest.raises(OutputError, match="cannot be written"):
        write_split(tmp_path / "none" / "s.csv", utterances, folds)
