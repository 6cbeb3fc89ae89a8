"""``ser-toolkit cache``: what the feature cache holds, clearing it, checking it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ser_toolkit.data.cache import FeatureCache

app = typer.Typer(
    help="Features that were computed before, shared by all commands: look, clear, verify.", no_args_is_help=True
)


@app.command()
def info(
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Say where the cache is, how large, and what is in it.

    `SER_TOOLKIT_CACHE` puts it into another folder, `SER_TOOLKIT_CACHE_MAX_GB` sets its limit (20); 0: no cache.

    **Examples**

    - `ser-toolkit cache info`
    - `ser-toolkit cache info --json`
    """
    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.data.cache_upkeep import contents_of
    from ser_toolkit.report.cache import contents
    from ser_toolkit.report.terminal import console

    cache = FeatureCache.default()
    found = contents_of(cache.folder)
    if json:
        import json as json_module

        typer.echo(json_module.dumps(found.to_json(max_bytes=cache.max_bytes), indent=2))
        return
    console().print(contents(found, max_bytes=cache.max_bytes))


@app.command()
def clear(
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0, help="Only what was not used for so long.")
    ] = None,
    feature: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this feature: melspec, egemaps, ...")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove entries from the cache: all, or those not used lately, or those of one feature.

    Nothing is lost but time: what is missing is computed again. Other files in the folder stay.

    **Examples**

    - `ser-toolkit cache clear --older-than 30`
    - `ser-toolkit cache clear --feature melspec --yes`
    """
    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.data.cache_upkeep import clear_cache, select_entries
    from ser_toolkit.report.cache import size

    folder = FeatureCache.default().folder
    entries = select_entries(folder, older_than_days=older_than, feature=feature)
    n_bytes = sum(entry.n_bytes for entry in entries)
    if entries and not yes:
        typer.confirm(f"remove {len(entries)} entries ({size(n_bytes)})?", abort=True, err=True)
    removed = clear_cache(folder, entries)
    typer.echo(f"removed {removed.entries} entries, {size(removed.n_bytes)}")
    if removed.entries < len(entries):
        typer.echo(f"caution: {len(entries) - removed.entries} could not be removed (whose are they?)", err=True)
        raise typer.Exit(1)


@app.command()
def verify() -> None:
    """Read every entry, compare it with its checksum, and remove those that are damaged.

    A damaged entry never gives wrong numbers: whoever meets one computes it again. Exit code 1 if there was any.

    **Examples**

    - `ser-toolkit cache verify`
    - `ser-toolkit cache verify && echo sound`
    """
    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.data.cache_upkeep import verify_cache
    from ser_toolkit.report.cache import progress

    with progress("reading entries") as on_progress:
        result = verify_cache(FeatureCache.default().folder, on_progress=on_progress)
    typer.echo(f"{result.entries} entries, {result.damaged} of them damaged{' and removed' if result.damaged else ''}")
    raise typer.Exit(1 if result.damaged else 0)


def wanted_cache(wanted: bool) -> FeatureCache | None:
    """The cache of this machine for a command with ``--cache/--no-cache``; None without."""
    from ser_toolkit.data.cache import FeatureCache

    return FeatureCache.default() if wanted else None
