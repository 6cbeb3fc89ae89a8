"""Noise, rooms and channels: degrade recordings, and measure what a model loses by it."""

from __future__ import annotations

from ser_toolkit.noise.conditions import STANDARD, Condition, parse_conditions
from ser_toolkit.noise.degradation import degrade

__all__ = ["STANDARD", "Condition", "degrade", "parse_conditions"]
