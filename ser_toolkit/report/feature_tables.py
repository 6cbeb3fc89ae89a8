"""Features as Parquet and CSV: a row per window, and one for each file that has none."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO, get_args

import numpy as np

from ser_toolkit.data import atomic
from ser_toolkit.data.spreadsheet import safe_cell
from ser_toolkit.errors import ConfigError
from ser_toolkit.report.feature_layout import ABOUT
from ser_toolkit.report.feature_npz import NpzWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.locations import Location
    from ser_toolkit.report.feature_layout import FeatureBlock, FeatureFile, FeatureLayout, FeatureWriter

__all__ = ["FeatureKind", "kind_of", "open_features", "twin_of"]

FeatureKind = Literal["parquet", "npz", "csv"]

_ROW_GROUP_BYTES = 16_000_000
_ROW_GROUP = 16_384


def kind_of(path: Location) -> FeatureKind:
    """Format of an output, by its suffix.

    Raises
    ------
    ConfigError
        If the suffix is none of them.
    """
    for kind in get_args(FeatureKind):
        if path.suffix.lower() == f".{kind}":
            found: FeatureKind = kind
            return found
    raise ConfigError(f"{path.name}: features are written as .parquet, .npz or .csv; give a name that ends so")


def twin_of(path: Location) -> Location:
    """Where the recipe of a CSV lies, which has no place for it."""
    return path.with_name(path.name + ".json")


@contextlib.contextmanager
def open_features(path: Location, layout: FeatureLayout, *, kind: FeatureKind) -> Iterator[FeatureWriter]:
    """Write features as they come; memory does not grow with their number.

    Parameters
    ----------
    path : Path or Url
        Where to; the file appears as a whole when the block ends well, or not at all.
    layout : FeatureLayout
        Columns.
    kind : {"parquet", "npz", "csv"}
        Format. CSV takes vectors only, and has its metadata in `twin_of`.

    Yields
    ------
    FeatureWriter
        Takes files in order.

    Raises
    ------
    ConfigError
        If a feature is no vector, and the format is CSV.
    OutputError
        If the file cannot be written.
    """
    if kind == "csv" and (others := [key for key in layout.specs if not layout.is_vector(key)]):
        raise ConfigError(
            f"{path.name}: {others[0]!r} has a shape for each window, {layout.specs[others[0]].shape}, and CSV holds "
            "single numbers: write .parquet or .npz"
        )
    with atomic.replacing(path) as temporary:
        if kind == "parquet":
            with _Parquet(temporary, layout) as parquet:
                yield parquet
        elif kind == "npz":
            with NpzWriter(temporary, layout) as npz:
                yield npz
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield _Csv(file, layout)
            atomic.write_text(twin_of(path), json.dumps(layout.to_json(), indent=2) + "\n")


class _Csv:
    """Nine digits give every float32 back."""

    def __init__(self, file: TextIO, layout: FeatureLayout) -> None:
        self._layout = layout
        self._writer = csv.writer(file, lineterminator="\n")
        names = [name for names in layout.names.values() for name in names]
        self._n_values = len(names)
        self._writer.writerow([safe_cell(name) for name in (*ABOUT, *layout.labels, *names)])

    def write(self, file: FeatureFile, blocks: Iterator[FeatureBlock]) -> None:
        r = file.result
        said = [safe_cell(r.status), safe_cell(r.reason), safe_cell("; ".join(r.notes))]
        said += [_cell(file.labels.get(name)) for name in self._layout.labels]
        name, wrote = safe_cell(r.file), False
        for block in blocks:
            times = zip(block.starts_s.tolist(), block.ends_s.tolist(), strict=True)
            rows = zip(*(block.features[key] for key in self._layout.specs), strict=True)
            for (start_s, end_s), values in zip(times, rows, strict=True):
                numbers = [f"{value:.9g}" for value in np.concatenate(values).tolist()]
                self._writer.writerow([name, _seconds(start_s), _seconds(end_s), *said, *numbers])
                wrote = True
        if not wrote:
            empty = [""] * self._n_values
            self._writer.writerow([name, _seconds(file.start_s), _seconds(file.end_s), *said, *empty])


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return safe_cell(value) if isinstance(value, str) else f"{value:.12g}"


def _seconds(value: float | None) -> str:
    """To the microsecond, also after ten hours."""
    return "" if value is None else f"{round(value, 6):.12g}"


class _Parquet:
    """Writes row groups, so that no more than one is in memory."""

    def __init__(self, path: Path, layout: FeatureLayout) -> None:
        import pyarrow.parquet

        self._layout = layout
        self._schema = _schema(layout)
        self._rows: list[tuple[Any, ...]] = []
        self._values: dict[str, list[NDArray[np.float32] | None]] = {key: [] for key in layout.specs}
        self._n_bytes = 0
        self._stack = contextlib.ExitStack()
        sink = self._stack.enter_context(path.open("wb"))  # pyarrow takes no name that is not UTF-8
        texts = [field.name for field in self._schema if field.type == pyarrow.string()]
        self._writer = self._stack.enter_context(
            pyarrow.parquet.ParquetWriter(sink, self._schema, use_dictionary=texts, compression="zstd")
        )

    def __enter__(self) -> _Parquet:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._stack:
            if kind is None:
                self._flush()

    def write(self, file: FeatureFile, blocks: Iterator[FeatureBlock]) -> None:
        r = file.result
        about = (r.status, r.reason, "; ".join(r.notes), *(file.labels.get(name) for name in self._layout.labels))
        wrote = False
        for block in blocks:
            for i, (start_s, end_s) in enumerate(zip(block.starts_s.tolist(), block.ends_s.tolist(), strict=True)):
                self._add((r.file, start_s, end_s, *about), [block.features[key][i] for key in self._layout.specs])
                wrote = True
        if not wrote:
            self._add((r.file, file.start_s, file.end_s, *about), [None] * len(self._layout.specs))

    def _add(self, row: tuple[Any, ...], values: Sequence[NDArray[np.float32] | None]) -> None:
        self._rows.append(row)
        for held, value in zip(self._values.values(), values, strict=True):
            held.append(value)
            self._n_bytes += 0 if value is None else value.nbytes
        if self._n_bytes >= _ROW_GROUP_BYTES or len(self._rows) >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow

        held = list(zip(*self._rows, strict=True)) if self._rows else [()] * (len(ABOUT) + len(self._layout.labels))
        fields = iter(self._schema)
        arrays = [pyarrow.array(list(values), type=next(fields).type) for values in held]
        for key, values in self._values.items():
            arrays += self._columns(key, values)
            values.clear()
        self._writer.write_table(pyarrow.table(arrays, schema=self._schema))
        self._rows.clear()
        self._n_bytes = 0

    def _columns(self, key: str, values: Sequence[NDArray[np.float32] | None]) -> list[Any]:
        import pyarrow

        spec = self._layout.specs[key]
        gone = np.array([value is None for value in values], dtype=np.bool_)
        if spec.varies:
            flat = [None if value is None else value.ravel() for value in values]
            return [pyarrow.array(flat, type=pyarrow.list_(pyarrow.float32()))]
        nothing = np.zeros([n or 0 for n in spec.shape], dtype=np.float32)
        rows = [(nothing if value is None else value).ravel() for value in values]
        table = np.stack(rows) if rows else np.zeros((0, nothing.size), dtype=np.float32)
        if self._layout.is_vector(key):
            return [pyarrow.array(np.ascontiguousarray(column), mask=gone) for column in table.T]
        flat_values = pyarrow.array(table.ravel())
        return [pyarrow.FixedSizeListArray.from_arrays(flat_values, nothing.size, mask=pyarrow.array(gone))]


def _schema(layout: FeatureLayout) -> Any:
    import pyarrow

    text, number, value = pyarrow.string(), pyarrow.float64(), pyarrow.float32()
    fields = [pyarrow.field(name, number if name in ("start", "end") else text) for name in ABOUT]
    fields += [pyarrow.field(name, text if kind is str else number) for name, kind in layout.labels.items()]
    for key, spec in layout.specs.items():
        said = {"feature": key, "unit": spec.unit}
        if layout.is_vector(key):
            fields += [pyarrow.field(name, value, metadata=said) for name in layout.names[key]]
            continue
        said |= {"shape": json.dumps(spec.shape), "axes": json.dumps(spec.axes)}
        size = -1 if spec.varies else int(np.prod([n or 0 for n in spec.shape]))
        fields.append(pyarrow.field(layout.names[key][0], pyarrow.list_(value, size), metadata=said))
    return pyarrow.schema(fields, metadata=layout.metadata())
