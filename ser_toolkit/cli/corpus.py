"""``ser-toolkit corpus``: from a corpus as it was released to a manifest, with its counts checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def corpus(
    name: Annotated[
        str | None, typer.Argument(help="Reader: iemocap, emodb, ... (see --list).", metavar="NAME")
    ] = None,
    root: Annotated[Path | None, typer.Argument(help="Folder that the corpus was unpacked into.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Manifest CSV to write, - for standard output; default: show counts only."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Which labels, for readers with several: iemocap has standard5531, paper, ...")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any option of the reader; repeatable.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the readers, their options and layouts.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the manifest if it is there.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The counts as JSON on standard output.")] = False,
) -> None:
    """Read a published corpus: write its manifest, and compare its counts with the published ones.

    Every count that differs is named, per emotion and, where known, per session. Paths in the manifest are relative
    to its own folder; on standard output, to the current one.

    **Examples**

    - `ser-toolkit corpus --list`
    - `ser-toolkit corpus emodb corpora/emodb -o corpora/emodb/manifest.csv`
    - `ser-toolkit corpus iemocap IEMOCAP_full_release --labels standard5531 -o iemocap.csv`
    - `ser-toolkit corpus ravdess corpora/ravdess --set channel=both`
    """
    from ser_toolkit.plugin_registry import default_registry
    from ser_toolkit.report import corpus as rendering
    from ser_toolkit.report import terminal

    registry, stdout = default_registry(), terminal.console()
    if name is None or list_:
        stdout.print(rendering.readers(registry.components("corpus")))
        return
    from ser_toolkit.cli.outputs import STREAM, refuse_existing
    from ser_toolkit.data.corpus_report import read_corpus, report_corpus
    from ser_toolkit.data.files import display_path
    from ser_toolkit.data.manifest_writer import manifest_text, write_manifest

    refuse_existing(output, force=force)
    if json and output == STREAM:
        raise typer.BadParameter("--json and --output - both write to standard output; give the manifest a name")
    options = dict(_option(text) for text in set_ or [])
    if labels is not None:
        options["labels"] = labels
    reader = registry.create("corpus", name, options)
    if root is None:
        raise typer.BadParameter(f"name the folder of {name}: {getattr(reader, 'layout', 'as it was released')}")
    with terminal.console(stderr=True).status("reading"):
        reading = read_corpus(reader, root)
    report = report_corpus(reader, root, reading)
    written = None
    if output == STREAM:
        typer.echo(manifest_text(reading.utterances, folder=Path()), nl=False)
        stdout, written = terminal.console(stderr=True), "standard output"
    elif output is not None:
        write_manifest(output, reading.utterances)
        written = display_path(output)
    if json:
        import json as json_module

        typer.echo(json_module.dumps(report.to_json(), indent=2))
        return
    stdout.print(rendering.corpus(report, written=written))


def _option(text: str) -> tuple[str, Any]:
    """``KEY=VALUE``, the value as TOML or, if it is none, as plain text."""
    import tomllib

    from ser_toolkit.errors import ConfigError

    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text!r}: write it as KEY=VALUE")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()
