"""The doctor: every fault is a row, and whatever is broken, the rest is looked at."""

from __future__ import annotations

import importlib.metadata
import json
import sys

import fake_dists
import fake_nvidia
import onnxruntime
import pytest

from ser_toolkit.doctor import SECTIONS, Check, Diagnosis, Trial, diagnose, run_trials, trials
from ser_toolkit.doctor_installation import flavour, licence_of
from ser_toolkit.errors import DeviceError

CACHE = Trial(section="cache", name="cache")
PLUGINS = Trial(section="plugins", name="plugins", todo="Switch it off")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder whose modules and distributions the doctor's processes see first."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def plugin(site, source):
    fake_dists.install(site, "bad-plugin", entry_points={"bad": "bad_module"}, modules={"bad_module": source})


def named(checks, name):
    (found,) = [check for check in checks if check.name == name]
    return found


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """All of it on this machine, with a torch that leaves a trace if anything imports it."""
    site = tmp_path_factory.mktemp("site")
    (site / "torch.py").write_text(f"open({str(site / 'imported')!r}, 'w')\nraise ImportError('no')\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site))
        patch.delenv("SER_TOOLKIT_CACHE_MAX_GB", raising=False)
        steps = []
        found = diagnose(on_step=steps.append)
    return found, steps, site


def test_nothing_is_broken_here(healthy):
    found, steps, _ = healthy
    assert [c for c in found.checks if c.status == "problem"] == []
    assert not found.broken
    assert tuple(found.sections) == SECTIONS
    assert all(found.sections.values())
    assert steps == [trial.name for trial in trials()]


def test_torch_is_not_imported(healthy):
    found, _, site = healthy
    assert not (site / "imported").exists()
    assert named(found.checks, "torch").says == importlib.metadata.version("torch")


def test_what_is_said(healthy):
    found, *_ = healthy
    installed, model = found.sections["installation"], found.sections["model"]
    assert named(installed, "onnxruntime").says.startswith(importlib.metadata.version("onnxruntime-gpu"))
    assert "libsndfile 1." in named(installed, "soundfile").says
    assert named(found.checks, "cpu").says.startswith("runs; opened in")
    assert {c.name for c in found.sections["plugins"]} >= {"paper", "baselines", "corpora"}
    assert "anger, happiness, neutral, sadness" in model[0].says
    assert [c.name for c in model[1:-1]] == ["feature functionals"]
    assert sum(model[-1].details["probabilities"].values()) == pytest.approx(1)
    assert "WAV" in named(found.checks, "libsndfile").says
    smile = named(found.sections["licences"], "opensmile")
    assert smile.status == "warning"
    assert "audEERING Research License" in smile.says
    listed = [d for c in found.sections["licences"] for d in c.details["distributions"]]
    assert {"numpy", "librosa", "rich", "torch"} <= {d["name"] for d in listed}
    assert "pytest" not in {d["name"] for d in listed}
    assert all(d["version"] and d["licence"] for d in listed)


def test_json_holds_all_of_it(healthy):
    found, *_ = healthy
    back = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert back["broken"] is False
    assert [c["name"] for c in back["sections"]["plugins"]] == [c.name for c in found.sections["plugins"]]


def test_a_crash_is_a_row(site):
    plugin(site, "x = 1\nimport ctypes\nctypes.string_at(0)\n")
    crashed, cache = run_trials([PLUGINS, CACHE])
    (check,) = crashed
    assert (check.name, check.status, check.todo) == ("plugins", "problem", "Switch it off")
    if sys.platform == "linux":
        assert check.says.startswith("crashes Python (SIGSEGV) at ")
    assert [c.name for c in cache] == ["cache"]


def test_a_process_that_ends_is_a_row(site):
    plugin(site, "import os\nos.write(2, b'not today\\n')\nos._exit(7)\n")
    ((check,), (cache,)) = run_trials([PLUGINS, CACHE])
    assert check.says == "ends Python with code 7: not today"
    assert cache.status == "ok"


def test_a_hang_is_a_row(site):
    plugin(site, "import threading\nthreading.Event().wait()\n")
    ((check,), (cache,)) = run_trials([Trial(section="plugins", name="plugins", limit_s=1.5), CACHE])
    assert check.says == "hangs: no answer within 1.5 s"
    assert cache.status == "ok"


def test_plugins_that_fail_or_are_switched_off(site, monkeypatch):
    plugin(site, "print('into the results')\nraise RuntimeError('nothing works')\n")
    monkeypatch.setenv("SER_TOOLKIT_DISABLE_PLUGINS", "corpora")
    found = diagnose(only=["plugins"])
    bad, off = named(found.checks, "bad"), named(found.checks, "corpora")
    assert (bad.status, bad.says) == ("problem", "bad-plugin 1.0: RuntimeError: nothing works")
    assert "SER_TOOLKIT_DISABLE_PLUGINS=bad" in bad.todo
    assert (off.status, off.says.partition(": ")[2]) == ("absent", "disabled by SER_TOOLKIT_DISABLE_PLUGINS")
    assert found.broken


def test_broken_libraries(site):
    (site / "soxr.py").write_text("raise OSError('libsoxr.so: file too short')\n")
    (site / "soundfile.py").write_text("import sys\nsys.exit('no sound')\n")
    found = diagnose(only=["installation", "media"])
    soxr = named(found.checks, "soxr")
    assert (soxr.status, soxr.says) == ("problem", "OSError: libsoxr.so: file too short")
    assert "pip install --force-reinstall" in soxr.todo
    assert named(found.sections["installation"], "soundfile").says == "SystemExit: no sound"
    assert named(found.sections["media"], "media").status == "problem"
    assert named(found.checks, "librosa").status == "ok"


def test_without_numpy_the_doctor_still_looks(site, tmp_path):
    (site / "numpy.py").write_text("raise ImportError('numpy is broken')\n")
    code = "import typer; from ser_toolkit.cli.doctor import doctor; typer.run(doctor)"
    done = fake_dists.run(site, "-c", code, "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert done.returncode == 1
    says = {c["name"]: c for checks in found["sections"].values() for c in checks}
    assert says["numpy"]["says"] == "ImportError: numpy is broken"
    assert says["ser-toolkit"]["status"] == "ok"
    assert says["MIT"]["status"] == "ok"


def test_what_lies_in_the_users_folder_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "librosa.py").write_text("raise ImportError('mine')\n")
    monkeypatch.chdir(tmp_path)
    assert not diagnose(only=["installation"]).broken


def test_both_onnxruntimes(site):
    fake_dists.install(site, "onnxruntime", version="1.30.0", entry_points={})
    check = named(diagnose(only=["installation"]).checks, "onnxruntime flavour")
    assert check.status == "problem"
    assert "onnxruntime and onnxruntime-gpu are both installed" in check.says
    assert check.todo.startswith("pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime")


def test_one_onnxruntime_or_none():
    assert flavour({"onnxruntime": "1.31.1", "onnxruntime-tools": "1"}).status == "ok"
    check = flavour({"numpy": "2"})
    assert (check.status, check.says) == ("problem", "no onnxruntime is installed")


@pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="this onnxruntime was built without CUDA",
)
def test_a_gpu_without_its_libraries(tmp_path, monkeypatch):
    fake_nvidia.driver(tmp_path, count=2)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    found = diagnose(only=["devices"])
    assert not found.broken  # nobody asked for it
    assert named(found.checks, "NVIDIA driver").says == "555.42, runs CUDA 13.0 at most"
    assert named(found.checks, "GPU 1").says == "Imaginary 1000, 8.0 GiB, compute capability 9.0"
    cuda = named(found.checks, "cuda:0")
    assert (cuda.status, cuda.todo) == ("warning", "Install them: pip install 'ser-toolkit[gpu]'")
    assert "libcudnn.so.9" in named(found.checks, "CUDA and cuDNN").says
    wanted = diagnose(device="tensorrt", only=["devices"])
    assert named(wanted.checks, "tensorrt:0").status == "problem"
    assert "libnvinfer.so.10" in named(wanted.checks, "TensorRT").says
    fake_nvidia.driver(tmp_path, count=0)
    blind = named(diagnose(only=["devices"]).checks, "NVIDIA driver")
    assert blind.status == "warning"
    assert "sees no GPU" in blind.says


