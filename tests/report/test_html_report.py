"""The page holds what was found, asks for nothing, runs nothing but its own script; its twin says the same."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tracemalloc
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from made_results import HOSTILE, LABELS, RUN, Many, failed, labelled, result

from ser_toolkit.data import atomic
from ser_toolkit.data.files import display_path
from ser_toolkit.errors import OutputError
from ser_toolkit.evaluation.folder_labels import Truth
from ser_toolkit.report.html_counting import PROBLEMS
from ser_toolkit.report.html_page import MEANINGS, colours
from ser_toolkit.report.html_report import twin_path, write_report
from ser_toolkit.report.html_rows import MOST_POINTS, averaged, relative_link
from ser_toolkit.report.results import UNCERTAIN, FileResult, WindowResult
from ser_toolkit.report.run_info import NOTICE


class Page(HTMLParser):
    """A page as a browser sees it: elements, visible text, scripts and blocks of data."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text, self.style = "", ""
        self._inside: tuple[str, dict[str, str | None]] | None = None
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = (tag, dict(attrs))
            if tag == "script":
                self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        if self._inside and self._inside[0] == tag:
            self._inside = None

    def handle_data(self, data):
        if self._inside is None:
            self.text += data
        elif self._inside[0] == "style":
            self.style += data
        else:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)

    @property
    def code(self) -> str:
        (code,) = [text for attributes, text in self.scripts if "type" not in attributes]
        return code

    def data(self, **wanted: str):
        return [json.loads(text) for attributes, text in self.scripts if wanted.items() <= attributes.items()]

    @property
    def columns(self) -> dict[str, list]:
        joined: dict[str, list] = {}
        for block in self.data(**{"class": "rows"}):
            for name, column in block.items():
                joined.setdefault(name, []).extend(column)
        return joined

    @property
    def timelines(self) -> dict[int, dict]:
        return {int(i): t for block in self.data(**{"class": "timelines"}) for i, t in block.items()}

    @property
    def policy(self) -> str:
        (meta,) = [a for tag, a in self.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
        return meta["content"]


def numbers(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


RESULTS = [
    result("data/a/one.wav", seed=1),
    result("data/a/two.wav", seed=2, n_windows=1, notes=("short", "resampled")),
    failed("data/b/three.wav"),
    result("data/b/four.wav", seed=4, min_confidence=0.999),
    failed("data/b/five.wav", "no speech"),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Page, dict]:
    path = tmp_path_factory.mktemp("report") / "report.html"
    twin = write_report(path, RESULTS, RUN)
    assert twin == path.with_name("report.json")
    return Page(path), json.loads(twin.read_text("ascii"))


def test_page_asks_for_nothing_and_runs_only_its_own_script(written):
    page, _ = written
    addresses = [
        value for _, a in page.tags for name, value in a.items() if name in ("src", "href", "srcset", "action")
    ]
    assert addresses and all(address.startswith("#") for address in addresses)
    assert not [a for _, a in page.tags if any(name.startswith("on") or name == "style" for name in a)]
    for text in (page.code, page.style):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy
    assert page.policy.startswith("default-src 'none'; ") and "unsafe" not in page.policy
    assert "sourceMappingURL" not in page.code and "@import" not in page.style and "url(" not in page.style
    # a script is cut short, or swallows the rest of the page, if these are in it
    assert "</script" not in page.code.lower() and "<!--" not in page.code


def test_headlines_and_sections(written):
    page, _ = written
    text = " ".join(page.text.split())
    assert NOTICE in text
    for part in (
        "Emotions in 5 recordings",
        "1 skipped, 1 failed",
        "made-up",
        "calibrated on nobody",
        "<b>nothing</b>",
    ):
        assert part.lower() in text.lower()
    assert "it is <i>undecodable</i>" in text and MEANINGS["short"] in text
    ids = {a.get("id") for _, a in page.tags}
    assert {"emotions", "files", "folders", "quality", "reading", "run"} <= ids
    assert not {"scores", "speakers", "certainty"} & ids, "sections with nothing to say are left out"


def test_every_kind_of_reason_and_note_is_explained():
    assert all(len(meaning) > 5 for meaning in MEANINGS.values())
    assert {"resampled", "mixed down", "truncated", "clipped", "quiet", "short", "silent parts", "crashed"} <= set(
        MEANINGS
    )


def test_twin_holds_everything_and_the_page_the_same_in_short(written):
    page, twin = written
    columns, rows = page.columns, twin["files"]
    assert twin["format"] == 1 and twin["run"]["notice"] == NOTICE and twin["labelled"] is None
    assert [row["file"] for row in rows] == [r.file for r in RESULTS] == columns["file"]
    for i, (row, r) in enumerate(zip(rows, RESULTS, strict=True)):
        kept = {
            key: value for key, value in row.items() if key in ("status", "reason", "notes", "duration_s", "entropy")
        }
        assert kept == {key: r.to_json()[key] for key in kept}
        assert (columns["status"][i], columns["reason"][i], columns["detail"][i]) == (r.status, r.reason, r.detail)
        assert columns["windows"][i] == row["n_windows"] == len(r.windows)
        link = None if r.reason == "undecodable" else relative_link(r.file, page.path.parent)
        assert columns["link"][i] == row["audio"] == link
        if r.status != "ok":
            assert columns["p"][i] is columns["predicted"][i] is row["windows"] is None
            continue
        assert row["probabilities"] == r.probabilities and row["ranked"] == [label for label, _ in r.ranked()]
        assert columns["p"][i] == [round(1000 * p) for p in r.probabilities.values()]
        assert [LABELS[j] for j in columns["set"][i]] == row["prediction_set"]
        said = columns["predicted"][i]
        assert (UNCERTAIN if said == -1 else LABELS[said]) == row["predicted"] == r.predicted
        for j, label in enumerate(LABELS):
            assert np.allclose(row["windows"]["probabilities"][label], r.windows.probabilities[:, j], atol=1e-6)
            assert np.allclose(row["windows"]["smoothed"][label], r.windows.smoothed[:, j], atol=1e-6)
        assert row["windows"]["start_s"] == r.windows.starts_s.tolist()
    assert rows[3]["predicted"] == UNCERTAIN and page.data(id="config")[0]["n"] == 5


def test_timelines_are_those_of_files_with_several_windows(written):
    page, _ = written
    assert sorted(page.timelines) == [0, 3]
    timeline, windows = page.timelines[0], RESULTS[0].windows
    assert timeline["n"] == 4
    assert numbers(timeline["s"], "<u4").tolist() == [0, 750, 1500, 2250]
    assert numbers(timeline["e"], "<u4").tolist() == [3000, 3750, 4500, 5250]
    for key, values in (("p", windows.probabilities), ("m", windows.smoothed)):
        shown = numbers(timeline[key], "<u2").reshape(-1, len(LABELS)) / 1000
        assert np.abs(shown - values).max() <= 0.0005001


def test_summary_counts(written):
    _, twin = written
    s = twin["summary"]
    assert (s["n"], s["n_ok"], s["n_skipped"], s["n_failed"], s["n_windows"]) == (5, 3, 1, 1, 9)
    assert s["folder"] == "data" and {g["name"]: g["n"] for g in s["folders"]} == {"data/b": 3, "data/a": 2}
    assert s["skipped"] == {"no speech": 1} and s["failed"] == {"undecodable": 1}
    assert s["notes"] == {"short": 1, "resampled": 1} and s["problems"] == [2, 4]
    assert sum(c["n"] for c in s["classes"]) == 3 and s["classes"][-1]["label"] == UNCERTAIN
    assert sum(s["confidence"]["counts"]) == sum(s["durations"]["counts"]) == 3
    assert s["audio_s"] == pytest.approx(sum(r.duration_s or 0 for r in RESULTS))
    assert s["set_sizes"] and sum(s["set_sizes"].values()) == 3


def test_certain_files_are_ranked_and_the_earlier_of_equals_stays(tmp_path):
    results = [result(f"{i}.wav", seed=i % 10) for i in range(30)]
    twin = json.loads(write_report(tmp_path / "r.html", results, RUN).read_text())
    order = sorted(range(30), key=lambda i: (results[i].confidence, i))
    assert twin["summary"]["least_certain"] == order[:6]
    assert twin["summary"]["most_certain"] == sorted(range(30), key=lambda i: (-results[i].confidence, i))[:6]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_labels_and_details_stay_text(tmp_path, name):
    evil = FileResult(file=name, status="failed", reason=name[:100], detail=name, notes=(name[:50],))
    plain = Page(
        write_and_get(tmp_path / "plain.html", [replace(evil, file="x", reason="y", detail="z", notes=("w",))], RUN)
    )
    run = replace(RUN, model=name, warnings=(name,), about_model={name: name}, environment={name: name})
    page = Page(write_and_get(tmp_path / "evil.html", [evil], run))
    ours = [tag for tag, _ in page.tags if tag in ("script", "img", "b", "i", "iframe")]
    assert ours.count("script") == [tag for tag, _ in plain.tags].count("script") and "img" not in ours
    assert page.columns["file"] == [name] and page.columns["detail"] == [name]
    assert name in page.text
    assert not [a for _, a in page.tags if any(key.startswith("on") for key in a)]


def test_labels_of_a_hostile_model_stay_text(tmp_path):
    evil = "</script><script>window.hit=1</script>"
    labels = (evil, "sadness")
    p = {evil: 0.75, "sadness": 0.25}
    windows = tuple(WindowResult(start_s=i, end_s=i + 3, probabilities=p, smoothed=p) for i in range(2))
    r = FileResult(file="a.wav", status="ok", probabilities=p, windows=windows, duration_s=4.0)
    page = Page(write_and_get(tmp_path / "r.html", [r], replace(RUN, labels=labels)))
    assert page.data(id="config")[0]["labels"] == list(labels) and evil in page.text
    assert numbers(page.timelines[0]["m"], "<u2").tolist() == [750, 250] * 2


def write_and_get(path: Path, *args, **named) -> Path:
    write_report(path, *args, **named)
    return path


def test_text_that_no_encoding_takes_does_not_stop_the_report(tmp_path):
    run = replace(RUN, warnings=("bad \udcff surrogate",))
    page = Page(write_and_get(tmp_path / "r.html", [failed("a.wav")], run))
    assert "bad ? surrogate" in page.text


def test_without_links_nothing_is_played_and_no_folder_named(tmp_path):
    page = Page(write_and_get(tmp_path / "r.html", RESULTS, RUN, links=False))
    twin = json.loads((tmp_path / "r.json").read_text())
    assert set(page.columns["link"]) == {None} == {row["audio"] for row in twin["files"]}
    assert twin["summary"]["folders"] == [] and twin["summary"]["folder"] == ""
    assert "folders" not in {a.get("id") for _, a in page.tags}
    assert "media-src 'none'" in page.policy


def test_labelled(tmp_path):
    results = [result(f"d/{i}.wav", seed=i, likeliest=LABELS[i % 3]) for i in range(24)]
    truths = {
        r.file: Truth(emotion=LABELS[i % 3 if i % 4 else 3], speaker=f"s{i % 4}", gender="female" if i % 2 else "male")
        for i, r in enumerate(results[:20])
    }
    made = labelled(results, truths, cautions=("mind <i>this</i>",))
    page = Page(write_and_get(tmp_path / "r.html", results, RUN, labelled=made))
    twin = json.loads((tmp_path / "r.json").read_text())
    text = " ".join(page.text.split())
    e = made.evaluation
    for said in (e.utterance.ua.estimate, e.utterance.wa.estimate):
        assert f"{said.value:.3f}" in text and f"{said.low:.3f} to {said.high:.3f}" in text
    assert "mind <i>this</i>" in text and "By gender" in text and "manifest.csv" in text
    assert page.columns["right"] == [i % 4 > 0 for i in range(20)] + [None] * 4
    assert page.columns["truth"][0] == "sadness" and page.columns["speaker"][3] == "s3"
    assert twin["labelled"]["evaluation"] == json.loads(json.dumps(e.to_json()))
    assert twin["files"][0]["truth"]["emotion"] == "sadness" and twin["files"][23]["truth"] is None
    assert (twin["summary"]["n_judged"], twin["summary"]["n_right"]) == (20, 15)
    assert {g["name"]: g["n_right"] for g in twin["summary"]["speakers"]} == {"s0": 0, "s1": 5, "s2": 5, "s3": 5}
    confusion = [int(n) for n in re.findall(r'class="q\d+"><b>(\d+)</b>', (tmp_path / "r.html").read_text())]
    assert confusion == [n for row in e.utterance.confusion if sum(row) for n in row]


def test_labelled_with_nothing_to_score(tmp_path):
    made = labelled([result("a.wav")], {"a.wav": Truth(emotion="anger")}, n_seen=1)
    page = Page(write_and_get(tmp_path / "r.html", [result("a.wav")], RUN, labelled=replace(made, evaluation=None)))
    assert "nothing to score" in page.text and "1 file that the model was trained on is left out" in page.text


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("sub/a b.wav", "sub/a%20b.wav"),
        ("../x.wav", "../x.wav"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("a#b?c.wav", "a%23b%3Fc.wav"),
        (os.fsdecode(b"caf\xe9.wav"), "caf%E9.wav"),
        ("100%41.wav", "100%2541.wav"),
        ("é\n.wav", "%C3%A9%0A.wav"),
    ],
)
def test_links_lead_back_to_the_bytes_of_the_name(tmp_path, name, address):
    assert relative_link(display_path(tmp_path / "out" / name), tmp_path / "out") == address


def test_link_from_another_folder_and_a_missing_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert relative_link("audio/a.wav", Path("reports")) == "../audio/a.wav"
    (tmp_path / "reports").mkdir()
    page = Page(
        write_and_get(Path("reports/r.html"), [failed("gone.wav", "missing"), failed("audio/a.wav", "no speech")], RUN)
    )
    assert page.columns["link"] == [None, "../audio/a.wav"]


def test_long_timelines_are_averaged_down(tmp_path):
    long = result("long.wav", n_windows=4321)
    page = Page(write_and_get(tmp_path / "r.html", [long], RUN))
    timeline = page.timelines[0]
    assert timeline["n"] == 4321 and len(numbers(timeline["s"], "<u4")) == MOST_POINTS
    windows = averaged(long.windows, most=10)
    assert windows.starts_s[0] == 0 and windows.ends_s[-1] == long.windows.ends_s[-1]
    sizes = np.diff(np.append(np.rint(windows.starts_s / 0.75), 4321))
    assert set(sizes) <= {432, 433} and np.allclose(
        (windows.probabilities * sizes[:, None]).sum(axis=0), long.windows.probabilities.sum(axis=0), rtol=1e-4
    )
    assert len(json.loads((tmp_path / "r.json").read_text())["files"][0]["windows"]["start_s"]) == 4321


def test_many_long_files_share_the_room_of_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr("ser_toolkit.report.html_rows._POINTS_OF_PAGE", 20_000)
    page = Page(write_and_get(tmp_path / "r.html", [result(f"{i}.wav", n_windows=400) for i in range(90)], RUN))
    points = [len(numbers(page.timelines[i]["s"], "<u4")) for i in range(90)]
    assert points[0] == 200 and points[-1] >= 50 and points == sorted(points, reverse=True)


def test_memory_does_not_grow_with_the_folder(tmp_path):
    def peak(n: int) -> int:
        tracemalloc.start()
        write_report(tmp_path / "r.html", Many(n), RUN)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(2500) - peak(600) < 2_000_000
    assert sum(len(block["file"]) for block in Page(tmp_path / "r.html").data(**{"class": "rows"})) == 600


def test_documented_keys_are_those_of_the_twin(written, monkeypatch, capsys):
    page, twin = written
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text("utf-8")
    tables = text.split("## The JSON twin")[1].split("| key of a file |")
    for table, keys in zip(tables, (twin.keys(), twin["files"][0].keys()), strict=True):
        documented = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
        assert sorted(documented) == sorted(keys)
    monkeypatch.chdir(page.path.parent)
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(block, "report.md", "exec"), {})
    assert capsys.readouterr().out.count("data/") == 3


