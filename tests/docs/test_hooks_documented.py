"""docs/hooks.md: every hook, with its exact arguments and return value, and no more; its examples keep contracts."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import fake_dists
import pytest

from ser_toolkit import hookspecs, plugin_registry
from ser_toolkit.components import RESERVED_FIELDS
from ser_toolkit.errors import MissingTierError
from ser_toolkit.testing.plugin import HEAVY, check_plugin

DOC = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)


def specified() -> dict[str, str]:
    """Signature of each hook, as it is written."""
    return {
        name: f"{name}({', '.join(inspect.signature(hook).parameters)}) -> {hook.__annotations__['return']}"
        for name, hook in vars(hookspecs).items()
        if inspect.isfunction(hook) and hasattr(hook, "ser_toolkit_spec")
    }


def test_every_hook_is_documented_with_its_exact_signature_and_no_more() -> None:
    headings = re.findall(r"^## `(.+)`$", DOC, re.MULTILINE)
    assert sorted(headings) == sorted(specified().values())
    assert set(re.findall(r"\bser_register_\w+", DOC)) == set(specified())


def test_the_registry_knows_every_hook() -> None:
    assert set(plugin_registry.HOOKS) == set(specified())


def test_group_switches_and_reserved_fields_are_the_real_ones() -> None:
    source = inspect.getsource(plugin_registry)
    assert f"group `{plugin_registry.GROUP}`" in DOC
    assert set(re.findall(r"SER_TOOLKIT_\w+", DOC)) == set(re.findall(r"SER_TOOLKIT_\w+", source))
    (sentence,) = re.findall(r"The fields ([^.]+) are reserved", " ".join(DOC.split()))
    assert set(re.findall(r"`(\w+)`", sentence)) == RESERVED_FIELDS
    assert {"torch", "librosa", "scipy"} < set(HEAVY)


@pytest.mark.parametrize("number", range(len(specified())))
def test_each_example_is_a_plugin_that_keeps_its_contracts(number: int, tmp_path: Path) -> None:
    module = f"example_{number}"
    fake_dists.install(tmp_path, "example", entry_points={module: module}, modules={module: EXAMPLES[number]})
    with fake_dists.importable(tmp_path):
        registry = plugin_registry.Registry(fake_dists.entry_points(tmp_path), strict=True)
        assert len(registry.components()) == 1
        try:
            checked = check_plugin(module, registry)
        except MissingTierError as error:
            pytest.skip(str(error))
    failed = [(title, r.name, r.detail) for title, results in checked for r in results if not r.passed]
    assert not failed


def test_there_is_one_example_per_hook() -> None:
    found = [re.findall(r"def (ser_register_\w+)\(\):", text) for text in EXAMPLES]
    assert sorted(found) == sorted([name] for name in specified())
