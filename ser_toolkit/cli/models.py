"""``ser-toolkit models``: the models that come with the toolkit."""

from __future__ import annotations

from typing import Annotated

import typer


def models(
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """List the bundled models: inputs, emotions, size, scores, licence, and what is missing to use them.

    `--model` of other commands takes these names, or the path of an exported .onnx file. A file that exists wins: if a
    file called `emodb` lies in the working directory, `--model emodb` is that file.

    **Examples**

    - `ser-toolkit models`
    - `ser-toolkit models --json`
    - `ser-toolkit analyze recordings/ --model emodb`
    """
    from ser_toolkit.models.listing import bundled_models

    found = bundled_models()
    if json:
        import json as json_module

        typer.echo(json_module.dumps([model.to_json() for model in found], indent=2))
        return
    from ser_toolkit.report import terminal
    from ser_toolkit.report.terminal_models import models as shown

    terminal.console().print(shown(found))
