"""What plugins implement. Needs numpy only, and that for its types alone.

A *component* is a frozen, keyword-only dataclass. Its fields are its configuration, so that a recipe can store
it and re-create it; two class variables give it a name and a version::

    @dataclass(frozen=True, kw_only=True)
    class ZeroCrossings:
        name: ClassVar[str] = "zero-crossings"
        version: ClassVar[int] = 1
        context_s: ClassVar[float] = 0.0
        n_bands: int = 4

Field types may be any JSON-serialisable type that pydantic understands; bounds are written with
``Annotated[int, annotated_types.Ge(1)]`` and checked whenever a component is made from a configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from ser_toolkit.data.corpora import Published, Reading
    from ser_toolkit.data.utterance import Utterance

__all__ = [
    "ClassicalModel",
    "ColumnFeatureExtractor",
    "Component",
    "Corpus",
    "CountedCorpus",
    "FeatureExtractor",
    "FeatureSpec",
    "Kind",
    "Loss",
    "NeuralModel",
    "Preprocessor",
    "ReportingCorpus",
    "Scope",
    "SlidingFeatureExtractor",
    "TargetSpec",
]

Kind = Literal["feature", "model", "loss", "corpus", "preprocessor"]
"""Kind of a component; one hook each, see `ser_toolkit.hookspecs`."""

Scope = Literal["segment", "recording"]
"""Whether a feature is extracted from, or a preprocessor applied to, each segment or the whole recording."""


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """Shape and meaning of one feature of one segment.

    Parameters
    ----------
    shape : tuple of (int or None)
        Shape without the batch axis: ``(88,)``, ``(1, 128, 376)``. ``None`` marks an axis that varies with the
        length of the segment, at most one; a network then also gets ``<feature>_length``, the number of valid
        entries along it, as int64 of shape (batch,).
    axes : tuple of str
        One name per axis: ``("channel", "mel", "frame")``. Axes called ``"frame"`` run over time:
        standardization pools over them, so that a spectrogram has one mean and deviation per band.
    unit : str
        Unit of the values: ``"dB"``, ``"Hz"``; ``"mixed"`` if each entry has its own.
    names : tuple of str, optional
        Names of the entries along the ``"feature"`` axis of a vector.

    Notes
    -----
    Generic networks choose a branch by the number of axes, never by the name of a feature: 1 is a vector,
    2 a sequence (frame, feature), 3 an image (channel, height, width).
    """

    shape: tuple[int | None, ...]
    axes: tuple[str, ...]
    unit: str
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.axes):
            raise ValueError(
                f"shape {self.shape} has {len(self.shape)} axes but axes {self.axes} names {len(self.axes)}"
            )
        if self.shape.count(None) > 1:
            raise ValueError(f"shape {self.shape}: at most one axis may vary")
        if any(n is not None and n < 1 for n in self.shape):
            raise ValueError(f"shape {self.shape}: every axis must be None or at least 1")
        if self.names and self.shape != (len(self.names),):
            raise ValueError(f"{len(self.names)} names do not fit shape {self.shape}")

    @property
    def role(self) -> Literal["vector", "sequence", "image"]:
        """Branch that a generic network gives this feature."""
        roles: dict[int, Literal["vector", "sequence", "image"]] = {1: "vector", 2: "sequence", 3: "image"}
        if len(self.shape) not in roles:
            raise ValueError(f"a feature has 1 to 3 axes, this one {len(self.shape)}: {self.axes}")
        return roles[len(self.shape)]

    @property
    def varies(self) -> bool:
        """Whether an axis depends on the length of the segment."""
        return None in self.shape


@dataclass(frozen=True, kw_only=True)
class TargetSpec:
    """What a model predicts.

    Parameters
    ----------
    name : str
        ``"emotion"``, ``"dimensions"``; also the name of the output of an exported model.
    kind : {"class", "multilabel", "regression"}
        This release trains ``"class"`` and ``"regression"``; ``"multilabel"`` is reserved.
    labels : tuple of str
        The classes, or the names of the dimensions of a regression.
    """

    name: str
    kind: Literal["class", "multilabel", "regression"]
    labels: tuple[str, ...]


@runtime_checkable
class Component(Protocol):
    """Anything that a plugin registers: a frozen, keyword-only dataclass.

    Attributes
    ----------
    name : str
        Unique within its kind; lower case, digits and dashes.
    version : int
        Raised by one whenever the same configuration would give other numbers.

    Notes
    -----
    An optional class variable ``libraries: tuple[str, ...]`` names the distributions whose versions can change
    the numbers; the recipe records them.
    """

    name: ClassVar[str]
    version: ClassVar[int]


@runtime_checkable
class FeatureExtractor(Component, Protocol):
    """Turns a segment of audio into an array.

    Attributes
    ----------
    context_s : float
        Seconds of neighbouring audio on either side that change what `sliding` gives for a window; 0 without.
    """

    @property
    def context_s(self) -> float:
        """Seconds of context; a class variable or a property."""
        ...

    def __hash__(self) -> int:
        """Frozen dataclasses have one; caches per configuration rest on it."""
        ...

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape of the result for a segment of `n_samples` at `sr` Hz; ``None``: segments of any length."""
        ...

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Feature of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio, nominally within [-1, 1]; values outside are clipped, the array is left untouched.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        ndarray of float32
            Of exactly the shape that `spec` gives, finite and writable.
        """
        ...


@runtime_checkable
class SlidingFeatureExtractor(FeatureExtractor, Protocol):
    """Extractor that computes all windows of a recording in one pass.

    Attributes
    ----------
    sliding_agreement : float
        How well `sliding` agrees with calling the extractor on each window by itself: 1.0 promises the same
        numbers but for rounding; less promises that, across the windows of a recording, the median over all
        values of the Pearson correlation is at least this. May depend on the configuration (a property).

    Notes
    -----
    An extractor that works on a grid of its own, and for which many windows in a pass cost little more than few, may
    have a property ``sliding_grid_s`` in seconds: a window that is off the grid of hops then shares the pass of the
    others, from the last place on the extractor's grid.
    """

    @property
    def sliding_agreement(self) -> float:
        """Least agreement between `sliding` and single calls, 0 to 1."""
        ...

    def sliding(self, y: NDArray[np.float32], sr: int, *, n_window: int, n_hop: int) -> NDArray[np.float32]:
        """All full windows ``y[i * n_hop : i * n_hop + n_window]``, shape (n_windows, *spec.shape)."""
        ...


@runtime_checkable
class ColumnFeatureExtractor(FeatureExtractor, Protocol):
    """Extractor of what a column of the manifest says of an utterance: phonemes, words, a role.

    Attributes
    ----------
    column : str
        Name of the column; a field, so that it can be set. It must be none that means something else, such as
        ``speaker``.

    Notes
    -----
    Wherever utterances come from a manifest, `of_cell` gives the feature of all windows of an utterance. A call with
    sound gives what an empty cell does. A model with such a feature cannot be asked about recordings alone, and says
    so.
    """

    @property
    def column(self) -> str:
        """Which column is read."""
        ...

    def of_cell(self, cell: str) -> NDArray[np.float32]:
        """Feature of an utterance.

        Parameters
        ----------
        cell : str
            What the manifest says, without spaces around it; may be empty.

        Returns
        -------
        ndarray of float32
            Of the shape that `spec` gives, finite and writable.

        Raises
        ------
        ComponentError
            If the cell cannot be understood; ends the run.
        """
        ...


@runtime_checkable
class Preprocessor(Component, Protocol):
    """Changes audio before features are extracted from it: its level, its noise.

    Attributes
    ----------
    scope : {"segment", "recording"}
        ``"recording"``: sees the recording before it is cut into windows; of one longer than 90 s a stretch of a minute
        at a time, see `ser_toolkit.preprocessing`. ``"segment"``: sees each window by itself.

    Notes
    -----
    An optional ``context_s: float`` (class variable or property, 0 to 30) of a step of scope ``"recording"`` says how
    many seconds of audio before and after a stretch it is given in addition, so that its filters and estimates have
    settled where the stretch begins.
    """

    @property
    def scope(self) -> Scope:
        """What it sees; a class variable."""
        ...

    def __hash__(self) -> int:
        """Frozen dataclasses have one; caches per configuration rest on it."""
        ...

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """The same audio, changed.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio, at least one sample, nominally within [-1, 1]; left untouched.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        ndarray of float32, shape (n_samples,)
            Finite, and not delayed: each sample stays where it was. `y` itself where nothing is to be changed.
        """
        ...


@runtime_checkable
class NeuralModel(Component, Protocol):
    """A network, described by its configuration and built for given inputs."""

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> torch.nn.Module:
        """Network for these inputs and targets.

        Parameters
        ----------
        inputs : mapping of str to FeatureSpec
            The features in the order of the recipe. Choose branches by `FeatureSpec.role`.
        targets : sequence of TargetSpec
            What to predict.

        Returns
        -------
        torch.nn.Module
            Its ``forward(**features)`` takes one float32 tensor (batch, *shape) per input, already
            standardized, and an int64 ``<name>_length`` (batch,) for each input whose shape varies; it
            returns ``{target.name: (batch, len(target.labels))}`` in the order of `targets`: logits of a class
            target, values of a regression target (on a scale of -1 to 1, but not bounded).

        Raises
        ------
        ComponentError
            If the model has no use for an input, or lacks one that it needs.
        """
        ...


@runtime_checkable
class ClassicalModel(Component, Protocol):
    """A scikit-learn estimator over the concatenated, standardized, flattened features.

    Notes
    -----
    An optional ``exportable: bool`` (class variable or property) that is False says that a trained model has no exact
    ONNX form: it can be trained, scored and analyzed with (``analyze --model RUN_DIR``), not exported.

    An optional class variable ``stored_types: tuple[str, ...]`` names types of the plugin's own, ``"package.Class"``,
    that a fitted estimator holds beside those of scikit-learn and numpy. They are read back without calling
    anything but ``__new__``, so their attributes must be numbers, arrays and estimators.
    """

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted scikit-learn classifier with ``predict_proba`` or ``decision_function`` (one column a class).

        A ``GridSearchCV`` around one chooses among settings: training replaces its ``cv`` by folds of whole speakers,
        and keeps the best estimator. Any other whose ``fit`` has a parameter ``groups`` is given the speaker of each
        row, as int64; see `ser_toolkit.training.grid_search`.
        """
        ...


