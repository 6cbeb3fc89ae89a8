"""A run on real code and small sound: files, scores, resume after a kill, refusals before work is done."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny import TINY

from ser_toolkit.errors import (
    ComponentError,
    ConfigError,
    DeviceError,
    ManifestError,
    ModelError,
    SplitError,
    UnknownComponentError,
)
from ser_toolkit.recipe import Recipe
from ser_toolkit.training.checkpoint import read_recipe
from ser_toolkit.training.results import read_result
from ser_toolkit.training.run import train

SVM = {
    "features": {"gemaps": {"name": "egemaps"}},
    "model": {"name": "svm"},
    "segments": {"preset": "utterance"},
    "training": {"workers": 1},
}


def test_run_folder_is_complete_and_readable(tiny_run):
    out = tiny_run.run_dir
    names = {p.name for p in out.iterdir()}
    assert names == {
        "recipe.json", "weights.safetensors", "metrics.json", "epochs.csv", "predictions.csv", "confusion.png",
        "split.csv", "samples.safetensors", "config.json", "audio.json",
    }  # fmt: skip
    assert read_result(out) == tiny_run
    assert (out / "confusion.png").read_bytes().startswith(b"\x89PNG")
    recipe = read_recipe(out)
    assert recipe.labels == ("anger", "sadness")
    assert recipe.calibration.temperature > 0
    assert recipe.training.protocol == tiny_run.protocol
    assert len(recipe.training.speakers) == 5  # 4 for training, 1 for development
    assert "openSMILE" in recipe.license
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_scores_are_those_of_the_written_predictions(tiny_run):
    with (tiny_run.run_dir / "predictions.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["part"] == "test"]
    assert len(rows) == tiny_run.test.utterance.n == 4
    assert len({r["speaker"] for r in rows}) == 1
    correct = np.mean([r["predicted"] == r["emotion"] for r in rows])
    assert correct == pytest.approx(tiny_run.test.utterance.wa)
    assert all(float(r["anger"]) + float(r["sadness"]) == pytest.approx(1, abs=1e-5) for r in rows)


def test_speakers_of_training_are_not_in_the_clear(tiny_run):
    text = (tiny_run.run_dir / "recipe.json").read_text()
    assert "speaker0" not in text
    assert ".wav" not in text
    assert "/" not in json.dumps(json.loads(text)["features"])


def test_same_seed_same_weights(tiny_corpus, tiny_run, tmp_path):
    again = train(tiny_corpus, config=TINY, out=tmp_path / "again", device="cpu")
    one, two = (load_file(r.run_dir / "weights.safetensors") for r in (tiny_run, again))
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[k], two[k]) for k in one)
    assert again.recipe.calibration == tiny_run.recipe.calibration


class Stop(Exception):
    pass


def test_a_run_stopped_between_epochs_resumes_to_the_same_weights(tiny_corpus, tiny_run, tmp_path):
    class StopAfterFirst:
        def __getattr__(self, name):
            return lambda *args, **kwargs: None

        def epoch(self, row):
            raise Stop

    out = tmp_path / "run"
    with pytest.raises(Stop):
        train(tiny_corpus, config=TINY, out=out, device="cpu", progress=StopAfterFirst())
    with pytest.raises(ModelError, match="has not finished.*--resume"):
        read_recipe(out)
    with pytest.raises(ConfigError, match="not empty.*--resume"):
        train(tiny_corpus, config=TINY, out=out, device="cpu")
    changed = {**TINY, "training": {**TINY["training"], "lr": 0.1}}
    with pytest.raises(ConfigError, match=r"changed since the run began: training.lr: 0.003 -> 0.1 "):
        train(tiny_corpus, config=changed, out=out, device="cpu", resume=True)
    resumed = train(tiny_corpus, config=TINY, out=out, device="cpu", resume=True)
    one, two = (load_file(r.run_dir / "weights.safetensors") for r in (tiny_run, resumed))
    assert all(np.array_equal(one[k], two[k]) for k in one)
    assert [e.dev_ua for e in resumed.epochs] == [e.dev_ua for e in tiny_run.epochs]
    assert resumed.recipe == tiny_run.recipe
    # a finished run has nothing left to do, and says the same again
    assert train(tiny_corpus, config=TINY, out=out, device="cpu", resume=True) == resumed


@pytest.mark.slow
def test_kill_minus_9_at_any_moment_and_resume(tiny_corpus, tiny_run, tmp_path):
    """Killed again and again, a little later each time, the run still ends with the weights of an unbroken one."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps(TINY))
    out = tmp_path / "run"
    code = (
        "import json, sys; from ser_toolkit.training.run import train; "
        f"train({str(tiny_corpus)!r}, config=json.load(open({str(config)!r})), out={str(out)!r}, "
        "device='cpu', resume=True)"
    )
    for patience in (3.0, 5.5, 600.0):
        process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        try:
            assert process.wait(patience) == 0
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    one, two = load_file(tiny_run.run_dir / "weights.safetensors"), load_file(out / "weights.safetensors")
    assert all(np.array_equal(one[k], two[k]) for k in one)
    assert not [p.name for p in out.iterdir() if p.name.startswith("work")]


