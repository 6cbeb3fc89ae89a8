"""The option ``--noise`` of ``evaluate``, whose value may be left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.core import TyperCommand

__all__ = ["EvaluateCommand"]

_OPTION = "--noise"


class EvaluateCommand(TyperCommand):
    """A command whose ``--noise`` may stand alone, for the standard set: typer's options take a value, or none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a lone ``--noise`` its value: one that is the last, or before an option or an existing path."""
        end = args.index("--") if "--" in args else len(args)
        given = []
        for i, argument in enumerate(args):
            lone = i + 1 >= end or args[i + 1].startswith("-") or Path(args[i + 1]).exists()
            given.append(f"{_OPTION}=standard" if i < end and argument == _OPTION and lone else argument)
        return super().parse_args(ctx, given)
