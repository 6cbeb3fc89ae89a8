"""Features of many recordings into one file: what `ser-toolkit extract` calls."""

from __future__ import annotations

import contextlib
import itertools
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ser_toolkit
from ser_toolkit.data.files import display_path
from ser_toolkit.data.locations import Location, Url, locate
from ser_toolkit.data.remote_listing import described
from ser_toolkit.errors import ConfigError, OutputError, RemoteError
from ser_toolkit.inference.engines import Engine, check_engine
from ser_toolkit.inference.extraction_items import items_of, label_columns, with_versions
from ser_toolkit.inference.extraction_parts import Part, kept_of, parts_of
from ser_toolkit.inference.extraction_rows import Rows, Watch, file_of
from ser_toolkit.inference.front_end_choice import ExtractHop, Preset, chosen, of_model
from ser_toolkit.inference.in_order import InOrder
from ser_toolkit.inference.options import TIMEOUT_S, workers_for
from ser_toolkit.inference.plan import CacheUse, Plan
from ser_toolkit.models import bundled
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.recipe_components import library_versions
from ser_toolkit.report.feature_layout import FeatureLayout, value_names
from ser_toolkit.report.feature_tables import FeatureKind, kind_of, open_features, twin_of
from ser_toolkit.report.parts import remove_parts
from ser_toolkit.report.run_info import StageTime

if TYPE_CHECKING:
    from ser_toolkit.inference.front_end import FrontEnd, FrontEndRecipe
    from ser_toolkit.report.results import FileResult

__all__ = ["Extraction", "Watch", "extract"]


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """What a run of `extract` wrote.

    Parameters
    ----------
    output : Path or Url
        The file, or the folder of parts; beside a CSV lies its recipe, see
        `ser_toolkit.report.feature_tables.twin_of`.
    recipe : FrontEndRecipe
        What the numbers follow from.
    statuses : mapping of str to int
        Files by status.
    notes : mapping of str to int
        Files by note.
    not_extracted : tuple of FileResult
        Files that gave nothing, in order, and why.
    audio_s : float
        Seconds of audio of the others.
    n_windows, n_values, n_bytes : int
        Rows with features; values of one row, or None if an axis varies; size of what there is now.
    n_parts, n_parts_kept : int
        Parts, and those of an earlier run among them; 0 if there are none.
    licenses : mapping of str to str
        Terms that come with the features, by extractor.
    workers : int
        Processes; 0: the calling one.
    seconds : float
        Wall time.
    profile : tuple of StageTime
        By descending cost.
    """

    output: Location
    recipe: FrontEndRecipe
    statuses: Mapping[str, int]
    notes: Mapping[str, int]
    not_extracted: tuple[FileResult, ...]
    audio_s: float
    n_windows: int
    n_values: int | None
    n_bytes: int
    licenses: Mapping[str, str]
    workers: int
    seconds: float
    profile: tuple[StageTime, ...]
    n_parts: int = 0
    n_parts_kept: int = 0


