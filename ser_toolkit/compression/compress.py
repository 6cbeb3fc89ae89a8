"""From a run folder to a smaller model that held-out speakers show to be as good."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.compression.gate import check_speakers, judge
from ser_toolkit.compression.graphs import answers
from ser_toolkit.compression.mark import METADATA_KEY as MARK_KEY
from ser_toolkit.compression.mark import Mark, Method, Precision
from ser_toolkit.compression.members import Member, Source, check_alike, is_evaluation, read_source
from ser_toolkit.compression.results import Compressed, figures
from ser_toolkit.compression.shrink import Shrink, Shrunk
from ser_toolkit.compression.windows import Features, extract
from ser_toolkit.data import atomic
from ser_toolkit.errors import ConfigError, MissingTierError, ModelError
from ser_toolkit.evaluation.predictions import Item, Predictions, concatenate
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.recipe import METADATA_KEY
from ser_toolkit.training.export import temperature_of

if TYPE_CHECKING:
    import onnx

    from ser_toolkit.compression.prune import Pruning
    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.recipe import Recipe

__all__ = ["compress"]

PRECISION: dict[Method, Precision] = {"int8": "int8", "fp16": "fp16", "prune": "fp32"}

_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A model before and after, as files, and what both say of its test part."""

    files: tuple[Path, Path]
    shrunk: Shrunk
    said: tuple[Predictions, Predictions] | None