def test_paper_preset_drops_short_utterances_and_counts_them(tiny_corpus, tmp_path):
    config = {**TINY, "segments": {"preset": "paper", "window_s": 1.3}, "training": {**TINY["training"], "epochs": 1}}
    result = train(tiny_corpus, config=config, out=tmp_path / "run", device="cpu")
    # of each speaker and emotion, the recording of 1.0 s is dropped and that of 1.6 s kept
    assert result.test.n_without_window == 2
    assert result.test.utterance.n == 4
    assert result.test.utterance.wa <= 0.5


def test_classical_model_through_the_same_function(tiny_corpus, tmp_path):
    result = train(tiny_corpus, config=SVM, out=tmp_path / "svm")
    assert result.epochs == ()
    assert result.recipe.loss is None
    assert result.test.utterance.ua == 1.0  # the two classes differ by far
    assert (tmp_path / "svm" / "estimator.skops").is_file()


def test_several_emotions_in_the_order_that_was_asked_for(tiny_corpus, tmp_path):
    result = train(tiny_corpus, config={**SVM, "emotions": ["sadness", "anger"]}, out=tmp_path / "svm")
    assert result.recipe.labels == ("sadness", "anger")


def test_feature_of_the_whole_recording(tiny_corpus, tmp_path):
    config = {**SVM, "segments": {"window_s": 0.5}, "features": {"whole": {"name": "egemaps", "scope": "recording"}}}
    result = train(tiny_corpus, config=config, out=tmp_path / "run")
    assert result.recipe.features["whole"].scope == "recording"
    assert result.test.window.n > result.test.utterance.n


def test_a_bad_recording_is_left_out_and_listed(tiny_corpus, tmp_path):
    bad = tmp_path / "bad"
    (bad / "audio").mkdir(parents=True)
    text = tiny_corpus.read_text().replace("audio/", f"{tiny_corpus.parent}/audio/")
    (bad / "silence.wav").write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt ")
    (bad / "manifest.csv").write_text(text + "silence.wav,speaker0,anger,male\n")
    result = train(bad / "manifest.csv", config=SVM, out=tmp_path / "run")
    assert list(result.excluded) == ["silence.wav"]
    assert "undecodable" in result.excluded["silence.wav"]
    assert "silence.wav" in json.loads((tmp_path / "run" / "metrics.json").read_text())["excluded"]


@pytest.mark.parametrize(
    ("config", "error", "said"),
    [
        ({"model": {"name": "cnn-dmm"}}, UnknownComponentError, "Did you mean 'cnn-dnn'"),
        ({"features": {"mel": {"name": "melspec", "n_mel": 3}}}, ConfigError, "Did you mean 'n_mels'"),
        ({"features": {"mel": {"name": "melspec", "scope": "file"}}}, ConfigError, "'segment' or 'recording'"),
        ({"emotions": ["anger", "joy"]}, ManifestError, r"'joy'.*anger \(12\), sadness \(12\)"),
        ({"loss": {"name": "focal", "alpha": [0.1, 0.2, 0.3]}, "training": {"epochs": 1}}, ConfigError, "alpha"),
    ],
)
def test_refusals(tiny_corpus, tmp_path, config, error, said):
    with pytest.raises(error, match=said):
        train(tiny_corpus, config={**TINY, **config}, out=tmp_path / "run", device="cpu")


