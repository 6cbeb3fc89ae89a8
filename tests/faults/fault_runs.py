"""Runs of `analyze` in processes of their own, with a small model whose feature can be told to misbehave."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import fake_dists
import numpy as np
import soundfile

from ser_toolkit.data.segments import Segmentation
from ser_toolkit.recipe import METADATA_KEY, ComponentEntry, FeatureEntry, Recipe, Target

SR = 4000
LABELS = ("anger", "neutral", "sadness")
POISON = 26_880
"""Value of a 16-bit sample that no other recording has: at the sight of it the feature does what FAULT says."""

DEADLINE_S = 60.0

PLUGIN = f"""
import ctypes
import os
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ser_toolkit import hookimpl
from ser_toolkit.interfaces import FeatureSpec

POISON = {POISON} / 32768


def tell():
    with open(os.environ["FAULT_EVENTS"], "w") as events:
        events.write(f"{{os.getpid()}}\\n")


def block():
    open(os.environ["FAULT_BLOCK"]).read()


def misbehave(how):
    match how:
        case "segfault":
            ctypes.string_at(0)
        case "raise":
            raise ZeroDivisionError("[red]in a plugin[/red]")
        case "exit":
            os._exit(7)
        case "hang":
            tell()
            block()
        case "hang with the lock":
            tell()
            ctypes.PyDLL(None).sleep(10_000)
        case "nan":
            return np.nan
    return 0.0


@dataclass(frozen=True, kw_only=True)
class FaultVector:
    name: ClassVar[str] = "fault-vector"
    version: ClassVar[int] = 1
    context_s: ClassVar[float] = 0.0

    def spec(self, n_samples, sr):
        return FeatureSpec(shape=(4,), axes=("feature",), unit="mixed", names=("rms", "peak", "crossings", "mean"))

    def __call__(self, y, sr):
        add = misbehave(os.environ.get("FAULT", "")) if (y == POISON).any() else 0.0
        for _ in range(int(os.environ.get("FAULT_WORK", "0"))):
            np.sort(y)
        signs = np.signbit(y)
        row = [np.sqrt(np.mean(y**2)), np.abs(y).max(), (signs[1:] != signs[:-1]).mean(), np.abs(y).mean() + add]
        return np.array(row, dtype=np.float32)


@hookimpl
def ser_register_features():
    return [FaultVector]
"""


def make_site(site: Path) -> Path:
    """A folder in which the plugin is installed."""
    fake_dists.install(
        site,
        "ser-toolkit-faulty",
        entry_points={"faulty": "ser_toolkit_faulty"},
        modules={"ser_toolkit_faulty": PLUGIN},
    )
    return site


def make_model(path: Path, *, window_s: float = 1.0) -> Path:
    """A network of one matrix on that feature."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.array([[9, -3, 1], [4, 2, -5], [-2, 3, 0.5], [2, -1, 1]], dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["vector", "w"], ["z"]), helper.make_node("Softmax", ["z"], ["emotion"], axis=-1)],
        "tiny",
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("emotion", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(weights, "w")],
    )
    recipe = Recipe(
        targets=(Target(name="emotion", kind="class", labels=LABELS),),
        sr=SR,
        segments=Segmentation(window_s=window_s, hop_s=window_s),
        features={"vector": FeatureEntry(name="fault-vector", version=1, dist="ser-toolkit-faulty 1.0")},
        model=ComponentEntry(name="tiny", version=1, dist="tests 1.0"),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {METADATA_KEY: recipe.to_json()})
    onnx.save(model, path)
    return path


def speech(seconds: float, *, seed: int, poison: bool = False) -> np.ndarray:
    """16-bit noise in syllables, no sample of which is the poison unless it is asked for in the middle."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SR)) / SR
    gate = 0.5 + 0.5 * np.sin(2 * np.pi * (2 + seed % 3) * t)
    y = np.round(0.1 * gate * np.clip(rng.standard_normal(len(t)), -3, 3) * 32768).astype(np.int16)
    if poison:
        y[len(y) // 2] = POISON
    return y


def write(path: Path, y: np.ndarray) -> Path:
    """A recording in a folder that is made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        soundfile.write(file, y, SR, format="WAV")
    return path


