"""Finding audio files and showing their names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_toolkit.data.files import AUDIO_SUFFIXES, display_path, find_audio, identity, path_from_display


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def found(*paths):
    return [(row.path, row.error.reason if row.error else None) for row in find_audio(paths)]


@pytest.fixture
def denied(tmp_path):
    """Take rights on a path away, from root as well, and undo it."""
    if sys.platform == "win32":
        pytest.skip("needs POSIX permissions")
    root = os.geteuid() == 0
    changed = []

    def deny(path: Path, mode: int = 0) -> None:
        changed.append((path, path.stat().st_mode))
        path.chmod(mode)
        if root:
            for folder in (tmp_path, *tmp_path.parents[:3]):  # three under xdist
                changed.append((folder, folder.stat().st_mode))
                folder.chmod(0o755)
            os.seteuid(65534)

    yield deny
    if root:
        os.seteuid(0)
    for path, mode in reversed(changed):
        path.chmod(mode)


def test_folders_are_searched_in_a_fixed_order_by_suffix_in_any_case(tmp_path):
    names = ["b/z.WAV", "a/2.flac", "a/1.Mp3", "c.ogg", "a/deep/er/x.webm"]
    files = [touch(tmp_path / name) for name in names]
    for name in ["notes.txt", ".hidden.wav", "a/._1.mp3", ".git/x.wav", "__MACOSX/._y.wav", "wav"]:
        touch(tmp_path / name)
    (tmp_path / "folder.wav").mkdir()
    assert [row.path for row in find_audio([tmp_path])] == sorted(files, key=lambda p: p.parts)
    assert all(row.root == tmp_path and row.error is None for row in find_audio([tmp_path]))


def test_every_suffix_of_the_list_is_found(tmp_path):
    for suffix in AUDIO_SUFFIXES:
        touch(tmp_path / f"x{suffix}")
    assert {row.path.suffix for row in find_audio([tmp_path])} == AUDIO_SUFFIXES


def test_named_files_are_taken_whatever_their_name(tmp_path):
    odd = touch(tmp_path / "x.bin")
    hidden = touch(tmp_path / ".x.wav")
    assert found(odd, hidden) == [(odd, None), (hidden, None)]


def test_arguments_keep_their_order_and_a_file_is_listed_once(tmp_path, monkeypatch):
    a, b = touch(tmp_path / "a.wav"), touch(tmp_path / "b.wav")
    monkeypatch.chdir(tmp_path)
    assert found(b, tmp_path, "b.wav", "./a.wav") == [(b, None), (a, None)]
    assert found(".") == [(Path("a.wav"), None), (Path("b.wav"), None)]


def test_bad_arguments_are_rows_between_good_ones(tmp_path):
    good = touch(tmp_path / "a.wav")
    (tmp_path / "void").mkdir()
    rows = found(tmp_path / "gone.wav", tmp_path / "void", good / "x.wav", good, "nul\0l.wav")
    assert [reason for _, reason in rows] == ["missing", "empty", "missing", None, "missing"]
    assert rows[3][0] == good


def test_a_folder_whose_files_were_named_before_is_not_empty(tmp_path):
    good = touch(tmp_path / "a.wav")
    assert found(good, tmp_path) == [(good, None)]


def test_links(tmp_path):
    real = touch(tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "in" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "in" / "same.wav").symlink_to(real)
    (tmp_path / "in" / "broken.wav").symlink_to(tmp_path / "gone")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    names = [row.path.name for row in find_audio([tmp_path / "in"])]
    assert names == ["a.wav", "broken.wav", "same.wav"]
    assert found(tmp_path / "self")[0][1] == "unreadable"
    assert identity(tmp_path / "in" / "loop" / "a.wav") == identity(real)


def test_a_linked_folder_is_followed(tmp_path):
    touch(tmp_path / "elsewhere" / "a.wav")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert found(tmp_path / "in") == [(tmp_path / "in" / "link" / "a.wav", None)]


def test_unreadable_folders_are_rows(tmp_path, denied):
    good = touch(tmp_path / "in" / "a.wav")
    closed = touch(tmp_path / "in" / "closed" / "x.wav").parent
    denied(closed)
    assert found(tmp_path / "in") == [(good, None), (closed, "unreadable")]
    assert found(closed) == [(closed, "unreadable")]
    assert found(closed / "x.wav") == [(closed / "x.wav", "unreadable")]


def test_a_folder_that_can_be_listed_but_not_entered(tmp_path, denied):
    inside = touch(tmp_path / "in" / "closed" / "x.wav")
    denied(inside.parent, 0o444)
    assert found(tmp_path / "in") == [(inside, None)]


def test_very_deep_folders(tmp_path):
    deep = tmp_path
    for _ in range(1200):
        deep = deep / "d"
        deep.mkdir()
    touch(deep / "x.wav")
    assert found(tmp_path) == [(deep / "x.wav", None)]
    (deep / "x.wav").unlink()  # pytest's own clean-up recurses
    while deep != tmp_path:
        deep.rmdir()
        deep = deep.parent


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes exist on Linux only")
def test_names_that_are_not_utf8(tmp_path):
    bad = touch(tmp_path / os.fsdecode(b"caf\xe9\n.wav"))
    assert [row.path for row in find_audio([tmp_path])] == [bad]
    assert display_path(bad.name) == "caf%E9%0A.wav"
    assert path_from_display(display_path(bad)) == bad


def test_display_path():
    assert display_path(Path("plain/ünï [b]x[/b] 100%.wav")) == "plain/ünï [b]x[/b] 100%.wav"
    assert display_path("a\nb\tc\x1b[31m\x7f.wav") == "a%0Ab%09c%1B[31m%7F.wav"
    assert display_path("abc\u202egpj.wav\u2028") == "abc%E2%80%AEgpj.wav%E2%80%A8"
    assert display_path("100%FF.wav") == "100%25FF.wav"
    assert display_path("\ud800") == "%ED%A0%80"


@given(st.binary(max_size=30))
def test_any_name_makes_the_round_trip_as_one_printable_line(raw):
    name = os.fsdecode(raw.replace(b"\0", b"").replace(b"/", b"%"))
    shown = display_path(name)
    shown.encode("utf-8")
    assert shown.splitlines() in ([shown], [])
    assert path_from_display(shown) == Path(name)


@given(st.text(alphabet="%0aF4 é\udcff", max_size=8), st.text(alphabet="%0aF4 é\udcff", max_size=8))
def test_two_names_are_never_shown_alike(a, b):
    assert (display_path(a) == display_path(b)) == (a == b)
