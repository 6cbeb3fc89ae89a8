"""Configuration: unknown keys name the nearest allowed one, bad values say where and what."""

from __future__ import annotations

import pytest

from ser_toolkit.errors import ConfigError
from ser_toolkit.training.config import check_config, read_config


def test_defaults_are_the_papers_system():
    config = read_config()
    assert {key: table["name"] for key, table in config.features.items()} == {"mel": "melspec", "gemaps": "egemaps"}
    assert config.model == {"name": "cnn-dnn"}
    assert config.loss == {"name": "focal"}
    assert (config.training.lr, config.training.batch_size, config.training.epochs) == (1e-4, 32, 100)
    assert config.segmentation().window_s == 3.0


def test_file_and_overrides(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text('[model]\nname = "cnn-dnn"\npooling = "mean"\n[training]\nlr = 0.001\n')
    config = read_config(
        path,
        [
            "training.lr=3e-4",
            "segments.preset=paper",
            "segments.hop_s=1.5",
            "features.mel.n_mels=64",
            "features.mel.name=melspec",
        ],
    )
    assert config.model == {"name": "cnn-dnn", "pooling": "mean"}
    assert config.training.lr == 3e-4
    assert config.segmentation().hop_s == 1.5
    assert config.segmentation().tail == "drop"


def test_changing_a_setting_of_a_default_keeps_the_rest():
    config = read_config(overrides=["model.pooling=mean", "features.mel.n_mels=64"])
    assert config.model == {"name": "cnn-dnn", "pooling": "mean"}
    assert config.features == {"mel": {"name": "melspec", "n_mels": 64}, "gemaps": {"name": "egemaps"}}


def test_naming_another_component_drops_the_settings_of_the_one_before(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text('[model]\nname = "cnn-dnn"\npooling = "mean"\n')
    assert read_config(path, ["model.name=svm"]).model == {"name": "svm"}
    assert read_config(path, ["model.name=cnn-dnn"]).model == {"name": "cnn-dnn", "pooling": "mean"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"modell": {}}, "Did you mean 'model'"),
        ({"training": {"epoch": 3}}, "training.epoch'. Did you mean 'epochs'"),
        ({"training": {"epochs": 0}}, r"training.epochs: .*greater than or equal to 1 \(got 0\)"),
        ({"training": {"lr": "fast"}}, "training.lr"),
        ({"training": {"mixed_precision": "fp8"}}, "fp16"),
        ({"features": {"extra": {"n": 1}}}, r"\[features.extra\] needs a name"),
        ({"features": {"Mel": {"name": "melspec"}}}, "lower-case"),
        ({"features": {}}, "features"),
        ({"segments": {"preset": "papr"}}, "Did you mean 'paper'"),
        ({"segments": {"hop": 1}}, "Did you mean 'hop_s'"),
        ({"segments": {"window_s": 1e6}}, "window_s"),
        ({"segments": {"preset": "utterance", "hop_s": 1.0}}, "one window per recording"),
        ({"emotions": ["anger"]}, "emotions"),
        ({"emotions": ["anger", "anger"]}, "repeat"),
        ({"split": {"test": 0.9}}, "split.test"),
    ],
)
def test_bad_configurations(data, said):
    with pytest.raises(ConfigError, match=said):
        check_config(data)


def test_bad_files(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = = 1")
    with pytest.raises(ConfigError, match="is no TOML"):
        read_config(tmp_path / "bad.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is no TOML"):
        read_config(tmp_path / "bytes.toml")


@pytest.mark.parametrize("text", ["training.lr", "=3", "training..lr=3", "training.lr.x=3"])
def test_bad_overrides(text):
    with pytest.raises(ConfigError):
        read_config(overrides=[text, "training.lr=0.1", text])
