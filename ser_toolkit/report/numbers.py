"""How scores are written, the same in every report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ser_toolkit.evaluation.results import Estimate, Spread

__all__ = ["between", "between_points", "metric", "p", "percent", "points", "spread", "three"]

_NAMES = {"ua": "UA (macro recall)", "wa": "WA (accuracy)", "f1": "macro F1"}


def three(value: float | None) -> str:
    """``0.712``, or a dash where undefined."""
    return "-" if value is None else f"{value:.3f}"


def percent(value: float | None) -> str:
    """``90 %``, or a dash where undefined."""
    return "-" if value is None else f"{100 * value:.0f} %"


def points(value: float) -> str:
    """``+2.3`` of a share of 0.023."""
    return f"{100 * value:+.1f}"


def p(value: float) -> str:
    """``0.031``, or ``2e-04`` where three digits would be zero."""
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def metric(name: str) -> str:
    """Name of a metric as it is printed."""
    return _NAMES.get(name) or f"recall of {name.removeprefix('recall:')}"


def between(estimate: Estimate | None) -> str:
    """``0.650 to 0.771``, or a dash where undefined."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def between_points(estimate: Estimate) -> str:
    """``+1.3 to +4.0`` of a share, or a dash where undefined."""
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"{points(estimate.low)} to {points(estimate.high)}"


def spread(value: Spread | None) -> str:
    """``0.712 ± 0.031 (10)``: mean, standard deviation, number; a dash without."""
    if value is None:
        return "-"
    sd = "" if value.sd is None else f" ± {value.sd:.3f}"
    return f"{value.mean:.3f}{sd} ({len(value.values)})"
