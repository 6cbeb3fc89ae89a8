"""``ser-toolkit doctor``: what is shown, and how it ends."""

from __future__ import annotations

import io
import json

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from ser_toolkit.cli.doctor import doctor
from ser_toolkit.doctor import Check, Diagnosis
from ser_toolkit.errors import DeviceError
from ser_toolkit.inference.nvidia_driver import has_driver
from ser_toolkit.report.doctor import diagnosis, verdict


@pytest.fixture(scope="module")
def run():
    app = typer.Typer()
    app.command()(doctor)

    def invoke(*arguments, **env):
        return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80", **env})

    return invoke


def shown(*checks, width=80):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(diagnosis(Diagnosis(sections={"devices": checks, "plugins": ()})))
    return console.file.getvalue()


def test_a_sound_installation(run):
    done = run(SER_TOOLKIT_CACHE_MAX_GB="20")
    assert (done.exit_code, done.stderr) == (0, "")
    for name in (
        "installation",
        "devices",
        "plugins",
        "model",
        "cache",
        "media",
        "licences",
        "onnxruntime",
        "prediction",
    ):
        assert name in done.stdout
    assert "may not be used commercially" in " ".join(done.stdout.split())
    assert "Nothing is broken" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


@pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver here")
def test_a_device_that_is_named_must_run(run):
    done = run("--device", "cuda:1", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["broken"] is True
    devices = {check["name"]: check for check in found["sections"]["devices"]}
    assert devices["cuda:1"]["status"] == "problem"
    assert devices["tensorrt:1"]["status"] == "absent"
    assert devices["cpu"]["status"] == "ok"
    model = found["sections"]["model"]
    assert [check["status"] for check in model[:2]] == ["problem", "ok"]
    assert "cuda:1 cannot be used" in model[0]["details"]["reason"]
    assert model[-1]["name"] == "prediction"  # on the CPU


def test_no_such_device(run):
    done = run("--device", "gpu")
    assert isinstance(done.exception, DeviceError)


def test_help_has_examples(run):
    text = run("--help").stdout
    assert "Examples" in text
    assert text.count("ser-toolkit doctor") >= 3


def test_what_to_do_stands_below(run):
    text = shown(Check(name="cuda:0", status="warning", says="does not run", todo="pip install it"))
    lines = [line.strip() for line in text.splitlines()]
    assert lines[:3] == ["devices", "warning  cuda:0                does not run", "pip install it"]
    assert "plugins" not in text


def test_what_strangers_wrote_is_harmless():
    hostile = "[red]\x1b[31m\u202e\udcff</script>\nnext"
    text = shown(
        *(Check(name=hostile, status=s, says=hostile, todo=hostile) for s in ("ok", "absent", "problem")), width=200
    )
    assert "[red]\\x1b[31m\\u202e\\udcff</script>\\nnext" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ((), "Nothing is broken."),
        (("ok", "absent"), "Nothing is broken."),
        (("warning", "ok"), "Nothing is broken; 1 warning."),
        (("problem", "warning", "warning"), "1 problem; 2 warnings:\ncheck 0: mend it"),
        (("problem", "ok", "problem"), "2 problems:\ncheck 0: mend it\ncheck 2: is bad"),
    ],
)
def test_verdict(statuses, said):
    checks = tuple(
        Check(name=f"check {i}", status=s, says="is bad", todo="" if i else "mend it") for i, s in enumerate(statuses)
    )
    assert verdict(Diagnosis(sections={"model": checks})).plain == said
