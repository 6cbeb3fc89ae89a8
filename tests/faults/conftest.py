"""What all faults are tried on: a plugin that misbehaves when told to, its model, and a few good recordings."""

from __future__ import annotations

from pathlib import Path

import fault_runs
import pytest
from fault_runs import Bench, Events


@pytest.fixture(scope="session")
def plugin_and_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("faulty")
    return fault_runs.make_site(folder / "site"), fault_runs.make_model(folder / "faulty.onnx")


@pytest.fixture
def bench(plugin_and_model: tuple[Path, Path], tmp_path: Path) -> Bench:
    """To run `analyze` in; its TMPDIR is empty."""
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    return Bench(*plugin_and_model, tmp)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for outputs."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def events(tmp_path: Path) -> Events:
    """What the plugin tells."""
    folder = tmp_path / "events"
    folder.mkdir()
    return Events(folder)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Eight good recordings of 1.5 to 5 s, the fourth of which holds the poison."""
    folder = tmp_path / "recordings"
    for i in range(8):
        fault_runs.write(folder / f"{i}.wav", fault_runs.speech(1.5 + i / 2, seed=i, poison=i == 3))
    return folder


@pytest.fixture
def long_recordings(recordings: Path) -> Path:
    """The same, and one of 7 minutes, seven pieces, with the poison in the fourth."""
    fault_runs.write(recordings / "long.wav", fault_runs.speech(420, seed=11, poison=True))
    return recordings
