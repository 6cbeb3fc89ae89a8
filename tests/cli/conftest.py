"""Running the command as a user does, in this process to save start-up, or in one of its own where that matters."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ser_toolkit.cli import main


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """``cli("analyze", path)``: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "160")

    def run(*args: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["ser-toolkit", *map(str, args)])
        before = signal.getsignal(signal.SIGINT)
        try:
            with pytest.raises(SystemExit) as left:
                main()
                raise SystemExit(0)
        finally:
            signal.signal(signal.SIGINT, before)  # `main` is deaf to Ctrl-C once it is done
        captured = capfd.readouterr()
        return Outcome(int(left.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same in a process of its own."""

    def run(*args: object, **kwargs: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ser_toolkit", *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)

    return run
