"""The report in a real browser: everything on it can be used, by mouse and by keyboard, and nothing leaves the page."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from made_results import HOSTILE, LABELS, RUN, Many, failed, labelled, result

from ser_toolkit.data.files import display_path
from ser_toolkit.evaluation.folder_labels import Truth
from ser_toolkit.report.html_report import write_report

EXAMPLES = Path(__file__).parents[2] / "examples" / "audio"
STRAY = os.fsdecode(b"caf\xe9 & <b>.wav")
ROWS = "#table-body tr"


def unavailable(reason: str) -> None:
    """Skip, or fail where a browser must be there."""
    if os.environ.get("SER_TOOLKIT_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        unavailable("there is no Chromium on PATH")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright is not installed: pip install 'ser-toolkit[test]'")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"],
        )
        yield opened
        opened.close()


@pytest.fixture
def visit(browser) -> Iterator[Callable]:
    """Opens a page; at the end nothing may have been said on the console, and nothing asked for but files of ours."""
    said, asked, contexts = [], [], []

    def go(path: Path, *, width: int = 1200, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        return page

    go.asked = asked
    go.said = said
    yield go
    for context in contexts:
        context.close()
    assert said == []
    assert asked and all(url.startswith("file:///") for url in asked)
    assert {url.rsplit(".", 1)[-1] for url in asked} <= {"html", "wav", "flac"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Reports beside the example clips, one of them under a name that is not UTF-8."""
    folder = tmp_path_factory.mktemp("report page")
    shutil.copytree(EXAMPLES, folder / "audio")
    shutil.copy(EXAMPLES / "german.wav", folder / "audio" / STRAY)
    (folder / "more").mkdir()
    for i in range(60):
        shutil.copy(EXAMPLES / "short-quiet.wav", folder / "more" / f"{i:03}.wav")
    clips = [
        result(path, seed=i, n_windows=3, likeliest=LABELS[i % 3], notes=("clipped",) if i == 1 else ())
        for i, path in enumerate(sorted((folder / "audio").iterdir()))
    ]
    results = [
        *clips,
        result(folder / "talks" / "very long.wav", seed=50, n_windows=2500),
        *(result(folder / "more" / f"{i:03}.wav", seed=i, n_windows=1) for i in range(60)),
        failed(folder / "broken" / "no audio.wav"),
        failed(folder / "broken" / "nothing.wav", "no speech"),
        *(failed(name) for name in HOSTILE),
    ]
    write_report(folder / "report.html", results, RUN)
    truths = {
        r.file: Truth(emotion=LABELS[i % 3 if i else 3], speaker=f"s{i % 2}", gender="female" if i % 2 else "male")
        for i, r in enumerate(clips)
    }
    write_report(folder / "labelled.html", clips, RUN, labelled=labelled(clips, truths))
    return folder


def names(page) -> list[str]:
    return page.locator(f"{ROWS} .base").all_text_contents()


def count(page) -> str:
    return page.locator("#count").text_content()


def open_file(page, name: str) -> None:
    page.fill("#search", name)
    page.locator(ROWS).first.click()


def until(page, condition: str) -> None:
    """Wait; Playwright's own waiting for a condition is what the page's policy forbids."""
    page.evaluate(
        f"""() => new Promise((done, failed) => {{
        const audio = document.querySelector("audio"), last = performance.now() + 15000;
        const look = () => {{
            if ({condition}) done();
            else if (performance.now() > last) failed(Error({condition!r}));
            else setTimeout(look, 20);
        }};
        look(); }})"""
    )


def test_sort(visit, folder):
    page = visit(folder / "report.html")
    first = names(page)
    assert len(first) == 50 and first[0] == STRAY.encode("utf-8", "surrogateescape").decode("latin-1").replace(
        "é", "%E9"
    )
    page.click("[data-sort=confidence]")
    shown = [int(text.split()[0]) for text in page.locator(f"{ROWS} .col-confidence").all_text_contents()]
    assert shown == sorted(shown, reverse=True)
    assert page.locator("th.col-confidence").get_attribute("aria-sort") == "descending"
    page.click("[data-sort=confidence]")
    assert page.locator(f"{ROWS} .tag").first.is_visible(), "files without a result have no confidence"
    page.click("[data-sort=length]")
    assert names(page)[0] == "very long.wav"
    page.click("[data-sort=file]")
    assert names(page) == first


