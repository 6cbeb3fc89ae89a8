"""Options that several commands share, and what their values mean."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ser_toolkit.cli.outputs import refuse_stream

__all__ = [
    "Address",
    "AllowSpeakerOverlap",
    "Cache",
    "ConfigFile",
    "Device",
    "Engine",
    "ExtractionEngine",
    "JobFolder",
    "Manifests",
    "Resume",
    "Set",
    "SpeakerPattern",
    "changes",
    "extraction_on",
    "seed_list",
]

SPEED = "Speed and robustness"
"""Panel of the help."""

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
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="local: processes of this machine; ray: a Ray cluster (tier [ray]).", rich_help_panel=SPEED),
]
ExtractionEngine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="Where features are extracted: processes of this machine, or a Ray cluster (tier [ray])."),
]
Address = Annotated[
    str,
    typer.Option(
        help="Ray cluster: HOST:PORT of its head, or auto for the one on this machine. Default: RAY_ADDRESS, or a "
        "cluster of this machine alone for this run.", metavar="ADDRESS", rich_help_panel=SPEED,
    ),
]  # fmt: skip
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


@contextlib.contextmanager
def extraction_on(engine: Literal["local", "ray"], address: str) -> Iterator[None]:
    """Features are extracted there, in this block."""
    from ser_toolkit.data.process_map import jobs_on_ray
    from ser_toolkit.inference.engines import check_engine

    check_engine(engine, address, workers=None)
    with jobs_on_ray(address) if engine == "ray" else contextlib.nullcontext():
        yield


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
