"""The estimators of `ser_toolkit_baselines.gmm` and `ser_toolkit_baselines.hmm`, in scikit-learn and hmmlearn.

Import only where one is fitted or read. Fitted attributes are arrays and mixtures of scikit-learn, so that skops stores
them without code.
"""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.mixture import GaussianMixture

from ser_toolkit.errors import MissingTierError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GmmPerClass", "HmmPerClass", "frames_of"]

STAY = 0.9
"""First guess of the probability to stay in a state."""


def frames_of(x: NDArray[Any], shapes: tuple[tuple[int, ...], ...], frame_axes: tuple[int, ...]) -> NDArray[np.float64]:
    """Sequences again, (n, n_frames, n_values), of flattened and joined inputs (n, n_features).

    Raises
    ------
    ValueError
        If the rows are of another length.
    """
    sizes = [math.prod(shape) for shape in shapes]
    if x.shape[1] != sum(sizes):
        raise ValueError(f"rows of {x.shape[1]} values are not sequences of shapes {shapes}")
    parts = np.split(np.asarray(x, dtype=np.float64), np.cumsum(sizes)[:-1], axis=1)
    turned = [
        np.moveaxis(part.reshape(len(x), *shape), 1 + axis, 1).reshape(len(x), shape[axis], -1)
        for part, shape, axis in zip(parts, shapes, frame_axes, strict=True)
    ]
    return np.concatenate(turned, axis=2)


