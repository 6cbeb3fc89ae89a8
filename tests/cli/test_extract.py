"""``extract``: what is in the table is what `train` feeds a network, whatever the folder holds."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import soundfile

import ser_toolkit
from ser_toolkit.data.audio import decode
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.inference.extraction_run import extract
from ser_toolkit.report.extraction_progress import ExtractionProgress
from ser_toolkit.training.config import check_config
from ser_toolkit.training.extraction import Extraction, Job
from ser_toolkit.training.plan import Plan as TrainingPlan

SR = 16_000


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def trained_on(config, utterances):
    """What `train` feeds: all windows of these utterances, by input name."""
    plan = TrainingPlan.make(check_config(config), ("anger", "sadness"), ser_toolkit.registry())
    found = [Extraction(features=plan.features)(Job(utterance=u)) for u in utterances]
    assert not any(one.reason for one in found)
    return {key: [np.stack(one.pieces[0, key]) for one in found] for key in plan.features.extractors}


@pytest.fixture
def folder(tmp_path, tiny_corpus):
    """Good files beside bad ones."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for i, name in enumerate(["a.wav", "[red]b<script>.wav", "=c()\n.wav"]):
        source = tiny_corpus.parent / "audio" / f"s{i}-anger-1.wav"
        (folder / name).write_bytes(source.read_bytes())
    (folder / "text.wav").write_text("no sound\n" * 100)
    soundfile.write(folder / "silence.wav", np.zeros(SR), SR)
    soundfile.write(folder / "short.wav", np.ones(100), SR)
    return folder


def test_one_row_a_recording_is_the_default(cli, folder, tmp_path):
    done = cli("extract", folder, "-o", tmp_path / "f.csv")
    assert done.code == 3
    assert done.err == ""
    rows = rows_of(tmp_path / "f.csv")
    assert [(row["file"].removeprefix(f"{folder}/"), row["status"], row["reason"]) for row in rows] == [
        ("=c()%0A.wav", "ok", ""),
        ("[red]b<script>.wav", "ok", ""),
        ("a.wav", "ok", ""),
        ("short.wav", "skipped", "too short"),
        ("silence.wav", "skipped", "no speech"),
        ("text.wav", "failed", "undecodable"),
    ]
    assert len(rows[0]) == 6 + 88
    assert rows[0]["loudness_sma3_amean"]
    assert rows[0]["start"] == "0"
    assert rows[0]["end"] == "1.6"
    assert rows[5]["loudness_sma3_amean"] == rows[5]["end"] == ""
    shown = " ".join(done.out.split())
    assert "Not extracted: 3 of 6 files" in shown
    assert "files 6 files, 3 ok, 2 skipped, 1 failed" in shown
    assert "windows 3 of 88 values (one a recording)" in shown
    assert "openSMILE, which is free for private, research and educational use only" in shown
    assert "\x1b" not in done.out
    said = json.loads((tmp_path / "f.csv.json").read_text())
    assert said["ser_toolkit.recipe"]["segments"]["window_s"] is None
    assert said["ser_toolkit.recipe"]["features"]["gemaps"]["name"] == "egemaps"
    assert "opensmile" in said["ser_toolkit.libraries"]
    assert "openSMILE" in said["ser_toolkit.licenses"]["egemaps"]


def test_a_recording_gives_what_opensmile_gives(corpora, tmp_path):
    import opensmile

    files = [utterance.file for utterance in read_manifest([corpora / "emodb" / "manifest.csv"]).utterances[:4]]
    extract(files, tmp_path / "f.npz", workers=0, cache_use="off")
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    with np.load(tmp_path / "f.npz") as found:
        assert json.loads(str(found["names"]))["gemaps"] == smile.feature_names
        for file, row in zip(files, found["gemaps"], strict=True):
            y, sr = soundfile.read(file, dtype="float32")
            assert sr == SR
            assert abs(y).max() <= 32767 / 32768
            np.testing.assert_array_equal(row, smile.process_signal(y, sr).to_numpy()[0].astype(np.float32))