def extract(
    paths: Sequence[str | Path] | str | Path,
    output: str | Path,
    *,
    features: Sequence[str] | None = None,
    settings: Sequence[str] = (),
    windows: Preset | None = None,
    window_s: float | None = None,
    hop_s: ExtractHop = None,
    sr: int | None = None,
    model: str | Path | None = None,
    workers: int | None = None,
    cache_use: CacheUse = "read",
    timeout_s: float = TIMEOUT_S,
    watch: Watch | None = None,
    engine: Engine = "local",
    address: str = "",
    files_per_part: int | None = None,
    resume: bool = False,
) -> Extraction:
    """Extract features from recordings and write them to one file, or to a folder of parts.

    Parameters
    ----------
    paths : str, path or sequence of them
        Audio files and folders (see `ser_toolkit.data.files.find_audio`), or manifests (``.csv``, ``.tsv``; see
        `ser_toolkit.data.manifest.read_manifest`), whose parts of files are honoured and whose columns travel along.
    output : str or path
        ``.parquet``, ``.npz`` or ``.csv``; see `ser_toolkit.report.feature_tables.open_features`. It appears as a whole
        or not at all.
    features : sequence of str, optional
        Names of extractors; default: ``["egemaps"]``.
    settings : sequence of str, optional
        Settings of extractors, as ``"features.mel.n_mels=64"``.
    windows : {"robust", "paper", "utterance"}, optional
        Preset of windows; default: ``"utterance"``, one a recording, or ``"robust"`` if `window_s` or `hop_s` is given.
    window_s : float, optional
        Length of a window in seconds.
    hop_s : float, "window" or "recipe", optional
        Seconds between the starts of windows; ``"window"``: no overlap; ``"recipe"``: as in the preset or the model.
        Default: ``"window"`` if `window_s` is given, else ``"recipe"``.
    sr : int, optional
        Sample rate in Hz, 16000 by default.
    model : str or path, optional
        Extract what this model sees; instead of `features`, `settings`, `windows`, `window_s` and `sr`.
    workers : int, optional
        Processes; default: as many as are worth it, at most one per core; 0: this process alone. Other numbers start
        processes that import your script: put the call under ``if __name__ == "__main__":``.
    cache_use : {"off", "read", "write"}, optional
        Features of earlier runs: not used, used, or used and added to.
    timeout_s : float, optional
        A process that has nothing to show for so long is killed and its file failed.
    watch : Watch, optional
        Is told how it goes.
    engine : {"local", "ray"}, optional
        Processes of this machine, or of a Ray cluster.
    address : str, optional
        Of the cluster; see `ser_toolkit.ray_engine.cluster.connected`.
    files_per_part : int, optional
        Make `output` a folder of Parquet files, each with so many recordings. Each appears as a whole.
    resume : bool, optional
        Keep the parts that are there, if they are of the same recordings, unchanged, with the same features. For
        parts alone.

    Returns
    -------
    Extraction
        What was written, and what gave nothing.

    Raises
    ------
    ConfigError, ComponentError, RecipeError, ModelError
        If there are no such features, or the choices contradict each other.
    ManifestError
        If a manifest cannot be read.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import ser_toolkit.inference.extraction_run, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = ser_toolkit.inference.extraction_run.extract(
    ...         "examples/audio", pathlib.Path(folder) / "features.parquet", workers=0)
    >>> done.n_values
    88
    """
    began = time.perf_counter()
    check_engine(engine, address, workers=workers)
    target = locate(output)
    kind = _kind(target, files_per_part, resume)
    if files_per_part is None and isinstance(target, Url):
        _check(target)
    items = items_of([paths] if isinstance(paths, str | Path) else list(paths))
    registry = default_registry()
    warnings: list[str] = []
    if model is None:
        recipe = chosen(registry, features=("egemaps",) if features is None else features, settings=settings,
                        windows=windows, window_s=window_s, hop_s=hop_s, sr=16_000 if sr is None else sr)  # fmt: skip
    elif not settings and all(given is None for given in (features, windows, window_s, sr)):
        recipe, warnings = of_model(registry, model, hop_s=hop_s)
    else:
        raise ConfigError("a model has its own features, windows and sample rate: give either those or the model")
    plan = Plan(recipe=recipe.model_dump_json(), name="extract", cache_use=cache_use)
    front, labels = plan.front_end(), label_columns(items)
    layout = _layout(front, recipe, labels, "" if model is None else bundled.display_name(bundled.resolve(model)))
    if files_per_part is None:
        parts = [Part(path=target, items=items, layout=layout)]
    else:
        parts = parts_of(target, with_versions(items), layout, n_files=files_per_part)
    earlier = kept_of(parts) if resume else [None] * len(parts)
    left = [part for part, kept in zip(parts, earlier, strict=True) if kept is None]
    items = [item for part in left for item in part.items]
    if workers is None and engine == "local":
        workers = workers_for([i.found for i in items])
    run = Rows(items, plan, workers, timeout_s, watch, engine, address)
    for warning in warnings:
        run.say(f"warning: {warning}")
    for part, kept in zip(parts, earlier, strict=True):
        if kept is not None:
            run.keep(part, kept)
    if left:
        with run.opened(), _room(target) as order:
            _write(left, run, order, kind)
    written = [part.path for part in parts]
    if files_per_part is not None:
        remove_parts(target, kind, start=len(parts))
    elif kind == "csv":
        written.append(twin_of(target))
    total = sum(run.seconds.values()) or 1.0
    profile = sorted(run.seconds.items(), key=lambda item: -item[1])
    n_values = [None if spec.varies else math.prod(n or 0 for n in spec.shape) for spec in front.specs.values()]
    return Extraction(
        output=target,
        recipe=recipe,
        statuses=run.statuses,
        notes=run.notes,
        not_extracted=tuple(run.not_extracted),
        audio_s=run.audio_s,
        n_windows=run.n_windows,
        n_values=None if None in n_values else sum(n or 0 for n in n_values),
        n_bytes=_size(written),
        licenses=layout.about["licenses"],
        workers=run.n_workers or 0,
        seconds=time.perf_counter() - began,
        profile=tuple(StageTime(stage=name, seconds=s, share=s / total) for name, s in profile),
        n_parts=0 if files_per_part is None else len(parts),
        n_parts_kept=len(parts) - len(left),
    )


