"""What a run folder begins with, and going on with one that is there."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ser_toolkit.data import atomic
from ser_toolkit.errors import ConfigError, OutputError
from ser_toolkit.training.results import write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ser_toolkit.data.manifest import Manifest, Utterance
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.config import TrainConfig
    from ser_toolkit.training.splits import Split

__all__ = ["prepare_folder"]


def prepare_folder(
    out: Path,
    config: TrainConfig,
    manifest: Manifest,
    utterances: Sequence[Utterance],
    parts: Split,
    recipe: Recipe,
    *,
    resume: bool,
) -> None:
    """Write configuration and split into a new folder, or check that an old one was begun with the same.

    Parameters
    ----------
    out : Path
        Run folder.
    config, manifest, utterances, parts : TrainConfig, Manifest, sequence of Utterance, Split
        What the run is about.
    recipe : Recipe
        Of the untrained model: components, versions of libraries, probes.
    resume : bool
        Whether there may be an unfinished run in it.

    Raises
    ------
    ConfigError
        If the folder holds something else, or a run that was begun with another configuration or manifest, another
        order of recordings, or other versions of what computes the features.
    """
    order = json.dumps([[u.key, u.start_s, u.end_s, u.emotion, u.speaker] for u in utterances])
    state = {
        "manifest_sha256": manifest.sha256,
        "order of the recordings": hashlib.sha256(order.encode()).hexdigest(),
        "config": config.model_dump(mode="json"),
        "components and libraries": json.loads(recipe.to_json()),
    }
    path = out / "config.json"
    if resume and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = [key for key, value in state.items() if before.get(key) != value]
        if changed:
            raise ConfigError(
                f"{out}: cannot resume, {' and '.join(changed)} changed since the run began (see {path.name})"
            )
    elif out.exists() and (not out.is_dir() or any(not p.name.startswith(atomic.PREFIX) for p in out.iterdir())):
        hint = "" if resume else "give another --out, or go on with it: --resume"
        raise ConfigError(f"{out} is there and not empty: {hint or 'it holds no run to resume'}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: the folder cannot be made: {error.strerror}") from error
    for leftover in out.rglob(f"{atomic.PREFIX}*"):  # of a run that was killed while it wrote
        leftover.unlink()
    atomic.write_text(path, json.dumps(state, indent=2))
    rows = ([u.key, u.speaker or "", u.emotion, p] for u, p in zip(utterances, parts.parts, strict=True))
    write_csv(out / "split.csv", ["file", "speaker", "emotion", "part"], rows)