def test_a_long_list_of_problems_leads_to_the_table(tmp_path):
    page = Page(write_and_get(tmp_path / "r.html", [failed(f"{i}.wav") for i in range(PROBLEMS + 5)], RUN))
    assert f"The first {PROBLEMS} of {PROBLEMS + 5}" in page.text
    assert ("status", "failed") in {(a.get("data-filter"), a.get("data-value")) for _, a in page.tags}


def test_no_files_at_all(tmp_path):
    page = Page(write_and_get(tmp_path / "r.html", [], replace(RUN, seconds=0.0, n_files=0, interrupted=True)))
    assert "Emotions in 0 recordings" in page.text and "interrupted" in page.text
    assert json.loads((tmp_path / "r.json").read_text())["files"] == []


def test_failures_leave_what_was_there(tmp_path):
    path = write_and_get(tmp_path / "r.html", RESULTS, RUN)
    before = path.read_bytes(), (tmp_path / "r.json").read_bytes()

    def breaks():
        yield RESULTS[0]
        raise RuntimeError("journal is gone")

    with pytest.raises(RuntimeError):
        write_report(path, breaks(), RUN)
    assert (path.read_bytes(), (tmp_path / "r.json").read_bytes()) == before
    assert not list(tmp_path.glob(f"{atomic.PREFIX}*"))
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(tmp_path / "no" / "r.html", RESULTS, RUN)
    with pytest.raises(OutputError, match=r"name it \.html"):
        twin_path(tmp_path / "r.json")


