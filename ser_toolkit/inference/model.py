"""A trained model as users hold it: audio in, emotions out."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ser_toolkit.components import create
from ser_toolkit.data import audio, quality
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import AudioError, ModelError, RecipeError
from ser_toolkit.features import FeatureSet, probe, probes_differ
from ser_toolkit.inference.collate import collate
from ser_toolkit.inference.session import Session, open_session, recipe_text
from ser_toolkit.models import bundled
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.recipe import Recipe
from ser_toolkit.recipe_components import extractors_of, library_versions
from ser_toolkit.report.results import FileResult, WindowResult

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ser_toolkit.interfaces import FeatureExtractor, FeatureSpec

__all__ = ["Model"]

MAX_SR = 768_000
"""Highest sample rate of a stream in Hz."""

MAX_VALUES = 2**26
"""Most numbers in one feature of one window: a recipe that asks for more (256 MiB) is refused."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """An exported model, open on a device.

    Parameters
    ----------
    name : str
        Name of the bundled model, or file name.
    recipe : Recipe
        What it carries.
    session : Session
        Where it runs.
    features : FeatureSet
        Its front end.
    specs : dict of str to FeatureSpec
        Shapes of its inputs.
    warnings : tuple of str
        What may make its numbers differ from those it was tested with.

    Notes
    -----
    Open one with `ser_toolkit.load`. A model holds no state between calls.
    """

    name: str
    recipe: Recipe
    session: Session
    features: FeatureSet
    specs: dict[str, FeatureSpec]
    warnings: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        model: str | Path | None = None,
        *,
        device: str = "auto",
        hop_s: float | Literal["window"] | None = None,
        registry: Registry | None = None,
    ) -> Model:
        """Open a model.

        Parameters
        ----------
        model : str or path, optional
            An exported ``.onnx`` file, or the name of a bundled model; default: the bundled default.
        device : str, optional
            As for `open_session`.
        hop_s : float or "window", optional
            Seconds between the starts of windows; ``"window"``: their length, so that they do not overlap;
            default: the hop that the model was trained with.
        registry : Registry, optional
            Where feature extractors are looked up; default: the installed plugins.

        Returns
        -------
        Model
            Ready.

        Raises
        ------
        ModelError, RecipeError
            If the file cannot be used; says what to install if a plugin is missing.
        DeviceError
            If the device does not run.
        """
        path = bundled.resolve(model)
        session = open_session(path, device=device)
        try:
            recipe = Recipe.from_json(recipe_text(session, path))
            extractors = extractors_of(recipe, registry or default_registry())
        except RecipeError as error:
            raise RecipeError(f"{path}: {error}") from error
        segments = recipe.segments
        sliding = [k for k, e in extractors.items() if getattr(e, "sliding_agreement", 1.0) < 1]
        if sliding and hop_s not in (None, "window", segments.hop_s):
            raise ModelError(
                f"{path} was trained on features that slide by {segments.hop_s:g} s ({', '.join(sliding)}): at another "
                "hop they would differ. Leave out --hop"
            )
        if sliding:
            hop_s = None
        if segments.window_s is None and isinstance(hop_s, float):
            raise ModelError(f"{path} sees whole recordings; a hop between windows does not apply")
        if hop_s is not None and segments.window_s is not None:
            hop = segments.window_s if hop_s == "window" else hop_s
            segments = create(Segmentation, {**asdict(segments), "hop_s": hop})
        features = FeatureSet(
            extractors=extractors,
            segmentation=segments,
            sr=recipe.sr,
            scopes={key: entry.scope for key, entry in recipe.features.items()},
        )
        specs = features.specs()
        _check_inputs(path, session, specs, output=recipe.targets[0].name, n_labels=len(recipe.labels))
        return cls(
            name=path.stem if path.is_relative_to(bundled.FOLDER) else path.name,
            recipe=recipe,
            session=session,
            features=features,
            specs=specs,
            warnings=_probe_warnings(recipe, extractors),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the emotions."""
        return self.recipe.labels

    @property
    def device(self) -> str:
        """Where it really runs: ``"cpu"``, ``"cuda:0"``."""
        return self.session.device

    def predict(self, source: str | Path | ArrayLike, sr: int | None = None) -> FileResult:
        """Emotion of one recording.

        Parameters
        ----------
        source : path or array
            An audio file; or samples, shape (n_samples,) or (channels, n_samples), nominally within [-1, 1].
        sr : int, optional
            Sample rate of an array in Hz; required with one.

        Returns
        -------
        FileResult
            With probabilities per window and their mean; and the set of emotions that cannot be ruled out, if the
            model has thresholds.

        Raises
        ------
        AudioError
            If the recording cannot be used; ``error.reason`` is a short cause. (The command ``analyze`` turns
            this into a row.)
        """
        if isinstance(source, str | Path):
            recording, name = audio.decode(source, sr=self.recipe.sr), str(source)
        else:
            if not isinstance(sr, numbers.Real):
                raise AudioError("undecodable", f"an array needs its sample rate, predict(y, sr); got {sr!r}")
            recording, name = audio.from_array(source, sr, sr=self.recipe.sr), "<array>"
        return self.predict_recording(recording, name=name)

    def predict_recording(self, recording: audio.Recording, *, name: str) -> FileResult:
        """Emotion of a decoded recording.

        Parameters
        ----------
        recording : Recording
            At the model's sample rate.
        name : str
            Name for the result.

        Returns
        -------
        FileResult
            Status ``ok``.

        Raises
        ------
        AudioError
            If quality checks refuse it, or the model's windows drop it (``"too short"``).
        """
        notes = quality.check(recording, window_s=self.features.segmentation.window_s)
        windows: list[WindowResult] = []
        for block in self.features.blocks(recording.y):
            probabilities = self.session.run(self.recipe.targets[0].name, collate(block.features, self.specs))
            if not np.isfinite(probabilities).all():
                raise ModelError("the model gave probabilities that are not finite")
            for start, row in zip(block.starts.tolist(), probabilities, strict=True):
                windows.append(self._window(start, row, len(recording.y)))
        if not windows:
            need = self.features.segmentation.window_s
            raise AudioError("too short", f"{recording.duration_s:.2f} s; this model drops recordings under {need:g} s")
        mean = np.mean([[w.probabilities[label] for label in self.labels] for w in windows], axis=0)
        named: dict[str, float] = dict(zip(self.labels, mean.tolist(), strict=True))
        return FileResult(
            file=name,
            status="ok",
            notes=notes,
            duration_s=recording.duration_s,
            probabilities=named,
            windows=tuple(windows),
            prediction_set=self._prediction_set(named),
        )

    def stream(self, blocks: Iterable[ArrayLike], sr: int) -> Iterator[WindowResult]:
        """Emotion of live audio, window by window as soon as each is complete.

        Parameters
        ----------
        blocks : iterable of array
            Consecutive pieces of mono audio of any length, each (n_samples,): floats nominally within [-1, 1], or
            signed integers, which are divided by their full scale.
        sr : int
            Their sample rate in Hz.

        Yields
        ------
        WindowResult
            The full windows of the recipe, by its hop, but for silent ones; times count from the first sample.
            What remains after the last full window is not looked at, and neither is a stream shorter than one.

        Raises
        ------
        ModelError
            If the model sees whole recordings, or the audio around its windows (mode sliding).
        AudioError
            ``"non-finite"``, if samples are NaN or infinite; ``"undecodable"``, if a block is not mono.
        """
        n_window = self.features.segmentation.n_window(self.recipe.sr)
        if n_window is None or "recording" in self.features.scopes.values():
            raise ModelError(f"{self.name} needs whole recordings and cannot follow a stream")
        if any(getattr(e, "sliding_agreement", 1.0) < 1 for e in self.features.extractors.values()):
            raise ModelError(
                f"{self.name} needs the audio around each window (mode sliding) and cannot follow a stream"
            )
        n_hop = self.features.segmentation.n_hop(self.recipe.sr)
        single = replace(self.features, segmentation=replace(self.features.segmentation, tail="drop", short="drop"))
        held, start, skip = np.zeros(0, dtype=np.float32), 0, 0
        for y in _resampled(blocks, sr, self.recipe.sr):
            if not np.isfinite(y).all():
                raise AudioError("non-finite", "the stream holds NaN or infinite samples")
            held = np.concatenate([held, y])
            if skip:
                held, skip = held[skip:], max(0, skip - len(held))
            while len(held) >= n_window:
                if quality.peak_dbfs(held[:n_window]) >= quality.SILENT_DBFS:
                    (block,) = single.blocks(held[:n_window])
                    probabilities = self.session.run(self.recipe.targets[0].name, collate(block.features, self.specs))
                    yield self._window(start, probabilities[0], start + n_window)
                start += n_hop
                held, skip = held[n_hop:], max(0, n_hop - len(held))

    def _window(self, start: int, probabilities: NDArray[np.float32], n_samples: int) -> WindowResult:
        sr = self.recipe.sr
        n_window = self.features.segmentation.n_window(sr) or n_samples
        named = {label: float(p) for label, p in zip(self.labels, probabilities, strict=True)}
        return WindowResult(
            start_s=start / sr,
            end_s=min(start + n_window, n_samples) / sr,
            probabilities=named,
            prediction_set=self._prediction_set(named),
        )

    def _prediction_set(self, probabilities: dict[str, float]) -> tuple[str, ...] | None:
        conformal = self.recipe.conformal
        return conformal.prediction_set(probabilities) if conformal else None


