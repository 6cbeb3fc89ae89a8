"""Speakers stay on one side unless somebody says otherwise, and then the protocol says so too."""

from __future__ import annotations

from pathlib import Path

import pytest

from ser_toolkit.data.manifest import Utterance
from ser_toolkit.errors import SplitError
from ser_toolkit.training.config import SplitConfig
from ser_toolkit.training.splits import split


def corpus(n_speakers=10, labels=("anger", "neutral"), per=3, **fields):
    return [
        Utterance(
            file=Path(f"/x/{s}-{label}-{i}.wav"),
            key=f"{s}-{label}-{i}.wav",
            speaker=f"s{s:02d}",
            gender="female" if s % 2 else "male",
            emotion=label,
            corpus="x",
            **fields,
        )
        for s in range(n_speakers)
        for label in labels
        for i in range(per)
    ]


def sides(utterances, parts):
    result = {}
    for u, part in zip(utterances, parts, strict=True):
        result.setdefault(u.speaker, set()).add(part)
    return result


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [3, 4, 5, 10, 24])
def test_speakers_are_disjoint_and_nothing_is_lost(n, seed):
    utterances = corpus(n)
    result = split(utterances, SplitConfig(), seed=seed)
    assert all(len(p) == 1 for p in sides(utterances, result.parts).values())
    assert set(result.parts) == {"train", "dev", "test"}
    assert len(result.parts) == len(utterances)
    assert result.protocol.startswith("speaker-independent hold-out")
    assert f"seed {seed}" in result.protocol


def test_held_out_speakers_balance_gender():
    utterances = corpus(10)
    by_speaker = sides(utterances, split(utterances, SplitConfig(), seed=1).parts)
    for part in ("dev", "test"):
        speakers = [int(s[1:]) for s, p in by_speaker.items() if p == {part}]
        assert sorted(s % 2 for s in speakers) == [0, 1]


def test_same_seed_same_split():
    utterances = corpus(10)
    assert split(utterances, SplitConfig(), seed=3) == split(utterances, SplitConfig(), seed=3)
    assert split(utterances, SplitConfig(), seed=3) != split(utterances, SplitConfig(), seed=4)


def test_rare_class_stays_in_training():
    utterances = corpus(10)
    rare = [
        Utterance(file=Path(f"/x/r{i}.wav"), key=f"r{i}.wav", speaker=f"s{i:02d}", emotion="fear", corpus="x")
        for i in range(2)
    ]
    result = split(utterances + rare, SplitConfig(), seed=0)
    assert "train" in result.parts[-2:]
    assert any("fear" in w for w in result.warnings) or {"dev", "test"} <= set(result.parts[-2:])


@pytest.mark.parametrize(
    ("utterances", "config", "said"),
    [
        (corpus(1), SplitConfig(), r"at least 3 speakers, there is 1 \(s00\)"),
        (corpus(2), SplitConfig(), r"split.test=0"),
        (corpus(1), SplitConfig(test=0), r"at least 2 speakers"),
    ],
)
def test_too_few_speakers(utterances, config, said):
    with pytest.raises(SplitError, match=said):
        split(utterances, config, seed=0)


def test_two_speakers_without_a_test_part():
    result = split(corpus(2), SplitConfig(test=0), seed=0)
    assert set(result.parts) == {"train", "dev"}


def test_unknown_speakers_are_refused_with_the_ways_out():
    utterances = [
        Utterance(file=Path(f"/x/{i}"), key=f"{i}", speaker=None, emotion="ab"[i % 2], corpus="x") for i in range(20)
    ]
    with pytest.raises(SplitError, match=r"--speaker-pattern.*--allow-speaker-overlap"):
        split(utterances, SplitConfig(), seed=0)


def test_overlap_is_possible_and_said():
    utterances = corpus(2, per=20)
    result = split(utterances, SplitConfig(allow_speaker_overlap=True), seed=0)
    assert "SPEAKER-DEPENDENT" in result.protocol
    assert set(result.parts) == {"train", "dev", "test"}


def test_segments_of_one_file_stay_together_under_overlap():
    utterances = [
        Utterance(
            file=Path(f"/x/{i // 4}"),
            key=f"{i}",
            speaker="one",
            emotion="ab"[(i // 4) % 2],
            corpus="x",
            start_s=float(i % 4),
            end_s=float(i % 4 + 1),
        )
        for i in range(160)
    ]
    result = split(utterances, SplitConfig(allow_speaker_overlap=True), seed=0)
    by_file = {}
    for u, part in zip(utterances, result.parts, strict=True):
        by_file.setdefault(u.file, set()).add(part)
    assert all(len(p) == 1 for p in by_file.values())


def with_column(assign, n=6):
    from dataclasses import replace

    return [replace(u, split=assign(u)) for u in corpus(n)]


def test_split_column_decides():
    names = {0: "Train", 1: "training", 2: "train", 3: "train", 4: "validation", 5: "Test"}
    utterances = with_column(lambda u: names[int(u.speaker[1:])])
    result = split(utterances, SplitConfig(), seed=0)
    assert {p for u, p in zip(utterances, result.parts, strict=True) if u.speaker == "s04"} == {"dev"}
    assert "speaker-independent split column" in result.protocol


def test_split_column_with_shared_speakers_is_refused():
    utterances = with_column(lambda u: "dev" if u.key.endswith("-0.wav") else "train")
    with pytest.raises(SplitError, match="s00"):
        split(utterances, SplitConfig(), seed=0)
    allowed = split(utterances, SplitConfig(allow_speaker_overlap=True), seed=0)
    assert "SPEAKER-DEPENDENT" in allowed.protocol


def test_split_column_needs_dev_and_known_words():
    with pytest.raises(SplitError, match="needs rows for train and for dev"):
        split(with_column(lambda u: "train"), SplitConfig(), seed=0)
    with pytest.raises(SplitError, match="'holdout'"):
        split(with_column(lambda u: "holdout"), SplitConfig(), seed=0)


def test_shared_sentences_are_pointed_out():
    result = split(corpus(10, text_id="a01"), SplitConfig(), seed=0)
    assert any("text-dependent" in w for w in result.warnings)


def test_a_class_of_one_speaker_stays_in_training():
    only = [Utterance(file=Path(f"/x/o{i}"), key=f"o{i}", speaker="s03", emotion="calm", corpus="x") for i in range(4)]
    for seed in range(4):
        result = split(corpus(6) + only, SplitConfig(), seed=seed)
        assert set(result.parts[-4:]) == {"train"}
