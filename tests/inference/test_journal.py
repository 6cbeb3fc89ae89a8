"""The journal gives back what it was given, also after the run was killed."""

from __future__ import annotations

import os
from pathlib import Path

import made_results
import pytest

from ser_toolkit.errors import OutputError
from ser_toolkit.inference.journal import Journal, journal_path, stamp_of

SETTINGS = {"model": "m", "hop": 0.75, "smooth": 2.0}


@pytest.fixture
def names(tmp_path):
    """Five files that are there."""
    made = [str(tmp_path / f"{i}.wav") for i in range(5)]
    for name in made:
        Path(name).write_text(name)
    return made


@pytest.fixture
def path(tmp_path):
    return journal_path(tmp_path / "o.csv")


def opened(path, names, *, resume=False, **changes):
    return Journal(path, names, settings={**SETTINGS, **changes}, resume=resume)


def fill(path, names, *, order=(0, 1, 2, 3, 4), bad=()):
    with opened(path, names) as journal:
        for i in order:
            made = made_results.failed(names[i]) if i in bad else made_results.result(names[i], n_windows=i + 1, seed=i)
            journal.add(i, made, stamp=stamp_of(Path(names[i])), recording=2**64 - 1 - i)


def same(a, b):
    """Equal in all that is written of them."""
    assert a == b or (a.file, a.status, a.probabilities) == (b.file, b.status, b.probabilities)
    assert [*a.windows] == [*b.windows]
    assert (a.notes, a.detail, a.reason, a.duration_s) == (b.notes, b.detail, b.reason, b.duration_s)
    assert a.prediction_set == b.prediction_set


def test_round_trip_is_lossless_and_in_order(path, names):
    fill(path, names, order=(3, 0, 4, 1, 2), bad=(1,))
    with opened(path, names) as journal:  # without resume: anew
        assert (len(journal), [*journal]) == (0, [])
        for i in (4, 2, 0):
            journal.add(i, made_results.result(names[i], n_windows=i + 1, seed=i), stamp=None)
        for _ in range(2):
            for i, found in zip((0, 2, 4), journal, strict=True):
                same(found, made_results.result(names[i], n_windows=i + 1, seed=i))
        assert journal.result(1) is None
        assert journal.has(names[0])
        assert not journal.has(names[1])
        assert journal.result(0) in journal


def test_resume(path, names):
    fill(path, names)
    with opened(path, names, resume=True) as journal:
        assert len(journal) == 5
        for i, found in enumerate(journal):
            same(found, made_results.result(names[i], n_windows=i + 1, seed=i))
        assert journal.recordings() == {name: 2**64 - 1 - i for i, name in enumerate(names)}


def test_what_failed_is_tried_again(path, names):
    fill(path, names, bad=(1, 3))
    with opened(path, names, resume=True) as journal:
        assert [journal.has(name) for name in names] == [True, False, True, False, True]
        journal.add(1, made_results.result(names[1], seed=9), stamp=stamp_of(Path(names[1])))
    with opened(path, names, resume=True) as journal:
        assert len(journal) == 4


def test_a_file_that_changed_is_analyzed_again(path, names):
    fill(path, names)
    Path(names[0]).write_text("longer than before")
    os.utime(names[1], ns=(1, 1))
    Path(names[2]).unlink()
    with opened(path, names, resume=True) as journal:
        assert [journal.has(name) for name in names] == [False, False, False, True, True]


def test_files_that_came_and_went(path, names):
    fill(path, names)
    with opened(path, [names[4], "new.wav", names[0]], resume=True) as journal:
        assert [result.file for result in journal] == [names[4], names[0]]


@pytest.mark.parametrize("n_bytes", [1, 40, 400])
def test_a_line_that_was_cut_off(path, names, n_bytes):
    fill(path, names)
    whole = path.read_bytes()
    path.write_bytes(whole[:-n_bytes])
    with opened(path, names, resume=True) as journal:
        assert len(journal) == 4
        journal.add(4, made_results.result(names[4], n_windows=5, seed=4), stamp=stamp_of(Path(names[4])))
    with opened(path, names, resume=True) as journal:
        assert len(journal) == 5
        same([*journal][4], made_results.result(names[4], n_windows=5, seed=4))


@pytest.mark.parametrize("content", [b"", b'{"ser_toolkit_jour'])
def test_nothing_to_go_on_with(path, names, content):
    path.write_bytes(content)
    with opened(path, names, resume=True) as journal:
        assert len(journal) == 0
    assert path.read_bytes().count(b"\n") == 1


def test_other_settings_are_refused(path, names):
    fill(path, names)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"had other settings \(hop 0\.75, now 3\.0\)"):
        opened(path, names, resume=True, hop=3.0)
    path.write_bytes(b'{"something": "else"}\n')
    with pytest.raises(OutputError, match="is no journal of this version"):
        opened(path, names, resume=True)
    path.write_bytes(before)
    with opened(path, names, resume=True) as journal:
        assert len(journal) == 5


def test_a_temporary_journal_leaves_nothing(names, tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with opened(None, names) as journal:
        journal.add(0, made_results.result(names[0]), stamp=None)
        assert [result.file for result in journal] == [names[0]]
        if os.name == "posix":
            assert not list((tmp_path / "tmp").iterdir())  # not even if it is killed now
    assert not list((tmp_path / "tmp").iterdir())


def test_removal(path, names):
    fill(path, names)
    journal = opened(path, names, resume=True)
    journal.remove()
    assert not path.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_journal_that_cannot_be_written(names, tmp_path):
    with pytest.raises(OutputError, match=r"none/o\.resume: cannot be written: No such file"):
        opened(tmp_path / "none" / "o.resume", names)
    (tmp_path / "full.resume").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"full\.resume: cannot be written"):
        opened(tmp_path / "full.resume", names)
