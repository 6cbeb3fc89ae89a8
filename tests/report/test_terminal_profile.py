"""What stages cost, and advice that is true of the run."""

from __future__ import annotations

import io

from rich.console import Console

from ser_toolkit.report.run_info import RunInfo, StageTime
from ser_toolkit.report.terminal_profile import show_profile


def run(stages, **fields):
    total = sum(stages.values())
    profile = tuple(StageTime(stage=k, seconds=s, share=s / total) for k, s in stages.items())
    fields = {"window_s": 3.0, "hop_s": 3.0, "workers": 2, "seconds": 10.0, "device": "cpu"} | fields
    return RunInfo(model="m", labels=("a",), inputs=("melspec", "egemaps"), probabilities="", sets="", profile=profile,
                   **fields)  # fmt: skip


def shown(info, width=200):
    console = Console(file=io.StringIO(), width=width)
    show_profile(console, info)
    return console.file.getvalue()


def test_features_limit():
    text = shown(run({"features: egemaps": 15.6, "decode": 3.4, "check": 1.0}, hop_s=0.75))
    for words in ("15.60", "78%", "features: egemaps is 78% of the work", "more --workers help", "--cache",
                  "--hop 3 (no overlap) computes some 4 times fewer windows", "a model without egemaps",
                  "20.0 s in 2 workers over 10.0 s: the workers were busy 100% of the time"):  # fmt: skip
        assert words in text
    bars = [line.count("█") for line in text.splitlines() if "%" in line and "work" not in line]
    assert bars[0] == 23 and bars[0] > bars[1] > bars[2]


def test_no_advice_that_does_not_apply():
    text = shown(run({"features: egemaps": 5.0}))
    assert "--workers" not in text  # they were idle half of the time
    assert "--hop" not in text
    assert "busy 25% of the time; the rest is" in text
    assert "--workers" not in shown(run({"inference": 19.0}, device="cuda:0"))
    assert "GPU" not in shown(run({"inference": 19.0}, device="cuda:0"))
    assert "--hop" not in shown(run({"inference": 19.0}, window_s=None, hop_s=0.0))


def test_other_stages():
    assert "--device cuda" in shown(run({"inference": 19.0}))
    assert "compressed files" in shown(run({"decode": 19.0}))
    assert "check is 100% of the work\n" in shown(run({"check": 1.0}))


def test_how_busy_the_workers_were():
    assert "in one process over 10.0 s: busy 90%" in shown(run({"decode": 9.0}, workers=0))
    assert "in 1 worker over" in shown(run({"decode": 9.0}, workers=1))
    assert "busy 100% of the time; the command itself worked beside them" in shown(run({"decode": 25.0}))
    assert "all stages: 9.0 s\n" in shown(run({"decode": 9.0}, seconds=0.0))


def test_without_a_profile_and_with_hostile_stages():
    empty = RunInfo(model="m", labels=("a",), inputs=(), window_s=3, hop_s=3, probabilities="", sets="", device="cpu")
    assert "no profile" in shown(empty)
    text = shown(run({"features: [red]x\x1b[2J" + "y" * 500: 9.0}), width=60)
    assert r"[red]x\x1b[2J" in text
    assert all(len(line) <= 60 for line in text.splitlines())
