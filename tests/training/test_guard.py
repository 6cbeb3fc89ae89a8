"""What is heard in training is not tested: refused, or said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_toolkit.data.fingerprint import fingerprint
from ser_toolkit.data.manifest import Utterance, read_manifest
from ser_toolkit.errors import SplitError
from ser_toolkit.training.alike import find_alike, listen
from ser_toolkit.training.config import SplitConfig
from ser_toolkit.training.guard import MARK, check_folds, check_split, mark
from ser_toolkit.training.protocols import folds_of
from ser_toolkit.training.splits import Split


def make(n=6, **fields):
    return [
        Utterance(
            file=Path(f"/x/s{s}-{label}.wav"),
            key=f"s{s}-{label}.wav",
            speaker=f"s{s}",
            gender="female" if s % 2 else "male",
            emotion=label,
            corpus="x",
            **fields,
        )
        for s in range(n)
        for label in ("anger", "neutral")
    ]


def split_of(utterances, **sides):
    parts = tuple(sides.get(u.speaker, "train") for u in utterances)
    return Split(parts=parts, protocol="speaker-independent test split")


UTTERANCES = make()
SPLIT = split_of(UTTERANCES, s4="dev", s5="test")
DIFFERENT = list(range(1, len(UTTERANCES) + 1))


def hashes(*equal):
    found = list(DIFFERENT)
    for a, b in equal:
        found[b] = found[a]
    return found


def test_nothing_to_say():
    report = check_split(UTTERANCES, SPLIT, recordings=DIFFERENT)
    assert report.warnings == ()
    assert not report.duplicated


@pytest.mark.parametrize(("pair", "sides"), [((0, 10), "train.*test"), ((8, 11), "dev.*test"), ((0, 8), "train.*dev")])
def test_identical_audio_on_two_sides_is_refused_with_the_names(pair, sides):
    with pytest.raises(SplitError, match=rf"1 pairs .*{UTTERANCES[pair[0]].key} \(.*{sides}.*allow_duplicates"):
        check_split(UTTERANCES, SPLIT, recordings=hashes(pair))
    allowed = check_split(UTTERANCES, SPLIT, recordings=hashes(pair), allow_duplicates=True)
    assert allowed.duplicated
    assert "DUPLICATE AUDIO: 1 pairs" in allowed.warnings[0]
    assert [(a.first, a.second) for a in allowed.across] == [pair]


def test_inside_one_part_it_is_said():
    report = check_split(UTTERANCES, SPLIT, recordings=hashes((0, 2), (0, 1)))
    assert any("two labels: s0-anger.wav (anger) and s0-neutral.wav (neutral)" in w for w in report.warnings)
    assert any("count twice" in w and "s1-anger.wav" in w for w in report.warnings)
    assert not report.across


def test_unused_and_unusable_recordings_do_not_count():
    parts = (None, *SPLIT.parts[1:])
    unused = replace(SPLIT, parts=parts)
    assert check_split(UTTERANCES, unused, recordings=hashes((0, 10))).warnings == ()
    zero = [0] * len(UTTERANCES)
    assert check_split(UTTERANCES, SPLIT, recordings=zero).warnings == ()


def test_speaker_overlap_under_a_false_name_is_refused():
    parts = ("test", *SPLIT.parts[1:])
    with pytest.raises(SplitError, match="s0"):
        check_split(UTTERANCES, replace(SPLIT, parts=parts), recordings=DIFFERENT)
    honest = replace(SPLIT, parts=parts, protocol="SPEAKER-DEPENDENT")
    assert check_split(UTTERANCES, honest, recordings=DIFFERENT).warnings == ()


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        ((0.0, 3.0), (2.0, 5.0), True),
        ((0.0, 3.0), (3.0, 5.0), False),
        ((None, None), (7.0, 8.0), True),
        ((4.0, None), (1.0, 4.5), True),
    ],
)
def test_overlapping_stretches_of_one_file_never_part(first, second, refused):
    utterances = list(UTTERANCES)
    for i, (start, end) in ((0, first), (10, second)):
        utterances[i] = replace(utterances[i], file=Path("/x/dialog.wav"), start_s=start, end_s=end)
    if not refused:
        assert check_split(utterances, SPLIT, recordings=DIFFERENT).warnings == ()
        return
    with pytest.raises(SplitError, match=r"same stretch of a file.*s0-anger.wav.*s5-anger.wav"):
        check_split(utterances, SPLIT, recordings=DIFFERENT, allow_duplicates=True)
    together = split_of(utterances, s4="dev", s5="test", s0="test")
    assert check_split(utterances, together, recordings=DIFFERENT).warnings == ()


def test_near_identical_audio(corpora):
    files = sorted((corpora / "emodb" / "wav").glob("03*.flac"))[: len(UTTERANCES)]
    samples = [soundfile.read(f, dtype="float32")[0] for f in files]
    quiet = [fingerprint(y, 16_000) for y in samples]
    quiet[10] = fingerprint(samples[0] * np.float32(0.3), 16_000)
    with pytest.raises(SplitError, match="same audio"):
        check_split(UTTERANCES, SPLIT, recordings=DIFFERENT, fingerprints=quiet)
    poor = list(quiet)
    hiss = np.random.default_rng(0).standard_normal(len(samples[0])) * 0.25 * np.sqrt(np.mean(samples[0] ** 2))
    poor[10] = fingerprint((samples[0] + hiss).astype(np.float32), 16_000)
    report = check_split(UTTERANCES, SPLIT, recordings=DIFFERENT, fingerprints=poor)
    assert len(report.warnings) == 1
    assert "sound nearly the same: s0-anger.wav (anger, train) and s5-anger.wav (anger, test) (8" in report.warnings[0]
    assert not report.duplicated


def test_the_true_pair_of_ravdess(corpora):
    utterances = [
        u
        for u in read_manifest([corpora / "ravdess"]).utterances
        if "Actor_07/03-01-03" in u.key or "Actor_08/03-01-03" in u.key
    ]
    told = []
    heard = listen(utterances, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(utterances), len(utterances))
    (pair,) = find_alike(utterances, recordings=heard.recordings, fingerprints=heard.fingerprints)
    assert pair.kind == "identical"
    assert [utterances[i].key for i in (pair.first, pair.second)] == [
        "Actor_07/03-01-03-01-02-01-07.flac",
        "Actor_07/03-01-03-01-02-02-07.flac",
    ]
    (by_ear,) = find_alike(utterances, recordings=(), fingerprints=heard.fingerprints)
    assert (by_ear.kind, by_ear.similarity) == ("near", 1.0)


def test_all_folds_with_one_search():
    folds = folds_of(UTTERANCES, SplitConfig(protocol="leave-one-pair-out"), seed=0)
    with pytest.raises(SplitError, match=r"fold s0 \+ s1: 1 pairs"):
        check_folds(UTTERANCES, folds, recordings=hashes((0, 10)))
    report = check_folds(UTTERANCES, folds, recordings=hashes((0, 10)), allow_duplicates=True)
    assert report.duplicated
    assert len(report.across) == 1
    marked = mark(folds, report)
    assert marked.protocol.startswith(MARK)
    assert all(fold.split.protocol.startswith(MARK) for fold in marked.folds)
    assert marked.digest == folds.digest
    fine = check_folds(UTTERANCES, folds, recordings=hashes((0, 2)))
    assert not fine.duplicated
    assert mark(folds, fine).protocol == folds.protocol
    assert any("count twice" in w for w in mark(folds, fine).warnings)


def test_a_thousand_copies_of_one_recording_do_not_make_a_million_pairs():
    utterances = [replace(UTTERANCES[0], file=Path(f"/x/{i}.wav"), key=f"{i}.wav") for i in range(1000)]
    pairs = find_alike(utterances, recordings=[7] * 1000)
    assert len(pairs) < 25_000
    assert {a.first for a in pairs} | {a.second for a in pairs} == set(range(1000))


def test_what_cannot_be_decoded_is_named(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"no audio")
    heard = listen([replace(UTTERANCES[0], file=tmp_path / "a.wav")])
    assert heard.recordings == (0,)
    assert len(heard.fingerprints[0]) == 0
    assert "s0-anger.wav" in heard.unusable
