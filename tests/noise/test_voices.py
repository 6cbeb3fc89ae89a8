"""Who is heard in babble: others, from the test part first, the same each time."""

from __future__ import annotations

from pathlib import Path

from ser_toolkit.data.utterance import Utterance
from ser_toolkit.noise.voices import voices_for


def said(speaker, n, *, corpus="c", part=""):
    return [
        Utterance(
            file=Path(f"/{corpus}/{part}{speaker}-{i}.wav"), key=f"{part}{speaker}-{i}.wav", emotion="anger",
            speaker=speaker, corpus=corpus,
        )
        for i in range(n)
    ]  # fmt: skip


def test_eight_recordings_of_other_speakers_of_the_test_part():
    tested = [*said("a", 20), *said("b", 20), *said("c", 20)]
    for u in tested[::7]:
        voices = voices_for(u, tested, said("d", 20))
        assert len(set(voices)) == 8
        assert not {v.speaker for v in voices} & {u.speaker, "d"}
        assert voices == voices_for(u, tested, said("d", 20))
    assert voices_for(tested[0], tested) != voices_for(tested[1], tested)
    assert voices_for(tested[0], tested) != voices_for(tested[0], tested, seed=1)


def test_development_speakers_where_the_test_part_has_too_few():
    alone = said("a", 5)
    assert {v.speaker for v in voices_for(alone[0], alone, said("d", 20))} == {"d"}
    few = [*alone, *said("b", 3)]
    voices = voices_for(few[0], few, said("d", 20))
    assert [v.speaker for v in voices] == ["b"] * 3 + ["d"] * 5
    assert voices_for(alone[0], alone) == ()


def test_speakers_of_one_name_in_two_corpora_are_two_people():
    one, other = said("a", 5), said("a", 5, corpus="other")
    assert {v.corpus for v in voices_for(one[0], [*one, *other])} == {"other"}


def test_without_known_speakers_other_files_will_do_and_a_known_speaker_hears_no_unknown_one():
    unknown = said(None, 6)
    assert len(voices_for(unknown[0], unknown)) == 5
    assert voices_for(said("a", 1)[0], unknown) == ()
