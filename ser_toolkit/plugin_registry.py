"""Finds plugins, keeps broken ones from hurting the rest, and looks components up by name.

Plugins come from entry points in the group ``ser_toolkit``; the defaults have no other way in. pluggy's own
``load_setuptools_entrypoints`` has no isolation (one plugin that raises ends the program), hence the loop here.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import pluggy

from ser_toolkit import hookspecs
from ser_toolkit.components import check_class, create
from ser_toolkit.errors import ComponentError, UnknownComponentError, close_matches

if TYPE_CHECKING:
    from types import ModuleType

    from ser_toolkit.interfaces import Component, Kind

__all__ = ["GROUP", "HOOKS", "Plugin", "Registered", "Registry", "default_registry"]

GROUP = "ser_toolkit"
"""Entry-point group of plugins."""

HOOKS: Mapping[str, Kind] = {
    "ser_register_features": "feature",
    "ser_register_models": "model",
    "ser_register_losses": "loss",
    "ser_register_corpora": "corpus",
    "ser_register_preprocessors": "preprocessor",
}
"""Hook name to the kind of component that it registers."""

_METHODS: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    "feature": (("spec", "__call__", "context_s"),),
    "model": (("build",), ("estimator",)),
    "loss": (("build",),),
    "corpus": (("utterances",),),
    "preprocessor": (("__call__", "scope"),),
}


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One component class and where it comes from.

    Parameters
    ----------
    kind : {"feature", "model", "loss", "corpus", "preprocessor"}
        Which hook registered it.
    cls : type
        The component class.
    dist : str
        Distribution and version: ``"ser-toolkit 0.1.0"``.
    """

    kind: Kind
    cls: type[Component]
    dist: str

    @property
    def name(self) -> str:
        """Name of the component."""
        return self.cls.name


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One entry point and what became of it.

    Parameters
    ----------
    name : str
        Name of the entry point.
    dist, dist_version : str
        Distribution that declares it.
    status : {"ok", "disabled", "failed"}
        Whether its components can be used.
    reason : str
        Why not, if not.
    components : tuple of Registered
        What it registered.
    """

    name: str
    dist: str
    dist_version: str
    status: Literal["ok", "disabled", "failed"]
    reason: str = ""
    components: tuple[Registered, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "plugin": self.name,
            "distribution": self.dist,
            "version": self.dist_version,
            "status": self.status,
            "reason": self.reason,
            "components": [{"kind": c.kind, "name": c.name, "version": c.cls.version} for c in self.components],
        }


class Registry:
    """The plugins of a set of entry points.

    Parameters
    ----------
    entry_points : iterable of importlib.metadata.EntryPoint
        Where plugins are; loaded in order of name.
    disabled : collection of str, optional
        Entry-point or distribution names that are not even imported.
    strict : bool, optional
        Raise at the first plugin that fails instead of recording it.

    Attributes
    ----------
    plugins : tuple of Plugin
        One row per entry point.

    Raises
    ------
    ComponentError
        With `strict`, if a plugin fails.
    """

    def __init__(
        self,
        entry_points: Iterable[importlib.metadata.EntryPoint],
        *,
        disabled: Iterable[str] = (),
        strict: bool = False,
    ) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        switched_off = set(disabled)
        self.plugins: tuple[Plugin, ...] = tuple(
            self._load(entry, switched_off=switched_off, strict=strict)
            for entry in sorted(entry_points, key=lambda e: (e.name, _distribution(e)))
        )

    def _load(self, entry: importlib.metadata.EntryPoint, *, switched_off: set[str], strict: bool) -> Plugin:
        dist, version = _distribution(entry)
        if {entry.name, dist} & switched_off:
            return Plugin(
                name=entry.name,
                dist=dist,
                dist_version=version,
                status="disabled",
                reason="SER_TOOLKIT_DISABLE_PLUGINS",
            )
        module: ModuleType | None = None
        try:
            # what a plugin prints while it loads must not end up in a command's results
            with contextlib.redirect_stdout(sys.stderr):
                module = entry.load()
                self._manager.register(module, name=f"{dist}:{entry.name}")
                self._manager.check_pending()
                components = self._components(module, f"{dist} {version}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if module is not None and self._manager.is_registered(module):
                self._manager.unregister(module)
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            if strict:
                raise ComponentError(f"plugin {entry.name!r} of {dist} {version} failed: {reason}") from error
            return Plugin(name=entry.name, dist=dist, dist_version=version, status="failed", reason=reason)
        return Plugin(name=entry.name, dist=dist, dist_version=version, status="ok", components=components)

    def _components(self, module: ModuleType, dist: str) -> tuple[Registered, ...]:
        found = []
        for caller in self._manager.get_hookcallers(module) or ():
            kind = HOOKS.get(caller.name)
            if kind is None:  # an optional hook of another version
                continue
            for impl in caller.get_hookimpls():
                if impl.plugin is not module:
                    continue
                classes = impl.function()
                if not isinstance(classes, Sequence) or isinstance(classes, str):
                    raise ComponentError(f"{caller.name} must return a list of classes, it returned {classes!r}")
                for cls in classes:
                    check_class(cls)
                    _check_methods(cls, kind)
                    found.append(Registered(kind=kind, cls=cls, dist=dist))
        return tuple(found)

    def components(self, kind: Kind | None = None) -> tuple[Registered, ...]:
        """Everything that working plugins registered, of one kind or of all, sorted by kind and name."""
        rows = [c for plugin in self.plugins for c in plugin.components if kind in (None, c.kind)]
        return tuple(sorted(rows, key=lambda c: (c.kind, c.name, c.dist)))

    def find(self, kind: Kind, name: str) -> Registered:
        """The one component of that kind and name.

        Parameters
        ----------
        kind : {"feature", "model", "loss", "corpus", "preprocessor"}
            Kind of component.
        name : str
            Its name.

        Returns
        -------
        Registered
            The class and its distribution.

        Raises
        ------
        UnknownComponentError
            If there is none; lists the known names, close matches, and plugins that failed or are disabled.
        ComponentError
            If two distributions claim the name.
        """
        rows = [c for c in self.components(kind) if c.name == name]
        if len(rows) > 1:
            claims = " and ".join(f"{c.dist} ({c.cls.__module__})" for c in rows)
            raise ComponentError(
                f"the {kind} name {name!r} is claimed by {claims}: uninstall one, "
                "or name one of their plugins in SER_TOOLKIT_DISABLE_PLUGINS"
            )
        if rows:
            return rows[0]
        known = {c.name for c in self.components(kind)}
        message = f"no {kind} is called {name!r}. {close_matches(name, known)}"
        for plugin in self.plugins:
            if plugin.status != "ok":
                message += f" Plugin {plugin.name!r} of {plugin.dist} is {plugin.status} ({plugin.reason})."
        raise UnknownComponentError(message)

    def create(self, kind: Kind, name: str, config: Mapping[str, Any] | None = None) -> Any:
        """Make a component by name.

        Parameters
        ----------
        kind : {"feature", "model", "loss", "corpus", "preprocessor"}
            Kind of component.
        name : str
            Its name.
        config : mapping, optional
            Its configuration; missing keys take their defaults.

        Returns
        -------
        component
            A `FeatureExtractor`, `NeuralModel`, `ClassicalModel`, `Loss`, `Corpus` or `Preprocessor`.

        Raises
        ------
        UnknownComponentError, ComponentError
            As `find`.
        ConfigError
            As `ser_toolkit.components.create`.
        """
        return create(self.find(kind, name).cls, config or {})


def _distribution(entry: importlib.metadata.EntryPoint) -> tuple[str, str]:
    if entry.dist is None:
        return "unknown", "0"
    return entry.dist.name, entry.dist.version


def _check_methods(cls: type, kind: Kind) -> None:
    choices = _METHODS[kind]
    if not any(all(hasattr(cls, method) for method in methods) for methods in choices):
        wanted = " or ".join(", ".join(methods) for methods in choices)
        raise ComponentError(f"{cls.__module__}.{cls.__qualname__} is no {kind}: it must have {wanted}")


@functools.cache
def default_registry() -> Registry:
    """The registry of this Python environment, loaded once per process.

    Returns
    -------
    Registry
        Plugins of all installed distributions. The environment variable ``SER_TOOLKIT_DISABLE_PLUGINS``
        (comma-separated entry-point or distribution names) keeps some from being imported;
        ``SER_TOOLKIT_STRICT_PLUGINS=1`` raises where a plugin fails.
    """
    disabled = [n.strip() for n in os.environ.get("SER_TOOLKIT_DISABLE_PLUGINS", "").split(",") if n.strip()]
    strict = os.environ.get("SER_TOOLKIT_STRICT_PLUGINS", "") not in ("", "0")
    return Registry(
        cast("Iterable[importlib.metadata.EntryPoint]", importlib.metadata.entry_points(group=GROUP)),
        disabled=disabled,
        strict=strict,
    )
