"""Options that several commands share, and what their values mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ser_toolkit.cli.outputs import refuse_stream

__all__ = [
    "AllowSpeakerOverlap",
    "Cache",
    "ConfigFile",
    "Device",
    "JobFolder",
    "Manifests",
    "Resume",
    "Set",
    "SpeakerPattern",
    "changes",
    "seed_list",
]

Manifests = Annotated[
    list[str],
    typer.Argument(
        help="Manifest CSV files or folders, or their URLs; see `train`.", metavar="MANIFEST", path_type=str
    ),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="TOML file; see docs/train.md.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the configuration; repeatable.")
]
JobFolder = Annotated[
    Path,
    typer.Option(
        "--out", "-o", help="Folder of the job: scores, report, what is finished.", file_okay=False,
        callback=refuse_stream,
    ),
]  # fmt: skip
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what is in --out.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Cache = Annotated[bool, typer.Option("--cache/--no-cache", help="Use the feature cache (ser-toolkit cache).")]
SpeakerPattern = Annotated[
    str | None, typer.Option(metavar="REGEX", help="Finds the speaker in a file's path, for folders per emotion.")
]
AllowSpeakerOverlap = Annotated[bool, typer.Option("--allow-speaker-overlap", help="Scores are inflated and say so.")]

_DIGITS, _MOST = 10, 1000


def changes(config: Path | None, set_: Sequence[str] | None, emotions: str | None, **split: Any) -> dict[str, Any]:
    """What the options want otherwise than the defaults; settings of the split that are given go before the file's."""
    from ser_toolkit.cli.train import names
    from ser_toolkit.training.config import read_changes

    found = read_changes(config, set_ or ())
    if emotions is not None:
        found["emotions"] = names(emotions)
    given = {key: value for key, value in split.items() if value}
    before = found.get("split", {})
    if given and isinstance(before, dict):  # what is no table is refused with the rest of the configuration
        found["split"] = {**before, **given}
    return found


def seed_list(text: str) -> list[int]:
    """Seeds from ``"3"`` (0, 1 and 2) or ``"0,5,7"``; each once."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"seeds are a number of seeds (3) or their list (0,1,2), not {text!r}")
    numbers = [int(part) if len(part) <= _DIGITS else 2**31 for part in parts]
    if "," not in text:
        if not 1 <= numbers[0] <= _MOST:
            raise typer.BadParameter(
                f"{parts[0][:40]} is a number of seeds: give at least one and at most {_MOST}; "
                f"one seed by its name is written with a comma ({parts[0][:40]},)"
            )
        return list(range(numbers[0]))
    if wrong := [part for part, number in zip(parts, numbers, strict=True) if number >= 2**31]:
        raise typer.BadParameter(f"a seed is a number from 0 to {2**31 - 1}, not {wrong[0][:40]}")
    return list(dict.fromkeys(numbers))
