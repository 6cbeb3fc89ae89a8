"""The other commands, their help, and what starting costs in imports."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

COMMANDS = ("analyze", "listen", "extract", "doctor", "train", "export-onnx", "compress", "models", "corpus", "split",
            "evaluate", "compare", "fuse", "reproduce",
            "cache info", "cache clear", "cache verify", "plugins", "plugins new")  # fmt: skip


@pytest.mark.parametrize("command", [(), *(tuple(words.split()) for words in COMMANDS)], ids=" ".join)
def test_help_has_examples(cli, command):
    done = cli(*command, "--help")
    assert done.code == 0
    assert "Usage:" in done.out
    if command:
        assert "Example" in done.out
        assert done.out.count("ser-toolkit " + " ".join(command)) >= 2  # the usage line, and at least one example


def test_no_command_is_left_out():
    from ser_toolkit.cli import app

    one = {str(c.name) for c in app.registered_commands}
    several = {f"{g.name} {c.name or c.callback.__name__}" for g in app.registered_groups
               for c in g.typer_instance.registered_commands}  # fmt: skip
    assert one | several <= {*COMMANDS}
    assert {words.split()[0] for words in COMMANDS} == one | {str(g.name) for g in app.registered_groups}


def test_the_group_of_the_cache_lists_its_commands(cli):
    done = cli("cache", "--help")
    assert done.code == 0
    assert all(name in done.out for name in ("info", "clear", "verify"))


def test_version(cli):
    assert cli("--version").out == "ser-toolkit 0.1.0\n"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["plugins", "--json"], ["corpus", "--list"], *([*words.split(), "--help"] for words in COMMANDS)],
    ids=" ".join,
)
def test_nothing_heavy_is_imported_to_start(arguments):
    heavy = ["torch", "librosa", "opensmile", "onnxruntime", "pandas", "scipy", "sklearn", "soundfile", "numba", "onnx"]
    heavy += ["pyarrow", "matplotlib", "audformat", "audiomentations", "jinja2", "soxr"]
    code = (
        "import sys; sys.argv = ['ser-toolkit', *%r]\n"
        "from ser_toolkit.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in %r if m in sys.modules], file=sys.stderr)"
    ) % (arguments, heavy)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_importing_the_package_imports_pluggy_only():
    code = "import sys, ser_toolkit; print({'numpy', 'pydantic', 'rich'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_plugins_lists_the_defaults(cli):
    done = cli("plugins", "--json")
    rows = {p["plugin"]: p for p in json.loads(done.out)}
    assert rows["paper"]["status"] == "ok"
    named = {(c["kind"], c["name"]) for c in rows["paper"]["components"]}
    assert named == {
        ("feature", "melspec"),
        ("feature", "egemaps"),
        ("model", "cnn-dnn"),
        ("loss", "focal"),
        ("loss", "cross-entropy"),
        ("loss", "mse"),
        ("loss", "ccc"),
    }
    table = cli("plugins").out
    assert "melspec" in table
    assert "random-forest" in table


def test_train_export_analyze_as_a_user(cli, tiny_corpus, tmp_path):
    run, model = tmp_path / "run", tmp_path / "m.onnx"
    config = tmp_path / "train.toml"
    config.write_text(
        '[features.mel]\nname = "melspec"\nn_mels = 32\nhop_length = 512\n[features.gemaps]\nname = "egemaps"\n'
        '[model]\nname = "cnn-dnn"\nfilters = [4, 4, 8, 8, 16]\nmfep_dense = [16]\ngfep_dense = [16]\nerp = [16]\n'
        "[segments]\nwindow_s = 1.5\n[training]\nbatch_size = 8\nlr = 0.003\n"
    )
    done = cli(
        "train",
        tiny_corpus,
        "--config",
        config,
        "--epochs",
        1,
        "--emotions",
        "anger,sadness",
        "--out",
        run,
        "--device",
        "cpu",
    )
    assert done.code == 0, done.err
    for said in ("UA (macro recall)", "WA (accuracy)", "test, per utterance", "speaker-independent hold-out", str(run)):
        assert said in done.out
    assert "epoch" in done.err
    exported = cli("export-onnx", run, "-o", model)
    assert exported.code == 0, exported.err
    assert "largest difference" in exported.out
    rows = cli("analyze", tiny_corpus.parent, "--model", model, "--json").out.splitlines()
    assert len(rows) == 24
    again = cli("train", tiny_corpus, "--config", config, "--out", run)
    assert again.code == 2
    assert "--resume" in again.err


def test_train_shortcuts(cli, tiny_corpus, tmp_path):
    done = cli("train", tiny_corpus, "--features", "egemaps", "--model", "svm", "--seed", 3, "--out", tmp_path / "svm",
               "--set", "segments.preset=utterance", "--set", "model.C=2")  # fmt: skip
    assert done.code == 0, done.err
    recipe = json.loads((tmp_path / "svm" / "recipe.json").read_text())
    assert list(recipe["features"]) == ["gemaps"]
    assert recipe["model"]["config"]["C"] == 2
    assert recipe["training"]["seed"] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--model", "cnn"), 1, "Did you mean 'cnn-dnn'"),
        (("--set", "training.epoch=3"), 2, "Did you mean 'epochs'"),
        (("--config", "nowhere.toml"), 2, "cannot be read"),
        (("--emotions", "anger"), 2, "emotions"),
        (("--emotions", "anger,joy"), 1, "'joy'"),
        (("--device", "tpu"), 1, "no device is called 'tpu'"),
        (("--features", "melspek"), 1, "Did you mean 'melspec'"),
    ],
)
def test_train_refusals(cli, tiny_corpus, tmp_path, arguments, code, said):
    done = cli("train", tiny_corpus, "--out", tmp_path / "run", *arguments)
    assert (done.code, said in done.err) == (code, True), done.err
    assert done.err.startswith("error: ")


def test_folders_per_class(cli, tiny_corpus, tmp_path):
    root = tmp_path / "corpus"
    for path in (tiny_corpus.parent / "audio").iterdir():
        target = root / path.stem.split("-")[1] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)
    common = ("--features", "egemaps", "--model", "svm", "--out", tmp_path / "run")
    refused = cli("train", root, *common)
    assert refused.code == 1
    assert "--speaker-pattern" in refused.err
    done = cli("train", root, *common, "--speaker-pattern", r"s(\d)-")
    assert done.code == 0, done.err
    assert "speaker-independent" in done.out
    alike = ("--set", "split.allow_duplicates=true")  # takes of one made-up voice resemble each other
    overlap = cli("train", root, *common[:-1], tmp_path / "overlap", "--allow-speaker-overlap", *alike)
    assert overlap.code == 0
    assert "SPEAKER-DEPENDENT" in overlap.out


def test_missing_tier_says_the_pip_line(tiny_corpus, tmp_path):
    """As on a base install: torch and skops cannot be imported."""
    code = (
        "import sys\n"
        "for name in ('torch', 'accelerate', 'skops', 'safetensors', 'onnx'): sys.modules[name] = None\n"
        "from ser_toolkit.cli import main\n"
        "sys.argv = ['ser-toolkit', *%r]\nmain()"
    )
    for arguments in (["train", str(tiny_corpus), "--out", str(tmp_path / "x")], ["export-onnx", str(tmp_path)]):
        done = subprocess.run([sys.executable, "-c", code % (arguments,)], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "pip install 'ser-toolkit[train]'" in done.stderr
        assert "Traceback" not in done.stderr