def test_filter_and_search(visit, folder):
    page = visit(folder / "report.html")
    assert count(page) == "80 files"
    page.select_option("#by-emotion", "happiness")
    assert set(page.locator(f"{ROWS} .col-emotion span.emotion > span:first-child").all_text_contents()) == {
        "happiness"
    }
    page.click("#clear")
    page.select_option("#by-status", "skipped")
    assert names(page) == ["nothing.wav"] and count(page) == "1 of 80 files"
    page.select_option("#by-status", "")
    page.select_option("#by-note", "clipped")
    assert len(names(page)) == 1
    page.click("#clear")
    page.fill("#search", "WAV undecodable")
    assert count(page) == "9 of 80 files"
    page.fill("#search", "no such thing")
    assert page.locator("#table-body").text_content() == "No file fits these filters."
    page.click("#clear")
    page.select_option("#by-certainty", "several")
    assert all("~" in text for text in page.locator(f"{ROWS} .col-emotion").all_text_contents())
    page.click("#clear")
    assert count(page) == "80 files" and page.locator("#clear").is_hidden()


def test_counts_on_the_page_lead_to_their_files(visit, folder):
    page = visit(folder / "report.html")
    page.locator("#folders [data-filter=folder]").filter(has_text="more").click()
    assert count(page) == "60 of 80 files" and "/more ×" in page.locator("#group-filter").text_content()
    page.click("#group-filter")
    page.locator("#quality [data-value='no speech']").click()
    assert names(page) == ["nothing.wav"]
    page.locator("#certainty [data-open]").first.click()
    assert page.locator("#detail").is_visible() and "1 of 6" in page.locator("#detail").text_content()


def test_pages(visit, folder):
    page = visit(folder / "report.html")
    page.click("#next")
    assert page.locator("#page").text_content() == "51–80 of 80" and len(names(page)) == 30
    assert page.locator("#next").is_disabled()
    page.click("#previous")
    assert page.locator("#page").text_content() == "1–50 of 80"


def test_timeline_draws_seeks_and_says(visit, folder):
    page = visit(folder / "report.html")
    open_file(page, "german.wav")
    timeline = page.locator("#detail .timeline")
    until(page, "audio.readyState >= 2")
    box = timeline.bounding_box()
    # the likeliest emotion is the lowest area: its colour fills the bottom of the picture
    drawn = page.evaluate(
        """() => { const c = document.querySelector("#detail canvas"), g = c.getContext("2d");
        const d = g.getImageData(0, 0, c.width, c.height).data, found = {};
        for (let i = 0; i < d.length; i += 4) {
            const k = `${d[i]},${d[i + 1]},${d[i + 2]}`;
            found[k] = (found[k] ?? 0) + 1;
        }
        return found; }"""
    )
    for colour in ("213,94,0", "232,162,0", "139,146,156", "0,114,178"):
        assert drawn.get(colour, 0) > 100
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.4)
    until(page, "audio.currentTime > 1")
    assert page.locator(".cursor").is_visible()
    said = timeline.get_attribute("aria-valuetext")
    timeline.focus()
    page.keyboard.press("End")
    assert timeline.get_attribute("aria-valuetext") != said
    assert timeline.get_attribute("aria-valuenow") == timeline.get_attribute("aria-valuemax")
    page.keyboard.press("Home")
    until(page, "audio.currentTime === 0")
    before = page.evaluate("document.querySelector('#detail canvas').toDataURL()")
    page.check("#raw")
    assert page.evaluate("document.querySelector('#detail canvas').toDataURL()") != before
    page.click("#detail summary")
    assert page.locator(".spans li").first.is_visible()


