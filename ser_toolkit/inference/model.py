"""A trained model as users hold it: audio in, emotions out."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ser_toolkit.data import audio
from ser_toolkit.data.files import Found, display_path
from ser_toolkit.data.locations import Url, locate
from ser_toolkit.errors import AudioError, ModelError, RecipeError
from ser_toolkit.features import FeatureSet
from ser_toolkit.inference.aggregation import Summary
from ser_toolkit.inference.assemble import Assemble
from ser_toolkit.inference.columns import columns_of
from ser_toolkit.inference.follow import follow
from ser_toolkit.inference.front_end import FrontEnd, Hop, front_end
from ser_toolkit.inference.graph import check_graph
from ser_toolkit.inference.pipeline import Row, decoded, in_process
from ser_toolkit.inference.session import Session, open_session, recipe_text
from ser_toolkit.manifest_features import refuse_columns
from ser_toolkit.models import bundled
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.recipe import Recipe
from ser_toolkit.report.results import FileResult, WindowResult

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ser_toolkit.inference.options import Speech
    from ser_toolkit.inference.plan import CacheUse
    from ser_toolkit.interfaces import FeatureSpec

__all__ = ["Model"]


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
    speech : bool
        Whether windows without speech are left out.

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
    speech: bool = True

    @classmethod
    def open(
        cls,
        model: str | Path | None = None,
        *,
        device: str = "auto",
        hop_s: Hop = None,
        speech: Speech = "auto",
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
        speech : {"auto", "off"}, optional
            As for `ser_toolkit.inference.options.Options`.
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
            front = front_end(recipe, hop_s=hop_s, registry=registry or default_registry(), name=str(path))
        except RecipeError as error:
            raise RecipeError(f"{path}: {error}") from error
        check_graph(path, session, front.specs, recipe=recipe)
        return cls(
            name=bundled.display_name(path),
            recipe=recipe,
            session=session,
            features=front.features,
            specs=front.specs,
            warnings=front.warnings,
            speech=speech == "auto",
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the emotions; empty if the model says nothing of them."""
        return self.recipe.labels

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the dimensions, such as valence; empty for most models."""
        return self.recipe.dimensions

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
            place = locate(source)
            rows = in_process(self._setup, [(0, Found(path=place, root=place))], infer=True)
            return self._result(rows, name=display_path(place) if isinstance(place, Url) else str(source))
        if not isinstance(sr, numbers.Real):
            raise AudioError("undecodable", f"an array needs its sample rate, predict(y, sr); got {sr!r}")
        return self.predict_recording(audio.from_array(source, sr, sr=self.recipe.sr), name="<array>")

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
            If quality checks refuse it, the model's windows drop it (``"too short"``), or nobody speaks in it.
        """
        return self._result(decoded(self._setup, recording, infer=True), name=name)

    @property
    def summary(self) -> Summary:
        """How windows become a file, as `predict` does it: by the mean, without smoothing."""
        return Summary(
            labels=self.labels,
            sr=self.recipe.sr,
            n_window=self.features.segmentation.n_window(self.recipe.sr),
            conformal=self.recipe.conformal,
            dimensions=self.dimensions,
        )

    @property
    def _setup(self) -> _Opened:
        refuse_columns(self.features, self.name)
        return _Opened(self, speech=self.speech)

    def _result(self, rows: Iterable[Row], *, name: str) -> FileResult:
        assemble = Assemble(summary=self.summary)
        made = [result for row in rows for batch in assemble(columns_of([row])) for result in batch["result"]]
        result: FileResult = made[0]
        if result.status == "ok":
            return replace(result, file=name)
        if result.reason == "crashed":
            raise ModelError(f"{name}: {result.detail}")
        raise AudioError(result.reason, result.detail)

    def stream(self, blocks: Iterable[ArrayLike], sr: int, *, rest: bool = False) -> Iterator[WindowResult]:
        """Emotion of live audio, window by window as soon as each is complete.

        Parameters
        ----------
        blocks : iterable of array
            Consecutive pieces of mono audio of any length, each (n_samples,): floats nominally within [-1, 1], or
            signed integers, which are divided by their full scale.
        sr : int
            Their sample rate in Hz.
        rest : bool, optional
            At the end of the blocks, also give the windows that `predict` has beyond the full ones: the last, which is
            aligned to the end or filled, or the only one of audio that is shorter than a window. Without it, what
            remains after the last full window is not looked at.

        Yields
        ------
        WindowResult
            The windows of the recipe, by its hop, but for those of silence or without speech, which
            `ser_toolkit.inference.follow.follow` has too; times count from the first sample. Where features slide
            (mode ``"sliding"``), a window comes when the audio after it that they see has come, with eGeMAPS 1.5 s
            later.
            Where the recipe has steps of scope ``"recording"``, such as against noise, they see the window and the
            10 s before it, not the recording: what they estimate may differ from what `predict` has, and so may the
            windows.

        Raises
        ------
        ModelError
            If the model sees whole recordings.
        AudioError
            ``"non-finite"``, if samples are NaN or infinite; ``"undecodable"``, if a block is not mono; with `rest`
            also ``"empty"`` and ``"too short"``.
        """
        for window in follow(self, blocks, sr, rest=rest):
            if window.result:
                yield window.result
            elif window.error and not isinstance(window.error, AudioError):
                raise window.error


@dataclass(frozen=True)
class _Opened:
    """A `ser_toolkit.inference.plan.Setup` of what is open already."""

    model: Model
    cache_use: CacheUse = "off"
    hashes: bool = False
    speech: bool = True

    def front_end(self) -> FrontEnd:
        return FrontEnd(features=self.model.features, specs=self.model.specs, recipe=self.model.recipe)

    def session(self) -> Session:
        return self.model.session

    def cache(self) -> None:
        return None