@pytest.mark.parametrize(("corpus", "workers"), [("emodb", 2), ("ravdess", 0)])
def test_windows_are_those_of_training_bit_for_bit(cli, corpora, tmp_path, corpus, workers):
    manifest = read_manifest([corpora / corpus / "manifest.csv"])
    chosen = manifest.utterances[::500][:3]
    lines = ["file,speaker,emotion", *(f"{u.file},{u.speaker},{u.emotion}" for u in chosen)]
    (tmp_path / "some.csv").write_text("\n".join(lines) + "\n")
    done = cli("extract", tmp_path / "some.csv", "-o", tmp_path / "f.npz", "--windows", "robust", "--workers", workers,
               "--features", "melspec,egemaps")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    wanted = trained_on({}, chosen)
    with np.load(tmp_path / "f.npz") as found:
        assert found["emotion"].tolist() == [u.emotion for u in chosen]
        for key in ("mel", "gemaps"):
            np.testing.assert_array_equal(found[key], np.concatenate(wanted[key]))
        assert found["index"].tolist() == [i for i, rows in enumerate(wanted["mel"]) for _ in rows]


def test_parts_of_files_and_columns_of_a_manifest(tmp_path, tiny_corpus):
    """Parts of one file are no other than the parts cut out, with a cache, without, and out of it."""
    y, _ = soundfile.read(tiny_corpus.parent / "audio" / "s1-anger-1.wav", dtype="float32")
    soundfile.write(tmp_path / "long.wav", np.tile(y, 6), SR, subtype="FLOAT")
    (tmp_path / "m.csv").write_text(
        "file,start,end,speaker,emotion,arousal,vote_anger,vote_fear\n"
        "long.wav,0.5,4.25,anna,anger,0.7,2,1\n"
        "long.wav,,,ben,sadness,,,3\n"
        "long.wav,4.25,,ben,fear,,,\n"
    )
    manifest = tmp_path / "m.csv"
    wanted = trained_on({"features": {"gemaps": {"name": "egemaps"}}}, read_manifest([manifest]).utterances)["gemaps"]
    spent = []
    for i, (cache_use, workers) in enumerate([("write", 0), ("read", 0), ("off", 2)]):
        output = tmp_path / f"{i}.parquet"
        done = extract(manifest, output, windows="robust", cache_use=cache_use, workers=workers)
        spent.append(next(stage.seconds for stage in done.profile if stage.stage == "features: egemaps"))
        table = pyarrow.parquet.read_table(output)
        assert table.column_names[6:11] == ["corpus", "speaker", "emotion", "arousal", "vote_anger"]
        names = table.column_names[12:]
        values = np.stack([table[name].to_numpy() for name in names], axis=1)
        np.testing.assert_array_equal(values, np.concatenate(wanted))
        first = len(wanted[0])
        assert set(table["file"].to_pylist()) == {"long.wav"}
        assert table["speaker"].to_pylist() == ["anna"] * first + ["ben"] * (len(values) - first)
        assert table["arousal"].to_pylist()[first - 1 : first + 1] == [0.7, None]
        assert table["vote_fear"].to_pylist()[first] == 3
        start, end = table["start"].to_pylist(), table["end"].to_pylist()
        assert start[:2] == [0.5, 1.25]
        assert end[first - 1] == 4.25
        assert start[-len(wanted[2])] == 4.25
        assert end[-1] == pytest.approx(len(y) * 6 / SR)
    assert spent[1] < spent[0] / 5, "what the cache holds of each part was computed again"


def test_a_long_file_streams_and_keeps_its_place(tmp_path, tiny_corpus):
    """It is but a part; its pieces are shared among the processes; what comes after it waits on disk."""
    audio = tiny_corpus.parent / "audio"
    y, _ = soundfile.read(audio / "s1-anger-1.wav", dtype="float32")
    folder = tmp_path / "a"
    folder.mkdir()
    soundfile.write(folder / "1-long.wav", np.tile(y, 250), SR)
    for i in range(6):
        (folder / f"2-{i}.wav").write_bytes((audio / f"s{i}-anger-1.wav").read_bytes())
    rows = ["file,speaker,emotion,start,end", "1-long.wav,a,anger,3.5,390", *(f"2-{i}.wav,a,anger,," for i in range(6))]
    (folder / "m.csv").write_text("\n".join(rows) + "\n")
    options = {"features": ["melspec"], "settings": ["features.mel.n_mels=16", "features.mel.hop_length=1024"],
               "window_s": 1.5, "cache_use": "off"}  # fmt: skip
    done = [extract(folder / "m.csv", tmp_path / f"{n}.npz", workers=n, **options) for n in (0, 2)]
    assert done[0].n_windows == done[1].n_windows > 260
    assert [stage.stage for stage in done[1].profile if stage.stage.startswith("features")] == ["features: melspec"]
    one, two = (np.load(tmp_path / f"{n}.npz") for n in (0, 2))
    for name in one.files:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
    assert one["index"].tolist() == sorted(one["index"].tolist())
    long = one["index"] == 0
    assert (one["start"][long][0], one["end"][long][-1]) == (3.5, 390.0)
    whole = decode(folder / "1-long.wav", sr=SR, start_s=3.5, end_s=390.0).y
    plan = TrainingPlan.make(
        check_config({"features": {"mel": {"name": "melspec", "n_mels": 16, "hop_length": 1024}},
                      "segments": {"window_s": 1.5, "hop_s": 1.5}}), ("a", "b"), ser_toolkit.registry())  # fmt: skip
    wanted = [value for block in plan.features.blocks(whole) for value in block.features["mel"]]
    np.testing.assert_array_equal(one["mel"][long], wanted)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["0.npz", "2.npz", "a"]


