"""What the doctor found, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.terminal_text import safe

if TYPE_CHECKING:
    from ser_toolkit.doctor import Check, Diagnosis

__all__ = ["diagnosis", "verdict"]

_MARKS = {
    "ok": ("ok", "green"),
    "absent": ("-", "dim"),
    "warning": ("warning", "yellow"),
    "problem": ("PROBLEM", "bold red"),
}
_NAME_WIDTH = 20


def diagnosis(found: Diagnosis) -> RenderableType:
    """All checks by section, and what is to be done.

    Parameters
    ----------
    found : Diagnosis
        What was looked at.

    Returns
    -------
    RenderableType
        For a rich console.
    """
    parts: list[RenderableType] = []
    for name, checks in found.sections.items():
        if not checks:
            continue
        table = Table.grid(padding=(0, 2), expand=False)
        table.add_column(no_wrap=True, width=7)
        table.add_column(overflow="fold", width=_NAME_WIDTH)
        table.add_column(overflow="fold")
        for check in checks:
            table.add_row(*_row(check))
        parts += [Text(name, style="bold"), Padding(table, (0, 0, 1, 0))]
    return Group(*parts, verdict(found))


def verdict(found: Diagnosis) -> Text:
    """What is broken, if anything, and what to do about it.

    Parameters
    ----------
    found : Diagnosis
        What was looked at.

    Returns
    -------
    Text
        ``"Nothing is broken; 1 warning."``, or a line for each problem.
    """
    problems = [check for check in found.checks if check.status == "problem"]
    warnings = sum(check.status == "warning" for check in found.checks)
    also = f"; {warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
    if not problems:
        return Text(f"Nothing is broken{also}.", style="bold green")
    text = Text(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}{also}:", style="bold red")
    for check in problems:
        text.append(f"\n{safe(check.name)}: ", style="bold red")
        text.append(safe(check.todo or check.says), style="not bold cyan" if check.todo else "not bold default")
    return text


def _row(check: Check) -> tuple[Text, Text, Text]:
    mark, style = _MARKS[check.status]
    says = Text(safe(check.says), style="dim" if check.status == "absent" else "")
    if check.todo:
        says.append(f"\n{safe(check.todo)}", style="cyan")
    return Text(mark, style=style), Text(safe(check.name), style="dim" if check.status == "absent" else ""), says
