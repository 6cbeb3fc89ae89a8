"""The Python API: predictions, streams, and models that must be refused with one clear error."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper

import ser_toolkit
from ser_toolkit.errors import AudioError, DeviceError, ModelError, RecipeError
from ser_toolkit.inference.model import Model
from ser_toolkit.recipe import METADATA_KEY


@pytest.fixture(scope="module")
def model(tiny_model):
    return ser_toolkit.load(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def speech(tiny_corpus):
    y, sr = soundfile.read(tiny_corpus.parent / "audio" / "s1-anger-1.wav", dtype="float32")
    return np.tile(y, 3), sr


def test_path_and_array_agree(model, tiny_corpus):
    path = tiny_corpus.parent / "audio" / "s1-anger-1.wav"
    y, sr = soundfile.read(path, dtype="float32")
    by_path, by_array = model.predict(path), model.predict(y, sr)
    assert by_path.probabilities == by_array.probabilities
    assert by_path.windows == by_array.windows
    assert by_path.predicted in model.labels
    assert sum(by_path.probabilities.values()) == pytest.approx(1)
    assert by_path.ranked()[0] == (by_path.predicted, by_path.confidence)


def test_the_file_is_the_mean_of_its_windows(model, speech):
    result = model.predict(*speech)
    assert len(result.windows) > 2
    for label in model.labels:
        mean = np.mean([w.probabilities[label] for w in result.windows])
        assert result.probabilities[label] == pytest.approx(mean)
    assert result.windows[0].start_s == 0
    assert result.windows[-1].end_s == pytest.approx(result.duration_s)


def with_sets(tmp_path, tiny_model, thresholds):
    """The tiny model with these thresholds, or none."""
    proto = onnx.load(tiny_model)
    data = json.loads(proto.metadata_props[0].value)
    data["calibration"]["conformal"] = thresholds and {
        "method": "class-conditional", "alpha": 0.1, "thresholds": thresholds, "n": 9, "fitted_on": "dev", "note": "",
    }  # fmt: skip
    helper.set_model_props(proto, {METADATA_KEY: json.dumps(data)})
    return open_bytes(tmp_path, proto.SerializeToString())


def test_sets_of_files_windows_and_streams(tmp_path, tiny_model, speech):
    y, sr = speech
    plain = with_sets(tmp_path, tiny_model, None).predict(y, sr)
    assert plain.prediction_set is plain.uncertain is None
    assert all(w.prediction_set is None for w in plain.windows)
    (first, p), (second, q) = plain.ranked()
    assert plain.entropy == pytest.approx(-(p * np.log(p) + q * np.log(q)) / np.log(2))
    for thresholds, expected in (([1.0, 1.0], (first, second)), ([0.0, 0.0], (first,))):
        model = with_sets(tmp_path, tiny_model, thresholds)
        result = model.predict(y, sr)
        assert result.probabilities == plain.probabilities
        assert result.prediction_set == expected
        assert result.uncertain == (len(expected) == 2)
        assert all(w.prediction_set[0] == w.predicted for w in result.windows)
        assert {len(w.prediction_set) for w in model.stream([y], sr)} == {len(expected)}
    # a label at its threshold is inside, one below it is not: by the mean over windows, not by any one of them
    at, below = (with_sets(tmp_path, tiny_model, [t] * 2).predict(y, sr) for t in (1 - q, 1 - q - 1e-9))
    assert at.prediction_set == (first, second)
    assert below.prediction_set == (first,)


def test_the_bundled_model_has_sets():
    sets = ser_toolkit.load(device="cpu").recipe.conformal
    assert (sets.method, sets.alpha, sets.n) == ("lac", 0.1, 2553)
    assert 0.5 < sets.thresholds[0] < 1


def test_other_rates_and_channels(model, speech):
    y, sr = speech
    stereo = model.predict(np.stack([y, y]), sr)
    assert stereo.probabilities == model.predict(y, sr).probabilities
    assert "mixed down" in stereo.notes
    import soxr

    fast = model.predict(soxr.resample(y, sr, 44_100), 44_100)
    assert "resampled" in fast.notes
    assert fast.probabilities == pytest.approx(model.predict(y, sr).probabilities, abs=0.05)


@pytest.mark.parametrize("size", [100, 1600, 16_000, 1_000_000])
def test_stream_gives_the_full_windows_of_the_recording(model, speech, size):
    y, sr = speech
    streamed = list(model.stream((y[i : i + size] for i in range(0, len(y), size)), sr))
    whole = [w for w in model.predict(y, sr).windows if w.start_s % 0.75 == 0]
    assert [(w.start_s, w.end_s) for w in streamed] == [(w.start_s, w.end_s) for w in whole]
    for a, b in zip(streamed, whole, strict=True):
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-5)


def test_stream_of_16_bit_integers(model, speech):
    y, sr = speech
    integers = np.round(y * 32767).astype(np.int16)
    rows, expected = (list(model.stream([x[:30_000], x[30_000:], x[:0]], sr)) for x in (integers, integers / 32768))
    assert rows
    assert rows == expected
    for rate in (0, -1, 10**9):
        with pytest.raises(AudioError, match="sample rate"):
            list(model.stream([y], rate))


def test_stream_resamples_and_refuses_what_is_no_sound(model, speech):
    y, sr = speech
    import soxr

    up = soxr.resample(y, sr, 48_000)
    rows = list(model.stream((up[i : i + 4800] for i in range(0, len(up), 4800)), 48_000))
    whole = [w for w in model.predict(y, sr).windows if w.start_s % 0.75 == 0]
    assert len(rows) == len(whole)
    for a, b in zip(rows, whole, strict=True):
        assert a.probabilities == pytest.approx(b.probabilities, abs=0.05)
    with pytest.raises(AudioError, match="non-finite"):
        list(model.stream([np.full(99_000, np.nan)], sr))
    with pytest.raises(AudioError, match="mono"):
        list(model.stream([np.zeros((2, 100))], sr))
    assert list(model.stream([y[:100]], sr)) == []


def test_a_stream_with_gaps_between_windows(tiny_model, speech):
    y, sr = speech
    sparse = Model.open(tiny_model, device="cpu", hop_s=2.0)
    rows = list(sparse.stream((y[i : i + 1000] for i in range(0, len(y), 1000)), sr))
    assert [w.start_s for w in rows] == [0.0, 2.0]
    whole = sparse.predict(y, sr).windows
    assert rows[1].probabilities == pytest.approx(whole[1].probabilities, abs=1e-5)


def test_hop(tiny_model, speech):
    y, sr = speech
    fine, coarse = (Model.open(tiny_model, device="cpu", hop_s=h).predict(y, sr) for h in (0.25, "window"))
    assert len(fine.windows) > len(coarse.windows)
    with pytest.raises(Exception, match="hop_s"):
        Model.open(tiny_model, device="cpu", hop_s=1e9)


@pytest.mark.parametrize(
    ("y", "sr", "reason"),
    [
        (np.zeros(16_000), 16_000, "no speech"),
        (np.zeros(0), 16_000, "empty"),
        (np.full(16_000, np.nan), 16_000, "non-finite"),
        (np.ones(160) * 0.1, 16_000, "too short"),
    ],
)
def test_bad_arrays(model, y, sr, reason):
    with pytest.raises(AudioError) as caught:
        model.predict(y, sr)
    assert caught.value.reason == reason


def test_an_array_needs_its_rate(model):
    with pytest.raises(AudioError, match=r"predict\(y, sr\)"):
        model.predict(np.zeros(16_000))


def with_recipe(text, *, inputs=(("mel", ["b", 4]),), output=("emotion", ["b", 2]), weights=None):
    """A foreign graph that says whatever it is told to."""
    name, shape = inputs[0]
    nodes = [helper.make_node("Flatten", [name], ["flat"]), helper.make_node("Softmax", ["flat"], [output[0]])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])],
        weights or [],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    if text is not None:
        helper.set_model_props(proto, {METADATA_KEY: text})
    return proto.SerializeToString()


@pytest.fixture
def recipe_of(tiny_model):
    def change(**changes):
        data = json.loads({p.key: p.value for p in onnx.load(tiny_model).metadata_props}[METADATA_KEY])
        for path, value in changes.items():
            part = data
            *before, last = path.split("__")
            for key in before:
                part = part[key]
            part[last] = value
        return json.dumps(data)

    return change


def open_bytes(tmp_path, data):
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    return Model.open(path, device="cpu")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no ONNX model"),
        (b"hello, world", "is no ONNX model"),
        (b"\x08\x07" * 500, "is no ONNX model"),
        (with_recipe(None), "not one of ser-toolkit's"),
    ],
)
def test_corrupt_and_foreign_files(tmp_path, data, said, capfd):
    with pytest.raises(ModelError, match=said):
        open_bytes(tmp_path, data)
    assert capfd.readouterr() == ("", "")


def test_truncated_model(tmp_path, tiny_model, capfd):
    data = tiny_model.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        with pytest.raises(ModelError):
            open_bytes(tmp_path, data[: int(len(data) * share)])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"features__mel__name": "not-installed", "features__mel__dist": "their-plugin 1.2"},
            "pip install their-plugin",
        ),
        ({"features__mel__version": 7}, "other numbers"),
        ({"features__mel__config": {"n_mels": 2**40}}, "n_mels"),
        ({"features__mel__config": {"path": "/etc/passwd"}}, "file path"),
        ({"sr": -1}, "sr"),
        ({"segments__window_s": 1e12}, "window_s"),
        ({"format": 99}, "upgrade"),
        (
            {"calibration__conformal": {"method": "lac", "alpha": 0.1, "thresholds": [0.5], "n": 9, "fitted_on": ""}},
            "1 thresholds for 2 labels",
        ),
        ({"training": None, "evil": "__import__('os')"}, "evil"),
    ],
)
def test_hostile_recipes_in_models(tmp_path, recipe_of, changes, said):
    with pytest.raises(RecipeError, match=said):
        open_bytes(tmp_path, with_recipe(recipe_of(**changes)))


def test_graph_and_recipe_must_agree(tmp_path, recipe_of):
    both = (("mel", ["b", 1, 32, 47]), ("gemaps", ["b", 88]))
    with pytest.raises(ModelError, match="no input for gemaps"):
        open_bytes(tmp_path, with_recipe(recipe_of(), inputs=both[:1]))
    with pytest.raises(ModelError, match="'stranger' that its recipe does not describe"):
        open_bytes(tmp_path, with_recipe(recipe_of(), inputs=(*both, ("stranger", ["b", 4]))))
    with pytest.raises(ModelError, match="input 'mel' has shape"):
        open_bytes(tmp_path, with_recipe(recipe_of(), inputs=(("mel", ["b", 1, 32, 9]), both[1])))
    with pytest.raises(ModelError, match="no output 'emotion'"):
        open_bytes(tmp_path, with_recipe(recipe_of(), inputs=both, output=("other", ["b", 1504])))
    with pytest.raises(ModelError, match="no output 'emotion' of 2 probabilities"):
        open_bytes(tmp_path, with_recipe(recipe_of(), inputs=both, output=("emotion", ["b", 1504])))


def test_weights_in_other_files_are_not_read(tmp_path, recipe_of, monkeypatch):
    """A tensor that lives in another file is refused, even one beside the model or in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(np.arange(88, dtype="<f4").tobytes())
    for location in ("secret.bin", "../secret.bin", "/etc/passwd"):
        tensor = TensorProto(name="w", data_type=1, dims=[88], data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value=location)
        graph = helper.make_graph(
            [helper.make_node("Add", ["gemaps", "w"], ["emotion"])],
            "g",
            [helper.make_tensor_value_info("gemaps", TensorProto.FLOAT, ["b", 88])],
            [helper.make_tensor_value_info("emotion", TensorProto.FLOAT, ["b", 88])],
            [tensor],
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        helper.set_model_props(proto, {METADATA_KEY: recipe_of()})
        with pytest.raises(ModelError, match="is no ONNX model that can be run here"):
            open_bytes(tmp_path, proto.SerializeToString())


def test_a_changed_library_is_named(tmp_path, tiny_model):
    proto = onnx.load(tiny_model)
    data = json.loads(proto.metadata_props[0].value)
    data["probe"]["gemaps"][0] += 50
    data["libraries"]["opensmile"] = "2.0.0"
    helper.set_model_props(proto, {METADATA_KEY: json.dumps(data)})
    (warning,) = open_bytes(tmp_path, proto.SerializeToString()).warnings
    assert "feature 'gemaps' (egemaps) gives other numbers here" in warning
    assert "opensmile 2.0.0 -> " in warning
    assert ser_toolkit.load(tiny_model, device="cpu").warnings == ()


def test_names_and_paths_that_are_no_model(tmp_path):
    with pytest.raises(ModelError, match="no such file, and no bundled model of that name.*Did you mean 'emodb'"):
        ser_toolkit.load("emobd")
    with pytest.raises(ModelError, match="export the run first"):
        ser_toolkit.load(tmp_path)


def test_devices(tiny_model):
    with pytest.raises(DeviceError, match="no device is called 'gpu'"):
        ser_toolkit.load(tiny_model, device="gpu")
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    auto = ser_toolkit.load(tiny_model, device="auto")
    assert auto.device == "cpu"
    assert auto.session.fallback
    assert ser_toolkit.load(tiny_model, device="cpu").session.fallback == ""
    with pytest.raises(DeviceError, match="NVIDIA driver|CUDA libraries"):
        ser_toolkit.load(tiny_model, device="cuda")


def test_asking_for_cuda_without_one_is_one_clean_line(tiny_model):
    """ONNX Runtime's own coloured complaints stay off standard error."""
    code = (
        "import ser_toolkit\n"
        f"try: ser_toolkit.load({str(tiny_model)!r}, device='cuda:0')\n"
        "except ser_toolkit.errors.DeviceError as e: print('refused')\n"
        f"print(ser_toolkit.load({str(tiny_model)!r}).device)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.split()[-1].startswith(("cpu", "cuda"))


def test_inference_does_not_import_torch(tiny_model, tiny_corpus):
    code = (
        "import sys, ser_toolkit\n"
        f"ser_toolkit.load({str(tiny_model)!r}).predict({str(tiny_corpus.parent / 'audio' / 's0-anger-0.wav')!r})\n"
        "assert not {'torch', 'sklearn.svm', 'matplotlib', 'accelerate', 'onnx'} & set(sys.modules), 'heavy'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
