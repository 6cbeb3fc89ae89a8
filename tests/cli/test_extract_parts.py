"""``extract --files-per-part``: a folder of tables that a later run goes on with."""

from __future__ import annotations

import os
import signal

import pyarrow.parquet
import pytest
import soundfile

from ser_toolkit.inference.extraction_run import extract
from ser_toolkit.report.extraction_progress import ExtractionProgress
from ser_toolkit.testing.sounds import speech

SR = 8000
FAST = {"features": ["melspec"], "window_s": 0.5, "sr": SR, "workers": 0, "cache_use": "off"}

FAST_OPTIONS = ("--features", "melspec", "--window", 0.5, "--sr", SR, "--workers", 0, "--no-cache")


def write(path, seed, *, seconds=1.2):
    soundfile.write(path, speech(seconds, SR, seed=seed), SR)


@pytest.fixture
def folder(tmp_path):
    """Seven good recordings, and as the fifth one that is none."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for i in range(7):
        write(folder / f"{i}.wav", i)
    (folder / "4b.wav").write_text("no sound")
    return folder


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_parts_are_the_table_in_pieces(folder, tmp_path):
    whole = extract(folder, tmp_path / "whole.parquet", **FAST)
    done = extract(folder, tmp_path / "parts", files_per_part=3, **FAST)
    assert sorted(stamps(tmp_path / "parts")) == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    one = pyarrow.parquet.read_table(tmp_path / "whole.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "parts").equals(one)
    assert (done.n_parts, done.n_parts_kept) == (3, 0)
    for name in ("statuses", "not_extracted", "audio_s", "n_windows"):
        assert getattr(done, name) == getattr(whole, name)
    assert done.n_bytes == sum(path.stat().st_size for path in done.output.iterdir())


def test_resume_keeps_what_is_whole_and_the_same(folder, tmp_path):
    out = tmp_path / "parts"
    first = extract(folder, out, files_per_part=3, **FAST)
    before = stamps(out)
    write(folder / "0.wav", 0, seconds=0.9)  # of the first part
    (out / "part-00002.parquet").write_bytes(b"half a")
    done = extract(folder, out, files_per_part=3, resume=True, **FAST)
    after = stamps(out)
    assert [name for name in sorted(after) if after[name] == before[name]] == ["part-00001.parquet"]
    assert done.n_parts_kept == 1
    assert done.statuses == first.statuses
    assert {r.file for r in done.not_extracted} == {r.file for r in first.not_extracted}
    extract(folder, tmp_path / "fresh.parquet", **FAST)
    table = pyarrow.parquet.read_table(tmp_path / "fresh.parquet")
    assert pyarrow.parquet.read_table(out).equals(table)
    assert done.n_windows == table.num_rows - 1


def test_all_that_is_kept_is_counted(folder, tmp_path, cli):
    first = extract(folder, tmp_path / "parts", files_per_part=3, **FAST)
    again = extract(folder, tmp_path / "parts", files_per_part=3, resume=True, **FAST)
    assert (again.n_parts, again.n_parts_kept, again.audio_s) == (3, 3, 0.0)
    assert (again.statuses, again.n_windows, again.n_bytes) == (first.statuses, first.n_windows, first.n_bytes)
    done = cli("extract", folder, "-o", tmp_path / "parts", "--files-per-part", 3, "--resume", *FAST_OPTIONS)
    assert done.code == 3  # one file failed, as in the first run
    assert "3, 3 of them kept from an earlier run" in done.out


@pytest.mark.parametrize("change", [{"sr": 16000}, {"window_s": 0.6}, {"files_per_part": 2}])
def test_nothing_of_other_settings_is_kept(folder, tmp_path, change):
    extract(folder, tmp_path / "parts", files_per_part=3, **FAST)
    done = extract(folder, tmp_path / "parts", resume=True, **({"files_per_part": 3} | FAST | change))
    assert done.n_parts_kept == 0


def test_parts_of_a_longer_run_go(folder, tmp_path):
    extract(folder, tmp_path / "parts", files_per_part=2, **FAST)
    (tmp_path / "parts" / "notes.txt").write_text("mine")
    extract(folder, tmp_path / "parts", files_per_part=4, **FAST)
    assert sorted(stamps(tmp_path / "parts")) == ["notes.txt", "part-00000.parquet", "part-00001.parquet"]


def test_interrupted_leaves_whole_parts(cli, folder, tmp_path, monkeypatch):
    told = ExtractionProgress.file_done

    def file_done(self, result):
        told(self, result)
        if result.file.endswith("6.wav"):
            os.kill(os.getpid(), signal.SIGINT)

    args = ("extract", folder, "-o", tmp_path / "parts", "--files-per-part", 3, "--resume", *FAST_OPTIONS)
    with monkeypatch.context() as patch:
        patch.setattr(ExtractionProgress, "file_done", file_done)
        done = cli(*args)
    assert done.code == 130
    assert "the parts that are whole stay, for --resume" in done.err
    assert sorted(stamps(tmp_path / "parts")) == ["part-00000.parquet", "part-00001.parquet"]
    assert "3, 2 of them kept from an earlier run" in cli(*args).out


def test_a_manifest_that_changed_is_extracted_anew(folder, tmp_path):
    manifest = tmp_path / "manifest.csv"
    rows = "".join(f"recordings/{i}.wav,mine,{i},{'anger' if i % 2 else 'joy'}\n" for i in range(4))
    manifest.write_text("file,corpus,speaker,emotion\n" + rows)
    extract(manifest, tmp_path / "parts", files_per_part=2, **FAST)
    manifest.write_text("file,corpus,speaker,emotion\n" + rows.replace("3,anger", "3,joy"))
    assert extract(manifest, tmp_path / "parts", files_per_part=2, resume=True, **FAST).n_parts_kept == 1
    assert pyarrow.parquet.read_table(tmp_path / "parts")["emotion"].to_pylist()[-1] == "joy"


def test_refusals(cli, folder, tmp_path):
    for args, said in (
        (("-o", tmp_path / "f.parquet", "--resume"), "resume needs files_per_part (--files-per-part)"),
        (("-o", tmp_path / "f.parquet", "--files-per-part", 2), "give a name without a suffix"),
    ):
        done = cli("extract", folder, *args)
        assert done.code == 2 and said in done.err
    done = cli("extract", folder, "-o", tmp_path)
    assert done.code == 2 and "give a file, or --files-per-part" in done.err
    (tmp_path / "file").write_text("mine")
    done = cli("extract", folder, "-o", tmp_path / "file", "--files-per-part", 2)
    assert done.code == 1 and "the folder cannot be made" in done.err
    assert (tmp_path / "file").read_text() == "mine"