@pytest.mark.parametrize("name", ["fast-high.wav", "stereo-22050.flac", "caf%E9"])
def test_audio_plays_and_moves_the_cursor(visit, folder, name):
    page = visit(folder / "report.html")
    open_file(page, name)
    before = page.locator(".cursor").get_attribute("style")
    page.evaluate("document.querySelector('audio').play()")
    until(page, "audio.currentTime > 0.3")
    assert page.locator(".cursor").get_attribute("style") != before
    page.click("#close")
    page.locator("audio").wait_for(state="detached")
    assert any("/audio/" in url for url in visit.asked)


def test_audio_that_is_gone_is_said(visit, folder):
    page = visit(folder / "report.html")
    open_file(page, "very long")
    page.get_by_text("cannot be played").wait_for()
    assert page.get_by_text("2,500 windows, averaged down to 1,000 points").is_visible()
    assert visit.said.pop().startswith("Failed to load resource")
    assert not visit.said


def test_keyboard_alone(visit, folder):
    page = visit(folder / "report.html")
    focused = "document.activeElement"
    page.keyboard.press("Tab")
    assert page.evaluate(f"{focused}.className") == "skip"
    page.focus("#by-note")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate(f"{focused}.matches('{ROWS}')"):
            break
    assert page.evaluate(f"{focused}.dataset.file") == "0"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert page.evaluate(f"{focused}.dataset.file") == "1"
    assert page.evaluate(f"getComputedStyle({focused}).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.locator("#detail-name").text_content().endswith("fast-high.wav")
    assert page.evaluate(f"{focused}.id") == "close"
    page.keyboard.press("ArrowRight")
    assert page.locator("#detail-name").text_content().endswith("german.wav")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(f"{focused} === document.body || document.querySelector('#detail').contains({focused})")
    page.keyboard.press("Escape")
    assert page.locator("#detail").is_hidden()
    assert page.evaluate(f"{focused}.dataset.file") == "2", "the reader is where the panel was closed"
    page.keyboard.press("End")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{focused}.dataset.file") == "50"
    page.keyboard.press("ArrowUp")
    assert page.evaluate(f"{focused}.dataset.file") == "49"


def test_labelled_wrong_only(visit, folder):
    page = visit(folder / "labelled.html")
    assert page.locator("#scores .confusion").is_visible()
    everything = len(names(page))
    page.check("#wrong")
    assert 0 < len(names(page)) < everything
    assert page.locator(f"{ROWS} .is-wrong").count() == len(names(page)) and page.locator(".is-right").count() == 0
    page.locator(ROWS).first.click()
    assert "not what is predicted" in page.locator("#detail").text_content()


def test_hostile_names_do_nothing(visit, folder):
    page = visit(folder / "report.html")
    page.fill("#search", "undecodable")
    shown = page.locator(f"{ROWS} .name").all_text_contents()
    for name in map(display_path, HOSTILE):
        assert any(name.endswith(text) for text in shown), name[:50]
        page.fill("#search", name[:40])
        page.locator(ROWS).first.click()
        assert page.locator("#detail-name").text_content() == name
        page.click("#close")
    assert page.evaluate("window.hit === undefined")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_policy_lets_nothing_out(visit, folder):
    reached = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            reached.append(self.path)

    page = visit(folder / "report.html")
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.evaluate(
            """async (address) => {
            const script = document.createElement("script");
            script.textContent = "window.hit = 1";
            document.body.append(script);
            const image = new Image();
            const refused = new Promise((done) => { image.onerror = done; });
            image.src = address;
            await refused;
            try { await fetch(address); window.hit = 2; } catch { window.refused = true; } }""",
            f"http://127.0.0.1:{server.server_port}/",
        )
        server.shutdown()
    assert page.evaluate("window.hit === undefined && window.refused") and not reached
    assert visit.said and all("Content Security Policy" in text for text in visit.said)
    visit.said.clear()
    visit.asked[:] = [url for url in visit.asked if not url.startswith("http://127.0.0.1")]


def test_light_and_dark(visit, folder):
    background = "getComputedStyle(document.body).backgroundColor"
    page = visit(folder / "report.html", color_scheme="dark")
    dark = page.evaluate(background)
    assert page.locator("#theme").text_content() == "Light"
    chart = page.evaluate("document.querySelector('#confidence').toDataURL()")
    page.click("#theme")
    light = page.evaluate(background)
    assert light != dark and page.evaluate("document.querySelector('#confidence').toDataURL()") != chart
    page.reload()
    assert page.evaluate(background) == light, "the choice is remembered"
    assert visit(folder / "report.html", color_scheme="light").evaluate(background) == light


@pytest.mark.parametrize("name", ["report.html", "labelled.html"])
def test_narrow_screens_and_paper(visit, folder, name):
    page = visit(folder / name, width=400)
    assert page.evaluate("document.documentElement.scrollWidth <= 400")
    assert page.locator(f"{ROWS} .base").first.is_visible() and page.locator(f"{ROWS} .emotion").first.is_visible()
    page.locator(ROWS).nth(1).click()
    assert page.locator("#detail").bounding_box()["width"] <= 400
    page.click("#close")
    page.emulate_media(media="print")
    assert page.locator(".top").is_hidden() and page.locator("#table").is_visible()


def test_without_scripts_the_figures_are_there(visit, folder):
    page = visit(folder / "report.html", java_script_enabled=False)
    assert page.locator(".notice").is_visible() and page.get_by_text("Emotions in 80 recordings").is_visible()
    assert page.locator("#folders table").is_visible()


def test_no_files(visit, tmp_path):
    write_report(tmp_path / "report.html", [], RUN)
    page = visit(tmp_path / "report.html")
    assert count(page) == "0 files"


@pytest.mark.slow
def test_ten_thousand_files_open_in_under_three_seconds(visit, tmp_path):
    write_report(tmp_path / "report.html", Many(10_000), RUN)
    visit(tmp_path / "report.html").close()  # the browser's own start is not the report's
    began = time.perf_counter()
    page = visit(tmp_path / "report.html")
    page.locator(ROWS).first.wait_for()
    page.fill("#search", "utterance-09999")
    assert names(page) == ["utterance-09999.wav"]
    assert time.perf_counter() - began < 3
    page.locator("#quality .accent").click()
    assert count(page) == "104 of 10,000 files"


def test_dimensions_beside_emotions_and_alone(visit, tmp_path):
    values = [{"valence": 2.5 + i, "arousal": 9.0 - i} for i in range(3)]
    clips = [replace(result(f"/x/{i}.wav", seed=i, n_windows=3), dimensions=v) for i, v in enumerate(values)]
    clips.append(failed("/x/broken.wav"))
    run = replace(RUN, dimensions={"valence": (1.0, 5.0), "arousal": (0.0, 10.0)})
    write_report(tmp_path / "both.html", clips, run, links=False)
    bare = [replace(r, probabilities={}, prediction_set=None, windows=()) for r in clips]
    write_report(tmp_path / "alone.html", bare, replace(run, labels=(), probabilities="", sets=""), links=False)
    for name in ("both", "alone"):
        page = visit(tmp_path / f"{name}.html")
        page.wait_for_selector("html[data-ready=true]")
        headings = page.locator("#table-head th").all_text_contents()
        assert any("valence" in h for h in headings) and any("probabilities" in h for h in headings) == (name == "both")
        page.click('[data-sort="dimension-0"]')
        assert names(page) == ["2.wav", "1.wav", "0.wav", "broken.wav"]
        page.click(f"{ROWS} >> nth=0")
        panel = page.locator("#detail")
        assert "Dimensions" in panel.inner_text() and "4.50" in panel.inner_text() and "1 to 5" in panel.inner_text()
        assert ("Over time" in panel.inner_text()) == (name == "both")
        page.click("#close")
        assert page.locator("#dimensions td b").first.text_content() == "3.50"
        assert (page.locator("#emotions").count() == 1) == (name == "both")
