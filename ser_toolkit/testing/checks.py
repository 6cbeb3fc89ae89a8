"""What all contract checks share: their results, and the promises of every component.

`check_extractor`, `check_model` and `check_loss` return lists of `CheckResult`; their ``assert_`` twins hand the list
to `assert_passed`. No test runner is needed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ser_toolkit.interfaces import Component

__all__ = ["CheckResult", "assert_passed", "check", "check_component", "require", "require_same"]


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one check of a contract.

    Parameters
    ----------
    name : str
        What is promised: ``"batch of one"``.
    passed : bool
        Whether the promise holds.
    detail : str, optional
        What was measured, or how it failed.
    """

    name: str
    passed: bool
    detail: str = ""


def check(name: str, function: Callable[[], str | None]) -> CheckResult:
    """Run one check; whatever it raises is its failure.

    Parameters
    ----------
    name : str
        What is promised: ``"batch of one"``.
    function : callable
        Raises where the promise is broken; may return what it measured.

    Returns
    -------
    CheckResult
        The outcome.
    """
    try:
        return CheckResult(name, True, function() or "")
    except AssertionError as error:
        return CheckResult(name, False, str(error) or "assertion failed")
    except Exception as error:  # noqa: BLE001 - a component may raise anything; the result records it
        return CheckResult(name, False, f"{type(error).__name__}: {error}")


def require(condition: Any, message: str) -> None:
    """Raise unless a condition holds; an ``assert`` that ``python -O`` keeps.

    Parameters
    ----------
    condition : object
        Anything with a truth value.
    message : str
        What is wrong if it is false.

    Raises
    ------
    AssertionError
        With the message.
    """
    if not condition:
        raise AssertionError(message)


def require_same(a: Any, b: Any, message: str, *, tolerance: float) -> str:
    """Raise unless two arrays have one shape and agree.

    Parameters
    ----------
    a, b : array_like
        Numbers.
    message : str
        Where they come from: ``"torch and ONNX Runtime"``.
    tolerance : float
        Largest absolute difference that is allowed.

    Returns
    -------
    str
        The largest difference, in words.

    Raises
    ------
    AssertionError
        If they differ.
    """
    import numpy as np

    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    require(a.shape == b.shape, f"{message}: shapes {a.shape} and {b.shape}")
    difference = float(np.abs(a - b).max())
    require(difference <= tolerance, f"{message} differ by {difference:.2g}; allowed is {tolerance:g}")
    return f"largest difference {difference:.1g}"


def check_component(component: Component) -> list[CheckResult]:
    """Check what every component promises: it is a frozen dataclass, survives JSON, and crosses processes.

    Parameters
    ----------
    component : Component
        Any component.

    Returns
    -------
    list of CheckResult
        One per promise.
    """
    from ser_toolkit.components import check_class, create, to_config

    def round_trip() -> None:
        import json

        again = create(type(component), json.loads(json.dumps(to_config(component))))
        require(again == component, f"{component!r} became {again!r}")

    def pickled() -> None:
        again = pickle.loads(pickle.dumps(component))
        require(again == component, f"{component!r} became {again!r}")

    return [
        check("component class", lambda: check_class(type(component))),
        check("JSON round trip", round_trip),
        check("picklable", pickled),
    ]


def assert_passed(component: Component, results: Sequence[CheckResult]) -> None:
    """Raise if a check failed.

    Parameters
    ----------
    component : Component
        What was checked.
    results : sequence of CheckResult
        Its checks.

    Raises
    ------
    AssertionError
        Lists every check that failed, with its detail.
    """
    failed = [f"  {result.name}: {result.detail}" for result in results if not result.passed]
    if failed:
        raise AssertionError(f"{component!r} breaks {len(failed)} of {len(results)} promises:\n" + "\n".join(failed))
