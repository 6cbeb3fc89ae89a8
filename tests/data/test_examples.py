"""The clips in examples/audio: small, decodable, and what the script beside them makes."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ser_toolkit.data.audio import decode
from ser_toolkit.data.files import find_audio
from ser_toolkit.data.quality import check

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_audio", EXAMPLES / "make_audio.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_audio"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_audio"]


def test_the_folder_holds_the_clips_of_the_script(script):
    assert {row.path.name for row in find_audio([EXAMPLES / "audio"])} == {clip.name for clip in script.CLIPS}
    sizes = [path.stat().st_size for path in (EXAMPLES / "audio").iterdir()]
    assert max(sizes) < 300_000
    assert sum(sizes) < 1_500_000


def test_the_clips_show_the_notes(script):
    notes = {}
    for clip in script.CLIPS:
        recording = decode(EXAMPLES / "audio" / clip.name, sr=16_000)
        assert 1 < recording.duration_s < 8
        notes[clip.name] = check(recording)
    assert notes["stereo-22050.flac"] == ("resampled", "mixed down")
    assert notes["short-quiet.wav"] == ("quiet", "short")
    assert notes["loud-sharp.wav"] == ("clipped",)
    assert not notes["german.wav"]


def test_the_script_makes_them_again(script, tmp_path):
    if not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng is not installed")
    version = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=True).stdout
    if " 1.51 " not in version:
        pytest.skip(f"the clips come from eSpeak NG 1.51, this is {version.strip()}")
    script.main(tmp_path)
    for clip in script.CLIPS:
        made, kept = (decode(folder / clip.name, sr=16_000).y for folder in (tmp_path, EXAMPLES / "audio"))
        np.testing.assert_allclose(made, kept, atol=2 / 32768)
