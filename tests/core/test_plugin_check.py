"""`ser_toolkit.testing.plugin.check_plugin` on plugins that keep their contract, and on those that break it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_dists
import pytest
from fake_dists import components_of

from ser_toolkit.errors import MissingTierError, UnknownComponentError
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.testing.plugin import check_plugin

Checked = list[tuple[str, list]]


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Callable[..., Registry]]:
    """Installs plugins (name to source), and gives the registry that finds them."""

    def install(disabled: tuple[str, ...] = (), **plugins: str) -> Registry:
        for name, source in plugins.items():
            fake_dists.install(tmp_path, f"Dist_{name}", entry_points={name: name}, modules={name: source})
        return Registry(fake_dists.entry_points(tmp_path), disabled=disabled)

    with fake_dists.importable(tmp_path):
        yield install


def failures(checked: Checked) -> dict[str, str]:
    """Name and detail of each check that failed."""
    return {result.name: result.detail for _, results in checked for result in results if not result.passed}


@pytest.mark.parametrize("name", ["good", "Dist_good", "dist-good", "DIST.GOOD"])
def test_a_plugin_is_checked_with_all_its_components(installed: Callable[..., Registry], name: str) -> None:
    checked = check_plugin(name, installed(good=components_of("features", "one", "two")))
    assert [title for title, _ in checked] == [
        "plugin good (Dist_good 1.0)",
        "feature one (Dist_good 1.0)",
        "feature two (Dist_good 1.0)",
    ]
    assert failures(checked) == {}
    names = [[result.name for result in results] for _, results in checked]
    assert names[0] == ["loads", "registers components", "loads quickly"]
    assert {"has its name to itself", "has defaults", "JSON round trip", "finite", "deterministic"} <= set(names[1])


def test_one_component_is_checked_alone(installed: Callable[..., Registry]) -> None:
    registry = installed(good=components_of("features", "one", "two"), other=components_of("features", "good"))
    assert [title for title, _ in check_plugin("two", registry)] == ["feature two (Dist_good 1.0)"]
    # a plugin and a component of another one that are called alike: both
    assert [title for title, _ in check_plugin("good", registry)] == [
        "plugin good (Dist_good 1.0)",
        "feature one (Dist_good 1.0)",
        "feature two (Dist_good 1.0)",
        "feature good (Dist_other 1.0)",
    ]


def test_a_plugin_that_does_not_load_fails_with_its_reason(installed: Callable[..., Registry]) -> None:
    registry = installed(("off",), broken="raise ValueError('no such table')", off="", empty="")
    assert failures(check_plugin("broken", registry)) == {"loads": "failed: ValueError: no such table"}
    assert failures(check_plugin("off", registry)) == {"loads": "disabled: SER_TOOLKIT_DISABLE_PLUGINS"}
    assert failures(check_plugin("empty", registry)) == {"registers components": "its hooks return none"}


def test_a_name_that_nothing_has_gets_suggestions_and_reasons(installed: Callable[..., Registry]) -> None:
    registry = installed(good=components_of("features", "pitch"), broken="raise ValueError('no such table')")
    with pytest.raises(UnknownComponentError) as caught:
        check_plugin("pich", registry)
    assert str(caught.value) == (
        "no plugin, distribution or component is called 'pich'. Did you mean 'pitch'? "
        "Known: Dist_broken, Dist_good, broken, good, pitch. "
        "Plugin 'broken' of Dist_broken is failed (ValueError: no such table)."
    )


def test_a_claimed_name_fails_for_both(installed: Callable[..., Registry]) -> None:
    registry = installed(good=components_of("features", "shared"), other=components_of("features", "shared"))
    checked = check_plugin("shared", registry)
    assert [title for title, _ in checked] == ["feature shared (Dist_good 1.0)", "feature shared (Dist_other 1.0)"]
    found = failures(checked)
    assert list(found) == ["has its name to itself"]
    assert "claimed by Dist_good 1.0 (good) and Dist_other 1.0 (other)" in found["has its name to itself"]


def test_a_component_that_its_defaults_do_not_make_fails_and_no_more(installed: Callable[..., Registry]) -> None:
    source = components_of("features", "one").replace(
        "    context_s", "    def __post_init__(self): raise ValueError('which table?')\n    context_s"
    )
    ((_, results),) = check_plugin("one", installed(good=source))
    assert [r.name for r in results] == ["has its name to itself", "has defaults"]
    assert "which table?" in results[1].detail


def test_a_broken_contract_is_found(installed: Callable[..., Registry]) -> None:
    source = components_of("features", "one").replace("dtype=np.float32", "dtype=np.float64")
    assert list(failures(check_plugin("good", installed(good=source)))) == ["float32"]


def test_heavy_imports_with_the_plugin_are_found(installed: Callable[..., Registry]) -> None:
    registry = installed(good="import pandas\nprint('hello')\n" + components_of("features", "one"))
    found = failures(check_plugin("good", registry))
    assert list(found) == ["loads quickly"]
    assert "importing it loads pandas" in found["loads quickly"]


def test_a_plugin_that_loads_only_here_is_found(installed: Callable[..., Registry]) -> None:
    here = f"import os\nif os.getpid() != {os.getpid()}: raise OSError('not here')\n"
    source = here + components_of("features", "one")
    found = failures(check_plugin("good", installed(good=source)))
    assert found["loads quickly"] == "good cannot be imported in a new process: OSError: not here"


def test_losses_and_models_need_the_train_tier_and_features_do_not(
    installed: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = installed(good=components_of("losses", "brier"), other=components_of("features", "one"))
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingTierError, match=r"checking the loss 'brier' needs the \[train\] tier"):
        check_plugin("brier", registry)
    assert failures(check_plugin("one", registry)) == {}
    assert failures(check_plugin("emodb", default_registry())) == {}


def test_a_loss_that_cannot_be_built_is_found(installed: Callable[..., Registry]) -> None:
    pytest.importorskip("torch")
    found = failures(check_plugin("brier", installed(good=components_of("losses", "brier"))))
    assert "NotImplementedError" in found["builds"]


@pytest.mark.parametrize("name", ["focal", "logistic-regression", "iemocap"])
def test_default_components_pass_like_anyones(name: str) -> None:
    assert failures(check_plugin(name, default_registry())) == {}


def test_the_command_ends_with_1_where_a_promise_is_broken(tmp_path: Path) -> None:
    source = components_of("features", "one").replace("dtype=np.float32", "dtype=np.float64")
    fake_dists.install(tmp_path, "dist", entry_points={"bad": "bad"}, modules={"bad": source})
    done = fake_dists.ser_toolkit(tmp_path, "plugins", "--check", "one")
    assert done.returncode == 1
    assert "FAILS" in done.stdout
    assert "float64, not float32" in done.stdout
    done = fake_dists.ser_toolkit(tmp_path, "plugins", "--check", "on")
    assert done.returncode == 1
    assert "Did you mean 'one'?" in done.stderr
    assert "Traceback" not in done.stderr