@runtime_checkable
class Loss(Component, Protocol):
    """A training loss, of class targets or of regression targets; it refuses the others with a `ComponentError`."""

    def build(self, target: TargetSpec, class_counts: Sequence[int]) -> torch.nn.Module:
        """Loss for one target.

        Parameters
        ----------
        target : TargetSpec
            What is predicted.
        class_counts : sequence of int
            Training segments per class, or with a rating per dimension, in the order of ``target.labels``.

        Returns
        -------
        torch.nn.Module
            ``forward(logits, target)`` for classes: logits (batch, classes) in any float type, target either int64
            class indices (batch,) or soft labels (batch, classes) that sum to 1; gives a scalar, the mean
            over the batch, computed in float32.

            ``forward(values, ratings)`` for a regression: values (batch, dimensions) in any float type, ratings of
            the same shape in float32, NaN where nobody rated, which must have no influence; gives a scalar computed
            in float32, over the batch as a whole, 0 where nothing is rated.
        """
        ...


@runtime_checkable
class Corpus(Component, Protocol):
    """Reads a corpus from the folder that it was unpacked into.

    Its fields are its options: which labels, which part.

    Notes
    -----
    Two optional class variables are shown to people: ``layout: str``, the folders and file names that are expected,
    and ``traps: tuple[str, ...]``, what is known to go wrong with this corpus, a sentence each. Two optional methods
    tell more than the utterances: see `CountedCorpus` and `ReportingCorpus`.
    """

    def utterances(self, root: Path) -> Iterable[Utterance]:
        """All utterances, in an order that depends on nothing but the files.

        Parameters
        ----------
        root : Path
            The folder of the corpus.

        Returns
        -------
        iterable of Utterance
            ``file`` is absolute and exists; ``key`` is relative to `root`, with ``/``. File, start and end together
            occur once. ``speaker`` begins with the name of the corpus (``"emodb-03"``), so that corpora can be put
            together. ``emotion`` is one of `ser_toolkit.data.corpora.EMOTIONS` wherever one of them fits.

        Raises
        ------
        ManifestError
            If `root` does not look like this corpus; says what is expected.
        """
        ...


@runtime_checkable
class CountedCorpus(Corpus, Protocol):
    """Corpus whose size was published."""

    def published(self) -> Published | None:
        """The counts that these options should give; ``None`` if nobody published them."""
        ...


@runtime_checkable
class ReportingCorpus(Corpus, Protocol):
    """Corpus that says what it left out, and why."""

    def read(self, root: Path) -> Reading:
        """The utterances, as `utterances` gives them, and notes on missing, broken and ignored files."""
        ...
