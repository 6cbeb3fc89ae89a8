"""Praat itself reads the tracks; nothing that lay there is lost, nothing leaves the folder."""

from __future__ import annotations

import os

import parselmouth
import pytest
from parselmouth.praat import call

from ser_toolkit.errors import OutputError
from ser_toolkit.report.results import FileResult, WindowResult
from ser_toolkit.report.tracks import write_audacity, write_textgrid, write_tracks

LABELS = ("anger", "joy")


def result(file="a.wav", *, duration_s=10.5, labels=LABELS):
    """Anger for 0 to 3 s, silence, joy for 5 to 9 s."""
    rows = [(0.0, 3.0, 0.75), (5.0, 8.0, 0.2), (6.0, 9.0, 0.3)]
    return FileResult(
        file=str(file),
        status="ok",
        duration_s=duration_s,
        probabilities=dict(zip(labels, (0.4, 0.6), strict=True)),
        windows=tuple(
            WindowResult(start_s=s, end_s=e, probabilities=dict(zip(labels, (p, 1 - p), strict=True)))
            for s, e, p in rows
        ),
    )


def read_textgrid(path):
    """Tiers as Praat sees them: name to (start, end, text)."""
    grid = parselmouth.read(str(path))
    assert call(grid, "Get start time") == 0
    return {
        call(grid, "Get tier name", tier): [
            (
                pytest.approx(call(grid, "Get start time of interval", tier, i)),
                pytest.approx(call(grid, "Get end time of interval", tier, i)),
                call(grid, "Get label of interval", tier, i),
            )
            for i in range(1, call(grid, "Get number of intervals", tier) + 1)
        ]
        for tier in range(1, call(grid, "Get number of tiers") + 1)
    }


def test_praat_reads_the_textgrid(tmp_path):
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, result(), labels=LABELS)
    assert 'class = "IntervalTier"' in path.read_text(encoding="utf-8")  # the long form
    tiers = read_textgrid(path)
    assert tiers["emotion"] == [(0, 3, "anger"), (3, 5, ""), (5, 9, "joy"), (9, 10.5, "")]
    assert tiers["confidence"] == [(0, 3, "0.750"), (3, 5, ""), (5, 9, "0.750"), (9, 10.5, "")]
    assert [p.name for p in tmp_path.iterdir()] == ["a.TextGrid"]


def test_audacity_lines(tmp_path):
    path = tmp_path / "a.txt"
    write_audacity(path, result(), labels=LABELS)
    assert path.read_text() == "0.000000\t3.000000\tanger\n5.000000\t9.000000\tjoy\n"


def test_a_window_that_outlasts_the_recording_by_rounding(tmp_path):
    write_textgrid(tmp_path / "a.TextGrid", result(duration_s=8.9999), labels=LABELS)
    assert read_textgrid(tmp_path / "a.TextGrid")["emotion"][-1] == (5, 9, "joy")


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ('say "ah"', 'say "ah"'),
        ("tab\there\nand\r\nthere", "tab here and there"),
        ("złość – 怒り", "złość – 怒り"),
        ('" \n        intervals [9]:', '" intervals [9]:'),
        ("\\\t1\t2", "\\ 1 2"),
    ],
)
def test_a_label_stays_one_label(tmp_path, label, shown):
    labels = (label, "joy")
    write_textgrid(tmp_path / "a.TextGrid", result(labels=labels), labels=labels)
    tier = read_textgrid(tmp_path / "a.TextGrid")["emotion"]
    assert [text for *_, text in tier] == [shown, "", "joy", ""]
    write_audacity(tmp_path / "a.txt", result(labels=labels), labels=labels)
    rows = [line.split("\t") for line in (tmp_path / "a.txt").read_text(encoding="utf-8").splitlines()]
    assert [row[2:] for row in rows] == [[shown], ["joy"]]


