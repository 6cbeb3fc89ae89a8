"""The paper's own corpus is recognised: windows and sessions are the paper's without being asked for."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from tiny import TINY
from typer.testing import CliRunner

from ser_toolkit.cli import app
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.evaluation.reproduce import reproduce
from ser_toolkit.evaluation.reproduction import is_iemocap


def speak(path, *, seconds, pitch_hz, tempo_hz):
    """A gated tone with harmonics."""
    t = np.arange(int(seconds * 16_000)) / 16_000
    voice = sum(np.sin(2 * np.pi * pitch_hz * k * t) / k for k in range(1, 12))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, (0.1 * voice * (0.55 + 0.45 * np.sin(2 * np.pi * tempo_hz * t))).astype(np.float32), 16_000)


@pytest.fixture
def manifest(tmp_path):
    """Written by ``corpus iemocap`` from a tree in the layout of the release: two turns of ten speakers."""
    root = tmp_path / "release"  # a name that gives nothing away
    for session in range(1, 6):
        dialogue = f"Ses0{session}F_impro01"
        lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"]
        for gender, pitch in (("F", 220), ("M", 120)):
            for number, (label, tempo) in enumerate((("ang", 6.0), ("sad", 2.0))):
                turn = f"{dialogue}_{gender}{number:03d}"
                wav = root / f"Session{session}" / "sentences" / "wav" / dialogue / f"{turn}.wav"
                seconds = 1.6 + 0.1 * session
                speak(
                    wav, seconds=seconds, pitch_hz=pitch + 9 * session + 40 * (1 - number), tempo_hz=tempo + session / 7
                )
                lines.append(f"[0.0000 - {seconds:.4f}]\t{turn}\t{label}\t[2.5000, 3.0000, 1.5000]\nC-E1:\tx;\t()\n")
        folder = root / f"Session{session}" / "dialog" / "EmoEvaluation"
        folder.mkdir(parents=True)
        (folder / f"{dialogue}.txt").write_text("\n".join(lines))
    path = tmp_path / "manifest.csv"
    done = CliRunner().invoke(app, ["corpus", "iemocap", str(root), "--labels", "paper", "-o", str(path)])
    assert done.exit_code == 0, done.output
    return path


def test_a_manifest_of_the_corpus_command_gets_the_papers_protocol(manifest, tmp_path):
    utterances = read_manifest([manifest]).utterances
    assert len(utterances) == 20
    assert is_iemocap(utterances)
    changes = {"emotions": ["anger", "sadness"], "features": TINY["features"], "model": TINY["model"]}
    changes |= {"segments": TINY["segments"], "training": {**TINY["training"], "epochs": 1}}
    made = reproduce(manifest, changes=changes, out=tmp_path / "run", quick=True, device="cpu")
    config = json.loads((tmp_path / "run" / "config.json").read_text())["config"]
    assert config["segments"]["preset"] == "paper"
    assert config["split"]["protocol"] == "leave-one-session-out"
    assert made.protocol.startswith("leave-one-session-out, 2 of 5 folds")
    said = " ".join(made.differences)
    assert "The corpus is another" not in said
    assert "The utterances are not the paper's: here 8 utterances" in said
    assert "The protocol is" not in said
