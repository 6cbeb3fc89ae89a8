"""``ser-toolkit reproduce --table 2`` as a function: every system of the table on the same folds, as one job."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ser_toolkit.data import atomic
from ser_toolkit.errors import ConfigError
from ser_toolkit.evaluation.costs import Costs, costs_of
from ser_toolkit.evaluation.crossval import CrossValidation, cross_validate
from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.evaluation.fusion import fuse_folders
from ser_toolkit.evaluation.job import read_dataset
from ser_toolkit.evaluation.job_progress import FoldDone, JobProgress, SilentJob
from ser_toolkit.evaluation.reproduction import FOUR, is_iemocap
from ser_toolkit.evaluation.run_folds import model_folder
from ser_toolkit.evaluation.systems import BUDGET, SYSTEMS, System
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.training.config import TrainConfig, check_config
from ser_toolkit.training.folder import CONFIG, refuse_full
from ser_toolkit.training.plan import Plan

if TYPE_CHECKING:
    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.evaluation.results import Evaluation

__all__ = ["SystemRow", "SystemsTable", "config_of", "reproduce_systems"]

_OWN = ("features", "model", "loss", "segments", "augment")
"""Tables that belong to the systems."""

_SECONDS, _COSTS = "seconds.json", "costs.json"


@dataclass(frozen=True, kw_only=True)
class SystemRow:
    """What became of one system.

    Parameters
    ----------
    system : System
        What was fitted.
    evaluation : Evaluation or None
        The scores; None if it could not be fitted.
    problem : str
        Why not; empty if it could.
    costs : Costs or None
        Of a fusion the sum of its parts.
    fold_s : float or None
        Seconds of fitting one fold, the median of all folds and seeds: a job that was resumed may have fitted some
        beside other work. Of a fusion the sum of its parts.
    chosen : str
        Settings that inner cross-validation chose; see `ser_toolkit.training.chosen.chosen_in_folds`.
    """

    system: System
    evaluation: Evaluation | None
    problem: str = ""
    costs: Costs | None = None
    fold_s: float | None = None
    chosen: str = ""


@dataclass(frozen=True, kw_only=True)
class SystemsTable:
    """The table.

    Parameters
    ----------
    out : Path
        Folder of the job.
    protocol : str
        How training and test were kept apart.
    digest : str
        Hash of the split, the same for all rows.
    budget : str
        How long networks were fitted.
    rows : tuple of SystemRow
        One per system, in the order of `SYSTEMS`.
    cautions : tuple of str
        What a reader has to know.
    """

    out: Path
    protocol: str
    digest: str
    budget: str
    rows: tuple[SystemRow, ...]
    cautions: tuple[str, ...]


def config_of(system: System, changes: Mapping[str, Any], *, iemocap: bool) -> TrainConfig:
    """Configuration of one system: its own tables, the budget, and the split, labels and training of a user.

    Parameters
    ----------
    system : System
        No fusion.
    changes : mapping
        Tables of a user's configuration; those that belong to the systems are not used.
    iemocap : bool
        Whether folds are sessions; else pairs of speakers.

    Returns
    -------
    TrainConfig
        Checked.

    Raises
    ------
    ConfigError
        Unknown key or bad value.
    """
    base: dict[str, Any] = {
        "emotions": list(FOUR),
        "split": {"protocol": "leave-one-session-out" if iemocap else "leave-one-pair-out"},
        **{key: dict(value) for key, value in system.config.items()},
    }
    base["training"] = {**BUDGET, **base.get("training", {})}
    for key, value in changes.items():
        if key not in _OWN:
            base[key] = {**base.get(key, {}), **value} if isinstance(value, Mapping) else value
    return check_config(base)


def reproduce_systems(
    manifests: Sequence[str | Path] | str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    out: str | Path = "runs/reproduce",
    systems: Sequence[System] = SYSTEMS,
    seeds: Sequence[int] = (0,),
    quick: bool = False,
    device: str = "auto",
    resume: bool = False,
    speaker_pattern: str | None = None,
    progress: JobProgress | None = None,
    registry: Registry | None = None,
    cache: FeatureCache | None = None,
) -> SystemsTable:
    """Cross-validate every system on the same folds; a folder for each, which `ser-toolkit compare` takes.

    Parameters
    ----------
    manifests : path or sequence of paths
        Labelled recordings; of the labels anger, happiness, neutral and sadness unless `changes` says otherwise.
    changes : mapping, optional
        ``split``, ``training``, ``emotions`` and so on for all systems; see `config_of`.
    out : path, optional
        Folder of the job; must be empty or absent unless `resume`.
    systems : sequence of System, optional
        Which, fusions after their parts.
    seeds : sequence of int, optional
        Of every network; classical learners are fitted with the first.
    quick : bool, optional
        One epoch: a trial that everything works, whose scores mean nothing.
    device, resume, speaker_pattern, progress, registry, cache
        As for `ser_toolkit.evaluation.crossval.cross_validate`.

    Returns
    -------
    SystemsTable
        A row per system; one that cannot be fitted to these data has the reason in place of scores.

    Raises
    ------
    SerToolkitError
        Before anything is fitted, if a configuration is wrong or a plugin is missing.
    """
    progress, registry, out = progress or SilentJob(), registry or default_registry(), Path(out)
    changes = dict(changes or {})
    refuse_full(out, resume=resume)
    if quick:
        changes["training"] = {"epochs": 1, **changes.get("training", {})}
    labelled = {"emotions": changes.get("emotions", list(FOUR))}
    iemocap = is_iemocap(read_dataset(manifests, check_config(labelled), speaker_pattern=speaker_pattern).utterances)
    configs = {s.name: config_of(s, changes, iemocap=iemocap) for s in systems if not s.fused}
    for config in configs.values():
        data = read_dataset(manifests, config, speaker_pattern=speaker_pattern)
        Plan.make(config, data.labels, registry).check([1] * len(data.labels))
    out.mkdir(parents=True, exist_ok=True)
    atomic.write_text(out / CONFIG, json.dumps({"table": 2, "changes": changes}, indent=1) + "\n")
    done: dict[str, CrossValidation] = {}
    rows: dict[str, SystemRow] = {}
    for system in systems:
        folder = out / system.name
        if system.fused:
            rows[system.name] = _fused(system, rows, out)
            continue
        watcher = _Watcher(progress, system.title, folder / _SECONDS)
        network = "loss" in system.config
        try:
            one = cross_validate(
                manifests,
                config=configs[system.name],
                out=folder,
                seeds=list(seeds) if network else list(seeds)[:1],
                device=device,
                resume=resume and (folder / CONFIG).is_file(),
                speaker_pattern=speaker_pattern,
                progress=cast("JobProgress", watcher),
                registry=registry,
                cache=cache,
            )
        except ConfigError as error:
            if network:
                raise
            rows[system.name] = SystemRow(system=system, evaluation=None, problem=str(error))
            continue
        one.predictions.save(folder / "predictions.parquet")
        done[system.name] = one
        rows[system.name] = SystemRow(
            system=system,
            evaluation=cast("Evaluation", one.evaluation),
            costs=_costs(one, registry, folder, seed=next(iter(seeds))),
            fold_s=watcher.typical(),
            chosen=one.chosen,
        )
    return _table(rows, done, changes, out=out, quick=quick)


def _fused(system: System, rows: Mapping[str, SystemRow], out: Path) -> SystemRow:
    parts = [rows[name] for name in system.fused]
    if lacking := [part.system.title for part in parts if part.evaluation is None]:
        return SystemRow(system=system, evaluation=None, problem=f"could not be fused without {', '.join(lacking)}")
    predictions = fuse_folders([out / name for name in system.fused])
    folder = out / system.name
    folder.mkdir(parents=True, exist_ok=True)
    predictions.save(folder / "predictions.parquet")
    costs = [part.costs for part in parts if part.costs is not None]
    return SystemRow(
        system=system,
        evaluation=evaluate(predictions),
        costs=Costs(
            parameters=sum(c.parameters or 0 for c in costs),
            extraction_ms=sum(c.extraction_ms for c in costs),
            inference_ms=sum(c.inference_ms for c in costs),
        ),
        fold_s=sum(part.fold_s or 0.0 for part in parts),
    )


def _costs(done: CrossValidation, registry: Registry, folder: Path, *, seed: int) -> Costs:
    """What was measured when the system was fitted; else it is measured now."""
    path = folder / _COSTS
    try:
        return Costs(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        plan = Plan.make(done.config, done.data.labels, registry)
        costs = costs_of(plan, model_folder(folder / "folds", seed, 0))
        atomic.write_text(path, json.dumps(asdict(costs)) + "\n")
        return costs


def _table(
    rows: Mapping[str, SystemRow],
    done: Mapping[str, CrossValidation],
    changes: Mapping[str, Any],
    *,
    out: Path,
    quick: bool,
) -> SystemsTable:
    if not done:
        raise ConfigError("none of the systems could be fitted: " + "; ".join(row.problem for row in rows.values()))
    first = next(iter(done.values()))
    training = {**BUDGET, **changes.get("training", {})}
    cautions = ["a quick trial: its scores mean nothing"] if quick else []
    cautions += [f"[{key}] was not used: the systems have their own" for key in _OWN if key in changes]
    cautions += [f"{row.system.title}: {row.problem}" for row in rows.values() if row.problem]
    cautions += [text for row in rows.values() if row.evaluation for text in row.evaluation.cautions]
    return SystemsTable(
        out=out,
        protocol=first.evaluation.protocol,
        digest=first.digest,
        budget=f"{training['epochs']} epochs, learning rate {training['schedule']}, epoch: {training['select']}",
        rows=tuple(rows.values()),
        cautions=tuple(dict.fromkeys(cautions)),
    )


class _Watcher:
    """Passes on what a cross-validation tells, with the name of the system, and keeps the seconds of its folds."""

    def __init__(self, progress: JobProgress, title: str, path: Path) -> None:
        self._progress, self._title, self._path = progress, title, path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._progress, name)

    def fold_starting(self, *, setting: str, seed: int, fold: str, number: int, total: int) -> None:
        """Name the system."""
        self._progress.fold_starting(setting=self._title, seed=seed, fold=fold, number=number, total=total)

    def fold_done(self, done: FoldDone) -> None:
        """Keep the seconds of a fold that was fitted now."""
        if done.seconds:
            known = {**self._known(), f"seed {done.seed}, {done.fold}": done.seconds}
            atomic.write_text(self._path, json.dumps(known) + "\n")
        self._progress.fold_done(replace(done, setting=self._title))

    def typical(self) -> float | None:
        """Median of the seconds of all folds, also of earlier attempts; None if they are not known."""
        known = self._known()
        return statistics.median(known.values()) if known else None

    def _known(self) -> dict[str, float]:
        try:
            return {str(k): float(v) for k, v in json.loads(self._path.read_text(encoding="utf-8")).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}
