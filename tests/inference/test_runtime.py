"""ONNX Runtime never reports to its makers: it is imported after its telemetry has been switched off."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST_USE = {
    "runtime": "from ser_toolkit.inference import runtime; runtime()",
    "speech": "import numpy as np; from ser_toolkit.data.speech import holds_speech;"
    "holds_speech(np.random.default_rng(0).standard_normal(16000).astype('float32'), 16000)",
    "model": "import ser_toolkit; ser_toolkit.load()",
}


@pytest.mark.parametrize("code", FIRST_USE.values(), ids=FIRST_USE)
def test_telemetry_is_off_before_the_import(code):
    watch = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime':\n"
        "            assert os.environ.get('ORT_DISABLE_TELEMETRY') == '1', 'imported with telemetry on'\n"
        "            print('imported')\n"
        "sys.meta_path.insert(0, Watch())\n"
    )
    done = subprocess.run([sys.executable, "-c", watch + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "imported" in done.stdout