def compress(
    run: str | Path,
    manifests: Sequence[str | Path] | str | Path,
    output: str | Path | None = None,
    *,
    method: Method = "int8",
    evaluation: str | Path | None = None,
    force: bool = False,
    pruning: Pruning | None = None,
    speaker_pattern: str | None = None,
    workers: int = 0,
    cache: FeatureCache | None = None,
    registry: Registry | None = None,
    tell: Callable[[str], None] = lambda text: None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Compressed:
    """Compress a trained network, and write it if it passes the no-loss gate.

    Parameters
    ----------
    run : path
        Run folder of the model. Or the folder of a cross-validation: the verdict is given, nothing can be written.
    manifests : path or sequence of paths
        What the model was trained on, which its folder does not name. Other data are refused.
    output : path, optional
        The ``.onnx`` file to write; default: none, only the verdict.
    method : {"int8", "fp16", "prune"}, optional
        Static quantization, 16-bit floating point, or fewer channels.
    evaluation : path, optional
        Folder of a cross-validation of the same configuration, which kept the models of its folds. All are compressed
        in the same way, each calibrated on its own training speakers, and the gate sees their pooled predictions;
        default: the held-out speakers of the run.
    force : bool, optional
        Write what the gate refuses, marked as lossy.
    pruning : Pruning, optional
        Settings of ``method="prune"``.
    speaker_pattern : str, optional
        As at training.
    workers : int, optional
        Processes that extract features; 0 takes one per core.
    cache : FeatureCache, optional
        Features of earlier runs.
    registry : Registry, optional
        Where components are looked up; default: the installed plugins.
    tell : callable, optional
        Is told what begins.
    on_progress : callable, optional
        Called with (utterances extracted, all).

    Returns
    -------
    Compressed
        Verdict and figures. Its `path` is None if the gate refused the model: look at ``gate.refusal()``.

    Raises
    ------
    ConfigError
        If an output is asked for where no single model is.
    ManifestError
        If the data are not those of the training.
    ModelError
        If a model is classical, unfinished, or cannot be compressed.
    SplitError
        If no two speakers were held out.
    MissingTierError
        If the [train] tier is not installed; for pruning, the [compress] tier.
    """
    run, output, registry = Path(run), None if output is None else Path(output), registry or default_registry()
    _check(run, output, evaluation)
    judged = read_source(Path(evaluation or run), manifests, speaker_pattern=speaker_pattern)
    subject = judged
    if evaluation is not None:
        subject = read_source(run, manifests, speaker_pattern=speaker_pattern)
        check_alike(subject.members[0].recipe, judged.members[0].recipe)
    models = [*judged.members, *(() if subject is judged else subject.members)]
    if any(member.recipe.dimensions for member in models):
        raise ModelError("models with dimensions (valence, arousal, dominance) cannot be compressed: only emotions are")
    shrink = Shrink.make(method, pruning, judged, registry=registry, tell=tell)
    tested = {i for member in judged.members for i in member.split.indices("test")}
    check_speakers((u.corpus, u.speaker) for u in (judged.data.utterances[i] for i in tested))
    needed = tested | {i for member in models for i in shrink.wants(member)}
    with tempfile.TemporaryDirectory(prefix="ser-toolkit-", ignore_cleanup_errors=True) as folder:
        tell(f"features of {len(needed)} recordings")
        features = extract(
            Path(folder) / "features", judged, sorted(needed),
            registry=registry, cache=cache, workers=workers, on_progress=on_progress,
        )  # fmt: skip
        pairs = []
        for number, member in enumerate(models, 1):
            tell(f"{method}: model {number} of {len(models)}{f' ({member.name})' if member.name else ''}")
            pairs.append(
                _pair(member, shrink, features, judged, Path(folder) / str(number), tests=member in judged.members)
            )
        said = [pair.said for pair in pairs if pair.said is not None]
        before, after = (replace(concatenate(parts), protocol=judged.protocol) for parts in zip(*said, strict=True))
        gate = judge(before, after)
        last = pairs[-1]
        recipe = last.shrunk.recipe
        window = features.batch(features.windows(features.usable(sorted(tested)))[:1])
        tell("size and speed")
        sizes = figures(last.files, (before, after), gate, output=recipe.targets[0].name, window=window)
        result = Compressed(
            method=method,
            settings=last.shrunk.settings,
            gate=gate,
            before=sizes[0],
            after=sizes[1],
            n_models=len(said),
            cautions=tuple(c for c in (gate.caution, *last.shrunk.cautions) if c),
        )
        if output is None or not (gate.passed or force):
            return result
        result = replace(result, path=output, lossy=not gate.passed)
        _write(last.files[1], output, recipe, result, registry)
    return result


def _check(run: Path, output: Path | None, evaluation: str | Path | None) -> None:
    try:
        import onnx  # noqa: F401 - say it before any work is done
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingTierError("compressing a model", "train", error.name) from error
    if output is not None and output.suffix.lower() != ".onnx":
        raise ModelError(f"{output}: the name of an exported model ends with .onnx")
    if is_evaluation(run):
        if evaluation is not None:
            raise ConfigError(f"{run} is an evaluation itself: give the run folder of a model with --evaluation")
        if output is not None:
            raise ConfigError(
                f"{run} holds a model for each fold, and none to write: give the run folder of the final model, and "
                f"--evaluation {run}"
            )
    if evaluation is not None and not is_evaluation(Path(evaluation)):
        raise ConfigError(f"{evaluation} is no folder of a cross-validation (ser-toolkit evaluate)")


def _pair(member: Member, shrink: Shrink, features: Features, source: Source, folder: Path, *, tests: bool) -> _Pair:
    """Export a model, compress it, and ask both about its test part."""
    folder.mkdir()
    exported, small = folder / "before.onnx", folder / "after.onnx"
    shrink.export(member, features, exported)
    shrunk = shrink(member, exported, features)
    _save(shrunk.proto, small, {METADATA_KEY: shrunk.recipe.to_json()})
    said = None
    if tests:
        said = (
            _ask(exported, member, member.recipe, features, source),
            _ask(small, member, shrunk.recipe, features, source),
        )
    return _Pair(files=(exported, small), shrunk=shrunk, said=said)


def _ask(path: Path, member: Member, recipe: Recipe, features: Features, source: Source) -> Predictions:
    """What a graph says of the test part of its model."""
    tested = features.usable(member.split.indices("test"))
    windows = features.windows(tested)
    found = np.zeros((0, len(recipe.labels)))
    if len(windows):
        found = answers(path, recipe.targets[0].name, features.batches(windows))
    row = {features.place[i]: n for n, i in enumerate(tested)}
    temperature = temperature_of(recipe)
    return Predictions(
        labels=recipe.labels,
        protocol=member.split.protocol,
        items=tuple(_item(source, i, member, temperature) for i in tested),
        owner=np.array([row[owner] for owner in features.store.owner[windows].tolist()], dtype=np.int64),
        logits=np.log(np.maximum(found, _TINY)) * temperature,
    )


def _item(source: Source, i: int, member: Member, temperature: float) -> Item:
    u = source.data.utterances[i]
    return Item(
        file=u.key,
        emotion=u.emotion,
        start_s=u.start_s,
        end_s=u.end_s,
        speaker=u.speaker,
        gender=u.gender,
        language=u.language,
        corpus=u.corpus or None,
        fold=member.name,
        seed=member.seed,
        temperature=temperature,
    )


def _write(path: Path, output: Path, recipe: Recipe, result: Compressed, registry: Registry) -> None:
    """Write the model with recipe and mark, and open it as users will, before anything is replaced."""
    import onnx

    from ser_toolkit.inference.model import Model

    mark = Mark(
        method=result.method,
        precision=PRECISION[result.method],
        lossy=result.lossy,
        settings=result.settings,
        report=result.to_json(),
    )
    proto = onnx.load(path)
    with atomic.replacing(output) as temporary:
        _save(proto, temporary, {METADATA_KEY: recipe.to_json(), MARK_KEY: mark.to_json()})
        opened = Model.open(temporary, device="cpu", registry=registry)
        if opened.recipe != recipe:
            raise ModelError("the recipe did not survive the compression")


def _save(proto: onnx.ModelProto, path: Path, metadata: dict[str, str]) -> None:
    """Write a graph with these metadata alone, and without the converters' notes on themselves."""
    from onnx import helper

    proto.producer_name, proto.producer_version, proto.doc_string = "ser-toolkit", "", ""
    helper.set_model_props(proto, metadata)
    path.write_bytes(proto.SerializeToString())
