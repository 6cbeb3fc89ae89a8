"""What a recipe says it was trained on: hashes that match names and samples, and give neither away."""

from __future__ import annotations

from pathlib import Path

import pytest

from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import RecipeError
from ser_toolkit.recipe import Training
from ser_toolkit.training.seen import Seen, decode_recordings, encode_recordings, hash_speaker

SALT = "ab" * 32


def training(*speakers: str, recordings: str = "") -> Training:
    hashes = tuple(sorted(hash_speaker(s, salt=SALT) for s in speakers))
    return Training(protocol="p", manifest_sha256=SALT, speakers=hashes, recordings=recordings, seed=0)


def by(speaker: str | None, corpus: str = "emodb") -> Utterance:
    return Utterance(file=Path("a.wav"), key="a.wav", emotion="anger", speaker=speaker, corpus=corpus)


def test_hash_is_salted_and_stable():
    assert hash_speaker("anna", salt="x") == hash_speaker("anna", salt="x")
    assert len({hash_speaker(s, salt=t) for s in ("anna", "bert") for t in ("x", "y")}) == 4
    assert len(hash_speaker("bro\udce9ken", salt="x")) == 16  # a name from a file name that is no UTF-8


def test_recordings_round_trip():
    hashes = {1, 2**63 + 5, 2**64 - 1}
    assert decode_recordings(encode_recordings([*hashes, *hashes, 0])) == hashes
    assert encode_recordings([]) == ""
    assert decode_recordings("") == frozenset()


@pytest.mark.parametrize("text", ["###", "AAAA", "é"])
def test_damaged_recordings(text):
    with pytest.raises(RecipeError, match="damaged"):
        Seen.of(training(recordings=text))


def test_speakers_by_name():
    seen = Seen.of(training("anna", "bert"))
    assert [seen.has_speaker(by(s)) for s in ("anna", "bert", "carl", "", None)] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("trained", "met", "corpus", "same"),
    [
        ("emodb/03", "03", "emodb", True),  # read with other data sets then, alone now
        ("emodb/03", "03", "ravdess", False),
        ("03", "emodb/03", "emodb", True),  # the other way round
        ("03", "emodb-2/03", "emodb", True),  # the second folder of that name
        ("emodb/03", "emodb-2/03", "emodb", True),
        ("emodb/03", "emodb-2/03", "emodb-2", True),  # the folder that was the first then
        ("emodb-2/03", "emodb/03", "emodb", True),  # and the other way round
        ("emodb-2/03", "03", "emodb", True),
        ("emodb-2/03", "03", "emodb-2", True),
        ("emodb-2/03", "emodb-2/03", "emodb-2", True),
        ("03", "emodb-2/03", "emodb-2", True),
        ("emodb/03", "emodb-2/04", "emodb-2", False),
        ("emodb-2/03", "ravdess/03", "ravdess", False),
        ("03", "emodb/04", "emodb", False),
        ("03", "other/03", "emodb", False),  # a name with a slash of its own
    ],
)
def test_names_with_the_data_set_before_them(trained, met, corpus, same):
    assert Seen.of(training(trained)).has_speaker(by(met, corpus)) == same


def test_recordings():
    seen = Seen.of(training("anna", recordings=encode_recordings([7])))
    assert seen.has_recording(7)
    assert not seen.has_recording(8)
