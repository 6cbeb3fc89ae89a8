"""The JSON twin of the HTML report, written file by file so that memory does not grow with the folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from ser_toolkit import __version__
from ser_toolkit.report.window_arrays import as_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.evaluation.folder_labels import Labelled, Truth
    from ser_toolkit.report.html_summary import Example, Summary
    from ser_toolkit.report.results import FileResult
    from ser_toolkit.report.run_info import RunInfo

__all__ = ["FORMAT", "Twin"]

FORMAT = 1
"""Version of the twin's schema; it rises when a field changes its meaning."""


class Twin:
    """Writes the twin to an open text file: `begin`, `add` for each file, `end`.

    Parameters
    ----------
    file : text file
        Where to; ASCII only is written.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._n = 0

    def begin(self, run: RunInfo) -> None:
        """Write what comes before the files."""
        self._file.write(f'{{"format": {FORMAT}, "ser_toolkit": {_json(__version__)},\n"run": {_json(run.to_json())}')
        self._file.write(',\n"files": [')

    def add(
        self,
        result: FileResult,
        labels: tuple[str, ...],
        *,
        link: str | None,
        truth: Truth | None,
        dimensions: Sequence[str] = (),
    ) -> None:
        """Write one file, with all its windows as columns."""
        row = replace(result, windows=()).to_json()
        del row["windows"]
        row |= {"n_windows": len(result.windows), "audio": link, "truth": None if truth is None else asdict(truth)}
        self._file.write(",\n" if self._n else "\n")
        self._n += 1
        self._file.write(_json(row)[:-1])
        self._file.write(', "windows": ')
        if not len(result.windows):
            self._file.write("null}")
            return
        windows = as_windows(result.windows, labels=labels, dimensions=dimensions)
        self._file.write('{"start_s": ' + _column(windows.starts_s, 3) + ', "end_s": ' + _column(windows.ends_s, 3))
        for name, values in (("probabilities", windows.probabilities), ("smoothed", windows.smoothed)):
            self._file.write(f', "{name}": ')
            if values is None:
                self._file.write("null")
                continue
            self._named(labels, values)
        if windows.values is not None:
            self._file.write(', "dimensions": ')
            self._named(windows.dimensions, windows.values)
        self._file.write("}}")

    def _named(self, names: Sequence[str], values: NDArray[Any]) -> None:
        """Write columns of windows by name."""
        columns = (_json(name) + ": " + _column(values[:, i], 6) for i, name in enumerate(names))
        self._file.write("{" + ", ".join(columns) + "}")

    def end(self, summary: Summary, labelled: Labelled | None) -> None:
        """Write what comes after the files."""
        self._file.write('\n],\n"summary": ' + _json(_summary(summary)))
        self._file.write(',\n"labelled": ' + _json(_labelled(labelled)) + "}\n")


def _column(values: NDArray[Any], digits: int) -> str:
    return _json(np.round(values.astype(np.float64), digits).tolist())


def _json(value: Any) -> str:
    # ASCII: names can carry surrogates, which no encoding takes
    return json.dumps(value, allow_nan=False)


def _summary(summary: Summary) -> dict[str, Any]:
    shallow = asdict(replace(summary, most_certain=(), least_certain=(), problems=()))
    return shallow | {
        "most_certain": _indices(summary.most_certain),
        "least_certain": _indices(summary.least_certain),
        "problems": _indices(summary.problems),
    }


def _indices(examples: tuple[Example, ...]) -> list[int]:
    return [example.index for example in examples]


def _labelled(labelled: Labelled | None) -> Mapping[str, Any] | None:
    if labelled is None:
        return None
    return {
        "source": labelled.source,
        "n_seen": labelled.n_seen,
        "cautions": list(labelled.cautions),
        "evaluation": None if labelled.evaluation is None else labelled.evaluation.to_json(),
    }
