"""Results on disk as they come: memory does not grow with the folder, and a killed run can go on."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import tempfile
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ser_toolkit.data.files import path_from_display
from ser_toolkit.data.locations import Url
from ser_toolkit.errors import OutputError
from ser_toolkit.report.results import FileResult, Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.locations import Location
    from ser_toolkit.recipe_calibration import Conformal

__all__ = ["SUFFIX", "Journal", "Stamp", "journal_path", "stamp_of"]

SUFFIX = ".resume"
"""What follows the name of an output whose run was not finished."""

_FORMAT = 1

Stamp = tuple[int, int]
"""Size and time of change of a file: those of another are not its results."""


def journal_path(output: Location) -> Path:
    """Where the journal of a run with this output is: beside it, or in the working directory if that is elsewhere."""
    if isinstance(output, Url):
        digest = hashlib.blake2b(output.address.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
        return Path(f"{output.name}-{digest}{SUFFIX}")
    return output.with_name(output.name + SUFFIX)


def stamp_of(path: Location) -> Stamp | None:
    """Size in bytes and time of change in ns of a file, or what its server says instead; None if there is none."""
    if isinstance(path, Url):
        return None if path.version is None else (path.n_bytes or 0, path.version)
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


class Journal(Collection[FileResult]):
    """Results of a run, in a file of JSON lines.

    Parameters
    ----------
    path : Path or None
        The file; None: a temporary one.
    names : sequence of str
        Names of all files of the run in their order; results are iterated in it.
    settings : mapping
        What results depend on, as JSON values: results of other settings are not resumed.
    conformal : Conformal or None
        Thresholds of the model, for the sets of windows.
    resume : bool, optional
        Keep what the file holds.
    stamps : callable, optional
        Place of a file in the order to its stamp as it is now; by default that of the file of this name.

    Raises
    ------
    OutputError
        If the file cannot be made; or holds results of other settings.
    """

    def __init__(
        self,
        path: Path | None,
        names: Sequence[str],
        *,
        settings: Mapping[str, Any],
        conformal: Conformal | None = None,
        resume: bool = False,
        stamps: Callable[[int], Stamp | None] | None = None,
    ) -> None:
        self.path = path
        self._stamps = stamps or (lambda index: stamp_of(path_from_display(names[index])))
        self._conformal = conformal
        self._position = {name: i for i, name in enumerate(names)}
        self._at = array("q", [-1]) * len(names)
        self._n = 0
        header = {"ser_toolkit_journal": _FORMAT, **settings}
        try:
            if path is None:
                handle, name = tempfile.mkstemp(prefix="ser-toolkit-", suffix=SUFFIX)
                os.close(handle)
                path = Path(name)
            self._where = path
            there = resume and path.exists()
            # unbuffered: what could not be written must not be written later
            self._out = path.open("ab" if there else "wb", buffering=0)
            self._in = path.open("rb")
            if self.path is None:
                with contextlib.suppress(PermissionError):  # Windows keeps it until it is closed
                    path.unlink()
            if not (there and self._read(header)):
                self._out.truncate(0)
                self._write(header)
        except OSError as error:
            raise OutputError(f"{path or 'a temporary file'}: cannot be written: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()
        self._in.close()
        if self.path is None:
            self._where.unlink(missing_ok=True)

    def __len__(self) -> int:
        return self._n

    def __contains__(self, result: object) -> bool:
        return isinstance(result, FileResult) and self.has(result.file)

    def has(self, name: str) -> bool:
        """Whether there is a result of the file of this name."""
        return name in self._position and self._at[self._position[name]] >= 0

    def __iter__(self) -> Iterator[FileResult]:
        for at in self._at:
            if at >= 0:
                yield self._result(at)

    def result(self, index: int) -> FileResult | None:
        """Result of the file at a place in the order, if there is one."""
        return self._result(self._at[index]) if self._at[index] >= 0 else None

    def recordings(self) -> dict[str, int]:
        """Hashes of the recordings by file, where they are known."""
        found = {}
        for at in self._at:
            if at >= 0:
                self._in.seek(at)
                line = _object(self._in.readline())
                if line.get("recording"):
                    found[str(line["file"])] = int(line["recording"])
        return found

    def add(self, index: int, result: FileResult, *, stamp: Stamp | None, recording: int = 0) -> None:
        """Keep a result.

        Parameters
        ----------
        index : int
            Place of the file in the order.
        result : FileResult
            Its windows are an instance of `Windows`, or none.
        stamp : Stamp or None
            Of the file before it was read.
        recording : int, optional
            `ser_toolkit.data.audio.recording_hash`; 0 if it is not known.

        Raises
        ------
        OutputError
            If the disk is full; what was kept before is safe.
        """
        try:
            at = self._write({"stamp": stamp, "recording": recording, **_packed(result)})
        except OSError as error:
            mend = "What was done before is kept: make room, and go on with --resume"
            if self.path is None:
                mend = "Set TMPDIR to a folder with room, or name an --output"
            raise OutputError(f"{self._where}: cannot be written: {error.strerror or error}. {mend}") from error
        self._n += self._at[index] < 0
        self._at[index] = at

    def remove(self) -> None:
        """Remove the file: everything that it holds has been written elsewhere."""
        self.__exit__()
        self._where.unlink(missing_ok=True)

    def _write(self, line: Mapping[str, Any]) -> int:
        at = self._out.seek(0, os.SEEK_END)
        data = memoryview(json.dumps(line, allow_nan=False).encode() + b"\n")
        try:
            while data:
                data = data[self._out.write(data) :]
        except OSError:
            self._out.truncate(at)
            raise
        return at

    def _read(self, header: Mapping[str, Any]) -> bool:
        """Index what an earlier run left; whether there is anything to go on with."""
        first = self._in.readline()
        if not first.endswith(b"\n"):
            return False
        said = _object(first)
        if said.get("ser_toolkit_journal") != _FORMAT:
            raise OutputError(f"{self.path}: is no journal of this version of ser-toolkit. Remove it, and begin anew")
        if said != header:
            other = sorted(key for key in {*said, *header} if said.get(key) != header.get(key))
            raise OutputError(
                f"{self.path}: the run that was not finished had other settings ("
                f"{'; '.join(f'{key} {said.get(key)!r}, now {header.get(key)!r}' for key in other)}). Go on with the "
                "same, or leave out --resume to begin anew"
            )
        at = len(first)
        for line in self._in:
            found = _object(line) if line.endswith(b"\n") else {}
            if not found:
                break  # the run was killed while it wrote
            self._take(at, found)
            at += len(line)
        self._out.truncate(at)
        return True

    def _take(self, at: int, found: Mapping[str, Any]) -> None:
        index = self._position.get(str(found.get("file")))
        if index is None or found.get("status") == "failed":
            return  # the file has gone, or is tried again
        if found["stamp"] and tuple(found["stamp"]) == self._stamps(index):
            self._n += self._at[index] < 0
            self._at[index] = at

    def _result(self, at: int) -> FileResult:
        self._in.seek(at)
        return _unpacked(_object(self._in.readline()), self._conformal)


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _packed(result: FileResult) -> dict[str, Any]:
    line: dict[str, Any] = {
        "file": result.file,
        "status": result.status,
        "reason": result.reason,
        "detail": result.detail,
        "notes": list(result.notes),
        "duration_s": result.duration_s,
        "probabilities": result.probabilities,
        "prediction_set": result.prediction_set,
        "min_confidence": result.min_confidence,
    }
    if result.dimensions:
        line["dimensions"] = result.dimensions
    if isinstance(result.windows, Windows):
        w = result.windows
        line["windows"] = {
            "labels": w.labels,
            "starts_s": _text(w.starts_s, "<f8"),
            "ends_s": _text(w.ends_s, "<f8"),
            "probabilities": _text(w.probabilities, "<f4"),
            "smoothed": None if w.smoothed is None else _text(w.smoothed, "<f4"),
        }
        if w.values is not None:
            line["windows"] |= {"dimensions": w.dimensions, "values": _text(w.values, "<f4")}
    return line


def _unpacked(line: Mapping[str, Any], conformal: Conformal | None) -> FileResult:
    windows: Sequence[Any] = ()
    if packed := line.get("windows"):
        labels, starts_s = tuple(packed["labels"]), _array(packed["starts_s"], "<f8")
        shape = (len(starts_s), len(labels))
        smoothed, dimensions = packed["smoothed"], tuple(packed.get("dimensions", ()))
        values = _array(packed["values"], "<f4").reshape(len(starts_s), len(dimensions)) if dimensions else None
        windows = Windows(
            labels=labels,
            starts_s=starts_s,
            ends_s=_array(packed["ends_s"], "<f8"),
            probabilities=_array(packed["probabilities"], "<f4").reshape(shape),
            smoothed=None if smoothed is None else _array(smoothed, "<f4").reshape(shape),
            conformal=conformal,
            min_confidence=line["min_confidence"],
            dimensions=dimensions,
            values=values,
        )
    members = line["prediction_set"]
    return FileResult(
        file=line["file"],
        status=line["status"],
        reason=line["reason"],
        detail=line["detail"],
        notes=tuple(line["notes"]),
        duration_s=line["duration_s"],
        probabilities=line["probabilities"],
        windows=windows,
        prediction_set=None if members is None else tuple(members),
        min_confidence=line["min_confidence"],
        dimensions=line.get("dimensions", {}),
    )


def _text(values: NDArray[Any], dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()


def _array(text: str, dtype: str) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), dtype=dtype)
