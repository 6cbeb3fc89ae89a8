"""Picture a report for the docs: ``python docs/make_screenshots.py report.html [NAME]``.

Writes ``docs/images/report-light.png`` (the top of the page) and ``report-dark.png`` (a file opened: the first that
NAME finds, or the longest). Needs playwright and a Chromium on PATH.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = Path(__file__).parent / "images"
LIMIT = 400_000
ROWS = "#table-body tr"


def main() -> None:
    """Write both pictures."""
    from playwright.sync_api import sync_playwright

    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    report, name = Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) == 3 else ""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        sys.exit("there is no Chromium on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]
        )
        light = opened(browser, report, "light", height=1180)
        keep(light, IMAGES / "report-light.png")
        dark = opened(browser, report, "dark", height=860)
        dark.fill("#search", name)
        if not name:
            dark.click("[data-sort=length]")
        dark.evaluate("document.querySelector('#files').scrollIntoView()")
        dark.locator(ROWS).first.click()
        dark.locator("#detail .timeline").wait_for()
        keep(dark, IMAGES / "report-dark.png")
        browser.close()


def opened(browser: Browser, report: Path, scheme: str, *, height: int) -> Page:
    """A page whose table is drawn."""
    page = browser.new_page(viewport={"width": 1280, "height": height}, color_scheme=scheme)
    page.goto(report.as_uri())
    page.locator(ROWS).first.wait_for()
    return page


def keep(page: Page, path: Path) -> None:
    """Write what is in view."""
    page.screenshot(path=path)
    if path.stat().st_size > LIMIT:
        sys.exit(f"{path}: {path.stat().st_size} bytes are too many for the docs")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
