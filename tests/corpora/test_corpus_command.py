"""``ser-toolkit corpus``: manifest, counts, differences, and what it says when the folder is the wrong one."""

from __future__ import annotations

import json
import os

import pytest
import typer
from typer.testing import CliRunner

from ser_toolkit.cli.corpus import corpus
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.errors import ConfigError, ManifestError, UnknownComponentError

app = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False)
app.command()(corpus)


def run(*arguments):
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, [str(a) for a in arguments])


def error_of(*arguments):
    return run(*arguments).exception


@pytest.fixture
def emodb(lay, tmp_path):
    return lay(tmp_path / "[red]emodb", "wav/03a01Wa.wav", "wav/03a01Na.wav", "wav/08a02Fd.wav", "wav/odd.wav")


def test_it_writes_a_manifest_and_prints_counts_speakers_differences_and_notes(emodb, tmp_path):
    done = run("emodb", emodb, "-o", tmp_path / "m.csv")
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    for part in (
        "anger 1 33.3% 1 127 -126",
        "boredom 0 0.0% 0 81 -81",
        "emodb-03 male 1 0 1 2",
        "utterances 535 3 -532",
        "speakers 10 2 -8",
        "[red]emodb: 3 utterances of 2 speakers (1 female, 1 male)",
        "9 counts differ from Burkhardt et al. 2005",
        "1 audio files have other names, and are left out: wav/odd.wav",
        "ten sentences are spoken by all speakers",
        "m.csv",
    ):
        assert part in words, part
    found = read_manifest([tmp_path / "m.csv"])
    assert found.labels() == {"anger": 1, "happiness": 1, "neutral": 1}
    assert found.utterances[0].key == "[red]emodb/wav/03a01Na.wav"


def test_json_and_no_manifest(emodb):
    done = run("emodb", emodb, "--json")
    found = json.loads(done.stdout)
    assert found["labels"] == {"anger": 1, "happiness": 1, "neutral": 1}
    assert {"what": "speakers", "published": 10, "found": 2} in found["differences"]
    assert not list(emodb.glob("*.csv"))
    assert "not written: name it with -o manifest.csv" in run("emodb", emodb).output


def test_a_dash_is_standard_output(emodb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("emodb", emodb, "-o", "-")
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "-").exists()
    assert "manifest standard output" in " ".join(done.stderr.split())
    (tmp_path / "m.csv").write_text(done.stdout)
    found = read_manifest([tmp_path / "m.csv"])
    assert found.labels() == {"anger": 1, "happiness": 1, "neutral": 1}
    assert found.utterances[0].key == "[red]emodb/wav/03a01Na.wav"
    both = run("emodb", emodb, "-o", "-", "--json")
    assert both.exit_code == 2
    assert "both write to standard output" in both.output


def test_options(lay, tmp_path):
    root = lay(tmp_path, "Actor_11/03-02-04-01-01-02-11.wav", "Actor_11/03-01-04-01-01-02-11.wav")
    assert json.loads(run("ravdess", root, "--json").stdout)["utterances"] == 1
    assert json.loads(run("ravdess", root, "--json", "--set", "channel=both").stdout)["utterances"] == 2
    assert json.loads(run("ravdess", root, "--json", "--set", 'channel="song"').stdout)["utterances"] == 1


def test_groups_and_many_speakers(lay, tmp_path):
    names = [f"AudioWAV/{1001 + i}_DFA_ANG_XX.wav" for i in range(50)]
    words = " ".join(run("crema-d", lay(tmp_path / "c", *names)).output.split())
    assert "gender speakers utterances fewest per speaker median most" in words
    assert "male 26 26 1 1 1" in words or "male 27 27 1 1 1" in words or "female" in words
    root = lay(tmp_path / "e", "0001/Angry/0001_000351.wav", "0011/Neutral/0011_000001.wav")
    words = " ".join(run("esd", root).output.split())
    assert "language anger neutral all" in words
    assert "en 0 1 1" in words
    assert "anger in language zh 3500 1 -3499" in words
    long = " ".join(run("iemocap", "--list").output.split())
    assert "labels=all | paper | impro_merge" in long


def test_no_published_counts(lay, tmp_path):
    root = lay(tmp_path, "Audios/MSP-PODCAST_0001_0008.wav")
    (root / "labels_consensus.csv").write_text(
        "FileName,EmoClass,SpkrID,Gender,Split_Set\nMSP-PODCAST_0001_0008.wav,N,1,,Train\n"
    )
    words = " ".join(run("msp-podcast", root).output.split())
    assert "no counts are known for these options" in words
    assert "msp-podcast-1 ? 1 1" in words


def test_without_a_name_it_lists_the_readers():
    for arguments in ((), ("--list",)):
        words = " ".join(run(*arguments).output.split())
        assert "channel=speech | song | both" in words
        assert "wav/03a01Wa.wav" in words


def test_what_is_wrong_is_said(emodb, tmp_path):
    assert "does not look like RAVDESS: expected Actor_12/" in str(error_of("ravdess", emodb))
    assert isinstance(error_of("emodb", tmp_path / "none"), ManifestError)
    assert isinstance(error_of("emod", emodb), UnknownComponentError)
    assert "labels: Input should be 'all', 'paper'" in str(error_of("iemocap", emodb, "--labels", "papr"))
    assert isinstance(error_of("emodb", emodb, "--labels", "all"), ConfigError)
    assert "write it as KEY=VALUE" in str(error_of("ravdess", emodb, "--set", "channel"))
    missing = run("emodb")
    assert missing.exit_code == 2
    assert "name the folder of emodb" in missing.output
    assert os.listdir(emodb) == ["wav"]


def test_help_has_examples():
    assert "ser-toolkit corpus iemocap" in run("--help").output
