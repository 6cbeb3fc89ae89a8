"""``ser-toolkit doctor``: what is installed, what runs, what is broken."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="The device you mean to use: auto, cpu, cuda[:N], tensorrt[:N].")
    ] = "auto",
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Look at this installation: versions, devices that really run, plugins, the bundled model, cache, licences.

    Each check runs in a process of its own, so that a library that crashes or hangs is a line of the table. A device
    that is named must run; without a name, a GPU that does not run is a warning. Nothing is sent anywhere.

    Exit code 0 if nothing is broken, 1 if something is.

    **Examples**

    - `ser-toolkit doctor`
    - `ser-toolkit doctor --device cuda`
    - `ser-toolkit doctor --json > doctor.json`
    """
    from rich.text import Text

    from ser_toolkit.doctor import diagnose
    from ser_toolkit.report.terminal import console

    with console(stderr=True).status(Text("looking")) as status:
        found = diagnose(device=device, on_step=lambda name: status.update(Text(f"looking at {name}")))
    if json:
        import json as json_module

        typer.echo(json_module.dumps(found.to_json(), indent=2))
    else:
        from ser_toolkit.report.doctor import diagnosis

        console().print(diagnosis(found))
    raise typer.Exit(1 if found.broken else 0)
