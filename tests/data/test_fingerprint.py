"""A recording is known again whatever was done to it, and two recordings of one sentence are two."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
import soundfile
import soxr

from ser_toolkit.data.fingerprint import NEAR, fingerprint, near_pairs, similarity
from ser_toolkit.data.manifest import read_manifest

SR = 16_000


def coded(y, form, subtype, **options):
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", SR, 1, format=form, subtype=subtype, **options) as out:
        out.write(y)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def loud(y):
    return np.sqrt(np.mean(y**2))


CHANGES = {
    "quieter": lambda y: y * np.float32(0.1),
    "clipped": lambda y: np.clip(y * 3, -1, 1),
    "mp3": lambda y: coded(y, "MP3", "MPEG_LAYER_III"),
    "ogg": lambda y: coded(y, "OGG", "VORBIS"),
    "8 kHz": lambda y: soxr.resample(soxr.resample(y, SR, 8000), 8000, SR),
    "ends trimmed": lambda y: y[int(0.207 * SR) : -int(0.13 * SR)],
    "noise": lambda y: y + (0.03 * loud(y) * np.random.default_rng(0).standard_normal(len(y))).astype(np.float32),
    "offset": lambda y: y + np.float32(0.01),
}


@pytest.fixture(scope="module")
def spoken(corpora):
    """Four speakers of emodb: fingerprints of all their recordings, and the samples of a few."""
    utterances = [u for u in read_manifest([corpora / "emodb"]).utterances if u.speaker in ("emodb-03", "emodb-08")]
    samples = [soundfile.read(u.file, dtype="float32")[0] for u in utterances]
    return utterances, samples, [fingerprint(y, SR) for y in samples]


@pytest.mark.parametrize("change", CHANGES)
def test_found_again(spoken, change):
    _, samples, prints = spoken
    altered = [fingerprint(CHANGES[change](y), SR) for y in samples[::20]]
    alike = [similarity(a, b) for a, b in zip(prints[::20], altered, strict=True)]
    assert min(alike) >= NEAR
    found = {(m.first, m.second) for m in near_pairs([*prints, *altered])}
    assert found == {(20 * i, len(prints) + i) for i in range(len(altered))}


def test_one_sentence_twice_is_two_recordings(spoken):
    utterances, _, prints = spoken
    same = [
        similarity(prints[i], prints[j])
        for i, a in enumerate(utterances)
        for j, b in enumerate(utterances[:i])
        if (a.speaker, a.text_id) == (b.speaker, b.text_id)
    ]
    assert len(same) > 100
    assert max(same) < NEAR - 0.05
    assert near_pairs(prints) == ()


def test_other_sample_rates_are_alike(spoken):
    _, samples, prints = spoken
    for sr in (8000, 44_100):
        assert similarity(prints[0], fingerprint(soxr.resample(samples[0], SR, sr), sr)) > 0.95


def test_the_true_pair_of_ravdess(corpora):
    folder = corpora / "ravdess" / "Actor_07"
    files = sorted(folder.glob("03-01-03-*.flac"))
    prints = [fingerprint(soundfile.read(f, dtype="float32")[0], SR) for f in files]
    (match,) = near_pairs(prints)
    assert {files[match.first].name, files[match.second].name} == {
        "03-01-03-01-02-01-07.flac",
        "03-01-03-01-02-02-07.flac",
    }
    assert match.similarity == 1.0


def test_a_part_of_a_recording_is_found_in_it(spoken):
    _, samples, prints = spoken
    y = samples[0]
    middle = fingerprint(y[len(y) // 4 : 3 * len(y) // 4], SR)
    assert similarity(prints[0], middle) > 0.9
    assert similarity(middle, prints[0]) == similarity(prints[0], middle)


@pytest.mark.parametrize("n", [0, 1, 100, 2047, 2048, 5000, 16_000])
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_silence_and_short_sounds_match_nothing(n, level):
    y = np.full(n, level, dtype=np.float32)
    words = fingerprint(y, SR)
    assert words.dtype == np.uint32
    assert len(words) >= 1
    assert similarity(words, words) == 0.0
    assert near_pairs([words, words, words]) == ()


def test_no_fingerprints_no_pairs():
    assert near_pairs([]) == ()
    empty = np.zeros(0, dtype=np.uint32)
    assert near_pairs([empty, empty]) == ()
    assert similarity(empty, empty) == 0.0


def test_small_cheap_and_the_same_every_time(vowel):
    y = np.resize(vowel, 3 * SR) * np.linspace(0.2, 1, 3 * SR, dtype=np.float32)
    words = fingerprint(y, SR)
    assert words.nbytes <= 3 * 260
    assert np.array_equal(words, fingerprint(y.copy(), SR))


def test_long_recordings_are_cut_into_blocks():
    y = np.random.default_rng(0).standard_normal(SR * 70).astype(np.float32)
    words = fingerprint(y, SR)
    assert len(words) == 70 * SR // 256 - 9
    tail = fingerprint(y[256 * 4000 :], SR)
    assert np.count_nonzero(words[4000:] == tail) > 0.99 * len(tail)


def test_many_recordings_without_comparing_all_pairs():
    rng = np.random.default_rng(0)
    prints = [rng.integers(1, 2**32, size=150, dtype=np.uint32) for _ in range(3000)]
    noise = np.bitwise_and.reduce([rng.integers(0, 2**32, size=150, dtype=np.uint32) for _ in range(4)])
    prints.append(prints[1234] ^ noise)  # about 6 % of the bits differ
    began = time.perf_counter()
    (match,) = near_pairs(prints)
    assert (match.first, match.second) == (1234, 3000)
    assert time.perf_counter() - began < 30  # all pairs at all offsets would take hours
