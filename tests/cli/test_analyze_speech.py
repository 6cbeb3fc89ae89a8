"""``analyze`` on what is no speech."""

from __future__ import annotations

import json

import numpy as np
import soundfile

from ser_toolkit.testing.sounds import speech

SR = 16_000


def test_music_is_no_speech_unless_any_sound_is_wanted(cli, tmp_path):
    t = np.arange(4 * SR) / SR
    music = sum(np.sin(2 * np.pi * f * k * t) / k**2 for f in (220, 277, 330) for k in range(1, 8))
    music *= 0.1 * (0.2 + (t % 0.5 < 0.4))
    soundfile.write(tmp_path / "music.wav", music, SR)
    soundfile.write(tmp_path / "both.wav", np.concatenate([music, speech(3.0, SR)]), SR)
    run = ("analyze", tmp_path / "both.wav", tmp_path / "music.wav", "--workers", "0", "--no-cache", "--device", "cpu")
    auto = cli(*run, "--json")
    assert auto.code == 0
    both, music_ = map(json.loads, auto.out.splitlines())
    assert (music_["status"], music_["reason"], music_["predicted"]) == ("skipped", "no speech", None)
    assert both["notes"] == ["parts without speech"]
    assert all(window["end_s"] > 4 for window in both["windows"])
    off = [json.loads(line) for line in cli(*run, "--json", "--speech", "off").out.splitlines()]
    assert [row["status"] for row in off] == ["ok", "ok"]
    assert off[0]["n_windows"] > both["n_windows"]
    assert cli(*run[:1], *run[2:]).code == 1
    assert cli(*run, "--speech", "perhaps").code == 2
