"""Every protocol keeps every speaker on one side of every fold, tests everybody once, and says what it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_toolkit.data.manifest import Utterance, read_manifest
from ser_toolkit.data.manifest_writer import write_manifest
from ser_toolkit.errors import SplitError
from ser_toolkit.training.config import SplitConfig
from ser_toolkit.training.fold_names import distinct_names
from ser_toolkit.training.guard import check_split
from ser_toolkit.training.protocols import PROTOCOLS, folds_of
from ser_toolkit.training.speakers import Speakers
from ser_toolkit.training.split_file import write_split
from ser_toolkit_corpora import Tess

GROUPED = [p for p in PROTOCOLS if p not in ("hold-out", "split-column", "random")]


def utterance(speaker, label, i=0, *, corpus="x", gender=None, session=None, **fields):
    key = f"{speaker}-{label}-{i}.wav"
    return Utterance(
        file=Path(f"/{corpus}/{key}"),
        key=key,
        speaker=speaker,
        emotion=label,
        corpus=corpus,
        gender=gender,
        session=session,
        **fields,
    )


def make(n=10, labels=("anger", "neutral"), per=2, *, corpora=("x",), name="{corpus}-s{s:02d}", **fields):
    return [
        utterance(
            name.format(corpus=corpus, s=s),
            label,
            i,
            corpus=corpus,
            gender="female" if s % 2 else "male",
            session=f"Ses{(s - 1) // 2 + 1:02d}",
            **fields,
        )
        for corpus in corpora
        for s in range(1, n + 1)
        for label in labels
        for i in range(per)
    ]


def data_for(protocol):
    if protocol.startswith("ravdess"):
        return make(24, name="ravdess-{s:02d}")
    return make(corpora=("x", "y") if protocol == "leave-one-corpus-out" else ("x",))


def speakers(utterances, fold, part):
    return {u.speaker for u, p in zip(utterances, fold.parts, strict=True) if p == part}


def check(utterances, folds):
    for fold in folds.folds:
        sides = [speakers(utterances, fold, part) for part in ("train", "dev", "test")]
        assert all(sides)
        assert sum(map(len, sides)) == len(set.union(*sides))
        labels = {u.emotion for u, p in zip(utterances, fold.parts, strict=True) if p == "train"}
        assert labels == {u.emotion for u in utterances}
    tested = Counter(i for fold in folds.folds for i in fold.split.indices("test"))
    assert tested == dict.fromkeys(range(len(utterances)), 1)


@pytest.mark.parametrize("protocol", GROUPED)
def test_speakers_are_disjoint_and_everybody_is_tested_once(protocol):
    utterances = data_for(protocol)
    folds = folds_of(utterances, SplitConfig(protocol=protocol), seed=0)
    check(utterances, folds)
    assert folds.protocol.startswith(f"{protocol}, {len(folds.folds)} folds")
    assert folds.protocol.endswith("speaker-independent")
    assert all(fold.split.protocol.startswith(folds.protocol) for fold in folds.folds)
    again = folds_of(utterances, SplitConfig(protocol=protocol), seed=0)
    assert again.folds == folds.folds
    assert again.digest == folds.digest


def test_emodb_gives_five_folds_of_a_man_and_a_woman(corpora):
    utterances = read_manifest([corpora / "emodb"]).utterances
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-pair-out"), seed=0)
    check(utterances, folds)
    assert folds.protocol == (
        "leave-one-pair-out, 5 folds (1 male + 1 female test speaker each), 6 train / 2 dev / 2 test speakers, "
        "speaker-independent"
    )
    assert folds.folds[0].name == "emodb-03 + emodb-08"
    assert folds.seed is None
    gender = {u.speaker: u.gender for u in utterances}
    for i, fold in enumerate(folds.folds):
        for part in ("dev", "test"):
            assert sorted(gender[s] for s in speakers(utterances, fold, part)) == ["female", "male"]
        following = folds.folds[(i + 1) % 5]
        assert speakers(utterances, fold, "dev") == speakers(utterances, following, "test")


@pytest.mark.parametrize(
    ("protocol", "n"), [("leave-one-speaker-out", 10), ("grouped-k-fold", 5), ("leave-one-pair-out", 5)]
)
def test_real_emodb(corpora, protocol, n):
    utterances = read_manifest([corpora / "emodb"]).utterances
    folds = folds_of(utterances, SplitConfig(protocol=protocol), seed=1)
    check(utterances, folds)
    assert len(folds.folds) == n
    assert any("text-dependent" in w for w in folds.warnings)


@pytest.mark.parametrize(("protocol", "first"), [("ravdess-5", {2, 5, 14, 15, 16}), ("ravdess-6", {1, 11, 20, 21})])
def test_published_ravdess_lists(corpora, protocol, first):
    utterances = read_manifest([corpora / "ravdess"]).utterances
    folds = folds_of(utterances, SplitConfig(protocol=protocol), seed=0)
    check(utterances, folds)
    assert len(folds.folds) == int(protocol[-1])
    assert {int(s[-2:]) for s in speakers(utterances, folds.folds[0], "test")} == first


@pytest.mark.parametrize("protocol", ["iemocap-sessions", "leave-one-session-out", "leave-one-pair-out"])
def test_iemocap_sessions_are_the_folds(protocol):
    utterances = [
        replace(u, speaker=f"{u.session}{(u.gender or '?')[0].upper()}") for u in make(10, name="s{s}", corpora=("x",))
    ]
    folds = folds_of(utterances, SplitConfig(protocol=protocol), seed=0)
    check(utterances, folds)
    assert len(folds.folds) == 5
    for i, fold in enumerate(folds.folds, 1):
        assert speakers(utterances, fold, "test") == {f"Ses{i:02d}F", f"Ses{i:02d}M"}
        assert len(speakers(utterances, fold, "dev")) == 2


def test_a_surplus_speaker_is_tested_alone_and_named():
    utterances = [*make(4), *(utterance("x-s99", label, gender="f", session="Ses03") for label in ("anger", "neutral"))]
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-pair-out"), seed=0)
    check(utterances, folds)
    assert [fold.name for fold in folds.folds] == ["x-s01 + x-s02", "x-s03 + x-s04", "x-s99"]
    assert any("tested alone" in w and "x-s99" in w for w in folds.warnings)
    assert "1 alone" in folds.protocol


def test_a_class_that_a_fold_cannot_test_is_named_with_the_fold():
    utterances = [
        u for u in make(labels=("anger", "fear", "neutral")) if not (u.speaker == "x-s03" and u.emotion == "fear")
    ]
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-speaker-out"), seed=0)
    assert any(w.startswith("1 of 10 folds (x-s03): test has no example of fear") for w in folds.warnings)


def test_a_class_that_a_fold_cannot_train_is_an_error():
    utterances = [*make(), *(utterance("x-s03", "fear", i, gender="female") for i in range(3))]
    with pytest.raises(SplitError, match=r"fold x-s03: .* fear.*--emotions"):
        folds_of(utterances, SplitConfig(protocol="leave-one-speaker-out"), seed=0)


def test_the_next_pair_is_passed_over_if_training_would_lose_a_class():
    utterances = [*make(), *(utterance(s, "fear", gender="female") for s in ("x-s03", "x-s07"))]
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-pair-out"), seed=0)
    check_names = {f.name: speakers(utterances, f, "dev") for f in folds.folds}
    assert check_names["x-s03 + x-s04"] == {"x-s05", "x-s06"}
    assert not check_names["x-s03 + x-s04"] & {"x-s07"}
    check(utterances, folds)


def test_grouped_k_fold_balances_gender():
    utterances = make(12)
    folds = folds_of(utterances, SplitConfig(protocol="grouped-k-fold", folds=4), seed=3)
    check(utterances, folds)
    sizes = [len(speakers(utterances, f, "test")) for f in folds.folds]
    assert sizes == [3, 3, 3, 3]
    women = [len([s for s in speakers(utterances, f, "test") if int(s[-2:]) % 2]) for f in folds.folds]
    assert set(women) <= {1, 2}
    assert "seed 3" in folds.protocol
    assert folds_of(utterances, SplitConfig(protocol="grouped-k-fold", folds=4), seed=4).digest != folds.digest


def test_genders_in_any_case_are_one():
    utterances = make(4)
    table = Speakers.of(
        [replace(u, gender=[u.gender.title(), f" {u.gender.upper()}"][i % 2]) for i, u in enumerate(utterances)]
    )
    assert table.gender == Speakers.of(utterances).gender
    assert np.array_equal(table.genders, Speakers.of(utterances).genders)


def test_two_speakers_develop_on_recordings_of_the_one_who_trains():
    utterances = make(2, per=10)
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-speaker-out", dev=0.2), seed=3)
    assert folds.protocol == (
        "leave-one-speaker-out, 2 folds, 1 train / 1 test speakers, development recordings of the training speaker, "
        "seed 3, speaker-independent"
    )
    assert any("development scores are optimistic" in w for w in folds.warnings)
    for fold, tested in zip(folds.folds, ("x-s01", "x-s02"), strict=True):
        assert fold.name == tested
        assert speakers(utterances, fold, "test") == {tested}
        assert tested not in speakers(utterances, fold, "train") | speakers(utterances, fold, "dev")
        dev = [utterances[i].emotion for i in fold.split.indices("dev")]
        assert Counter(dev) == {"anger": 2, "neutral": 2}
        check_split(utterances, fold.split, recordings=list(range(1, len(utterances) + 1)))
    assert folds_of(utterances, SplitConfig(protocol="leave-one-speaker-out"), seed=4).digest != folds.digest


@pytest.mark.parametrize("moved", ["test", "train"])
def test_the_tested_speaker_is_never_on_another_side(moved):
    utterances = [*make(2, per=10), *make(1, per=1, name="x-new")]
    folds = folds_of(utterances[:-2], SplitConfig(protocol="leave-one-speaker-out"), seed=0)
    parts = [*folds.folds[0].parts, "test", "test"]
    # a trained recording is tested; or a second speaker trains, so that nobody has to be shared
    parts[parts.index("train") if moved == "test" else -1] = moved
    split = replace(folds.folds[0].split, parts=tuple(parts))
    with pytest.raises(SplitError, match="speakers stand on several sides"):
        check_split(utterances, split, recordings=list(range(1, len(utterances) + 1)))


def test_tess_trains_on_one_speaker_and_tests_on_the_other(tmp_path):
    for speaker in ("OAF", "YAF"):
        for emotion in ("angry", "disgust", "Fear", "happy", "neutral", "ps", "sad"):
            folder = tmp_path / "tess" / f"{speaker}_{emotion}"
            folder.mkdir(parents=True)
            for word in ("back", "bar", "base", "bath", "bean"):
                (folder / f"{speaker}_{word}_{emotion.lower()}.wav").write_bytes(b"RIFF")
    write_manifest(tmp_path / "tess.csv", Tess().utterances(tmp_path / "tess"))
    utterances = read_manifest([tmp_path / "tess.csv"]).utterances
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-speaker-out"), seed=0)
    assert [fold.name for fold in folds.folds] == ["tess-OAF", "tess-YAF"]
    assert [fold.split.counts() for fold in folds.folds] == [{"train": 28, "dev": 7, "test": 35}] * 2
    tested = Counter(i for fold in folds.folds for i in fold.split.indices("test"))
    assert tested == dict.fromkeys(range(70), 1)
    write_split(tmp_path / "split.csv", utterances, folds)
    again = folds_of(utterances, SplitConfig(file=str(tmp_path / "split.csv")), seed=0)
    assert (again.digest, again.protocol) == (folds.digest, folds.protocol)


def test_two_manifests_of_one_folder_are_two_corpora(tmp_path):
    for name in ("aa", "bb"):
        rows = [replace(u, file=tmp_path / name / u.key) for u in make(3, corpora=(name,), name="s{s}")]
        write_manifest(tmp_path / f"{name}.csv", rows)
        for u in rows:
            u.file.parent.mkdir(exist_ok=True)
            u.file.touch()
    utterances = read_manifest([tmp_path / "aa.csv", tmp_path / "bb.csv"]).utterances
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-corpus-out"), seed=0)
    assert [fold.name for fold in folds.folds] == ["aa", "bb"]
    check(utterances, folds)


def test_names_of_folds_that_repeat_are_numbered():
    assert distinct_names(["a", "b", "a", "a (1)"]) == ["a (2)", "b", "a (3)", "a (1)"]


def test_hold_out_and_column_are_single_folds():
    utterances = make()
    once = folds_of(utterances, SplitConfig(), seed=0)
    assert [f.name for f in once.folds] == ["hold-out"]
    with pytest.raises(SplitError, match="no column split"):
        folds_of(utterances, SplitConfig(protocol="split-column"), seed=0)
    part = {f"x-s{s:02d}": ["train", "dev", "test"][max(0, s - 8)] for s in range(1, 11)}
    column = [replace(u, split=part[u.speaker]) for u in utterances]
    assert folds_of(column, SplitConfig(protocol="split-column"), seed=0).folds[0].name == "split column"
    other = folds_of(column, SplitConfig(protocol="leave-one-pair-out"), seed=0)
    assert "the split column of the manifest is not used" in other.warnings


def test_random_has_to_be_asked_for_and_says_so():
    utterances = make(4, per=5)
    with pytest.raises(SplitError, match=r"inflates scores.*--allow-speaker-overlap"):
        folds_of(utterances, SplitConfig(protocol="random"), seed=0)
    folds = folds_of(utterances, SplitConfig(protocol="random", allow_speaker_overlap=True), seed=0)
    assert "SPEAKER-DEPENDENT" in folds.protocol
    tested = Counter(i for fold in folds.folds for i in fold.split.indices("test"))
    assert tested == dict.fromkeys(range(len(utterances)), 1)
    assert {len(fold.split.indices("test")) for fold in folds.folds} == {8}


@pytest.mark.parametrize(
    ("protocol", "utterances", "said"),
    [
        ("leave-one-par-out", make(), "leave-one-pair-out"),
        ("grouped-k-fold", [], "no utterances"),
        ("grouped-k-fold", make(3), "at least 5 speakers"),
        ("leave-one-speaker-out", make(1), "fold x-s01: 0 speakers are left"),
        ("leave-one-speaker-out", make(2, per=1), "fold x-s01 leaves nothing for dev"),
        ("grouped-k-fold", make(2), "there are 2. Take leave-one-speaker-out"),
        ("leave-one-speaker-out", [replace(u, speaker=None) for u in make()], "--speaker-pattern"),
        ("leave-one-pair-out", [replace(u, gender=None) for u in make()], "gender of every speaker"),
        ("leave-one-pair-out", make(4), "three folds"),
        ("leave-one-session-out", [replace(u, session=None) for u in make()], "column session"),
        ("leave-one-session-out", make(4), "three sessions"),
        ("leave-one-corpus-out", make(), "two or more corpora"),
        ("iemocap-sessions", make(8), "is for IEMOCAP"),
        ("ravdess-5", make(), "is for RAVDESS"),
    ],
)
def test_what_cannot_be_had_is_refused(protocol, utterances, said):
    with pytest.raises(SplitError, match=said):
        folds_of(utterances, SplitConfig(protocol=protocol), seed=0)


def test_a_speaker_in_two_corpora_is_refused():
    utterances = make(corpora=("x", "y"))
    utterances[-1] = replace(utterances[-1], speaker="x-s01")
    with pytest.raises(SplitError, match=r"more than one corpus \(the first: x-s01, 'x' and 'y'\)"):
        folds_of(utterances, SplitConfig(protocol="leave-one-corpus-out"), seed=0)
    check(utterances, folds_of(utterances, SplitConfig(protocol="leave-one-speaker-out"), seed=0))


@pytest.mark.parametrize(
    ("field", "value", "protocol"),
    [("session", "Ses05", "leave-one-session-out"), ("gender", "m", "leave-one-pair-out")],
)
def test_a_speaker_of_two_sessions_or_genders_is_refused(field, value, protocol):
    utterances = make()
    utterances[0] = replace(utterances[0], **{field: value})
    with pytest.raises(SplitError, match=f"more than one {field}"):
        folds_of(utterances, SplitConfig(protocol=protocol), seed=0)


def test_sessions_of_two_corpora_are_not_one():
    utterances = make(6, corpora=("x", "y"))
    folds = folds_of(utterances, SplitConfig(protocol="leave-one-session-out"), seed=0)
    assert len(folds.folds) == 6
    check(utterances, folds)


def test_one_fold_by_number():
    folds = folds_of(make(), SplitConfig(protocol="leave-one-pair-out"), seed=0)
    assert folds.fold(2) is folds.folds[1]
    with pytest.raises(SplitError, match=r"split.fold = 6, but leave-one-pair-out gives 5 folds"):
        folds.fold(6)


def test_digest_is_of_the_division_not_of_the_order_or_the_place():
    utterances = make()
    config = SplitConfig(protocol="leave-one-pair-out")
    digest = folds_of(utterances, config, seed=0).digest
    assert folds_of(utterances[::-1], config, seed=0).digest == digest
    moved = [replace(u, file=Path("/elsewhere") / u.key, corpus="renamed") for u in utterances]
    assert folds_of(moved, config, seed=0).digest == digest
    assert folds_of(utterances[:-1], config, seed=0).digest != digest
    swapped = [replace(u, emotion={"anger": "neutral", "neutral": "anger"}[u.emotion]) for u in utterances]
    assert folds_of(swapped, config, seed=0).digest != digest


ROWS = st.lists(
    st.tuples(
        st.sampled_from([f"s{i}" for i in range(7)]),
        st.sampled_from(["anger", "joy", "neutral"]),
        st.sampled_from(["female", "male"]),
        st.sampled_from(["1", "2", "3", None]),
        st.sampled_from(["x", "y"]),
    ),
    max_size=40,
)


@given(rows=ROWS, protocol=st.sampled_from([p for p in PROTOCOLS if p != "random"]), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_any_data_gives_disjoint_speakers_or_a_split_error(rows, protocol, seed):
    utterances = [
        utterance(s, label, i, gender=g, session=session, corpus=c) for i, (s, label, g, session, c) in enumerate(rows)
    ]
    try:
        folds = folds_of(utterances, SplitConfig(protocol=protocol, folds=3), seed=seed)
    except SplitError:
        return
    own = protocol == "leave-one-speaker-out" and len({u.speaker for u in utterances}) == 2
    for fold in folds.folds:
        for s in {u.speaker for u in utterances}:
            sides = {p for u, p in zip(utterances, fold.parts, strict=True) if u.speaker == s}
            assert len(sides) == 1 or (own and sides == {"train", "dev"} and s != fold.name)
    if protocol != "hold-out" and not own:
        check(utterances, folds)