def test_features_of_a_model(cli, tiny_corpus, tiny_model, tmp_path):
    from tiny import TINY

    files = sorted((tiny_corpus.parent / "audio").glob("s0*"))
    done = cli("extract", *files, "-o", tmp_path / "f.npz", "--model", tiny_model)
    assert done.code == 0
    by_name = {u.file: u for u in read_manifest([tiny_corpus]).utterances}
    wanted = trained_on(TINY, [by_name[file.resolve()] for file in files])
    with np.load(tmp_path / "f.npz") as found:
        for key in ("mel", "gemaps"):
            np.testing.assert_array_equal(found[key], np.concatenate(wanted[key]))
        assert json.loads(str(found["metadata"]))["ser_toolkit.model"] == "tiny.onnx"
    assert cli("extract", files[0], "-o", tmp_path / "g.npz", "--model", tiny_model, "--hop", "window").code == 0
    with np.load(tmp_path / "g.npz") as found:
        assert json.loads(str(found["recipe"]))["segments"]["hop_s"] == 1.5
    refused = cli("extract", files[0], "-o", tmp_path / "h.npz", "--model", tiny_model, "--windows", "paper")
    assert refused.code == 2
    assert "a model has its own features, windows and sample rate" in refused.err


def test_spectrograms_of_whole_recordings_have_any_length(tiny_corpus, tmp_path):
    files = sorted((tiny_corpus.parent / "audio").glob("s0-anger*"))
    for suffix in ("npz", "parquet"):
        done = extract(files, tmp_path / f"f.{suffix}", features=["melspec"], workers=0, sr=8000)
        assert done.n_values is None
    table = pyarrow.parquet.read_table(tmp_path / "f.parquet")
    with np.load(tmp_path / "f.npz") as found:
        ends = found["mel_offsets"]
        for i, row in enumerate(table["mel"]):
            mel = np.float32(row.as_py()).reshape(1, 128, -1)
            assert mel.shape[2] == 1 + decode(files[i], sr=8000).y.size // 128
            np.testing.assert_array_equal(found["mel"][ends[i] : ends[i + 1]].reshape(1, 128, -1), mel)


def test_exit_codes(cli, folder, tmp_path):
    out = tmp_path / "o.csv"
    assert cli("extract", folder / "a.wav", "-o", out).code == 0
    assert cli("extract", folder / "a.wav", folder / "silence.wav", "-o", out).code == 0
    assert cli("extract", folder / "a.wav", tmp_path / "no.wav", "-o", out).code == 3
    assert rows_of(out)[1]["reason"] == "missing"
    assert cli("extract", tmp_path / "nowhere", "-o", out).code == 1
    assert cli("extract", folder / "a.wav").code == 2
    before = out.read_bytes()
    for options, message in [
        (["-o", tmp_path / "x.txt"], "written as .parquet, .npz or .csv"),
        (["-o", "-"], "- is standard output"),
        (["-o", folder / "a.wav"], "is one of the files that are read"),
        (["-o", out, "--features", "egemap"], "Did you mean 'egemaps'"),
        (["-o", out, "--features", "egemaps,egemaps"], "named twice"),
        (["-o", out, "--features", ","], "no feature is named"),
        (["-o", out, "--features", "melspec"], "write .parquet or .npz"),
        (["-o", out, "--set", "features.mel.n_mels=3"], "no feature has this input name"),
        (["-o", out, "--set", "features.gemaps.name=3"], "it takes the name of a feature"),
        (["-o", out, "--set", "features.gemaps.mood=3"], "no setting 'mood'"),
        (["-o", out, "--set", "features.gemaps.scope=room"], "it takes 'segment' or 'recording'"),
        (["-o", out, "--set", "features.gemaps=3"], "is a table"),
        (["-o", out, "--set", "training.lr=3"], "settings of features only"),
        (["-o", out, "--windows", "utterance", "--hop", "1"], "a length or a hop does not apply"),
        (["-o", out, "--window", "0.01"], "window_s"),
        (["-o", out, "--hop", "ten"], "--hop takes 0.01 to 60 seconds"),
        (["-o", out, "--workers", "all"], "--workers takes auto or a number"),
        (["-o", out, "--sr", "10"], "sr"),
    ]:
        refused = cli("extract", folder / "a.wav", *options)
        assert refused.code in (1, 2), options
        assert message in " ".join(refused.err.split()).replace(" │ │ ", " "), (options, refused.err)
    assert out.read_bytes() == before


