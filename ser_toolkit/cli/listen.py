"""``ser-toolkit listen``: emotions of live sound."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ser_toolkit.cli.option_values import hop_seconds

if TYPE_CHECKING:
    from rich.console import Console

    from ser_toolkit.data.arrivals import Arrivals
    from ser_toolkit.inference.model import Model
    from ser_toolkit.report.live_results import LiveTotals

_SOUND, _TUNED = "Sound", "Windows and emotions"


def listen(
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Exported .onnx file, or name of a bundled model.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="JSON lines; the default where standard output is no terminal.")
    ] = False,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda[:N], tensorrt[:N]; a device that is named must work.")
    ] = "auto",
    mic: Annotated[
        str | None,
        typer.Option(help="Microphone instead of standard input: default, its number, or a part of its name.",
                     metavar="NAME", rich_help_panel=_SOUND),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(help="Sample rate in Hz. Default: by the WAV header, else 16000; the microphone's own.",
                     rich_help_panel=_SOUND),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(help="Channels, which are averaged. Default: by the WAV header, else 1.", rich_help_panel=_SOUND),
    ] = None,
    encoding: Annotated[
        Literal["s16le", "s24le", "s32le", "f32le"] | None,
        typer.Option(help="Samples on standard input. Default: by the WAV header, else s16le.", rich_help_panel=_SOUND),
    ] = None,
    hop: Annotated[
        str,
        typer.Option(help="Seconds between windows; window: no overlap; recipe: as in training.", metavar="SECONDS",
                     rich_help_panel=_TUNED),
    ] = "recipe",
    min_confidence: Annotated[
        float,
        typer.Option(help='Below this probability a window is "uncertain".', min=0, max=1, rich_help_panel=_TUNED),
    ] = 0.0,
    speech: Annotated[
        Literal["auto", "off"],
        typer.Option(help="auto: no emotion where nobody speaks; off: any sound, such as laughs and cries.",
                     rich_help_panel=_TUNED),
    ] = "auto",
) -> None:  # fmt: skip
    """Follow the emotion in live sound: plain samples or WAV on standard input, or a microphone.

    Every window has its emotion a moment after its last sample has come. No sound is kept. Exit code: 0 the sound has
    ended, 1 it could not be followed, 2 usage, 3 some windows failed, 130 interrupted.

    **Examples**

    - `ser-toolkit listen --mic default`
    - `arecord -q -f S16_LE -r 16000 | ser-toolkit listen`
    - `ffmpeg -loglevel error -i rtsp://camera/ -f s16le -ac 1 -ar 16000 - | ser-toolkit listen --json`
    - `sox call.flac -t wav - | ser-toolkit listen --hop window --json`
    """
    from ser_toolkit.data.arrivals import Arrivals
    from ser_toolkit.data.live_sources import open_source
    from ser_toolkit.inference.follow import warm_up
    from ser_toolkit.inference.model import Model
    from ser_toolkit.report import terminal
    from ser_toolkit.report.live_results import LiveTotals
    from ser_toolkit.report.terminal_listen import summary

    stdout, stderr = terminal.console(), terminal.console(stderr=True)
    hop_s = None if (seconds := hop_seconds(hop)) == "recipe" else seconds
    totals, interrupted = LiveTotals(), False
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_source(mic, encoding=encoding, sr=rate, channels=channels))
        # at once: a pipe is full after two seconds, and opening a model takes longer
        sound = stack.enter_context(Arrivals(source.blocks, source.sr))
        with stderr.status("opening the model (the first time, Numba compiles for some 20 s)"):
            opened = Model.open(model, device=device, hop_s=hop_s, speech=speech)
            warm_up(opened)
        for warning in opened.warnings:
            stderr.print(f"warning: {warning}", style="yellow", markup=False)
        try:
            view = stdout if stdout.is_terminal and not json else None
            _follow(opened, sound, source.shown, totals, view=view, min_confidence=min_confidence)
        except KeyboardInterrupt:
            interrupted = True
        for trouble in source.troubles():
            stderr.print(f"warning: {trouble}", style="yellow", markup=False)
    stderr.print(f"{'interrupted; ' if interrupted else ''}{summary(totals)}", markup=False, soft_wrap=True)
    if interrupted:
        raise typer.Exit(130)
    n_failed = totals.statuses["failed"]
    raise typer.Exit(0 if not n_failed else 3 if totals.statuses["ok"] else 1)


def _follow(
    model: Model, sound: Arrivals, shown: str, totals: LiveTotals, *, view: Console | None, min_confidence: float
) -> None:
    """Follow the sound to its end, in a live view on a console or as JSON lines."""
    import json

    from ser_toolkit.inference.follow import listen as rows
    from ser_toolkit.report import terminal
    from ser_toolkit.report.terminal_listen import About, ListenView

    with contextlib.ExitStack() as stack:
        if view:
            about = About(
                source=shown,
                model=f"{model.name} on {model.device}",
                labels=model.labels,
                dimensions=model.dimensions,
                hop_s=model.features.segmentation.hop_s,
            )
            stack.enter_context(ListenView(view, about, totals, sound))
        else:
            terminal.console(stderr=True).print(f"listening to {shown} with {model.name}", markup=False, soft_wrap=True)
        for row in rows(model, sound, min_confidence=min_confidence):
            totals.add(row)
            if not view:
                typer.echo(json.dumps(row.to_json(), allow_nan=False))