@dataclass(frozen=True)
class Run:
    """`analyze` in a session of its own, so that all that belongs to it can be found."""

    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def interrupt(self) -> None:
        """Ctrl-C as a terminal does it: all processes hear it, if there are any still."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGINT)

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends by itself in that time."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def reaches(self, what: Callable[[], bool]) -> bool:
        """Wait until something is so; False if it ends before."""
        deadline = time.monotonic() + DEADLINE_S
        while not what():
            if self.ends_within(0.01):
                return False
            assert time.monotonic() < deadline
        return True

    def wait(self) -> tuple[int, str, str]:
        """Exit code, standard output and standard error, when it has ended."""
        try:
            out, err = self.process.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            raise
        return self.process.returncode, (out or b"").decode(), (err or b"").decode()


def members(session: int) -> dict[int, str]:
    """Processes of a session that live, with their command lines."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                state, _, _, sid = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(sid) == session and state not in "ZX":
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, ValueError):
                continue
    return found


def workers(run: Run) -> list[int]:
    """The processes that a run has started to compute."""
    return [pid for pid, command in members(run.pid).items() if "spawn_main" in command]


def assert_nobody_is_left(session: int) -> None:
    """All processes of a session end by themselves; whoever was asked to stop may take a moment for it."""
    deadline = time.monotonic() + DEADLINE_S
    for pid in members(session):
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            ended, _, _ = select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        finally:
            os.close(handle)
        assert ended, f"process {pid} is still there: {members(session).get(pid)}"
    assert not members(session)


@dataclass(frozen=True)
class Events:
    """What the plugin tells, and what lets it go on: two pipes."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"FAULT_EVENTS": str(self.folder / "events"), "FAULT_BLOCK": str(self.folder / "block")}

    @contextlib.contextmanager
    def heard(self) -> Iterator[Iterator[int]]:
        """Ids of the processes that meet the poison, as they do."""
        for name in ("events", "block"):
            os.mkfifo(self.folder / name)
        handle = os.open(self.folder / "events", os.O_RDWR | os.O_NONBLOCK)
        try:
            yield _pids(handle)
        finally:
            os.close(handle)


def _pids(handle: int) -> Iterator[int]:
    held = b""
    while True:
        while b"\n" not in held:
            ready, _, _ = select.select([handle], [], [], DEADLINE_S)
            assert ready, "the plugin never met its recording"
            held += os.read(handle, 4096)
        line, _, held = held.partition(b"\n")
        yield int(line)


@dataclass(frozen=True)
class Bench:
    """Where runs take place: plugin, model, temporary folder."""

    site: Path
    model: Path
    tmp: Path

    def start(self, *arguments: object, env: Mapping[str, str] | None = None, **options) -> Run:
        """Start ``ser-toolkit analyze`` with this model and two workers."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("SER_TOOLKIT_", "PYTEST_"))}
        command = [sys.executable, "-m", "ser_toolkit", "analyze", *arguments, "--model", self.model, "--speech", "off"]
        return Run(
            subprocess.Popen(
                [
                    os.fsencode(str(part))
                    for part in (*command, *([] if "--workers" in arguments else ["--workers", 2]))
                ],
                env={
                    **clean,
                    "PYTHONPATH": os.pathsep.join([str(self.site), *filter(None, [os.environ.get("PYTHONPATH")])]),
                    "SER_TOOLKIT_CACHE": str(self.tmp.parent / "cache"),
                    "TMPDIR": str(self.tmp),
                    "COLUMNS": "200",
                    **(env or {}),
                },
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
            )
        )

    def run(self, *arguments: object, **options) -> tuple[int, str, str]:
        """The same to its end, after which nothing is left of it."""
        run = self.start(*arguments, **options)
        done = run.wait()
        self.assert_clean(run, done[2])
        return done

    def assert_clean(self, run: Run, err: str) -> None:
        """Nobody and nothing is left behind, and nobody has seen a traceback."""
        assert_nobody_is_left(run.pid)
        left = sorted(path.name for path in self.tmp.iterdir())
        assert not left, f"{left} in TMPDIR\n{err}"
        assert "Traceback" not in err, err
        assert "Exception ignored" not in err, err
        assert "resource_tracker" not in err, err


def rows(path: Path) -> dict[str, dict]:
    """Rows of a JSON lines table by the name of the file, each of which is there once."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    by_name = {Path(row["file"]).name: row for row in found}
    assert len(by_name) == len(found)
    return by_name


def leftovers(folder: Path, *outputs: str) -> list[str]:
    """What is in a folder of outputs beside these."""
    return sorted({path.name for path in folder.iterdir()} - set(outputs))
