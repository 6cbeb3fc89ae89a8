"""Contract of whole plugins: they load, load quickly, share no name, and each component keeps its own contract."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ser_toolkit.components import create
from ser_toolkit.errors import MissingTierError, UnknownComponentError, close_matches
from ser_toolkit.testing.checks import CheckResult, check

if TYPE_CHECKING:
    from ser_toolkit.plugin_registry import Plugin, Registered, Registry

__all__ = ["HEAVY", "check_plugin"]

HEAVY = (
    *("accelerate", "librosa", "matplotlib", "onnx", "onnxruntime", "opensmile", "pandas", "scipy", "sklearn"),
    *("speechbrain", "tensorflow", "torch", "torchaudio", "transformers"),
)
"""Libraries to import where they are used and not with the plugin: every command loads every plugin."""

_WITHOUT_TORCH = ("feature", "corpus", "preprocessor")
"""Kinds whose contracts need no torch."""

_LOAD = """
import json, sys
arguments = json.loads(sys.argv[1])
sys.path[:] = arguments["path"]
for module in arguments["modules"]:
    __import__(module)
print("heavy:", *sorted(set(arguments["heavy"]) & set(sys.modules)), file=sys.stderr)
"""
"""Program that imports modules and writes the heavy libraries that this loaded as its last line."""


def check_plugin(name: str, registry: Registry) -> list[tuple[str, list[CheckResult]]]:
    """Run the contract checks on what is installed under a name.

    Parameters
    ----------
    name : str
        A plugin (its entry point), a distribution with all its plugins, or a component.
    registry : Registry
        Where it is looked up: ``ser_toolkit.registry()``.

    Returns
    -------
    list of (str, list of CheckResult)
        Title and results: of each plugin that is called so, then of each component, as its defaults make it. A
        plugin that failed to load, or is disabled, has a failed check with the reason.

    Raises
    ------
    UnknownComponentError
        If nothing is called so; names what there is, close matches, and plugins that failed.
    MissingTierError
        If there is a model or a loss to check, and torch is not installed. Features, corpora and preprocessors are
        checked without.
    """
    plugins = [p for p in registry.plugins if name == p.name or _normal(name) == _normal(p.dist)]
    chosen = [c for p in plugins for c in p.components]
    chosen += [c for c in registry.components() if c.name == name and c not in chosen]
    if not plugins and not chosen:
        raise UnknownComponentError(_unknown(name, registry))
    needs_torch = [c for c in chosen if c.kind not in _WITHOUT_TORCH]
    if needs_torch and importlib.util.find_spec("torch") is None:
        raise MissingTierError(f"checking the {needs_torch[0].kind} {needs_torch[0].name!r}", "train", "torch")
    return [
        *((f"plugin {p.name} ({p.dist} {p.dist_version})", _check_loading(p)) for p in plugins),
        *((f"{c.kind} {c.name} ({c.dist})", list(_check_component(c, registry))) for c in chosen),
    ]


def _normal(dist: str) -> str:
    """Name of a distribution as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", dist).lower()


def _unknown(name: str, registry: Registry) -> str:
    known = {n for p in registry.plugins for n in (p.name, p.dist, *(c.name for c in p.components))}
    message = f"no plugin, distribution or component is called {name!r}. {close_matches(name, known)}"
    for plugin in registry.plugins:
        if plugin.status != "ok":
            message += f" Plugin {plugin.name!r} of {plugin.dist} is {plugin.status} ({plugin.reason})."
    return message


def _check_loading(plugin: Plugin) -> list[CheckResult]:
    """Whether a plugin loads, gives anything, and is quick about it."""
    if plugin.status != "ok":
        return [CheckResult("loads", False, f"{plugin.status}: {plugin.reason}")]
    found = ", ".join(f"{c.kind} {c.name}" for c in plugin.components)
    return [
        CheckResult("loads", True),
        CheckResult("registers components", bool(found), found or "its hooks return none"),
        check("loads quickly", lambda: _loads_quickly(plugin)),
    ]


def _loads_quickly(plugin: Plugin) -> str:
    modules = sorted({c.cls.__module__ for c in plugin.components})
    arguments = {"path": sys.path, "modules": ["ser_toolkit.plugin_registry", *modules], "heavy": HEAVY}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, json.dumps(arguments)], capture_output=True, text=True, timeout=300, check=False
    )
    last = done.stderr.rstrip().rpartition("\n")[2]
    assert done.returncode == 0, f"{', '.join(modules)} cannot be imported in a new process: {last}"
    loaded = ", ".join(last.split()[1:])
    assert not loaded, f"importing it loads {loaded}: import them in the functions that use them"
    return "no heavy library is imported with it"


def _check_component(component: Registered, registry: Registry) -> Iterator[CheckResult]:
    """The contract of one component, as its defaults make it."""
    made: list[Any] = []

    def alone() -> None:
        registry.find(component.kind, component.name)

    yield check("has its name to itself", alone)
    yield (built := check("has defaults", lambda: made.append(create(component.cls, {}))))
    if built.passed:
        yield from _contract(component, made[0])


def _contract(component: Registered, made: Any) -> list[CheckResult]:
    if component.kind == "feature":
        from ser_toolkit.testing.extractors import check_extractor

        return check_extractor(made)
    if component.kind == "model":
        from ser_toolkit.testing.models import check_model

        return check_model(made)
    if component.kind == "corpus":
        from ser_toolkit.testing.corpora import check_corpus

        return check_corpus(made)
    if component.kind == "preprocessor":
        from ser_toolkit.testing.preprocessors import check_preprocessor

        return check_preprocessor(made)
    from ser_toolkit.testing.losses import check_loss

    return check_loss(made)
