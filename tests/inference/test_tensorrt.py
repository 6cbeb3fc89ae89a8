"""What TensorRT is told, which needs no GPU to be looked at."""

from __future__ import annotations

import os

import onnxruntime
import pytest

from ser_toolkit.inference import tensorrt

BUILT = "TensorrtExecutionProvider" in onnxruntime.get_available_providers()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_TOOLKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.skipif(not BUILT, reason="this onnxruntime was built without TensorRT")
def test_major_version_is_read_off_the_provider():
    assert tensorrt.major_version() == 10


def test_shapes_to_compile_for(cache):
    options = tensorrt.provider_options(b"model", {"mel": (None, 1, 128, 376), "gemaps": (None, 88)}, index=2)
    assert options["device_id"] == 2
    assert options["trt_fp16_enable"] is False
    assert options["trt_profile_min_shapes"] == "mel:1x1x128x376,gemaps:1x88"
    assert options["trt_profile_opt_shapes"] == "mel:32x1x128x376,gemaps:32x88"
    assert options["trt_profile_max_shapes"] == "mel:128x1x128x376,gemaps:128x88"
    assert options["trt_engine_cache_enable"] is True


def test_shapes_that_vary_are_compiled_as_they_come(cache):
    for inputs in ({"x": (None, None, 3), "x_length": (None,)}, {"x": (1, 3)}):
        assert not any("profile" in key for key in tensorrt.provider_options(b"model", inputs, index=0))


def test_each_model_has_its_engines(cache):
    one, two = tensorrt.engine_folder(b"weights 1"), tensorrt.engine_folder(b"weights 2")
    assert one != two
    assert one.is_dir()
    assert cache / "tensorrt" in one.parents
    assert onnxruntime.__version__ in str(one)
    assert one.stat().st_mode & 0o077 == 0 or os.name == "nt"
    assert tensorrt.engine_folder(b"weights 1") == one


def test_engines_beside_the_features_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("SER_TOOLKIT_CACHE")
    monkeypatch.setenv("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", str(tmp_path))
    assert tmp_path / "ser-toolkit" / "tensorrt" in tensorrt.engine_folder(b"model").parents


def test_no_engines_are_kept_where_nothing_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SER_TOOLKIT_CACHE", str(tmp_path / "file"))
    assert tensorrt.engine_folder(b"model") is None
    assert "trt_engine_cache_enable" not in tensorrt.provider_options(b"model", {"x": (None, 3)}, index=0)
    monkeypatch.setenv("SER_TOOLKIT_CACHE_MAX_GB", "many")
    assert tensorrt.engine_folder(b"model") is None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_engines_of_somebody_else_are_not_run(cache):
    os.chown(tensorrt.engine_folder(b"model"), 12345, 12345)
    assert tensorrt.engine_folder(b"model") is None
