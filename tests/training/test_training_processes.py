"""What processes of one training say and share; with two real ones in test_two_processes.py."""

from __future__ import annotations

import dataclasses
import signal

import pytest

from ser_toolkit.cli import outputs
from ser_toolkit.errors import SerToolkitError
from ser_toolkit.training import processes


@dataclasses.dataclass(frozen=True)
class Two:
    """As far as errors ask."""

    num_processes: int = 2


@pytest.fixture
def second(monkeypatch):
    """The second process of two on a node."""
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes, "_PAUSE_S", 0.0)


def test_without_a_launcher_a_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("LOCAL_RANK", "1")  # left over in some shells
    assert processes.process_count() == 1
    assert processes.first_here()
    assert processes.give_way() == ""
    monkeypatch.setenv("WORLD_SIZE", "many")
    assert processes.process_count() == 1
    assert processes.agreed(None, lambda: 3) == 3


def test_the_second_process_says_who_it_is(second, monkeypatch):
    assert not processes.first_here()
    assert processes.give_way() == "process 1 of 2: "
    monkeypatch.setenv("LOCAL_RANK", "0")  # on another node, where nobody else talks
    assert processes.give_way() == ""


def test_a_lost_connection_is_said_in_a_sentence():
    text = "[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1"
    with pytest.raises(SerToolkitError, match="another of the 2 processes .* --resume"), processes.in_one_job(Two()):
        raise RuntimeError(text)
    for accelerator, error in ((Two(), "a bug"), (None, text), (Two(1), text)):
        with pytest.raises(RuntimeError, match="a bug|gloo"), processes.in_one_job(accelerator):
            raise RuntimeError(error)


def test_a_launcher_that_ends_its_processes_is_like_ctrl_c(second, monkeypatch, tmp_path):
    said = []

    class Terminal:
        def print(self, text):
            said.append(text)

    before = signal.getsignal(signal.SIGTERM)
    for local_rank in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", local_rank)
        with pytest.raises(KeyboardInterrupt), outputs.resumable(Terminal(), tmp_path):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    assert len(said) == 1
    assert "--resume" in said[0]
