"""The registry against distributions on disk: good ones, broken ones, and two that want the same name."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import fake_dists
import pytest
from fake_dists import components_of, install

from ser_toolkit.errors import ComponentError, ConfigError, UnknownComponentError
from ser_toolkit.plugin_registry import Registry, default_registry

BROKEN = {
    "raises": ("raise ValueError('no such table')", "ValueError: no such table"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "syntax": ("def broken(:", "SyntaxError"),
    "missing": ("import a_library_that_is_not_here", "No module named 'a_library_that_is_not_here'"),
    "unknown-hook": (
        "from ser_toolkit import hookimpl\n@hookimpl\ndef ser_register_smells(): return []",
        "unknown hook 'ser_register_smells'",
    ),
    "wants-argument": (
        "from ser_toolkit import hookimpl\n@hookimpl\ndef ser_register_features(config): return []",
        "Argument(s) {'config'}",
    ),
    "no-list": (
        "from ser_toolkit import hookimpl\n@hookimpl\ndef ser_register_features(): return 'abc'",
        "ser_register_features must return a list of classes, it returned 'abc'",
    ),
    "nothing": (
        "from ser_toolkit import hookimpl\n@hookimpl\ndef ser_register_features(): pass",
        "ser_register_features must return a list of classes, it returned None",
    ),
    "hook-raises": (
        "from ser_toolkit import hookimpl\n@hookimpl\ndef ser_register_losses(): raise RuntimeError('later')",
        "RuntimeError: later",
    ),
    "instance": (
        components_of("features", "made").replace("[C0]", "[C0()]"),
        "hooks return classes, got C0()",
    ),
    "no-dataclass": (
        components_of("features", "plain").replace("@dataclass(frozen=True, kw_only=True)", ""),
        "no_dataclass.C0 is not a frozen dataclass: decorate it with @dataclass(frozen=True, kw_only=True)",
    ),
    "thawed": (
        components_of("features", "thawed").replace("frozen=True", "frozen=False"),
        "is not a frozen dataclass",
    ),
    "no-feature": (
        components_of("losses", "loud").replace("ser_register_losses", "ser_register_features"),
        "no_feature.C0 is no feature: it must have spec, __call__, context_s",
    ),
    "no-corpus": (
        components_of("losses", "quiet").replace("ser_register_losses", "ser_register_corpora"),
        "no_corpus.C0 is no corpus: it must have utterances",
    ),
    "bad-name": (components_of("features", "Not A Name"), "bad_name.C0.name is 'Not A Name'"),
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A folder that modules are imported from, and forgotten after the test."""
    with fake_dists.importable(tmp_path):
        yield tmp_path


def install_module(site: Path, name: str, source: str) -> None:
    module = name.replace("-", "_")
    install(site, f"dist-{name}", entry_points={name: module}, modules={module: source})


def registry(site: Path, **options) -> Registry:
    return Registry(fake_dists.entry_points(site), **options)


def test_a_working_plugin_is_found_and_its_components_are_made(site: Path) -> None:
    install_module(site, "good", components_of("features", "one", "two"))
    found = registry(site)
    (plugin,) = found.plugins
    assert plugin.to_json() == {
        "plugin": "good",
        "distribution": "dist-good",
        "version": "1.0",
        "status": "ok",
        "reason": "",
        "components": [
            {"kind": "feature", "name": "one", "version": 1},
            {"kind": "feature", "name": "two", "version": 1},
        ],
    }
    assert [c.name for c in found.components("feature")] == ["one", "two"]
    assert found.components("model") == ()
    assert found.find("feature", "two").dist == "dist-good 1.0"
    assert found.create("feature", "one").name == "one"
    with pytest.raises(ConfigError, match="one has no setting 'size'"):
        found.create("feature", "one", {"size": 3})


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_a_row_with_its_reason_and_the_rest_works(site: Path, name: str) -> None:
    source, reason = BROKEN[name]
    install_module(site, "a-good", components_of("features", "first"))
    install_module(site, name, source)
    install_module(site, "z-good", components_of("losses", "last"))
    found = registry(site)
    rows = {p.name: p for p in found.plugins}
    assert rows[name].status == "failed"
    assert reason in rows[name].reason
    assert rows[name].components == ()
    assert [c.name for c in found.components()] == ["first", "last"]


@pytest.mark.parametrize("name", BROKEN)
def test_strict_raises_what_was_recorded(site: Path, name: str) -> None:
    source, reason = BROKEN[name]
    install_module(site, name, source)
    with pytest.raises(ComponentError) as caught:
        registry(site, strict=True)
    assert f"plugin {name!r} of dist-{name} 1.0 failed: " in str(caught.value)
    assert reason in str(caught.value)


def test_an_entry_point_of_no_distribution_is_listed_too(site: Path) -> None:
    (site / "loose.py").write_text(components_of("features", "one"))
    entry = importlib.metadata.EntryPoint(name="loose", value="loose", group="ser_toolkit")
    assert Registry([entry]).find("feature", "one").dist == "unknown 0"