def test_windows_by_length_hop_and_preset(folder, tmp_path):
    def recipe(**options):
        done = extract(folder / "a.wav", tmp_path / "f.csv", workers=0, **options)
        windows = done.recipe.segments
        return windows.window_s, windows.hop_s, windows.short, done.n_windows

    assert recipe()[0] is None
    assert recipe(window_s=1.0) == (1.0, 1.0, "repeat", 2)
    assert recipe(window_s=1.0, hop_s=0.2) == (1.0, 0.2, "repeat", 4)
    assert recipe(window_s=1.0, hop_s="recipe") == (1.0, 0.75, "repeat", 2)
    assert recipe(hop_s=0.5) == (3.0, 0.5, "repeat", 1)
    assert recipe(windows="paper") == (3.0, 0.75, "drop", 0)
    assert recipe(windows="robust", hop_s="window") == (3.0, 3.0, "repeat", 1)


def test_manifests_and_recordings_do_not_mix(cli, folder, tiny_corpus, tmp_path):
    done = cli("extract", tiny_corpus, folder, "-o", tmp_path / "f.csv")
    assert done.code == 2
    assert "manifests and recordings are not extracted into one file" in " ".join(done.err.split())


def test_profile_names_the_stages(cli, folder, tmp_path):
    done = cli("extract", folder / "a.wav", "-o", tmp_path / "f.csv", "--profile", "--no-cache")
    assert "features: egemaps" in done.out
    assert "writing" in done.out


def test_a_folder_that_cannot_be_written_to(cli, folder, tmp_path):
    done = cli("extract", folder / "a.wav", "-o", tmp_path / "nowhere" / "f.csv")
    assert done.code == 1
    assert "cannot be written" in done.err


@pytest.mark.parametrize("workers", [0, 2])
def test_interrupted_leaves_nothing(cli, folder, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(ExtractionProgress, "file_done", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    done = cli("extract", folder, "-o", tmp_path / "f.parquet", "--workers", workers, "--cache")
    assert done.code == 130
    assert done.out == ""
    assert "interrupted after 0 of 6 files; nothing was written; what was computed is in the cache" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["recordings"]


def test_api_for_scripts_in_one_process(folder, tmp_path):
    done = extract(str(folder), str(tmp_path / "f.npz"), workers=0, cache_use="off")
    assert dict(done.statuses) == {"ok": 3, "skipped": 2, "failed": 1}
    assert [(r.status, r.reason) for r in done.not_extracted] == [
        ("skipped", "too short"), ("skipped", "no speech"), ("failed", "undecodable"),
    ]  # fmt: skip
    assert (done.n_windows, done.n_values, done.workers) == (3, 88, 0)
    assert done.n_bytes == (tmp_path / "f.npz").stat().st_size
    assert done.output == tmp_path / "f.npz"


def test_the_documentation_runs(cli, tiny_corpus, tmp_path, monkeypatch, capfd):
    text = (Path(__file__).parents[2] / "docs" / "extract.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_corpus.parent, tmp_path / "corpus")
    (tmp_path / "recordings").mkdir()
    for path in sorted((tmp_path / "corpus" / "audio").glob("s0*")):
        shutil.copy(path, tmp_path / "recordings")
    for line in re.findall(r"^ser-toolkit (extract .*)$", text, re.MULTILINE):
        done = cli(*line.split(), "--workers", 0)
        assert (done.code, done.err) == (0, ""), line
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        exec(compile(block, "extract.md", "exec"), {})
    assert "4 windows of 88 values; {'ok': 4}" in capfd.readouterr().out
