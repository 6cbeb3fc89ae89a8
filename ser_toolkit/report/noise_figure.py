"""The picture of a noise bench: UA over the ratio of speech to noise, and under each other condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ser_toolkit.report.drawing import BLUE, INK, ORANGE, SOFT, Picture, blank, drawn, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ser_toolkit.noise.scores import NoiseScores

__all__ = ["noise_picture"]

_LOOKS = {"white": (BLUE, "o"), "pink": ("#b34f84", "s"), "babble": (ORANGE, "D"), "music": ("#3f8f5b", "^")}


def noise_picture(scores: NoiseScores) -> Picture:
    """Draw curves of additive noise beside the other conditions, as far as there are any.

    Parameters
    ----------
    scores : NoiseScores
        Of a bench.

    Returns
    -------
    Picture
        Named ``noise``.
    """
    drawn_in_curves = {curve.kind for curve in scores.curves}
    others = [c for c in scores.conditions if c.kind not in drawn_in_curves]
    with style():
        tall = max(3.4 if scores.curves else 0.0, 1.1 + 0.26 * len(others) if others else 0.0)
        figure = blank(8.6 if scores.curves and others else 5.6, tall)
        panels = list(figure.subplots(1, bool(scores.curves) + bool(others), squeeze=False)[0])
        if scores.curves:
            _curves(panels.pop(0), scores)
        if others:
            axes = panels.pop(0)
            _lines(axes, scores)
            for y, condition in enumerate(others):
                ua = condition.ua
                low, high = (ua.value if x is None else x for x in (ua.low, ua.high))
                axes.plot([low, high], [y, y], color=BLUE, linewidth=2, alpha=0.45, solid_capstyle="round")
                axes.plot(ua.value, y, "o", color=BLUE, markersize=5)
            axes.set_yticks(range(len(others)), [c.title for c in others])
            axes.set_ylim(len(others) - 0.4, -0.6)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x")
            axes.set_xlabel("UA (macro recall) per utterance")
        caption = (
            "UA per utterance on degraded recordings, with 95 % intervals; dashed: the same recordings clean "
            f"({scores.clean.ua.value:.3f}); dotted: chance."
        )
        return drawn("noise", caption, figure, protocol=scores.protocol)


def _curves(axes: Axes, scores: NoiseScores) -> None:
    by_name = {(c.kind, c.value): c for c in scores.conditions}
    axes.axhline(scores.clean.ua.value, color=INK, linewidth=1, linestyle="--")
    axes.axhline(scores.chance, color=SOFT, linewidth=1, linestyle=":")
    for curve in scores.curves:
        colour, marker = _LOOKS[curve.kind]
        intervals = [by_name[curve.kind, snr].ua for snr in curve.snrs_db]
        low, high = ([v if x is None else x for v, x in zip(curve.ua, ends, strict=True)] for ends in (
            [e.low for e in intervals], [e.high for e in intervals],
        ))  # fmt: skip
        axes.fill_between(curve.snrs_db, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(curve.snrs_db, curve.ua, color=colour, marker=marker, markersize=4, linewidth=1.4, label=curve.title)
    axes.set_xlabel("SNR in dB (level of the active speech)")
    axes.set_ylabel("UA (macro recall) per utterance")
    axes.set_xticks(sorted({snr for curve in scores.curves for snr in curve.snrs_db}))
    axes.grid()
    axes.legend(loc="lower right", fontsize=8)


def _lines(axes: Axes, scores: NoiseScores) -> None:
    axes.axvline(scores.clean.ua.value, color=INK, linewidth=1, linestyle="--")
    axes.axvline(scores.chance, color=SOFT, linewidth=1, linestyle=":")
