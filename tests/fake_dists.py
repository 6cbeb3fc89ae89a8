"""Distributions fabricated on disk, as an installer would leave them, for tests of what finds plugins."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


def install(
    site: Path,
    dist: str,
    *,
    version: str = "1.0",
    entry_points: Mapping[str, str],
    modules: Mapping[str, str] | None = None,
) -> None:
    """Put modules (name to source) and the metadata of a distribution into a folder."""
    info = site / f"{dist.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n")
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[ser_toolkit]", *lines, ""]))
    for module, source in (modules or {}).items():
        (site / f"{module}.py").write_text(textwrap.dedent(source))


def install_project(site: Path, project: Path) -> None:
    """The same for a project of single modules, from its pyproject.toml."""
    table = tomllib.loads((project / "pyproject.toml").read_text())
    only = table["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    install(
        site,
        table["project"]["name"],
        version=table["project"]["version"],
        entry_points=table["project"]["entry-points"]["ser_toolkit"],
        modules={Path(file).stem: (project / file).read_text() for file in only},
    )


def entry_points(site: Path) -> list[importlib.metadata.EntryPoint]:
    """Entry points of what is in the folder, and of nothing else."""
    found = [e for d in importlib.metadata.distributions(path=[str(site)]) for e in d.entry_points]
    return [e for e in found if e.group == "ser_toolkit"]


@contextlib.contextmanager
def importable(site: Path) -> Iterator[Path]:
    """Import modules from the folder in this process, and forget them afterwards."""
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    try:
        yield site
    finally:
        sys.path.remove(str(site))
        for name, module in list(sys.modules.items()):
            if Path(getattr(module, "__file__", None) or "/").is_relative_to(site):
                del sys.modules[name]


def run(
    site: Path, *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with what is in the folder installed; `command` is what follows ``python``."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SER_TOOLKIT_", "PYTEST_"))}
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        # one thread: on work this small, several do little but wait for each other
        env={**clean, "PYTHONPATH": path, "COLUMNS": "200", "OMP_NUM_THREADS": "1", **(env or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def ser_toolkit(site: Path, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    """Run the command line with what is in the folder installed."""
    return run(site, "-m", "ser_toolkit", *arguments, **options)


def components_of(kind: str, *names: str) -> str:
    """Source of a plugin that registers features or losses of these names, all of them valid."""
    methods: Mapping[str, Sequence[str]] = {
        "features": (
            "context_s: ClassVar[float] = 0.0",
            "def spec(self, n_samples, sr): return FeatureSpec(shape=(1,), axes=('feature',), unit='dB')",
            "def __call__(self, y, sr): return np.full(1, np.mean(np.clip(y, -1, 1)), dtype=np.float32)",
        ),
        "losses": ("def build(self, target, class_counts): raise NotImplementedError",),
    }
    lines = [
        "from dataclasses import dataclass",
        "from typing import ClassVar",
        "import numpy as np",
        "from ser_toolkit import hookimpl",
        "from ser_toolkit.interfaces import FeatureSpec",
    ]
    for i, name in enumerate(names):
        lines += ["@dataclass(frozen=True, kw_only=True)", f"class C{i}:", f"    name: ClassVar[str] = {name!r}"]
        lines += ["    version: ClassVar[int] = 1", *(f"    {line}" for line in methods[kind])]
    classes = ", ".join(f"C{i}" for i in range(len(names)))
    return "\n".join([*lines, "@hookimpl", f"def ser_register_{kind}(): return [{classes}]", ""])