def _kind(target: Location, files_per_part: int | None, resume: bool) -> FeatureKind:
    if files_per_part is None:
        if resume:
            raise ConfigError("what is there is kept part by part: resume needs files_per_part (--files-per-part)")
        return kind_of(target)
    if target.suffix:
        raise ConfigError(f"{target.name}: with files_per_part (--files-per-part) the output is a folder of .parquet "
                          "files: give a name without a suffix")  # fmt: skip
    return "parquet"


def _write(parts: Sequence[Part], run: Rows, order: InOrder, kind: FeatureKind) -> None:
    """Write one part after the other, with the rows as they come."""
    rows = run.rows(order)
    for part in parts:
        with open_features(part.path, part.layout, kind=kind) as writer:
            for row, pieces in itertools.islice(rows, len(part.items)):
                file, writing = file_of(run.items[row["index"]], row), time.perf_counter()
                writer.write(file, run.blocks(file, row, pieces))
                run.seconds["writing"] = run.seconds.get("writing", 0.0) + time.perf_counter() - writing
                run.count(file.result)
    for _ in rows:
        pass  # with the last of them come the times of the stages


def _layout(front: FrontEnd, recipe: FrontEndRecipe, labels: Mapping[str, type], model: str) -> FeatureLayout:
    extractors = dict(front.features.extractors)
    about: dict[str, Any] = {
        "version": ser_toolkit.__version__,
        "libraries": library_versions(extractors, preprocess=front.features.preprocess),
        "licenses": {e.name: str(terms) for e in extractors.values() if (terms := getattr(e, "license", ""))},
    }
    if model:
        about["model"] = model
    names = value_names(extractors, front.specs, taken=labels)
    return FeatureLayout(specs=front.specs, names=names, labels=labels, recipe=recipe.model_dump_json(), about=about)


@contextlib.contextmanager
def _room(output: Location) -> Iterator[InOrder]:
    """A place for what has to wait: beside the output if that is on this machine."""
    try:
        with InOrder(output.parent if isinstance(output, Path) else Path(tempfile.gettempdir())) as order:
            yield order
    except OSError as error:
        raise OutputError(f"{display_path(output)}: cannot be written: {error.strerror or error}") from error


def _check(url: Url) -> None:
    """Find out at the start whether a URL can be written to."""
    from ser_toolkit.data.remote import check_writable

    try:
        check_writable(url)
    except RemoteError as error:
        raise OutputError(f"{display_path(url)}: {error}") from None


def _size(paths: Sequence[Location]) -> int:
    here = sum(path.stat().st_size for path in paths if isinstance(path, Path))
    return here + sum(url.n_bytes or 0 for url in described(path for path in paths if isinstance(path, Url)))
