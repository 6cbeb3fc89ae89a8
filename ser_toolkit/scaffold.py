"""Writes a plugin package to start from: a feature, a model, and a test of their contracts."""

from __future__ import annotations

import importlib.resources
import importlib.util
import keyword
import re
import string
import tempfile
from pathlib import Path

from ser_toolkit import __version__
from ser_toolkit.errors import ConfigError, OutputError
from ser_toolkit.plugin_registry import default_registry

__all__ = ["new_plugin"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_LENGTH = 36
_FILES = {
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "README.md.in",
    "{module}.py": "module.py.in",
    "tests/test_contracts.py": "tests/test_contracts.py.in",
}


def new_plugin(name: str, folder: Path) -> Path:
    """Write an installable plugin package.

    Parameters
    ----------
    name : str
        Name of the distribution, of its entry point and of its feature; the model is called ``<name>-net`` and
        the module is the name with underscores.
    folder : Path
        Where to make it; the package is the new folder `name` in it.

    Returns
    -------
    Path
        The package's folder.

    Raises
    ------
    ConfigError
        If the name is not allowed or is taken, `folder` is not there, or it already holds something of that name.
    OutputError
        If it cannot be written; nothing half-made is left.
    """
    module = _module_name(name)
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder: make it first, or name another with --folder")
    made = folder / name
    if made.exists() or made.is_symlink():
        raise ConfigError(f"{made} is already there: choose another name or --folder, or remove it")
    values = {"name": name, "module": module, "toolkit": __version__}
    templates = importlib.resources.files("ser_toolkit") / "templates" / "plugin"
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as temporary:
            # a folder in the temporary one, whose own permissions are for its owner alone
            draft = Path(temporary) / name
            for target, source in _FILES.items():
                path = draft / target.format(module=module)
                path.parent.mkdir(parents=True, exist_ok=True)
                text = string.Template(templates.joinpath(source).read_text(encoding="utf-8"))
                path.write_text(text.substitute(values), encoding="utf-8")
            draft.rename(made)
    except OSError as error:
        raise OutputError(f"{made}: cannot be written: {error.strerror or error}") from error
    return made


def _module_name(name: str) -> str:
    """Module of a plugin called `name`; refuses names that could not be installed beside what is there."""
    allowed = (
        f"a plugin's name begins with a letter and has lower-case letters, digits and single dashes, "
        f"at most {_MAX_LENGTH} characters, such as my-features"
    )
    if not _NAME.fullmatch(name) or len(name) > _MAX_LENGTH:
        raise ConfigError(f"{name!r} is no name for a plugin: {allowed}")
    module = name.replace("-", "_")
    if keyword.iskeyword(module):
        raise ConfigError(f"{name!r} is a word of Python's own, so that no module can have it: {allowed}")
    spec = importlib.util.find_spec(module)
    if module == "tests" or (spec is not None and spec.origin is not None):  # a mere folder has no origin
        raise ConfigError(f"a Python module is already called {module!r}, which a plugin would hide: {allowed}")
    for kind, component in (("feature", name), ("model", f"{name}-net")):
        for taken in default_registry().components():
            if (taken.kind, taken.name) == (kind, component):
                raise ConfigError(f"{taken.dist} has a {kind} called {component!r}: choose another name")
    return module
