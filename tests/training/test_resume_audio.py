"""A run goes on with the audio that it began with, or not at all."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import soundfile

from ser_toolkit.errors import ConfigError
from ser_toolkit.training.audio_state import AUDIO, AudioState, Guarded, files_digest
from ser_toolkit.training.run import train

SVM = {
    "features": {"gemaps": {"name": "egemaps"}},
    "model": {"name": "svm"},
    "segments": {"preset": "utterance"},
    "training": {"workers": 1},
}


class Stop(Exception):
    pass


class Watch:
    """Sees how many recordings are extracted; may stop after extraction."""

    def __init__(self, *, stop: bool = False) -> None:
        self.stop, self.extracted_now, self.warnings = stop, 0, []

    def __getattr__(self, name):
        return lambda *args, **kwargs: None

    def starting(self, *, warnings, **_):
        self.warnings = list(warnings)

    def extracting(self, done, total):
        self.extracted_now = done

    def extracted(self, **kwargs):
        if self.stop:
            raise Stop


@pytest.fixture
def corpus(tiny_corpus, tmp_path):
    shutil.copytree(tiny_corpus.parent, tmp_path / "corpus")
    return tmp_path / "corpus" / "manifest.csv"


def begin(corpus, out):
    with pytest.raises(Stop):
        train(corpus, config=SVM, out=out, progress=Watch(stop=True))


def louder(path):
    y, sr = soundfile.read(path, dtype="float32")
    soundfile.write(path, np.tanh(3 * y) * 0.5, sr)


def test_changed_audio_is_refused_also_when_the_features_are_still_there(corpus, tmp_path):
    begin(corpus, tmp_path / "run")
    changed = corpus.parent / "audio" / "s0-anger-0.wav"
    before, times = changed.read_bytes(), changed.stat()
    louder(changed)
    for _ in range(2):  # the features of the refused audio are not taken either
        with pytest.raises(ConfigError, match=r"audio of 1 recordings changed since the run began: .*s0-anger-0"):
            train(corpus, config=SVM, out=tmp_path / "run", resume=True)
    changed.write_bytes(before)
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    watch = Watch()
    assert train(corpus, config=SVM, out=tmp_path / "run", resume=True, progress=watch).test.utterance.ua == 1.0
    assert watch.extracted_now == 24  # those in the folder were of the other audio


def test_untouched_audio_is_not_extracted_again_and_touched_audio_may_be_the_same(corpus, tmp_path):
    begin(corpus, tmp_path / "run")
    watch = Watch(stop=True)
    with pytest.raises(Stop):
        train(corpus, config=SVM, out=tmp_path / "run", resume=True, progress=watch)
    assert watch.extracted_now == 0
    os.utime(corpus.parent / "audio" / "s0-anger-0.wav")
    watch = Watch()
    train(corpus, config=SVM, out=tmp_path / "run", resume=True, progress=watch)
    assert watch.extracted_now == 24


def test_a_recording_that_went_is_a_change(corpus, tmp_path):
    begin(corpus, tmp_path / "run")
    (corpus.parent / "audio" / "s1-anger-0.wav").write_bytes(b"no sound")
    with pytest.raises(ConfigError, match="audio of 1 recordings"):
        train(corpus, config=SVM, out=tmp_path / "run", resume=True)


def test_what_a_folder_says_of_its_audio_comes_back(tmp_path):
    one = AudioState(files="a", recordings=(1, 2**64 - 1, 0), excluded={2: "silent: all zero"})
    two = AudioState(files="b", recordings=(5,))
    one.save(tmp_path, "work")
    two.save(tmp_path, "other")
    Guarded(warnings=("w",), duplicated=True).save(tmp_path)
    assert AudioState.load(tmp_path, "work") == one
    assert AudioState.load(tmp_path, "other") == two
    assert AudioState.load(tmp_path, "absent") is None
    assert Guarded.load(tmp_path) == Guarded(warnings=("w",), duplicated=True)
    for torn in ("{", "[]", '{"features": {"work": {"files": "a", "recordings": ["x"]}}, "guard": 3}'):
        (tmp_path / AUDIO).write_text(torn)
        assert AudioState.load(tmp_path, "work") is None
        assert Guarded.load(tmp_path) is None
    assert files_digest([]) == files_digest(())


def test_settings_of_networks_are_pointed_out_for_a_classical_model(corpus, tmp_path):
    config = {
        **SVM,
        "training": {"workers": 1, "sampling": "balanced", "schedule": "cosine"},
        "augment": {"freq_masks": 2},
    }
    watch = Watch()
    train(corpus, config=config, out=tmp_path / "a", progress=watch)
    said = [text for text in watch.warnings if "do not apply to svm" in text]
    assert said == ["training.sampling, training.schedule, augment.freq_masks: do not apply to svm, for networks only"]
    watch = Watch()
    train(corpus, config=SVM, out=tmp_path / "b", progress=watch)
    assert not any("apply" in text for text in watch.warnings)


def test_a_classical_model_is_not_fitted_by_several_processes(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="svm is fitted by one process, and 2 were started"):
        train(corpus, config=SVM, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_workers_may_change_as_the_message_of_a_crash_advises(corpus, tmp_path):
    begin(corpus, tmp_path / "run")
    config = {**SVM, "training": {"workers": 2}}
    assert train(corpus, config=config, out=tmp_path / "run", resume=True).test.utterance.ua == 1.0
