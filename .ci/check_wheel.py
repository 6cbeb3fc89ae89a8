"""Check that a wheel holds exactly the import packages, a model with its card, and no audio."""

import sys
import zipfile
from pathlib import Path

wheel = Path(sys.argv[1])
names = zipfile.ZipFile(wheel).namelist()
top = {name.split("/")[0] for name in names}
dist_info = {t for t in top if t.endswith(".dist-info")}
plugins = ("paper", "baselines", "compact", "corpora", "denoise", "functionals", "gemaps")
expected = {"ser_toolkit"} | {f"ser_toolkit_{name}" for name in plugins}
if len(dist_info) != 1 or top - dist_info != expected:
    sys.exit(f"top levels of {wheel.name} are {sorted(top)}, expected {sorted(expected)} and one .dist-info")
for wanted in (
    "ser_toolkit/models/emodb.onnx",
    "ser_toolkit/models/emodb.md",
    "ser_toolkit/models/trilingual.onnx",
    "ser_toolkit/models/trilingual.md",
    "ser_toolkit/models/mel.onnx",
    "ser_toolkit/py.typed",
    "ser_toolkit/data/silero_vad/silero_vad_16k_sequence.onnx",
    "ser_toolkit/data/silero_vad/LICENSE",
    "ser_toolkit/report/templates/noise.html.j2",
    "ser_toolkit/report/templates/evaluation.html.j2",
    "ser_toolkit/report/templates/reproduction.html.j2",
    "ser_toolkit/report/templates/style.css",
    "ser_toolkit/report/templates/analysis.html.j2",
    "ser_toolkit/report/templates/analysis.css",
    "ser_toolkit/report/templates/analysis-start.js",
    "ser_toolkit/report/vendor/chart.json",
):
    if wanted not in names:
        sys.exit(f"{wheel.name} lacks {wanted}")
if sound := [n for n in names if n.endswith((".wav", ".flac", ".mp3", ".ogg"))]:
    sys.exit(f"{wheel.name} holds audio: {sound}")
size = wheel.stat().st_size / 1e6
if size > 30:
    sys.exit(f"{wheel.name} has {size:.1f} MB, over 30")
print(f"{wheel.name}: {size:.1f} MB, top levels {', '.join(sorted(expected))}")
