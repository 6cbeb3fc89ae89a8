"""The last stage of `analyze`: pieces of recordings to results of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ser_toolkit.data.files import display_path
from ser_toolkit.inference.columns import columns_of, rows_of
from ser_toolkit.report.results import FileResult

if TYPE_CHECKING:
    from ser_toolkit.inference.aggregation import Summary
    from ser_toolkit.inference.columns import Batch

__all__ = ["Assemble"]


@dataclass(frozen=True, kw_only=True)
class Assemble:
    """Collects the pieces of recordings, which may come in any order.

    Parameters
    ----------
    summary : Summary
        How windows become a file.
    """

    summary: Summary
    name: ClassVar[str] = "aggregation"
    _open: dict[int, _Pieces] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """A row for each file that is complete, with ``index`` and ``result`` (`FileResult`)."""
        for row in rows_of(batch):
            index = row["index"]
            pieces = self._open.setdefault(index, _Pieces())
            result = pieces.add(row, self.summary)
            if result is not None:
                del self._open[index]
                yield columns_of([{"index": index, "result": result}])

    def drop(self, index: int) -> None:
        """Forget the pieces of a recording that will never be complete."""
        self._open.pop(index, None)


class _Pieces:
    """What is there of one recording."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[Any, Any]] = {}
        self._last: dict[str, Any] | None = None
        self._speechless = False

    def add(self, row: dict[str, Any], summary: Summary) -> FileResult | None:
        """Take a row; the result, if that was all of them."""
        name = display_path(row["path"])
        if row.get("status"):
            return FileResult(
                file=name,
                status=row["status"],
                reason=row["reason"],
                detail=row["detail"],
                notes=tuple(row.get("notes") or ()),
                duration_s=row.get("duration_s"),
            )
        heard = row["heard"]
        self._speechless |= bool(np.any(row.get("speechless", False)))
        if heard.any():
            self._parts[row["piece"]] = row["starts"][heard], row["probabilities"]
        else:
            self._parts[row["piece"]] = row["starts"][:0], np.zeros((0, summary.width), dtype=np.float32)
        if row["last"]:
            self._last = row
        last = self._last
        if last is None or len(self._parts) <= last["piece"]:
            return None
        notes = (*last["notes"], *(["silent parts"] if last["silent_parts"] else []))
        ordered = [self._parts[i] for i in range(last["piece"] + 1)]
        if not any(len(starts) for starts, _ in ordered):
            return FileResult(
                file=name,
                status="skipped",
                reason="no speech",
                detail="nobody speaks in it (--speech off: analyze any sound)",
                notes=notes,
                duration_s=last["duration_s"],
            )
        windows = summary.windows(
            np.concatenate([starts for starts, _ in ordered]),
            np.concatenate([probabilities for _, probabilities in ordered]),
            n_samples=last["n_samples"],
        )
        notes = (*notes, *(["parts without speech"] if self._speechless else []))
        return summary.file(name, windows, notes=notes, duration_s=last["duration_s"])
