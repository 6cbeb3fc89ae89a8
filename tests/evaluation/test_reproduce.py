"""The table of the paper on small sound: the same windows and folds for every setting, answers whichever way."""

from __future__ import annotations

import io
import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tiny import TINY

from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.evaluation.predictions import Item, Predictions
from ser_toolkit.evaluation.reproduce import default_config, reproduce
from ser_toolkit.evaluation.reproduced import Row, made, read_reproduction
from ser_toolkit.evaluation.reproduction import CLASSICAL, SINGLE, TABLE_1, is_iemocap
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.report.reproduction import as_html, as_markdown, as_terminal, write_reproduction
from ser_toolkit.report.reproduction_figure import reproduction_picture
from ser_toolkit.report.reproduction_tables import tables

SMALL = {
    "emotions": ["anger", "sadness"],
    "features": {**TINY["features"], "melfun": {"name": "mel-functionals", "n_mels": 16}},
    "model": TINY["model"],
    "segments": TINY["segments"],
    "training": {**TINY["training"], "epochs": 2},
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return FeatureCache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def result(tiny_corpus, tmp_path_factory, cache):
    out = tmp_path_factory.mktemp("reproduce") / "run"
    seeds = {"seeds": [0, 1, 0], "image_seeds": [0, 0]}
    made = reproduce(tiny_corpus, changes=SMALL, out=out, classical=True, device="cpu", cache=cache, **seeds)
    write_reproduction(made)
    return made


def test_every_setting_sees_the_same_utterances_in_the_same_folds(result):
    left_out = {text.split(": ")[1] for text in result.cautions if text.startswith("left out: ")}
    assert [r.setting.name for r in result.rows] == [s.name for s in (*TABLE_1, *CLASSICAL) if s.title not in left_out]
    assert len(result.rows) > 20
    tested = {tuple(sorted({(i.file, i.fold) for i in row.predictions.items})) for row in result.rows}
    assert len(tested) == 1
    assert result.protocol.startswith("leave-one-pair-out, 3 folds")
    assert len(next(iter(tested))) == 24


def test_a_learner_that_cannot_be_fitted_is_left_out_and_named(result):
    """Eleven neighbours of eight windows: hours of work do not end for that."""
    assert any(text.startswith("left out: k-NN, GeMAPS, per utterance: ") for text in result.cautions)
    assert "k-NN" in as_markdown(result)


def test_windows_are_shared_and_whole_utterances_have_one_each(result):
    windows = {row.setting.per_utterance: set() for row in result.rows}
    for row in result.rows:
        windows[row.setting.per_utterance].add(len(row.predictions.owner) // len(row.predictions.seeds))
    assert windows[True] == {24}
    assert len(windows[False]) == 1
    assert windows[False].pop() > 24


def test_seeds_of_the_settings_that_take_long_are_counted_apart(result):
    seeds = {row.setting.name: row.evaluation.seeds for row in result.rows}
    assert seeds["gemaps-cce"] == (0, 1)
    assert seeds["mel-cce"] == seeds["both-cce"] == seeds["both-fl"] == (0,)
    assert seeds["svm-rbf-gemaps-window"] == (0,)


def test_answers_are_paired_and_say_which_way(result):
    answers = {a.claim: a for a in result.answers}
    assert {"focal loss beats cross entropy", "both inputs beat GeMAPS"} <= set(answers)
    ua = {r.setting.name: r.evaluation.utterance.ua.estimate.value for r in result.rows}
    difference = ua["both-cce"] - ua["gemaps-cce"]
    assert answers["both inputs beat GeMAPS"].comparison.ua.difference == pytest.approx(difference)
    single = next(a for claim, a in answers.items() if claim.startswith("both inputs beat the better single one ("))
    assert ua[single.b] == max(ua["mel-cce"], ua["gemaps-cce"])
    svm = next(a for claim, a in answers.items() if claim.startswith("the whole system beats the better SVM"))
    assert ua[svm.b] == max(ua["svm-rbf-gemaps-window"], ua["svm-rbf-gemaps-utterance"])
    assert svm.a == "both-fl"
    trained = [a for a in result.answers if a.a != "late-fusion"]
    assert {a.claim for a in trained if a.regularised} == {a.claim for a in trained if a.b in SINGLE}
    fused = next(a for a in result.answers if a.a == "late-fusion")
    assert (fused.b, fused.regularised) == (single.b, False)


def test_files_hold_the_table_the_papers_figures_and_the_differences(result):
    text = (result.out / "reproduction.md").read_text()
    assert text == as_markdown(result)
    for said in ("0.5310", "0.6149", "MelSpec + GeMAPS, FL", "The corpus is another", result.digest[:12], "| claim |"):
        assert said in text
    data = json.loads((result.out / "reproduction.json").read_text())
    assert data["settings"]["both-fl"]["published"] == {"wa": 0.6657, "ua": 0.6149}
    assert len(data["answers"]) == len(result.answers)
    again = Predictions.load(result.out / "both-fl" / "predictions.parquet")
    assert again.items == result.rows[3].predictions.items
    assert not (result.out / "work").exists()
    page = (result.out / "reproduction.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 1
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert (result.out / "reproduction.png").read_bytes().startswith(b"\x89PNG")


def test_cautions_of_settings_are_on_every_page_once(result):
    said = result.read_first()
    assert len(set(said)) == len(said)
    one = [text for text in said if "one seed" in text]
    assert len(one) == 1
    assert one[0].startswith(
        "MelSpec, CCE; MelSpec + GeMAPS, CCE; MelSpec + GeMAPS, FL; all classical learners: one seed"
    )
    few = [text for text in said if "only 6 speakers" in text]
    assert few == ["only 6 speakers: intervals are rough, and rather too narrow"]
    console = Console(width=4000, record=True, file=io.StringIO())
    console.print(as_terminal(result))
    for shown in (as_markdown(result), as_html(result, reproduction_picture(result)), console.export_text()):
        for text in (one[0], few[0], "a regulariser that a model with one input cannot have"):
            assert shown.count(text) == 1


def test_a_finished_folder_is_read_again_without_fitting(result):
    again = read_reproduction(result.out)
    assert as_markdown(again) == as_markdown(result)
    assert [r.setting for r in again.rows] == [r.setting for r in result.rows]
    assert [r.evaluation.to_json() for r in again.rows] == [r.evaluation.to_json() for r in result.rows]
    assert again.answers == result.answers


def test_a_folder_that_holds_none_is_refused(result, tmp_path):
    with pytest.raises(ModelError, match="no finished reproduction"):
        read_reproduction(tmp_path)
    said = json.loads((result.out / "reproduction.json").read_text())
    (tmp_path / "config.json").write_text((result.out / "config.json").read_text())
    for settings, message in (
        ({"mel-cce": {}}, "lacks gemaps-cce"),
        ({**said["settings"], "../x": {}}, "does not know"),
    ):
        (tmp_path / "reproduction.json").write_text(json.dumps({**said, "settings": settings}))
        with pytest.raises(ModelError, match=message):
            read_reproduction(tmp_path)


def invented(labels, *, out, n_speakers=10, without=0, classical=False, quick=False):
    """Four settings (and an SVM) that answered at random, with one seed, without fitting anything."""
    rng = np.random.default_rng(0)
    settings = [*TABLE_1, *(s for s in CLASSICAL if classical and s.name == "svm-rbf-gemaps-window")]
    rows = []
    for setting in settings:
        items = tuple(
            Item(file=f"{i}.wav", emotion=labels[i % len(labels)], speaker=f"s{i % n_speakers}", fold=f"f{i // 2 % 2}")
            for i in range(60)
        )
        predictions = Predictions(
            labels=labels, protocol="made | up", items=items, owner=np.arange(60 - without),
            logits=rng.normal(size=(60 - without, len(labels))), notes=("1 <b>test</b> recording",),
        )  # fmt: skip
        (out / setting.name).mkdir()
        rows.append(Row(setting=setting, predictions=predictions, evaluation=evaluate(predictions, bootstraps=50)))
    return made(
        rows, out=out, config=default_config(False, {"emotions": list(labels)}), protocol="made | up", digest="0" * 64,
        cautions=("said twice", "said twice"), quick=quick, registry=default_registry(),
    )  # fmt: skip


def test_labels_may_hold_any_markup(tmp_path):
    result = invented(("[/x]sad", "a|b", "<script>alert(1)</script>", "[red]d"), out=tmp_path)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(as_terminal(result))
    text = console.export_text()
    assert "[/x]sad" in text
    assert "[red]d" in text
    write_reproduction(result)
    assert "<script>" not in (tmp_path / "reproduction.html").read_text()
    tables = re.findall(r"(?:^\|.*\n)+", (tmp_path / "reproduction.md").read_text(), flags=re.M)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert len(tables) == 4


def test_cautions_are_merged_and_claims_name_the_svm(tmp_path):
    result = invented(("anger", "sadness"), out=tmp_path, n_speakers=4, without=3, classical=True)
    assert result.read_first() == (
        "said twice",
        "one seed: scores and differences may be the luck of its draw",
        "1 <b>test</b> recording",
        "3 of 60 utterances gave no window: they count as errors per utterance, not per window",
        "only 4 speakers: intervals are rough, and rather too narrow",
    )
    svm = next(a for a in result.answers if "SVM" in a.claim)
    assert svm.claim.endswith("(SVM, RBF, GeMAPS, per window)")
    assert not svm.regularised
    short = replace(result.rows[0].evaluation, cautions=("short",))
    some = replace(result, rows=(replace(result.rows[0], evaluation=short), *result.rows[1:]))
    assert "MelSpec, CCE: short" in some.read_first()


def test_the_terminal_shows_it_at_every_width(result):
    for width in (60, 80, 120):
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(as_terminal(result))
        text = console.export_text()
        assert "GeMAPS" in text and "focal loss" in text.replace("\n", " ")
        assert max(map(len, text.splitlines())) <= width


def test_quick_is_a_trial_and_says_so(tiny_corpus, tmp_path, cache):
    made = reproduce(tiny_corpus, changes=SMALL, out=tmp_path / "quick", quick=True, device="cpu", cache=cache)
    assert made.quick
    assert {len(row.evaluation.folds) for row in made.rows} == {2}
    assert {row.evaluation.seeds for row in made.rows} == {(0,)}
    assert "mean nothing" in as_markdown(made)
    assert "2 of 3 folds" in made.protocol
    assert {row.evaluation.protocol for row in made.rows} == {made.protocol}


@pytest.mark.parametrize("quick", [True, False])
def test_a_trial_has_no_verdicts_and_says_why(quick, tmp_path):
    result = invented(("anger", "sadness"), out=tmp_path, quick=quick)
    shown = [t for t in tables(result) if t.columns[-1].name == "shown"]
    assert [t.title for t in shown] == ["Claims", "Focal loss: recall per class"]
    verdicts = {row[-1] for t in shown for row in t.rows}
    assert verdicts == {"trial"} if quick else verdicts <= {"yes", "no", "no: the opposite"}
    for page in (as_markdown(result), as_html(result, reproduction_picture(result))):
        assert page.count("A trial shows nothing, whichever way it comes out") == quick


def test_iemocap_gets_the_papers_windows_and_sessions():
    paper = default_config(True, {})
    assert paper.segmentation().short == "drop"
    assert paper.split.protocol == "leave-one-session-out"
    assert default_config(False, {}).segmentation().short == "repeat"
    changed = default_config(False, {"training": {"lr": 0.5}})
    assert (changed.training.lr, changed.training.select) == (0.5, "last")


def test_other_corpora_are_not_taken_for_iemocap(tiny_corpus):
    from ser_toolkit.data.manifest import read_manifest

    assert not is_iemocap(read_manifest([tiny_corpus]).utterances)


def test_results_page_gets_the_table_and_the_picture(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "reproduction.md").write_text("| a |\n\n![UA of each setting](reproduction.png)\n")
    (tmp_path / "run" / "reproduction.png").write_bytes(b"picture")
    page = tmp_path / "results.md"
    page.write_text("before\n<!-- made -->\nold\n<!-- /made -->\nafter\n")
    script = Path(__file__).parents[2] / "docs" / "make_results.py"
    main = runpy.run_path(str(script))["main"]
    for _ in range(2):
        main([f"made={tmp_path / 'run'}"], page)
    assert "](images/results-made.png)" in page.read_text()
    assert "old" not in page.read_text()
    assert (tmp_path / "images" / "results-made.png").read_bytes() == b"picture"
    with pytest.raises(SystemExit, match="no section"):
        main([f"other={tmp_path}"], page)