def test_one_class_one_speaker_and_a_class_of_two_files(tiny_corpus, tmp_path):
    lines = tiny_corpus.read_text().replace("audio/", f"{tiny_corpus.parent}/audio/").splitlines()

    def manifest(name, keep):
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join([lines[0], *(x for x in lines[1:] if keep(x))]) + "\n")
        return path

    with pytest.raises(ManifestError, match="at least two emotions.*'anger'"):
        train(manifest("one-class", lambda x: "anger" in x), config=SVM, out=tmp_path / "a")
    with pytest.raises(SplitError, match="at least 3 speakers, there is 1"):
        train(manifest("one-speaker", lambda x: "speaker0," in x), config=SVM, out=tmp_path / "b")
    few = manifest("few", lambda x: "sadness" in x or "s0-anger-0" in x or "s1-anger-1" in x)
    result = train(few, config=SVM, out=tmp_path / "c")
    assert result.test.utterance.n > 0
    assert any("no example of anger" in w for w in result.warnings)


def test_cuda_that_is_not_there_is_refused(tiny_corpus, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(DeviceError, match="finds no usable CUDA device|without CUDA"):
        train(tiny_corpus, config=TINY, out=tmp_path / "run", device="cuda")
    with pytest.raises(DeviceError, match="no device is called 'tpu'"):
        train(tiny_corpus, config=TINY, out=tmp_path / "run", device="tpu")


def test_what_cannot_work_fails_before_extraction(tiny_corpus, tmp_path):
    class NoExtraction:
        def __getattr__(self, name):
            def refuse(*args, **kwargs):
                raise AssertionError(f"{name} was reached")

            return refuse

    varying = {**TINY, "segments": {"preset": "utterance"}}  # flatten needs images of one size
    with pytest.raises(ComponentError, match="flatten"):
        train(tiny_corpus, config=varying, out=tmp_path / "a", device="cpu", progress=NoExtraction())
    assert not (tmp_path / "a").exists()


def relabelled(tiny_corpus, path, new):
    text = tiny_corpus.read_text().replace("audio/", f"{tiny_corpus.parent}/audio/")
    rows = [line.split(",") for line in text.splitlines()]
    for row in rows[1:]:
        row[2] = new.get(row[2], row[2])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_hostile_labels_are_stored_and_drawn_as_they_are(tiny_corpus, tmp_path):
    label = "[red]$x_1$ <b>\u00e9=cmd()"
    manifest = relabelled(tiny_corpus, tmp_path / "m.csv", {"anger": label})
    result = train(manifest, config=SVM, out=tmp_path / "run")
    assert set(result.recipe.labels) == {label, "sadness"}
    assert read_recipe(tmp_path / "run") == result.recipe
    for bad in ("two\nlines", "x" * 300):
        manifest = relabelled(tiny_corpus, tmp_path / "bad.csv", {"anger": bad})
        with pytest.raises(ManifestError, match="cannot be used"):
            train(manifest, config=SVM, out=tmp_path / "bad")


def test_a_test_part_of_which_nothing_is_left(tiny_corpus, tmp_path):
    lines = tiny_corpus.read_text().replace("audio/", f"{tiny_corpus.parent}/audio/").splitlines()
    (tmp_path / "gone.wav").write_bytes(b"no sound")
    parts = [lines[0] + ",split", *(f"{x},{'dev' if 'speaker5' in x else 'train'}" for x in lines[1:])]
    parts.append("gone.wav,speaker9,anger,male,test")
    (tmp_path / "m.csv").write_text("\n".join(parts) + "\n")
    result = train(tmp_path / "m.csv", config=SVM, out=tmp_path / "run")
    assert result.test is None
    assert any("no test scores" in w for w in result.warnings)
    assert read_result(tmp_path / "run") == result


@pytest.mark.slow
def test_two_processes(tiny_corpus, tmp_path):
    """The same command under torchrun: two processes share the batches, one reports."""
    config = tmp_path / "train.toml"
    config.write_text(
        '[features.mel]\nname = "melspec"\nn_mels = 32\nhop_length = 512\n[model]\nfilters = [4, 4, 8, 8, 16]\n'
        "mfep_dense = [16]\nerp = [16]\n[segments]\nwindow_s = 1.5\n[training]\nbatch_size = 4\nepochs = 1\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29517",
               "-m", "ser_toolkit", "train"]  # fmt: skip
    done = subprocess.run(
        [*command, tiny_corpus, "--config", config, "--out", tmp_path / "run", "--device", "cpu"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "device: cpu, 2 processes" in done.stderr
    assert done.stderr.count("  best") == 1
    assert done.stdout.count("test, per utterance") == 2  # scores and recalls, once
    assert read_result(tmp_path / "run").test.utterance.n == 4


def test_resume_refuses_another_order_and_other_arguments(tiny_corpus, tmp_path):
    """Features on disk belong to recordings by their position."""
    lines = tiny_corpus.read_text().replace("audio/", f"{tiny_corpus.parent}/audio/").splitlines()
    manifest = tmp_path / "m.csv"
    manifest.write_text("\n".join(lines) + "\n")

    class StopAfterExtraction:
        def __getattr__(self, name):
            return lambda *args, **kwargs: None

        def extracted(self, **kwargs):
            raise Stop

    out = tmp_path / "run"
    with pytest.raises(Stop):
        train(manifest, config=SVM, out=out, progress=StopAfterExtraction())
    manifest.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    with pytest.raises(ConfigError, match="changed since the run began: .*order of the recordings"):
        train(manifest, config=SVM, out=out, resume=True)
    manifest.write_text("\n".join(lines) + "\n")
    assert train(manifest, config=SVM, out=out, resume=True).test.utterance.ua == 1.0
    # a finished run does not answer for another one
    with pytest.raises(ConfigError, match='model.name: "svm" -> "random-forest"'):
        train(manifest, config={**SVM, "model": {"name": "random-forest"}}, out=out, resume=True)


def test_a_configuration_that_no_recording_can_meet_is_an_error_not_an_exclusion(tiny_corpus, tmp_path):
    config = {
        **SVM,
        "features": {"gemaps": {"name": "egemaps", "mode": "sliding"}},
        "segments": {"window_s": 0.5, "hop_s": 0.125},  # openSMILE slides by multiples of 10 ms
    }
    with pytest.raises(ConfigError, match="10 ms"):
        train(tiny_corpus, config=config, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_input_may_not_be_called_like_the_output(tiny_corpus, tmp_path):
    config = {**SVM, "features": {"emotion": {"name": "egemaps"}}}
    with pytest.raises(ConfigError, match="clash"):
        train(tiny_corpus, config=config, out=tmp_path / "run")


def test_mixed_precision_scores_are_those_of_the_exported_model(tiny_corpus, tmp_path):
    from ser_toolkit.inference.model import Model
    from ser_toolkit.training.export import export

    config = {**TINY, "training": {**TINY["training"], "mixed_precision": "bf16"}}
    code = (
        "import json; from ser_toolkit.training.run import train; "
        f"train({str(tiny_corpus)!r}, config=json.loads({json.dumps(config)!r}), "
        f"out={str(tmp_path / 'run')!r}, device='cpu')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # accelerate keeps one precision per process
    export(tmp_path / "run", tmp_path / "m.onnx")
    model = Model.open(tmp_path / "m.onnx", device="cpu")
    with (tmp_path / "run" / "predictions.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            heard = model.predict(tiny_corpus.parent / row["file"])
            assert heard.probabilities["anger"] == pytest.approx(float(row["anger"]), abs=1e-4)


@pytest.mark.slow
def test_ctrl_c_while_workers_extract_ends_at_once_and_resumes(tiny_corpus, tmp_path):
    """The whole process group gets the signal, as from a terminal; workers finish what they hold and go."""
    code = (
        "import sys; from ser_toolkit.cli import main; "
        f"sys.argv = ['ser-toolkit', 'train', {str(tiny_corpus)!r}, '--features', 'egemaps', '--model', 'svm', "
        f"'--set', 'training.workers=2', '--out', {str(tmp_path / 'run')!r}, '--resume']\n"
        "if __name__ == '__main__': main()"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    for wait in (2.0, 3.5):
        process = subprocess.Popen([sys.executable, script], start_new_session=True, stderr=subprocess.PIPE, text=True)
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode in (0, 130), said
        assert "Segment too short" not in said
    subprocess.run([sys.executable, script], check=True, timeout=120)
    assert read_result(tmp_path / "run").excluded == {}
