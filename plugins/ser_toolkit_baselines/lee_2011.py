"""Lee et al. 2011: a hierarchy of binary decisions, easy ones first, over utterance functionals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Interval, MinLen

from ser_toolkit.errors import ComponentError
from ser_toolkit_baselines.inputs import check_inputs

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["PAPER_TREE", "Lee2011"]

PAPER_TREE = ("anger", "sadness", "happiness", "neutral")
"""The tree for the four emotions of IEMOCAP: anger against sadness, the winner against happiness, then neutral."""


@dataclass(frozen=True, kw_only=True)
class Lee2011:
    """Hierarchical binary decision tree.

    The root decides between two emotions. Each level below sets the winner against one more, so that a decision for
    which there is little evidence, against neutral, is left to the end. Every node has features and a logistic
    regression of its own, fitted to the segments of its two emotions. The probability of an emotion is the sum over
    the paths that end at it of the product of the probabilities along the path. Trained, scored and analyzed with, not
    exported.

    Parameters
    ----------
    tree : {"auto", "paper"} or tuple of str
        The order in which emotions enter. ``"paper"``: `PAPER_TREE`, for exactly these four. ``"auto"``: the pair that
        is told apart best comes first, then whichever emotion is told best from those before it, by cross-validation
        over the training speakers.
    last : str, optional
        Emotion that ``"auto"`` keeps for the end, if it is among the labels.
    n_features : int
        Most features of a node: those of the largest weights in a linear support vector machine with an L1 penalty.
    selection_C : float
        Inverse strength of that penalty, above 0.
    C : float
        Inverse strength of the L2 penalty of the nodes, above 0: a Gaussian prior on the weights.

    References
    ----------
    Lee, Mower, Busso, Lee, Narayanan: Emotion recognition using a hierarchical binary decision tree approach. Speech
    Communication 53(9-10), 2011.
    """

    name: ClassVar[str] = "lee-2011"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    exportable: ClassVar[bool] = False
    stored_types: ClassVar[tuple[str, ...]] = ("ser_toolkit_baselines.binary_tree.BinaryTree",)

    tree: Literal["auto", "paper"] | Annotated[tuple[str, ...], MinLen(2)] = "auto"
    last: str | None = "neutral"
    n_features: Annotated[int, Ge(1)] = 60
    selection_C: Annotated[float, Interval(gt=0.0, le=1e6)] = 0.05
    C: Annotated[float, Interval(gt=0.0, le=1e6)] = 0.1

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted estimator with ``predict_proba``.

        Parameters
        ----------
        inputs : mapping of str to FeatureSpec
            Functionals, or anything of fixed size.
        target : TargetSpec
            Classes.
        seed : int
            Of the solver that selects features.

        Returns
        -------
        BinaryTree
            Its ``fit`` takes the speakers as ``groups``.

        Raises
        ------
        ComponentError
            If the tree is of other emotions than the labels; and as `check_inputs`.
        """
        check_inputs(self.name, inputs, target)
        order = PAPER_TREE if self.tree == "paper" else () if self.tree == "auto" else self.tree
        if order and sorted(order) != sorted(target.labels):
            raise ComponentError(
                f"{self.name}: the tree is of {', '.join(order)}; the labels are {', '.join(target.labels)}. Set tree "
                'to "auto", or to all labels in the order in which they are to be decided'
            )
        from ser_toolkit_baselines.binary_tree import BinaryTree

        return BinaryTree(
            order=tuple(target.labels.index(label) for label in order),
            last=target.labels.index(self.last) if self.last in target.labels else -1,
            n_features=self.n_features,
            selection_C=self.selection_C,
            C=self.C,
            seed=seed,
        )
