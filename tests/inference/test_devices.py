"""Why a device cannot be used: found by looking at the machine, here at imitations of one."""

from __future__ import annotations

import json

import fake_nvidia
import onnxruntime
import pytest

from ser_toolkit.errors import DeviceError
from ser_toolkit.inference.device_names import parse_device
from ser_toolkit.inference.devices import find_obstacle, libraries
from ser_toolkit.inference.nvidia_driver import has_driver, look_at_driver
from ser_toolkit.inference.session import try_device

CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
built_with_cuda = pytest.mark.skipif(not CUDA, reason="this onnxruntime was built without CUDA")
no_gpu = pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver here")

OBSTACLE = """
import sys
from ser_toolkit.inference.session import try_device
found = try_device(sys.argv[1], int(sys.argv[2]))
print(found.reason, found.mend, sep="|")
"""


def obstacle(folder, kind="cuda", index=0, **env):
    done = fake_nvidia.python(folder, OBSTACLE, kind, index, **env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.rstrip("\n").split("|")


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("auto", ("auto", 0)),
        ("cpu", ("cpu", 0)),
        ("cuda", ("cuda", 0)),
        ("cuda:1", ("cuda", 1)),
        ("tensorrt", ("tensorrt", 0)),
        ("tensorrt:12", ("tensorrt", 12)),
    ],
)
def test_names_of_devices(text, parsed):
    assert parse_device(text) == parsed


@pytest.mark.parametrize(
    "text", ["", "gpu", "CUDA", "cpu:0", "auto:1", "cuda:", "cuda:-1", "cuda:x", "tensorrt:1 ", None]
)
def test_other_names_are_refused(text):
    with pytest.raises(DeviceError, match=r"no device is called .*auto, cpu, cuda, cuda:N, tensorrt"):
        parse_device(text)


def test_the_cpu_runs():
    assert try_device("cpu") is None


@built_with_cuda
@no_gpu
@pytest.mark.parametrize("kind", ["cuda", "tensorrt"])
def test_no_driver(kind):
    assert not has_driver()
    assert not look_at_driver().gpus
    found = find_obstacle(kind, 0)
    assert "no NVIDIA driver is installed" in found.reason
    assert str(found).endswith("Without a GPU use --device cpu or auto")


@built_with_cuda
def test_driver_too_old(tmp_path):
    reason, mend = obstacle(fake_nvidia.driver(tmp_path, version=12040))
    major = onnxruntime.cuda_version.split(".")[0]
    assert (
        f"driver 555.42 runs CUDA 12.4 at most, and onnxruntime {onnxruntime.__version__} is built for CUDA {major}"
        in reason
    )
    assert "newer driver" in mend


@built_with_cuda
def test_no_such_gpu(tmp_path):
    reason, mend = obstacle(fake_nvidia.driver(tmp_path, count=2), index=3)
    assert reason == "there is no GPU 3"
    assert mend == "There is 0 (Imaginary 1000), 1 (Imaginary 1000)"


@built_with_cuda
@pytest.mark.parametrize("numbers", [{"count": 0}, {"init": 100}])
def test_hidden_gpus(tmp_path, numbers):
    reason, _ = obstacle(fake_nvidia.driver(tmp_path, **numbers), CUDA_VISIBLE_DEVICES="-1")
    assert reason == "the NVIDIA driver sees no GPU (CUDA_VISIBLE_DEVICES is '-1')"


@built_with_cuda
def test_driver_that_does_not_start(tmp_path):
    reason, mend = obstacle(fake_nvidia.driver(tmp_path, init=999))
    assert reason == "the NVIDIA driver does not start: imaginary failure (error 999)"
    assert "nvidia-smi" in mend


@built_with_cuda
def test_no_driver_of_that_name(tmp_path):
    fake_nvidia.library(tmp_path, "libcuda.so.1", "int other;")
    reason, _ = obstacle(tmp_path)
    assert "libcuda.so.1 is no NVIDIA driver" in reason