def test_variables(monkeypatch):
    assert named(diagnose(only=["environment"]).checks, "SER_TOOLKIT_CACHE").status == "ok"
    monkeypatch.setenv("SER_TOOLKIT_CASHE", "x")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    checks = diagnose(only=["environment"]).checks
    typo = named(checks, "SER_TOOLKIT_CASHE")
    assert (typo.status, "SER_TOOLKIT_CACHE'" in typo.todo) == ("warning", True)
    assert named(checks, "CUDA_VISIBLE_DEVICES").says == "1"


@pytest.mark.parametrize(
    ("variables", "status", "says"),
    [
        ({"SER_TOOLKIT_CACHE_MAX_GB": "0"}, "absent", "switched off"),
        ({"SER_TOOLKIT_CACHE_MAX_GB": "inf"}, "ok", "no limit"),
        ({"SER_TOOLKIT_CACHE_MAX_GB": "much"}, "problem", "give gigabytes"),
        ({"SER_TOOLKIT_CACHE": "/dev/null/x"}, "warning", "cannot be written"),
    ],
)
def test_cache(monkeypatch, variables, status, says):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (check,) = diagnose(only=["cache"]).checks
    assert check.status == status
    assert says in check.says


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        ("License-Expression: MIT OR ISC\nLicense: other", "MIT OR ISC"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("Classifier: License :: OSI Approved\nLicense: BSD License", "BSD"),
        ("License: " + "w" * 200, "w" * 60),
        ("Classifier: Typing :: Typed", "not stated"),
    ],
)
def test_licences(tmp_path, lines, licence):
    info = tmp_path / "some_thing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: some-thing\nVersion: 1.0\n{lines}\n")
    (found,) = importlib.metadata.distributions(path=[str(tmp_path)])
    assert licence_of(found) == licence


def test_a_device_that_does_not_exist():
    with pytest.raises(DeviceError, match="no device is called 'gpu'"):
        trials("gpu")
    assert [t.name for t in trials("cuda:3") if t.section == "devices"][-2:] == ["device:cuda:3", "device:tensorrt:3"]


def test_broken_is_a_problem():
    def checks(*statuses):
        return Diagnosis(sections={"model": tuple(Check(name="x", status=s, says="") for s in statuses)})

    assert not checks("ok", "absent", "warning").broken
    assert checks("ok", "problem").broken