def _resampled(blocks: Iterable[ArrayLike], sr: int, target: int) -> Iterator[NDArray[np.float32]]:
    import soxr

    if not isinstance(sr, numbers.Real) or not 1 <= sr <= MAX_SR:
        raise AudioError("undecodable", f"the sample rate of a stream is 1 to {MAX_SR:,} Hz, not {sr!r}")
    stream = soxr.ResampleStream(sr, target, 1, dtype="float32") if sr != target else None
    for block in blocks:
        samples = np.asarray(block)
        if samples.ndim != 1:
            raise AudioError("undecodable", f"a block of a stream is mono, shape (n_samples,), not {samples.shape}")
        y = (samples / audio.full_scale(samples)).astype(np.float32)
        yield stream.resample_chunk(y) if stream else y
    if stream:
        yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def _check_inputs(path: Path, session: Session, specs: dict[str, FeatureSpec], *, output: str, n_labels: int) -> None:
    """Refuse a graph whose inputs are not the recipe's features, before anything is computed."""
    wanted: dict[str, tuple[int | None, ...]] = {}
    for key, spec in specs.items():
        size = np.prod([n for n in spec.shape if n is not None], dtype=float)
        if size > MAX_VALUES:
            raise ModelError(f"{path}: its recipe asks for {size:,.0f} numbers per window of feature {key!r}")
        wanted[key] = (None, *spec.shape)
        if spec.varies:
            wanted[f"{key}_length"] = (None,)
    if missing := sorted(set(wanted) - set(session.inputs)):
        raise ModelError(f"{path}: the graph has no input for {', '.join(missing)}, which its recipe describes")
    for name, shape in session.inputs.items():
        if name not in wanted:
            raise ModelError(f"{path}: the graph has an input {name!r} that its recipe does not describe")
        if len(shape) != len(wanted[name]) or any(
            a is not None and b is not None and a != b for a, b in zip(shape, wanted[name], strict=True)
        ):
            raise ModelError(f"{path}: input {name!r} has shape {shape} in the graph and {wanted[name]} by the recipe")
    outputs: dict[str, list[Any]] = {o.name: o.shape for o in session.session.get_outputs()}
    if output not in outputs or len(outputs[output]) != 2 or outputs[output][1] != n_labels:
        raise ModelError(f"{path}: the graph has no output {output!r} of {n_labels} probabilities (it has {outputs})")


@functools.cache
def _probe(extractor: FeatureExtractor, sr: int) -> tuple[float, ...]:
    return probe(extractor, sr)


def _probe_warnings(recipe: Recipe, extractors: dict[str, FeatureExtractor]) -> tuple[str, ...]:
    found = []
    for key, extractor in extractors.items():
        if key in recipe.probe and probes_differ(recipe.probe[key], _probe(extractor, recipe.sr)):
            here = library_versions({key: extractor})
            changed = [
                f"{lib} {recipe.libraries.get(lib, 'unknown')} -> {version}"
                for lib, version in here.items()
                if recipe.libraries.get(lib) != version
            ]
            found.append(
                f"feature {key!r} ({extractor.name}) gives other numbers here than where the model was trained"
                + (f"; changed: {', '.join(changed)}" if changed else "; no library version changed")
            )
    return tuple(found)
