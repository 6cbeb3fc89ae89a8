"""docs/write-a-plugin.md: its files are those of the example plugin, and its commands run and print what it says."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import shutil
from pathlib import Path

import fake_dists
import pytest

from ser_toolkit.plugin_registry import Registry
from ser_toolkit.training.config import read_config
from ser_toolkit.training.plan import Plan

DOC = Path(__file__).parents[2] / "docs" / "write-a-plugin.md"
EXAMPLE = Path(__file__).parents[1] / "third_party"
PACKAGE = "ser-toolkit-rhythm"
BLOCK = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """Language, title and text of each code block."""
    return BLOCK.findall(DOC.read_text(encoding="utf-8"))


def test_its_files_are_those_of_the_example() -> None:
    shown: dict[str, list[str]] = {}
    for _, title, text in blocks():
        if title:
            shown.setdefault(title, []).append(text.strip())
    package = EXAMPLE / PACKAGE
    files = {p.relative_to(package).as_posix() for p in package.rglob("*") if p.suffix in (".py", ".toml")}
    assert set(shown) == files | {"make_sounds.py"}
    for title, parts in shown.items():
        path = EXAMPLE / title if title == "make_sounds.py" else package / title
        assert "\n\n\n".join(parts) == path.read_text(encoding="utf-8").strip(), f"{title} is not {path}"


def test_the_tree_it_shows_is_the_package() -> None:
    (tree,) = [text for language, _, text in blocks() if not language]
    names = [line.strip() for line in tree.splitlines()]
    files = [p for p in (EXAMPLE / PACKAGE).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sorted(names) == sorted([f"{PACKAGE}/", *(p.relative_to(EXAMPLE / PACKAGE).as_posix() for p in files)])


def test_its_configuration_is_one(tmp_path: Path) -> None:
    (text,) = [text for language, title, text in blocks() if language == "toml" and not title]
    (tmp_path / "train.toml").write_text(text)
    fake_dists.install_project(tmp_path / "site", EXAMPLE / PACKAGE)
    with fake_dists.importable(tmp_path / "site"):
        registry = Registry(
            [*importlib.metadata.entry_points(group="ser_toolkit"), *fake_dists.entry_points(tmp_path / "site")]
        )
        plan = Plan.make(read_config(tmp_path / "train.toml"), ("anger", "sadness"), registry)
    assert plan.model.width == 16
    assert plan.features.extractors["rhythm"].floor_db == -50
    assert [spec.role for spec in plan.features.specs().values()] == ["vector", "image"]


class Shell:
    """Runs a line as the page has it; what pip would do is done by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder, folder / "site"
        self.site.mkdir()

    def __call__(self, line: str) -> tuple[int, str]:
        program, *arguments = shlex.split(line)
        match program, arguments:
            case "pip", ["install", project]:
                fake_dists.install_project(self.site, self.folder / project)
                return 0, ""
            case "pip", ["uninstall", "--yes", _]:
                shutil.rmtree(self.site)
                return 0, ""
        start = {
            "ser-toolkit": ["-m", "ser_toolkit"],
            "python": [],
            "pytest": ["-m", "pytest", "-p", "no:cacheprovider"],
        }
        done = fake_dists.run(self.site, *start[program], *arguments, cwd=self.folder)
        return done.returncode, f"{done.stdout}\n{done.stderr}"


def assert_printed(output: str, expected: str) -> None:
    """Find the expected words in the output, in order; "..." stands for anything, and spaces do not count."""
    words, rest = " ".join(expected.split()), " ".join(output.split())
    for part in words.split("..."):
        assert part.strip() in rest, f"{part.strip()!r} is not in the output:\n{output}"
        rest = rest.partition(part.strip())[2]


@pytest.mark.slow
def test_its_commands_do_what_it_says(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs the [train] tier")
    shutil.copytree(EXAMPLE / PACKAGE, tmp_path / PACKAGE)
    shutil.copy(EXAMPLE / "make_sounds.py", tmp_path)
    shell, output, status = Shell(tmp_path), "", 0
    for language, title, text in blocks():
        if language == "sh":
            output = ""
            for line in text.replace("\\\n", " ").strip().splitlines():
                assert status == 0, output  # only the last command of the page may fail
                status, printed = shell(line)
                output += printed
        elif language == "text" and not title:
            assert_printed(output, text)
    assert status == 1
    assert "Traceback" not in output

    # installed again, the model works as before, whatever else is broken
    fake_dists.install_project(shell.site, tmp_path / PACKAGE)
    fake_dists.install(shell.site, "dist-exits", entry_points={"exits": "exits"}, modules={"exits": "raise SystemExit"})
    done = fake_dists.ser_toolkit(
        shell.site, "analyze", "sounds", "-m", "rhythm.onnx", "--speech", "off", "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 32
    assert {row["status"] for row in rows} == {"ok"}
    right = [max(row["probabilities"], key=row["probabilities"].get) in row["file"] for row in rows]
    assert sum(right) >= 28  # the sounds differ in tempo and level, and the network has seen two speakers of four