def test_ctrl_c_is_not_a_broken_plugin(site: Path) -> None:
    install_module(site, "slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        registry(site)


def test_all_broken_at_once_hurt_nobody(site: Path) -> None:
    for name, (source, _) in BROKEN.items():
        install_module(site, name, source)
    install_module(site, "good", components_of("features", "one"))
    found = registry(site)
    assert {p.name: p.status for p in found.plugins} == {**dict.fromkeys(BROKEN, "failed"), "good": "ok"}


@pytest.mark.parametrize("switch", ["good", "dist-good"])
def test_a_disabled_plugin_is_not_even_imported(site: Path, switch: str) -> None:
    install_module(site, "good", "raise SystemExit('imported')")
    found = registry(site, disabled=[switch], strict=True)
    (plugin,) = found.plugins
    assert (plugin.status, plugin.reason) == ("disabled", "SER_TOOLKIT_DISABLE_PLUGINS")
    assert "good" not in sys.modules


def test_an_unknown_name_lists_what_there_is_and_what_failed(site: Path) -> None:
    install_module(site, "good", components_of("features", "one", "pitch"))
    install_module(site, "raises", "raise ValueError('no such table')")
    install_module(site, "off", components_of("features", "other"))
    found = registry(site, disabled=["off"])
    with pytest.raises(UnknownComponentError) as caught:
        found.find("feature", "pich")
    assert str(caught.value) == (
        "no feature is called 'pich'. Did you mean 'pitch'? Known: one, pitch. "
        "Plugin 'off' of dist-off is disabled (SER_TOOLKIT_DISABLE_PLUGINS). "
        "Plugin 'raises' of dist-raises is failed (ValueError: no such table)."
    )
    with pytest.raises(UnknownComponentError, match=r"no loss is called 'one'\. Known: none\."):
        found.find("loss", "one")


def test_two_claims_on_one_name_stop_only_those_who_use_it(site: Path) -> None:
    install_module(site, "good", components_of("features", "one", "shared"))
    install_module(site, "other", components_of("features", "shared", "two"))
    found = registry(site, strict=True)
    assert {p.status for p in found.plugins} == {"ok"}
    assert found.find("feature", "one").dist == "dist-good 1.0"
    assert found.find("feature", "two").dist == "dist-other 1.0"
    with pytest.raises(ComponentError) as caught:
        found.create("feature", "shared")
    assert "claimed by dist-good 1.0 (good) and dist-other 1.0 (other)" in str(caught.value)
    assert registry(site, disabled=["other"]).find("feature", "shared").dist == "dist-good 1.0"


def test_one_name_may_serve_two_kinds(site: Path) -> None:
    install_module(site, "good", components_of("features", "same"))
    install_module(site, "other", components_of("losses", "same"))
    found = registry(site)
    assert found.find("feature", "same").dist == "dist-good 1.0"
    assert found.find("loss", "same").dist == "dist-other 1.0"


def test_the_environment_switches_plugins_off(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_module(site, "good", components_of("features", "one"))
    install_module(site, "raises", "raise ValueError('no such table')")
    monkeypatch.setenv("SER_TOOLKIT_STRICT_PLUGINS", "1")
    monkeypatch.setenv("SER_TOOLKIT_DISABLE_PLUGINS", "raises, ser-toolkit ,")
    default_registry.cache_clear()
    try:
        rows = {p.name: p.status for p in default_registry().plugins}
        assert rows == {**dict.fromkeys(rows, "disabled"), "good": "ok"}
        assert {"paper", "raises"} < set(rows)
        assert default_registry() is default_registry()
    finally:
        default_registry.cache_clear()


def test_the_defaults_come_through_entry_points_like_anyone() -> None:
    assert Registry([]).plugins == ()
    assert Registry([]).components() == ()


# the command line, with everything broken at once ------------------------------------------------------------


@pytest.fixture(scope="module")
def wreck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wreck")
    for name, (source, _) in BROKEN.items():
        install_module(folder, name, source)
    install_module(folder, "good", components_of("features", "one", "shared"))
    install_module(folder, "other", components_of("features", "shared"))
    install_module(folder, "noisy", "print('hello from noisy')\n" + components_of("features", "noise"))
    return folder


def test_plugins_as_json_shows_all_and_stays_json(wreck: Path) -> None:
    done = fake_dists.ser_toolkit(wreck, "plugins", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["plugin"]: row for row in json.loads(done.stdout)}
    for name, (_, reason) in BROKEN.items():
        assert rows[name]["status"] == "failed"
        assert reason in rows[name]["reason"]
    assert {rows[name]["status"] for name in ("good", "other", "noisy", "paper", "baselines")} == {"ok"}
    assert "hello from noisy" in done.stderr


def test_plugins_as_table_shows_reasons_and_clashes(wreck: Path) -> None:
    done = fake_dists.ser_toolkit(wreck, "plugins")
    assert done.returncode == 0, done.stderr
    assert "failed: SystemExit: 3" in done.stdout
    assert done.stdout.count("name claimed twice") == 2
    assert "melspec" in done.stdout


def test_other_commands_do_not_notice(wreck: Path) -> None:
    assert fake_dists.ser_toolkit(wreck, "--help").returncode == 0
    done = fake_dists.ser_toolkit(wreck, "--version")
    assert (done.returncode, done.stderr) == (0, "")


def test_strict_mode_ends_the_command_with_the_plugins_name(wreck: Path) -> None:
    done = fake_dists.ser_toolkit(wreck, "plugins", env={"SER_TOOLKIT_STRICT_PLUGINS": "1"})
    assert done.returncode == 1
    assert "error: plugin 'bad-name' of dist-bad-name 1.0 failed" in done.stderr
    assert "Traceback" not in done.stderr
    off = ",".join(BROKEN)
    done = fake_dists.ser_toolkit(
        wreck, "plugins", "--json", env={"SER_TOOLKIT_STRICT_PLUGINS": "1", "SER_TOOLKIT_DISABLE_PLUGINS": off}
    )
    assert done.returncode == 0, done.stderr
    assert {row["plugin"] for row in json.loads(done.stdout) if row["status"] == "disabled"} == set(BROKEN)
