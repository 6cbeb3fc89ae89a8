"""Sessions: what is said of the device is true, trying is silent, files are safe."""

from __future__ import annotations

from dataclasses import replace

import fake_nvidia
import numpy as np
import onnxruntime
import pytest

from ser_toolkit.errors import DeviceError, ModelError
from ser_toolkit.inference.nvidia_driver import has_driver
from ser_toolkit.inference.session import open_session, try_device
from ser_toolkit.models import bundled

CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
BUNDLED = bundled.resolve(None)
RUN = """
import sys
from pathlib import Path
from ser_toolkit.errors import DeviceError
from ser_toolkit.inference.session import open_session
for device in sys.argv[2:]:
    try:
        session = open_session(Path(sys.argv[1]), device=device)
        print(device, "->", session.device, session.session.get_providers()[0], session.fallback, sep="|")
    except DeviceError as error:
        print(device, "->", "error", "", error, sep="|")
"""


def features(session, n, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((n, *shape[1:])).astype(np.float32) for name, shape in session.inputs.items()}


@pytest.fixture(scope="module")
def cpu():
    return open_session(BUNDLED, device="cpu")


@pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver here")
def test_trying_is_silent_without_a_gpu(tmp_path):
    done = fake_nvidia.python(tmp_path, RUN, BUNDLED, "auto", "cpu", "cuda", "tensorrt:1", "auto")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split("|") for line in done.stdout.splitlines()]
    auto, cpu, cuda, tensorrt, again = rows
    assert auto == again == ["auto", "->", "cpu", "CPUExecutionProvider", "no NVIDIA driver"]
    assert cpu == ["cpu", "->", "cpu", "CPUExecutionProvider", ""]
    assert cuda[2] == tensorrt[2] == "error"
    assert cuda[4].startswith("cuda:0 cannot be used: ")
    assert tensorrt[4].startswith("tensorrt:1 cannot be used: ")


@pytest.mark.skipif(not CUDA, reason="this onnxruntime was built without CUDA")
def test_trying_is_silent_where_cuda_is_half_installed(tmp_path):
    fake_nvidia.driver(tmp_path)
    done = fake_nvidia.python(tmp_path, RUN, BUNDLED, "auto", "cuda", "tensorrt", CUDA_VISIBLE_DEVICES="0")
    assert (done.returncode, done.stderr) == (0, "")
    auto, cuda, tensorrt = (line.split("|") for line in done.stdout.splitlines())
    assert auto[2:4] == ["cpu", "CPUExecutionProvider"]
    assert auto[4] == cuda[4]
    assert "libcudnn.so.9" in cuda[4]
    assert "pip install 'ser-toolkit[gpu]'" in cuda[4]
    assert "libnvinfer" in tensorrt[4]


def test_the_device_is_that_of_the_session(cpu):
    assert cpu.device == "cpu"
    assert cpu.session.get_providers() == ["CPUExecutionProvider"]
    assert cpu.max_batch is None


def test_threads_and_spinning_change_no_numbers(cpu):
    x = features(cpu, 3)
    quiet = open_session(BUNDLED, device="cpu", threads=1, spin=False)
    np.testing.assert_allclose(quiet.run("emotion", x), cpu.run("emotion", x), atol=1e-5)


def test_a_device_that_takes_few_rows_gets_few(cpu):
    x = features(cpu, 10)
    np.testing.assert_allclose(replace(cpu, max_batch=4).run("emotion", x), cpu.run("emotion", x), atol=1e-6)
    assert replace(cpu, max_batch=4).run("emotion", features(cpu, 0)).shape == (0, 4)


@pytest.mark.parametrize("device", ["gpu", "cuda:", ""])
def test_no_such_device(device):
    with pytest.raises(DeviceError, match="no device is called"):
        open_session(BUNDLED, device=device)


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_files_that_are_no_models(tmp_path, device):
    with pytest.raises(ModelError, match="there is no such file"):
        open_session(tmp_path / "none.onnx", device=device)
    with pytest.raises(ModelError, match="no run folder"):
        open_session(tmp_path, device=device)
    path = tmp_path / "m.onnx"
    for data in (b"", b"not a model", BUNDLED.read_bytes()[:-1000]):
        path.write_bytes(data)
        with pytest.raises(ModelError, match="no ONNX model that can be run here"):
            open_session(path, device=device)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["cuda", "tensorrt"])
def test_gpu_numbers_are_those_of_the_cpu(cpu, kind):
    if obstacle := try_device(kind):
        pytest.skip(f"{kind} does not run here: {obstacle.reason}")
    session = open_session(BUNDLED, device=kind)
    assert session.device == f"{kind}:0"
    for n in (1, 5, 300):
        x = features(session, n)
        np.testing.assert_allclose(
            session.run("emotion", x), cpu.run("emotion", x), atol=2e-3 if kind == "tensorrt" else 1e-4
        )


@pytest.mark.gpu
def test_a_damaged_file_is_no_fault_of_the_gpu(tmp_path):
    if obstacle := try_device("cuda"):
        pytest.skip(f"cuda does not run here: {obstacle.reason}")
    (tmp_path / "m.onnx").write_bytes(b"not a model")
    for device in ("cuda", "auto"):
        with pytest.raises(ModelError, match="no ONNX model"):
            open_session(tmp_path / "m.onnx", device=device)
