"""Make the clips in ``examples/audio`` with eSpeak NG.

The voices are synthetic, so that no recording of a person is in this project. The names say what was synthesised
(speed, pitch, voice), not an emotion: what a model hears in them is its own business. Run it from anywhere::

    apt-get install espeak-ng        # or brew install espeak-ng
    python examples/make_audio.py

The files in the project come from eSpeak NG 1.51; the same version gives the same bytes again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

AUDIO = Path(__file__).parent / "audio"


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip.

    Parameters
    ----------
    name : str
        Name of the file; the suffix decides the format.
    text : str
        What is said; may hold SSML.
    voice : str
        Language and variant of eSpeak NG.
    speed : int
        Words per minute.
    pitch : int
        0 to 99.
    amplitude : int
        0 to 200; 100 is eSpeak's usual level.
    gain_db : float
        Gain applied afterwards.
    sr : int
        Sample rate in Hz.
    channels : int
        1, or 2 with the second at half the level.
    """

    name: str
    text: str
    voice: str
    speed: int = 160
    pitch: int = 50
    amplitude: int = 100
    gain_db: float = 0.0
    sr: int = 16_000
    channels: int = 1


CLIPS = (
    Clip(
        name="fast-high.wav",
        text="Come here quickly, the parcel has arrived, and it is even bigger than we thought!",
        voice="en-us+f3",
        speed=230,
        pitch=85,
    ),
    Clip(
        name="slow-low.wav",
        text="The last train left an hour ago. We will have to wait until the morning.",
        voice="en-gb+m3",
        speed=115,
        pitch=15,
    ),
    Clip(
        name="monotone.wav",
        text='<prosody range="0">The shop opens at nine and closes at six. It stays shut on Sundays.</prosody>',
        voice="en-us+m7",
    ),
    Clip(
        name="loud-sharp.wav",
        text="No! I said no! Put it back on the table, now!",
        voice="en-gb+m5",
        speed=190,
        pitch=65,
        amplitude=180,
    ),
    Clip(
        name="whispered.wav", text="Keep your voice down, they are asleep next door.", voice="en-us+whisper", speed=140
    ),
    Clip(
        name="german.wav",
        text="Der Lappen liegt auf dem Eisschrank, und heute Abend bringe ich ihn zurück.",
        voice="de+f2",
        speed=150,
        pitch=55,
    ),
    Clip(name="short-quiet.wav", text="All right then.", voice="en-gb+f1", speed=140, pitch=40, gain_db=-42.0),
    Clip(
        name="stereo-22050.flac",
        text="This clip has two channels and another sample rate, so that the notes have something to say.",
        voice="en-us+m1",
        speed=170,
        sr=22_050,
        channels=2,
    ),
)


def make(clip: Clip, folder: Path) -> Path:
    """Synthesise one clip.

    Parameters
    ----------
    clip : Clip
        What to say, and how.
    folder : Path
        Where the file goes.

    Returns
    -------
    Path
        The file written.
    """
    import numpy as np
    import soundfile
    import soxr

    with tempfile.TemporaryDirectory() as scratch:
        spoken = Path(scratch) / "spoken.wav"
        options = ["-v", clip.voice, "-s", clip.speed, "-p", clip.pitch, "-a", clip.amplitude, "-m", "-w", spoken]
        subprocess.run(["espeak-ng", *map(str, options), clip.text], check=True)
        y, sr = soundfile.read(spoken, dtype="float32")
    y = y if sr == clip.sr else soxr.resample(y, sr, clip.sr, quality="HQ")
    y = y * np.float32(10 ** (clip.gain_db / 20))
    if clip.channels == 2:
        y = np.stack([y, 0.5 * y], axis=1)
    soundfile.write(folder / clip.name, y, clip.sr, subtype="PCM_16")
    return folder / clip.name


def main(folder: Path = AUDIO) -> None:
    """Make all clips.

    Parameters
    ----------
    folder : Path, optional
        Where they go; beside this script by default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for clip in CLIPS:
        print(make(clip, folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else AUDIO)
