"""What a run folder begins with, and going on with one that is there."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ser_toolkit.data import atomic
from ser_toolkit.errors import ConfigError, OutputError
from ser_toolkit.training.config import TrainConfig
from ser_toolkit.training.folder_lock import LOCK, locked

if TYPE_CHECKING:
    from pathlib import Path

    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.dataset import Dataset

__all__ = [
    "BATCHES",
    "COMPONENTS",
    "changes_of",
    "new_folder",
    "prepare_folder",
    "read_state",
    "refuse_full",
    "run_folder",
    "state_of",
    "with_new_settings",
]

CONFIG = "config.json"

COMPONENTS = "components and libraries"

BATCHES = "batches per step"
"""Processes times ``training.accumulate``: runs that differ in both and not in this give the same."""

_FREE = {"config.training.workers", "config.training.tracker", "config.training.accumulate"}
"""Keys that may be otherwise after a resume: no number depends on them."""

_SHOWN = 5

_LONG = 40


def state_of(config: TrainConfig, data: Dataset, recipe: Recipe) -> dict[str, Any]:
    """What a run or job must have in common with the one that it continues.

    Parameters
    ----------
    config, data, recipe : TrainConfig, Dataset, Recipe
        Settings; recordings in their order; and components, versions of libraries, and probes of the untrained model.

    Returns
    -------
    dict
        Plain JSON values; the keys are words for messages.
    """
    read = sorted({str(e.config["column"]) for e in recipe.features.values() if "column" in e.config})
    order = json.dumps(
        [
            [u.key, u.start_s, u.end_s, u.emotion, u.speaker, *(u.columns.get(name) for name in read)]
            for u in data.utterances
        ]
    )
    return {
        "manifest_sha256": data.manifest.sha256,
        "order of the recordings": hashlib.sha256(order.encode()).hexdigest(),
        "config": config.model_dump(mode="json"),
        COMPONENTS: json.loads(recipe.to_json()),
    }


@contextlib.contextmanager
def run_folder(out: Path, state: Mapping[str, Any], *, resume: bool, growing: Collection[str] = ()) -> Iterator[None]:
    """Make or continue a run folder, and hold it while the body runs: no other process writes there.

    Parameters
    ----------
    out, state, resume, growing
        As for `prepare_folder`.

    Raises
    ------
    ConfigError
        As `prepare_folder`; or another process holds the folder.
    OutputError
        If the folder cannot be made.
    """
    if not (resume and (out / CONFIG).is_file()):
        new_folder(out, hint=_hint(resume))
    with locked(out):
        prepare_folder(out, state, resume=resume, growing=growing)
        yield


def prepare_folder(out: Path, state: Mapping[str, Any], *, resume: bool, growing: Collection[str] = ()) -> None:
    """Write the state into a new folder, or check that an old one was begun with the same.

    Parameters
    ----------
    out : Path
        Run folder.
    state : mapping
        JSON values, see `state_of`. Workers and tracker may change; `accumulate` as `BATCHES` lets it.
    resume : bool
        Whether there may be an unfinished run in it.
    growing : collection of str, optional
        Keys of `state` whose tables may get more entries: those that both have are compared, all are kept.

    Raises
    ------
    ConfigError
        If the folder holds something else, or a run that was begun with another state: says what changed.
    OutputError
        If the folder cannot be made.
    """
    path, state = out / CONFIG, dict(state)
    if resume and path.is_file():
        before = {BATCHES: 1, **read_state(out)}
        if isinstance(before.get("config"), Mapping) and isinstance(state.get("config"), Mapping):
            before["config"] = with_new_settings(before["config"], state["config"])
        changed = []
        for key, value in state.items():
            old = before.get(key)
            if key in growing and isinstance(old, Mapping):
                state[key] = {**old, **value}
                old = {**value, **old}
            changed += changes_of(key, old, state[key])
        if changed:
            more = f", and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            raise ConfigError(
                f"{out}: cannot resume, this changed since the run began: {', '.join(changed[:_SHOWN])}{more} (see "
                f"{path.name}). Put it back, or begin anew with another --out"
            )
    else:
        new_folder(out, hint=_hint(resume))
    for leftover in out.rglob(f"{atomic.PREFIX}*"):  # of a run that was killed while it wrote
        leftover.unlink(missing_ok=True)
    atomic.write_text(path, json.dumps(state, indent=2))


def with_new_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a run that an older version began: settings that it did not know stand at their defaults.

    Parameters
    ----------
    before, now : mapping
        Configurations as JSON values, of then and of now.

    Returns
    -------
    dict
        `before`, with the defaults of what only `now` has.
    """
    return _filled(before, now, TrainConfig().model_dump(mode="json"))


def _filled(before: Mapping[str, Any], now: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(before)
    for key, value in default.items():
        if key in now and key not in before:
            filled[key] = value
        elif all(isinstance(table.get(key), Mapping) for table in (before, now, default)):
            filled[key] = _filled(before[key], now[key], value)
    return filled


def changes_of(key: str, before: Any, now: Any) -> list[str]:
    """Name what differs between two JSON values.

    Parameters
    ----------
    key : str
        Where they stand.
    before, now : JSON value
        Tables are compared entry by entry.

    Returns
    -------
    list of str
        ``"training.lr: 0.001 -> 0.01"``; the key alone where values are long, such as hashes. Empty if nothing does.
    """
    if before == now or key in _FREE:
        return []
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return [
            text for k in dict.fromkeys((*before, *now)) for text in changes_of(f"{key}.{k}", before.get(k), now.get(k))
        ]
    values = [json.dumps(value) for value in (before, now)]
    shown = f": {' -> '.join(values)}" if max(map(len, values)) <= _LONG else ""
    return [f"{key.removeprefix('config.')}{shown}"]


def new_folder(out: Path, *, hint: str = "give another --out") -> None:
    """Make a folder, or take an empty one.

    Parameters
    ----------
    out : Path
        The folder.
    hint : str, optional
        What to do if it is not empty.

    Raises
    ------
    ConfigError
        If there is anything in it.
    OutputError
        If it cannot be made.
    """
    if out.exists() and (not out.is_dir() or any(not _passing(p.name) for p in out.iterdir())):
        raise ConfigError(f"{out} is there and not empty: {hint}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: the folder cannot be made: {error.strerror}") from error


def _passing(name: str) -> bool:
    """Whether a file is one of a process that was killed, and holds nothing."""
    return name == LOCK or name.startswith(atomic.PREFIX)


def refuse_full(out: Path, *, resume: bool) -> None:
    """Refuse a folder that holds something else, before any work is done.

    Raises
    ------
    ConfigError
        If it is not empty, and not a run that is to be continued.
    """
    if resume and (out / CONFIG).is_file():
        return
    if out.exists() and (not out.is_dir() or any(not p.name.startswith(atomic.PREFIX) for p in out.iterdir())):
        raise ConfigError(f"{out} is there and not empty: {_hint(resume)}")


def _hint(resume: bool) -> str:
    return "it holds no run to resume" if resume else "give another --out, or go on with it: --resume"


def read_state(out: Path) -> dict[str, Any]:
    """What a run or job was begun with; see `state_of`.

    Parameters
    ----------
    out : Path
        Its folder.

    Raises
    ------
    ConfigError
        If that cannot be read.
    """
    path = out / CONFIG
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}. Begin anew with another --out") from error
    if not isinstance(before, dict):
        raise ConfigError(f"{path}: cannot be read: it holds no table. Begin anew with another --out")
    return before
