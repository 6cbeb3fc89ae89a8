"""A run folder: what may differ when a run goes on, and that two do not work in it at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from ser_toolkit.data import atomic
from ser_toolkit.errors import ConfigError
from ser_toolkit.training.config import TrainConfig
from ser_toolkit.training.folder import changes_of, prepare_folder, run_folder, with_new_settings
from ser_toolkit.training.folder_lock import LOCK, locked

STATE = {
    "manifest_sha256": "0" * 64,
    "config": {"training": {"lr": 0.001, "workers": 4, "tracker": "none"}, "emotions": None},
    "components": {"a": {"model": "x"}},
}


def state(**training):
    return {**STATE, "config": {**STATE["config"], "training": {**STATE["config"]["training"], **training}}}


def test_the_message_names_the_key_and_both_values(tmp_path):
    out = tmp_path / "run"
    prepare_folder(out, STATE, resume=False)
    with pytest.raises(ConfigError, match=r"changed since the run began: training\.lr: 0\.001 -> 0\.01 \(see config"):
        prepare_folder(out, state(lr=0.01), resume=True)
    with pytest.raises(ConfigError, match=r"began: manifest_sha256 \(see"):
        prepare_folder(out, {**STATE, "manifest_sha256": "1" * 64}, resume=True)
    assert changes_of("config", {"a": 1, "b": 2}, {"a": 1, "c": 3}) == ["b: 2 -> null", "c: null -> 3"]
    many = {f"k{i}": i for i in range(9)}
    with pytest.raises(ConfigError, match="and 4 more"):
        prepare_folder(out, {**STATE, "config": {**STATE["config"], **many}}, resume=True)


def test_settings_that_an_older_version_did_not_know_stand_at_their_defaults(tmp_path):
    config = TrainConfig().model_dump(mode="json")
    old = json.loads(json.dumps(config))
    del old["distill"], old["calibration"]["on"]
    assert with_new_settings(old, config) == config
    prepare_folder(tmp_path / "run", {**STATE, "config": old}, resume=False)
    prepare_folder(tmp_path / "run", {**STATE, "config": config}, resume=True)
    config["calibration"]["on"] = "folds"
    prepare_folder(tmp_path / "other", {**STATE, "config": old}, resume=False)
    with pytest.raises(ConfigError, match='calibration.on: "development" -> "folds"'):
        prepare_folder(tmp_path / "other", {**STATE, "config": config}, resume=True)


def test_workers_and_tracker_may_change(tmp_path):
    out = tmp_path / "run"
    prepare_folder(out, STATE, resume=False)
    prepare_folder(out, state(workers=1, tracker="tensorboard"), resume=True)
    assert json.loads((out / "config.json").read_text())["config"]["training"]["workers"] == 1


def test_tables_that_may_grow_keep_all_and_compare_what_both_have(tmp_path):
    out = tmp_path / "run"
    prepare_folder(out, STATE, resume=False)
    more = {**STATE, "components": {"a": {"model": "x"}, "b": {"model": "y"}}}
    with pytest.raises(ConfigError, match="components.b"):
        prepare_folder(out, more, resume=True)
    prepare_folder(out, more, resume=True, growing=["components"])
    prepare_folder(out, STATE, resume=True, growing=["components"])
    assert json.loads((out / "config.json").read_text())["components"] == more["components"]
    other = {**STATE, "components": {"a": {"model": "z"}}}
    with pytest.raises(ConfigError, match=r'components\.a\.model: "x" -> "z"'):
        prepare_folder(out, other, resume=True, growing=["components"])


@pytest.mark.parametrize("text", ['{"config": {', "[1]", "\x00"])
def test_a_torn_state_is_said_to_be_unreadable(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError, match="config.json: cannot be read: "):
        prepare_folder(tmp_path, STATE, resume=True)


def test_leftovers_of_a_killed_process_are_no_content(tmp_path):
    (tmp_path / f"{atomic.PREFIX}x").write_text("half")
    (tmp_path / LOCK).write_text("process 1 on elsewhere")
    with run_folder(tmp_path, STATE, resume=False):
        assert {p.name for p in tmp_path.iterdir()} == {"config.json", LOCK}
    assert {p.name for p in tmp_path.iterdir()} == {"config.json"}
    with pytest.raises(ConfigError, match="not empty.*--resume"), run_folder(tmp_path, STATE, resume=False):
        pass


def test_a_folder_is_held_by_one_and_let_go_on_errors(tmp_path):
    out = tmp_path / "run"
    with (
        run_folder(out, STATE, resume=True),
        pytest.raises(ConfigError, match=rf"process {os.getpid()} on .* works in this folder"),
        run_folder(out, STATE, resume=True),
    ):
        pass
    with pytest.raises(RuntimeError), run_folder(out, STATE, resume=True):
        raise RuntimeError
    assert not (out / LOCK).exists()
    with run_folder(out, STATE, resume=True):
        pass


def test_another_process_holds_it_until_it_is_killed(tmp_path):
    code = (
        "import sys; from pathlib import Path; from ser_toolkit.training.folder_lock import locked\n"
        f"with locked(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=rf"process {process.pid} on"), locked(tmp_path):
            pass
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / LOCK).read_text()
    assert not (tmp_path / LOCK).exists()