class _PerClass(ABC, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A model of the frames of each class; what both estimators share."""

    shapes: tuple[tuple[int, ...], ...]
    frame_axes: tuple[int, ...]
    max_frames: int
    balanced: bool
    seed: int

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Self:
        """Fit one model per class."""
        sequences = frames_of(X, self.shapes, self.frame_axes)
        self.classes_, counts = np.unique(y, return_counts=True)
        self.n_features_in_ = X.shape[1]
        self.log_prior_ = np.zeros(len(counts)) if self.balanced else np.log(counts / counts.sum())
        most = max(1, self.max_frames // sequences.shape[1])
        rng = np.random.default_rng(self.seed)
        some = []
        for c in self.classes_:
            rows = np.flatnonzero(y == c)
            some.append(sequences[np.sort(rng.permutation(rows)[:most])])
        self._fit_classes(some)
        return self

    def decision_function(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Mean log likelihood of a frame, and the share of the prior, (n, n_classes)."""
        sequences = frames_of(X, self.shapes, self.frame_axes)
        return np.asarray(self._log_likelihood(sequences) + self.log_prior_ / sequences.shape[1])

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """The likeliest class, (n,)."""
        return np.asarray(self.classes_[self.decision_function(X).argmax(axis=1)])

    @abstractmethod
    def _fit_classes(self, sequences: list[NDArray[np.float64]]) -> None:
        """Fit to the sequences (n, n_frames, n_values) of each class."""

    @abstractmethod
    def _log_likelihood(self, sequences: NDArray[np.float64]) -> NDArray[np.float64]:
        """Per frame, (n, n_classes)."""


class GmmPerClass(_PerClass):
    """One Gaussian mixture per class; parameters as of `ser_toolkit_baselines.gmm.Gmm`.

    Attributes
    ----------
    mixtures_ : list of GaussianMixture
        In the order of `classes_`.
    """

    def __init__(
        self,
        shapes: tuple[tuple[int, ...], ...] = (),
        frame_axes: tuple[int, ...] = (),
        n_components: int = 16,
        max_iter: int = 50,
        variance_floor: float = 1e-3,
        max_frames: int = 50_000,
        balanced: bool = True,
        seed: int = 0,
    ) -> None:
        self.shapes = shapes
        self.frame_axes = frame_axes
        self.n_components = n_components
        self.max_iter = max_iter
        self.variance_floor = variance_floor
        self.max_frames = max_frames
        self.balanced = balanced
        self.seed = seed

    def _fit_classes(self, sequences: list[NDArray[np.float64]]) -> None:
        self.mixtures_ = []
        for of_class in sequences:
            mixture = GaussianMixture(
                self.n_components,
                covariance_type="diag",
                reg_covar=self.variance_floor,
                max_iter=self.max_iter,
                random_state=self.seed,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of rounds that end before convergence
                self.mixtures_.append(mixture.fit(of_class.reshape(-1, of_class.shape[2])))

    def _log_likelihood(self, sequences: NDArray[np.float64]) -> NDArray[np.float64]:
        n, n_frames, n_values = sequences.shape
        frames = sequences.reshape(-1, n_values)
        return np.stack([m.score_samples(frames).reshape(n, n_frames).mean(axis=1) for m in self.mixtures_], axis=1)


class HmmPerClass(_PerClass):
    """One hidden Markov model per class; parameters as of `ser_toolkit_baselines.hmm.Hmm`.

    Attributes
    ----------
    start_ : ndarray, shape (n_classes, n_states)
        Probability of each first state.
    transition_ : ndarray, shape (n_classes, n_states, n_states)
        Probability of the state of the second index after that of the first.
    mean_, variance_ : ndarray, shape (n_classes, n_states, n_values)
        Of the Gaussians.
    """

    def __init__(
        self,
        shapes: tuple[tuple[int, ...], ...] = (),
        frame_axes: tuple[int, ...] = (),
        n_states: int = 4,
        topology: str = "left-right",
        max_iter: int = 10,
        variance_floor: float = 1e-3,
        max_frames: int = 30_000,
        balanced: bool = True,
        seed: int = 0,
    ) -> None:
        self.shapes = shapes
        self.frame_axes = frame_axes
        self.n_states = n_states
        self.topology = topology
        self.max_iter = max_iter
        self.variance_floor = variance_floor
        self.max_frames = max_frames
        self.balanced = balanced
        self.seed = seed

    def _fit_classes(self, sequences: list[NDArray[np.float64]]) -> None:
        models = [self._model(of_class) for of_class in sequences]
        self.start_ = np.stack([m.startprob_ for m in models])
        self.transition_ = np.stack([m.transmat_ for m in models])
        self.mean_ = np.stack([m.means_ for m in models])
        variances = np.stack([np.diagonal(m.covars_, axis1=1, axis2=2) for m in models])
        self.variance_ = np.maximum(variances, self.variance_floor)

    def _model(self, sequences: NDArray[np.float64]) -> Any:
        """A fitted ``hmmlearn.hmm.GaussianHMM``."""
        try:
            from hmmlearn.hmm import GaussianHMM
        except ImportError as error:
            raise MissingTierError("training a hidden Markov model", "train", error.name) from error

        n, n_frames, n_values = sequences.shape
        left_right = self.topology == "left-right"
        if n_frames < self.n_states:
            raise ValueError(f"{self.n_states} states need as many frames; segments have {n_frames}")
        model = GaussianHMM(
            self.n_states,
            covariance_type="diag",
            min_covar=self.variance_floor,
            n_iter=self.max_iter,
            random_state=self.seed,
            init_params="" if left_right else "stmc",
        )
        if left_right:
            parts = [part.reshape(-1, n_values) for part in np.array_split(sequences, self.n_states, axis=1)]
            model.startprob_ = np.eye(self.n_states)[0]
            model.transmat_ = STAY * np.eye(self.n_states) + (1 - STAY) * np.eye(self.n_states, k=1)
            model.transmat_[-1, -1] = 1.0
            model.means_ = np.stack([part.mean(axis=0) for part in parts])
            model.covars_ = np.stack([part.var(axis=0) + self.variance_floor for part in parts])
        with _quiet():
            model.fit(sequences.reshape(-1, n_values), [n_frames] * n)
        return model

    def _log_likelihood(self, sequences: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([self._forward(sequences, c) for c in range(len(self.classes_))], axis=1)

    def _forward(self, sequences: NDArray[np.float64], c: int) -> NDArray[np.float64]:
        """Log likelihood per frame of sequences under the model of a class, (n,); Rabiner 1989, equations 19 to 21."""
        n, n_frames, n_values = sequences.shape
        mean, variance = self.mean_[c], self.variance_[c]
        frames = sequences.reshape(-1, n_values)
        square = frames**2 @ (1 / variance).T - 2 * frames @ (mean / variance).T + (mean**2 / variance).sum(axis=1)
        constant = np.log(variance).sum(axis=1) + n_values * np.log(2 * np.pi)
        emitted = (-0.5 * (square + constant)).reshape(n, n_frames, -1)
        with np.errstate(divide="ignore"):  # the logarithm of 0 is what is meant: never
            start, transition = np.log(self.start_[c]), np.log(self.transition_[c])
        forward = start + emitted[:, 0]
        for t in range(1, n_frames):
            forward = logsumexp(forward[:, :, None] + transition, axis=1) + emitted[:, t]
        return np.asarray(logsumexp(forward, axis=1) / n_frames)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep hmmlearn's remarks on convergence and on states without transitions off the terminal."""
    logger = logging.getLogger("hmmlearn")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
