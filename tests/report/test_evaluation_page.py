"""Report pages: what they hold, and that hostile names stay text."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from evaluation.made import LABELS, certain, random_predictions, renamed

from ser_toolkit.errors import OutputError
from ser_toolkit.evaluation.comparison import compare
from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.evaluation.results import Evaluation
from ser_toolkit.report.evaluation_figures import MOST_ROWS, pictures, shown_rows
from ser_toolkit.report.evaluation_page import write_comparison, write_report

HOSTILE = "<script>alert(1)</script>|`$\\frac{[x](javascript:y)\n# \x00\x1b[31m_$" + "\udcff"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen, self.sources = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(path):
    tags = Tags()
    tags.feed(path.read_text(encoding="utf-8"))
    assert tags.open == []
    return tags


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "new" / "folder"
    p = random_predictions(seeds=(0, 1), without=2)
    e = evaluate(replace(p, notes=("a note of the run",)), bootstraps=200)
    write_report(e, folder, title="Evaluation of X", about={"model": "cnn-dnn"})
    return e, folder


def test_everything_is_there(written):
    e, folder = written
    names = {"confusion.png", "confusion-windows.png", "reliability.png", "folds.png", "groups.png",
             "evaluation.json", "report.md", "report.html"}  # fmt: skip
    assert {p.name for p in folder.iterdir()} == names
    assert Evaluation.from_json(json.loads((folder / "evaluation.json").read_text())) == e
    assert (folder / "groups.png").read_bytes().startswith(b"\x89PNG")


def test_page_needs_nothing_else(written):
    _, folder = written
    tags = page(folder / "report.html")
    assert "script" not in tags.seen and "link" not in tags.seen
    assert len(tags.sources) == 5
    for source in tags.sources:
        kind, data = source.split(",")
        assert kind == "data:image/svg+xml;base64"
        ElementTree.fromstring(base64.b64decode(data))  # well-formed
    assert "url(" not in (folder / "report.html").read_text()


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_scores_stand_beside_the_protocol(written, name):
    e, folder = written
    text = (folder / name).read_text()
    assert f"{e.utterance.ua.estimate.value:.3f}" in text
    assert f"{e.window.wa.estimate.value:.3f}" in text
    assert "UA (macro recall)" in text and "WA (accuracy)" in text
    assert text.count("leave-one-speaker-out") >= 3
    assert "a note of the run" in text and "2 of 120 utterances gave no window" in text
    assert text.index("a note of the run") < text.index("WA (accuracy)")  # cautions come first
    for label in LABELS:
        assert label in text


def test_markdown_tables_are_whole(written):
    _, folder = written
    blocks = re.findall(r"(?:^\|.*\n)+", (folder / "report.md").read_text(), flags=re.M)
    assert len(blocks) >= 8
    for block in blocks:
        assert len({line.count("|") for line in block.splitlines()}) == 1, block


def test_hostile_names_stay_text(tmp_path):
    labels = (HOSTILE, "b", "c")
    p = random_predictions(labels=labels, n=40)
    items = tuple(
        replace(
            item,
            speaker=HOSTILE + str(i % 3),
            fold=HOSTILE + str(i % 2),
            gender=HOSTILE + "ab"[i % 2],
            file=HOSTILE + str(i),
        )
        for i, item in enumerate(p.items)
    )
    p = replace(p, items=items, protocol=HOSTILE, notes=(HOSTILE,))
    write_report(evaluate(p, bootstraps=50), tmp_path, title=HOSTILE, about={HOSTILE: HOSTILE})
    tags = page(tmp_path / "report.html")
    assert "script" not in tags.seen
    assert all(source.startswith("data:image/svg+xml;base64,") for source in tags.sources)
    for source in tags.sources:
        ElementTree.fromstring(base64.b64decode(source.split(",")[1]))
    text = (tmp_path / "report.md").read_text()
    assert not re.search(r"(?<!\\)<script", text)
    assert not re.search(r"(?<!\\)\[x", text)
    assert "\x1b" not in text and "\x00" not in text
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, block
    write_comparison(compare(p, p, bootstraps=50), tmp_path, a=HOSTILE, b="b")
    text = (tmp_path / "comparison.md").read_text()
    assert not re.search(r"(?<!\\)<script", text)
    assert json.loads((tmp_path / "comparison.json").read_text())["a_name"] == HOSTILE


def test_apostrophes_and_quotes_are_not_mangled_in_markdown(tmp_path):
    p = replace(random_predictions(n=30, alpha=None), notes=('Zoë\'s "note"',))
    write_report(evaluate(p, bootstraps=50), tmp_path, title="it's", about={})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# it's\n")
    assert 'Zoë\'s "note"' in text


def test_little_to_show(tmp_path):
    nothing = certain([("a", "anger", None), ("a", "neutral", None)])
    write_report(evaluate(nothing, bootstraps=50), tmp_path, title="t", about={})
    assert {p.name for p in tmp_path.glob("*.png")} == {"confusion.png"}
    assert "Calibration" not in page_text(tmp_path)
    assert "Per window" not in page_text(tmp_path)


def page_text(folder):
    page(folder / "report.html")
    return (folder / "report.html").read_text()


def test_many_speakers_are_cut_to_the_lowest_and_highest(tmp_path):
    p = random_predictions(n=300, speakers=60, folds=0)
    e = evaluate(p, bootstraps=20)
    (rows,) = (t.rows for t in e.groups if t.attribute == "speaker")
    shown = shown_rows(rows)
    assert len(rows) == 60 and len(shown) == MOST_ROWS
    values = sorted(r.ua.value for r in rows)
    assert [r.ua.value for r in shown] == values[:20] + values[-20:]
    write_report(e, tmp_path, title="t", about={})
    assert "The lowest and the highest of 60" in page_text(tmp_path)


def test_pictures_are_the_same_every_time_and_do_not_touch_settings():
    import matplotlib

    before = dict(matplotlib.rcParams)
    e = evaluate(renamed(random_predictions(n=40, alpha=None), temperature=1.0), bootstraps=50)
    one, two = pictures(e), pictures(e)
    assert [p.svg for p in one] == [p.svg for p in two]
    assert dict(matplotlib.rcParams) == before


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    e = evaluate(random_predictions(n=20), bootstraps=20)
    with pytest.raises(OutputError, match="cannot be made"):
        write_report(e, tmp_path / "file" / "folder", title="t", about={})
