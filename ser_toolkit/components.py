"""Components as JSON: validate a configuration, make the component, and turn it back.

A component's fields are its configuration (see `ser_toolkit.interfaces`), so nothing here knows any plugin.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ser_toolkit.errors import ComponentError, ConfigError, close_matches

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from ser_toolkit.interfaces import Component

C = TypeVar("C")

__all__ = ["check_class", "create", "to_config"]

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RESERVED_FIELDS = frozenset({"name", "version", "scope", "dist", "config"})
"""Keys that a recipe or a TOML table puts beside a component's own fields."""


def check_class(cls: object) -> None:
    """Refuse a class that is no component.

    Parameters
    ----------
    cls : object
        What a hook returned.

    Raises
    ------
    ComponentError
        Says which rule of `ser_toolkit.interfaces` is broken.
    """
    if not isinstance(cls, type):
        raise ComponentError(f"hooks return classes, got {cls!r}")
    where = f"{cls.__module__}.{cls.__qualname__}"
    params = getattr(cls, "__dataclass_params__", None)
    if params is None or not params.frozen:
        raise ComponentError(
            f"{where} is not a frozen dataclass: decorate it with @dataclass(frozen=True, kw_only=True)"
        )
    name, version = getattr(cls, "name", None), getattr(cls, "version", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ComponentError(
            f"{where}.name is {name!r}: give it a ClassVar[str] of lower-case letters, digits and dashes"
        )
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ComponentError(f"{where}.version is {version!r}: give it a ClassVar[int] from 1 on")
    fields = dataclasses.fields(cls)
    if taken := sorted(RESERVED_FIELDS & {f.name for f in fields}):
        raise ComponentError(f"{where} has a field called {taken[0]!r}, which is reserved (or lacks ClassVar[...])")
    if positional := [f.name for f in fields if not f.kw_only]:
        raise ComponentError(f"{where}.{positional[0]} is positional: decorate the class with kw_only=True")
    if required := [f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING]:
        raise ComponentError(f"{where}.{required[0]} has no default: every field of a component needs one")


def _adapter(cls: type) -> TypeAdapter[Any]:
    from pydantic import PydanticSchemaGenerationError, PydanticUndefinedAnnotation, TypeAdapter

    try:
        return TypeAdapter(cls)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation) as error:
        first = str(error).splitlines()[0]
        raise ComponentError(f"the fields of {cls.__module__}.{cls.__qualname__} cannot be checked: {first}") from error


def create(cls: type[C], config: Mapping[str, Any]) -> C:
    """Make a component from its configuration.

    Parameters
    ----------
    cls : type
        The component class.
    config : mapping
        Values of some or all fields, as JSON or Python values; the rest take their defaults.

    Returns
    -------
    component
        An instance of `cls`.

    Raises
    ------
    ConfigError
        Unknown key (with the nearest allowed one), wrong type, or value out of bounds.
    ComponentError
        If a field holds a list or another value that could be changed.
    """
    from pydantic import ValidationError

    title = getattr(cls, "name", cls.__name__)
    known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in config:
        if key not in known:
            raise ConfigError(f"{title} has no setting {key!r}. {close_matches(str(key), known)}")
    try:
        made: C = _adapter(cls).validate_python(dict(config))
    except ValidationError as error:
        raise ConfigError(f"{title}: {describe(error)}") from error
    try:
        hash(made)
    except TypeError as error:
        raise ComponentError(f"{title} has a setting that can be changed ({error}): use tuples, not lists") from error
    return made


def to_config(component: Component) -> dict[str, Any]:
    """All fields of a component as JSON values, defaults included; `create` gives an equal component back.

    Parameters
    ----------
    component : Component
        Any component.

    Returns
    -------
    dict
        Field name to JSON value.

    Raises
    ------
    ConfigError
        If the component was made with a value that its own field types refuse.
    """
    cls = type(component)
    adapter = _adapter(cls)
    config: dict[str, Any] = adapter.dump_python(component, mode="json", warnings=False)
    if create(cls, config) != component:
        raise ConfigError(f"{cls.name}: {component!r} does not survive a round trip through JSON: {config}")
    return config


def describe(error: Any) -> str:
    """First lines of a pydantic error as one sentence: where, what is wrong, what was given.

    Parameters
    ----------
    error : pydantic.ValidationError
        What pydantic raised.

    Returns
    -------
    str
        ``"n_mels: Input should be greater than or equal to 1 (got 0)"``, several joined by ``"; "``.
    """
    parts = []
    for item in error.errors(include_url=False)[:4]:
        where = ".".join(str(part) for part in item["loc"]) or "value"
        got = repr(item["input"])
        shown = f" (got {got if len(got) <= 60 else got[:57] + '...'})" if item["type"] != "missing" else ""
        parts.append(f"{where}: {item['msg']}{shown}")
    return "; ".join(parts)
