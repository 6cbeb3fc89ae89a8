"""ser-toolkit: speech emotion recognition from mel spectrograms and GeMAPS, built from plugins.

Importing this package loads pluggy and nothing else; the functions below import what they need when called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ser_toolkit.inference.extraction_run import Extraction
    from ser_toolkit.inference.model import Model
    from ser_toolkit.inference.options import Options
    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.report.results import FileResult
    from ser_toolkit.training.config import TrainConfig
    from ser_toolkit.training.progress import Progress
    from ser_toolkit.training.results import TrainResult

__all__ = ["__version__", "analyze", "extract", "hookimpl", "hookspec", "load", "registry", "train"]

__version__ = "0.1.0"

hookspec = pluggy.HookspecMarker("ser_toolkit")
"""Marks a hook specification; used in `ser_toolkit.hookspecs` only."""

hookimpl = pluggy.HookimplMarker("ser_toolkit")
"""Marks a plugin's implementation of a hook."""


def load(model: str | Path | None = None, *, device: str = "auto", speech: Literal["auto", "off"] = "auto") -> Model:
    """Open a trained model.

    Parameters
    ----------
    model : str or path, optional
        An exported ``.onnx`` file, or the name of a bundled model; default: the bundled model.
    device : str, optional
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    speech : {"auto", "off"}, optional
        Whether windows in which nobody speaks are left out.

    Returns
    -------
    Model
        With ``predict(path | array, sr)`` and ``stream(blocks, sr)``.

    Raises
    ------
    ModelError, RecipeError
        If the file is missing, damaged, foreign, or needs a plugin that is not installed.
    DeviceError
        If the device that was asked for is not there.

    Examples
    --------
    >>> import ser_toolkit
    >>> model = ser_toolkit.load()
    >>> result = model.predict("examples/audio/slow-low.wav")
    >>> sorted(result.probabilities)
    ['anger', 'happiness', 'neutral', 'sadness']
    """
    from ser_toolkit.inference.model import Model

    return Model.open(model, device=device, speech=speech)


def analyze(paths: Iterable[str | Path] | str | Path, *, options: Options | None = None) -> Iterator[FileResult]:
    """Emotions of many files, each as soon as it is there.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, and folders to search.
    options : Options, optional
        Model, windows, device, processes; see `ser_toolkit.inference.options.Options`. By default this process does
        the work. With other `workers`, processes are started that import the calling script: it needs
        ``if __name__ == "__main__":``.

    Yields
    ------
    FileResult
        One per file, also of those that cannot be used: see its `status`. In the order in which they are finished,
        with one process that of the files.

    Raises
    ------
    ModelError, RecipeError, DeviceError
        If the model cannot be used.

    Examples
    --------
    >>> import ser_toolkit
    >>> results = ser_toolkit.analyze("examples/audio")
    >>> {result.status for result in results}
    {'ok'}
    """
    from pathlib import Path

    from ser_toolkit.data.files import find_audio
    from ser_toolkit.inference.analysis import Analysis
    from ser_toolkit.inference.options import Options

    files = find_audio([paths] if isinstance(paths, str | Path) else paths)
    with Analysis(files, options or Options(workers=0)) as run:
        for _, result in run.results():
            yield result


def extract(paths: Sequence[str | Path] | str | Path, output: str | Path, **options: Any) -> Extraction:
    """Features of recordings in one file; see `ser_toolkit.inference.extraction_run.extract`."""
    from ser_toolkit.inference.extraction_run import extract as run

    return run(paths, output, **options)


def train(
    manifests: Sequence[str | Path] | str | Path,
    *,
    config: TrainConfig | Mapping[str, Any] | None = None,
    out: str | Path = "runs/train",
    device: str = "auto",
    resume: bool = False,
    speaker_pattern: str | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train a model and write a run folder; see `ser_toolkit.training.run.train`."""
    from ser_toolkit.training.run import train as run

    return run(
        manifests,
        config=config,
        out=out,
        device=device,
        resume=resume,
        speaker_pattern=speaker_pattern,
        progress=progress,
    )


def registry() -> Registry:
    """Plugins of this environment and what they register; see `ser_toolkit.plugin_registry.Registry`."""
    from ser_toolkit.plugin_registry import default_registry

    return default_registry()
