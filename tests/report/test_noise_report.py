"""A noise bench as files, on a page and on a terminal; hostile names stay text."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from evaluation.made import LABELS, random_predictions, renamed
from report.test_evaluation_page import HOSTILE, Tags
from rich.console import Console

from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.noise.bench import Benched
from ser_toolkit.noise.conditions import parse_conditions
from ser_toolkit.noise.scores import NoiseScores, score_noise
from ser_toolkit.report.evaluation_page import write_report
from ser_toolkit.report.noise_figure import noise_picture
from ser_toolkit.report.terminal_noise import RichBench, noise_table

CLEAN = random_predictions(skill=1.5)


def scores(text: str, clean=CLEAN, **changes) -> NoiseScores:
    answers = {
        condition: replace(clean, logits=random_predictions(skill=1.5 - 0.1 * i, luck=i + 1).logits)
        for i, condition in enumerate(parse_conditions(text))
    }
    return replace(score_noise(Benched(clean=clean, noisy=answers, seed=0), bootstraps=100), **changes)


@pytest.mark.parametrize(
    "text", ["standard", "white:10,white:0", "telephone", "white:10", "white:10,white:0,pink:10,pink:0,clip:5"]
)
def test_a_report_has_a_section_a_picture_and_tables(text, tmp_path):
    found = scores(text)
    write_report(evaluate(CLEAN, bootstraps=50), tmp_path, title="T", about={}, noise=found)
    assert (tmp_path / "noise.png").read_bytes().startswith(b"\x89PNG")
    assert NoiseScores.from_json(json.loads((tmp_path / "noise.json").read_text())) == found
    html, markdown = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert "<h2>Noise</h2>" in html
    assert "## Noise" in markdown
    assert "dashed: the same recordings clean" in html
    assert "![UA under noise](noise.png)" in markdown
    for c in found.conditions:
        assert c.title in html
        assert f"| {c.title} | {c.ua.value:.3f} |" in markdown
    assert ("area under UA over SNR" in html) == bool(found.curves) == ("area under UA over SNR" in markdown)
    assert ("all additive noise" in html) == bool(found.ratios) == ("all additive noise" in markdown)
    reader = Tags()
    reader.feed(html)
    assert not reader.open


def test_a_report_without_a_bench_says_nothing_of_noise(tmp_path):
    write_report(evaluate(CLEAN, bootstraps=50), tmp_path, title="T", about={})
    assert "Noise" not in (tmp_path / "report.html").read_text()
    assert not list(tmp_path.glob("noise*"))


def test_the_csv_file_has_a_row_for_clean_and_for_each_condition(tmp_path):
    found = scores("white:10,white:-5,telephone")
    write_report(evaluate(CLEAN, bootstraps=50), tmp_path, title="T", about={}, noise=found)
    with (tmp_path / "noise.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["condition"] for row in rows] == ["clean", "white:10", "white:-5", "telephone"]
    assert [row["value"] for row in rows] == ["", "10", "-5", ""]
    assert float(rows[2]["ua"]) == pytest.approx(found.conditions[1].ua.value, rel=1e-5)
    assert float(rows[2]["lost_ua"]) == pytest.approx(found.clean.ua.value - found.conditions[1].ua.value, abs=1e-5)
    assert {f"recall_{label}" for label in LABELS} < set(rows[0])


def test_hostile_names_stay_text(tmp_path):
    labels = (HOSTILE, "=cmd()", "sadness")
    clean = renamed(random_predictions(skill=1.5, labels=labels), speaker=None)
    made = replace(clean, protocol=HOSTILE)
    (condition,) = parse_conditions("telephone")
    found = score_noise(Benched(clean=made, noisy={condition: made}, seed=0, notes=(HOSTILE,)), bootstraps=20)
    write_report(evaluate(made, bootstraps=20), tmp_path, title="T", about={}, noise=found)
    html = (tmp_path / "report.html").read_text()
    assert "<script>" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 2
    assert (tmp_path / "noise.csv").read_bytes().startswith(b"condition,")
    console = Console(file=io.StringIO(), width=160, force_terminal=False)
    console.print(noise_table(found))
    assert "[x](javascript:y)" in console.file.getvalue()


def test_the_picture_shows_what_there_is():
    for text in ("white:10,white:0,telephone", "white:10,white:0", "clip:5,telephone", "standard"):
        picture = noise_picture(scores(text))
        assert picture.name == "noise"
        assert b"dashed" not in picture.svg
        assert "dashed: the same recordings clean" in picture.caption


def test_the_terminal_lists_conditions_areas_and_cautions():
    found = scores("standard", cautions=("mind the gap",))
    console = Console(file=io.StringIO(), width=140, force_terminal=False)
    console.print(noise_table(found))
    text = console.file.getvalue()
    assert "white noise, SNR -5 dB" in text
    assert "babble, -5 to 20 dB" in text
    assert "SNR 20 dB" in text
    assert "mind the gap" in text
    assert found.protocol in text


def test_progress_prints_a_line_for_each_condition(capfd):
    first, second = parse_conditions("white:10,telephone")
    with RichBench() as progress:
        progress.degrading(first, 1, 2)
        progress.condition_done(first, 0.5, 0.75)
        progress.condition_done(second, 0.25, 0.75)
    said = capfd.readouterr()
    assert said.out == ""
    assert "white noise, SNR 10 dB" in said.err
    assert "+25.0" in said.err
    assert said.err.count("lost, points") == 1