@built_with_cuda
def test_gpu_too_old(tmp_path):
    reason, _ = obstacle(fake_nvidia.driver(tmp_path, capability=(3, 5)))
    assert reason.startswith("GPU 0 (Imaginary 1000) has compute capability 3.5, and CUDA")


@built_with_cuda
def test_libraries_missing_or_of_another_major(tmp_path):
    fake_nvidia.driver(tmp_path)
    fake_nvidia.library(tmp_path, "libcudnn.so.8")
    reason, mend = obstacle(tmp_path)
    assert reason.startswith("libraries are missing: libcublasLt.so.")
    assert "libcudnn.so.9 (there is libcudnn.so.8)" in reason
    assert mend == "Install them: pip install 'ser-toolkit[gpu]'"


@built_with_cuda
def test_library_that_is_no_library(tmp_path):
    fake_nvidia.driver(tmp_path)
    (tmp_path / "libcudnn.so.9").write_text("something else")
    reason, _ = obstacle(tmp_path)
    assert "libcudnn.so.9 cannot be loaded: " in reason


@built_with_cuda
def test_tensorrt_missing_beside_cuda(tmp_path):
    fake_nvidia.driver(tmp_path)
    cuda = [library.name for library in libraries("cuda")]
    for name in cuda:
        fake_nvidia.library(tmp_path, name)
    reason, mend = obstacle(tmp_path, "tensorrt")
    assert reason == "libraries are missing: libnvinfer.so.10, libnvinfer_plugin.so.10, libnvonnxparser.so.10"
    major = onnxruntime.cuda_version.split(".")[0]
    assert mend == f"Install them: pip install 'tensorrt-cu{major}-libs<11'"
    # with libraries that are empty, what the loader says of ONNX Runtime's own is the reason
    reason, _ = obstacle(tmp_path, "cuda")
    assert "onnxruntime_providers_cuda" in reason


@built_with_cuda
def test_where_libraries_come_from(tmp_path):
    name = next(library.name for library in libraries("cuda") if "cudnn" in library.name)
    fake_nvidia.library(tmp_path, name)
    code = """
import dataclasses, json
from ser_toolkit.inference.devices import libraries
print(json.dumps([dataclasses.asdict(x) for x in libraries("cuda")]))
"""
    found = {x["name"]: x for x in json.loads(fake_nvidia.python(tmp_path, code).stdout)}
    assert found[name] == {"name": name, "path": str(tmp_path / name), "problem": "", "others": []}


@built_with_cuda
def test_tensorrt_from_pip(tmp_path):
    package = tmp_path / "site" / "tensorrt_libs"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    names = ["libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10"]
    for name in names:
        fake_nvidia.library(package, name, "int getInferLibVersion() { return 101601; }")
    code = """
from ser_toolkit.inference.devices import libraries
from ser_toolkit.inference.tensorrt import engine_folder
print(*(x.path for x in libraries("tensorrt") if "nv" in x.name), engine_folder(b"model"))
"""
    env = {"PYTHONPATH": str(tmp_path / "site"), "SER_TOOLKIT_CACHE": str(tmp_path / "cache")}
    *paths, engines = fake_nvidia.python(tmp_path, code, **env).stdout.split()
    assert paths == [str(package / name) for name in names]
    assert "-trt101601/" in engines


def test_built_without_cuda(monkeypatch):
    # onnxruntime says what it was built with; no machine here has the other build
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr("sys.platform", "linux")
    found = find_obstacle("cuda", 0)
    assert found.reason == "this onnxruntime was built without CUDA"
    assert "pip uninstall -y onnxruntime" in found.mend
    monkeypatch.setattr("sys.platform", "darwin")
    assert find_obstacle("tensorrt", 0).reason.endswith("without TensorRT; there is none with it for darwin")
    assert find_obstacle("tensorrt", 0).mend == ""
