"""Put the tables of finished reproductions into docs/results.md.

    python docs/make_results.py emodb=runs/emodb ravdess=runs/ravdess

Each ``NAME=FOLDER`` replaces what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->`` with the folder's
``reproduction.md``, and copies its picture to ``images/results-NAME.png``.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

PAGE = Path(__file__).parent / "results.md"
PICTURE = "reproduction.png"


def main(arguments: list[str], page: Path = PAGE) -> None:
    """Replace the named sections of a page, and the pictures beside it."""
    text = page.read_text(encoding="utf-8")
    for argument in arguments:
        name, _, folder = argument.partition("=")
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if begin not in text or end not in text:
            sys.exit(f"{page.name} has no section {name!r}")
        table = (Path(folder) / "reproduction.md").read_text(encoding="utf-8").strip()
        if f"]({PICTURE})" in table:
            image = f"images/results-{name}.png"
            (page.parent / "images").mkdir(exist_ok=True)
            shutil.copyfile(Path(folder) / PICTURE, page.parent / image)
            table = table.replace(f"]({PICTURE})", f"]({image})")
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        section = f"{begin}\n\n{table}\n\n{end}"
        text = re.sub(pattern, lambda _, section=section: section, text, flags=re.S)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