def tree(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_tree_below_the_common_folder_is_mirrored(tmp_path):
    rows = [
        result("calls/x/1.wav"),
        result("./calls/x/../y/2.flac"),
        FileResult(file="calls/y/3.wav", status="failed", reason="undecodable"),
        FileResult(file="elsewhere/4.wav", status="skipped", reason="too short"),
    ]
    out = tmp_path / "new" / "tracks"
    assert write_tracks(out, rows, kind="textgrid", labels=LABELS) == 2
    assert tree(out) == ["x/1.TextGrid", "y/2.TextGrid"]
    assert write_tracks(tmp_path / "txt", rows[:1], kind="audacity", labels=LABELS) == 1
    assert tree(tmp_path / "txt") == ["1.txt"]
    assert write_tracks(tmp_path / "none", rows[2:], kind="audacity", labels=LABELS) == 0


def test_names_never_lead_out_of_the_folder(tmp_path):
    rows = [result("/etc/passwd.wav"), result("../../up.wav"), result("/../../root.wav"), result("a/../../b.wav")]
    out = tmp_path / "out"
    assert write_tracks(out, rows, kind="textgrid", labels=LABELS) == 4
    assert len(tree(out)) == len(tree(tmp_path)) == 4


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").symlink_to(tmp_path / "other")
    with pytest.raises(OutputError, match="is a link out of"):
        write_tracks(tmp_path / "out", [result("d/x/1.wav"), result("d/2.wav")], kind="textgrid", labels=LABELS)
    assert tree(tmp_path / "other") == []


def test_names_that_are_taken_get_a_hash(tmp_path):
    rows = [result("d/x.wav"), result("d/x.flac"), result("d/X.mp3"), result("d/y.wav")]
    assert write_tracks(tmp_path, rows, kind="textgrid", labels=LABELS) == 4
    names = tree(tmp_path)
    assert {"x.TextGrid", "y.TextGrid"} < set(names)
    assert len(names) == 4
    write_tracks(tmp_path, rows, kind="textgrid", labels=LABELS)  # another run replaces them
    assert tree(tmp_path) == names


@pytest.mark.parametrize("name", ["ä" * 120 + ".wav", "n" * 251 + ".wav", "/".join(["d" * 200] * 19) + "/x.wav"])
def test_names_that_are_too_long(tmp_path, name):
    rows = [result(f"r/{name}"), result(f"r/{name[1:]}"), result("r/z.wav")]
    assert write_tracks(tmp_path, rows, kind="textgrid", labels=LABELS) == 3
    names = tree(tmp_path)
    assert len(names) == 3
    assert all(len(os.fsencode(part)) <= 255 for p in names for part in p.split("/"))


def test_long_names_of_folders(tmp_path):
    deep = "%FF" * 90  # a name of 90 bytes that are not UTF-8, as it is shown
    assert write_tracks(tmp_path, [result(f"r/{deep}/x.wav"), result("r/z.wav")], kind="audacity", labels=LABELS) == 2
    (folder,) = (p for p in tmp_path.iterdir() if p.is_dir())
    assert len(os.fsencode(folder.name)) <= 255
    assert tree(folder) == ["x.txt"]


@pytest.mark.parametrize(
    ("kind", "name", "theirs"),
    [
        ("audacity", "x.txt", b"She had your dark suit in greasy wash water.\n"),
        ("audacity", "x.txt", b"0.000000\t1.500000\tshe\n1.500000\t2.000000\thad\n"),
        ("audacity", "x.txt", b"\xff\xfe\x00"),
        ("textgrid", "x.TextGrid", b'File type = "ooTextFile"\nsize = 1 \nname = "emotion"\n'),
    ],
)
def test_what_others_wrote_is_not_replaced(tmp_path, kind, name, theirs):
    (tmp_path / name).write_bytes(theirs)
    (tmp_path / "y").mkdir()
    for _ in range(2):
        assert write_tracks(tmp_path, [result(tmp_path / "x.wav")], kind=kind, labels=LABELS) == 1
        assert (tmp_path / name).read_bytes() == theirs
        assert len(tree(tmp_path)) == 2


def test_a_folder_under_the_name(tmp_path):
    (tmp_path / "x.TextGrid").mkdir()
    assert write_tracks(tmp_path, [result("d/x.wav")], kind="textgrid", labels=LABELS) == 1
    assert len(tree(tmp_path)) == 1


def test_a_file_where_a_folder_is_needed(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        write_tracks(tmp_path / "out", [result("d/x.wav")], kind="textgrid", labels=LABELS)


def test_a_recording_without_windows_is_one_gap(tmp_path):
    row = FileResult(file="a.wav", status="ok", duration_s=2.0, probabilities={"anger": 1.0, "joy": 0.0})
    write_textgrid(tmp_path / "a.TextGrid", row, labels=LABELS)
    assert read_textgrid(tmp_path / "a.TextGrid")["emotion"] == [(0, 2, "")]
