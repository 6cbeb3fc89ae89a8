"""What all pictures of reports share: colours, size, names that can be drawn, PNG and SVG."""

from __future__ import annotations

import contextlib
import io
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BLUE", "INK", "ORANGE", "SOFT", "Picture", "blank", "drawn", "short_name", "style"]

INK, SOFT, BLUE, ORANGE = "#24292f", "#8b949e", "#2f6db3", "#c8631b"
_STYLE: Any = {
    # a label may hold anything: "$" would start mathematics
    "text.parse_math": False,
    "svg.hashsalt": "ser-toolkit",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "grid.color": "#d5dae0",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawn figure.

    Parameters
    ----------
    name : str
        For a file, without suffix.
    caption : str
        What it shows.
    png : bytes
        On white, 150 dots per inch.
    svg : bytes
        On nothing, for a page of any colour.
    """

    name: str
    caption: str
    png: bytes
    svg: bytes


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Settings of matplotlib for all that is drawn within."""
    import matplotlib

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def drawn(name: str, caption: str, figure: Figure, *, protocol: str) -> Picture:
    """Save a figure with its protocol below."""
    columns = max(30, int(figure.get_figwidth() * 17))
    said = textwrap.fill(f"protocol: {_printable(protocol)}", columns, max_lines=3, placeholder=" …")
    figure.supxlabel(said, x=0.01, ha="left", fontsize=7, color=SOFT)
    png, svg = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=150)
    figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    return Picture(name=name, caption=caption, png=png.getvalue(), svg=svg.getvalue())


def blank(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def short_name(name: str | None, width: int = 22) -> str:
    """A name that fits and can be drawn."""
    if name is None:
        return "not given"
    text = _printable(name)
    return textwrap.shorten(text, width, placeholder="…") if " " in text[:width] else text[:width]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