def test_durations_are_binned_whether_they_are_alike_or_not(tmp_path):
    def bins(seconds):
        results = [FileResult(file=f"{i}.wav", status="failed", duration_s=float(s)) for i, s in enumerate(seconds)]
        return json.loads(write_report(tmp_path / "r.html", results, RUN).read_text())["summary"]["durations"]

    for seconds in ([3.0], [3.0] * 50 + [900.0], np.linspace(1, 9, 100), np.geomspace(1, 30_000, 200), [0.0, 0.01]):
        found = bins(seconds)
        assert sum(found["counts"]) == len(seconds) and len(found["counts"]) < 60
        assert np.all(np.diff(found["edges"]) > 0)
    assert bins(np.geomspace(1, 30_000, 200))["edges"][1:4] == [2, 4, 8]


def test_colours_are_those_of_the_terminal_and_differ():
    labels = (
        "anger",
        "happiness",
        "neutral",
        "sadness",
        "fear",
        "disgust",
        "surprise",
        "boredom",
        "calm",
        "awe",
        "pride",
    )
    found = colours(labels)
    assert len(set(found)) == len(labels) and all(re.fullmatch(r"#[0-9a-f]{6}", hue) for hue in found)
    assert colours(("sadness", "anger")) == (found[3], found[0])


def test_the_vendored_library_is_the_recorded_one():
    folder = files("ser_toolkit.report") / "vendor"
    record = json.loads((folder / "chart.json").read_text("utf-8"))
    for name, recorded in record["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == recorded
    assert f"Chart.js v{record['version']}" in (folder / "chart.umd.min.js").read_text("utf-8")
    assert "MIT" in (folder / "chart.LICENSE.md").read_text("utf-8")
