"""``ser-toolkit plugins``: what is installed, whether it keeps its contract, and a package to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(invoke_without_command=True)


@app.callback()
def plugins(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
    check: Annotated[
        str | None, typer.Option(metavar="NAME", help="Run the contract checks on a component or a plugin.")
    ] = None,
) -> None:
    """List plugins, check one, or start a new one.

    Without options: every installed component, where it comes from, and which plugins failed and why.

    **Examples**

    - `ser-toolkit plugins`
    - `ser-toolkit plugins --check melspec`
    - `ser-toolkit plugins new my-features`
    """
    if context.invoked_subcommand is not None:
        return
    from ser_toolkit.plugin_registry import default_registry
    from ser_toolkit.report import terminal

    registry = default_registry()
    stdout = terminal.console()
    if check is not None:
        from rich.text import Text

        from ser_toolkit.testing.plugin import check_plugin

        failed = False
        with terminal.console(stderr=True).status(Text(f"checking {check}")):
            checked = check_plugin(check, registry)
        for name, results in checked:
            stdout.print(terminal.checks(name, results))
            failed |= not all(r.passed for r in results)
        raise typer.Exit(1 if failed else 0)
    if json:
        import json as json_module

        typer.echo(json_module.dumps([p.to_json() for p in registry.plugins], indent=2))
        return
    stdout.print(terminal.plugins(registry.plugins))


@app.command(no_args_is_help=True)
def new(
    name: Annotated[str, typer.Argument(help="Name of the package: my-features.")],
    folder: Annotated[Path, typer.Option("--folder", "-C", help="Where to make it.", file_okay=False)] = Path(),
) -> None:
    """Write an installable plugin package: a feature, a model, and a test that runs their contracts.

    **Example**

    - `ser-toolkit plugins new my-features && pip install ./my-features`
    """
    from shlex import quote

    from ser_toolkit.scaffold import new_plugin

    made = new_plugin(name, folder)
    typer.echo(f"made {made}. Next: pip install -e {quote(str(made))} && ser-toolkit plugins --check {name}")
