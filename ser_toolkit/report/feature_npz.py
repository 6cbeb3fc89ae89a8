"""Features as ``.npz``: one array per feature, that numpy reads without pickle."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np
from numpy.lib import format as npy

from ser_toolkit.data.atomic import PREFIX
from ser_toolkit.data.files import display_path
from ser_toolkit.report.feature_layout import ABOUT, NPZ_ARRAYS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.report.feature_layout import FeatureBlock, FeatureFile, FeatureLayout

__all__ = ["NpzWriter"]


class _Growing:
    """An array in a ``.npy`` file that gets rows."""

    def __init__(self, path: Path, dtype: str, shape: tuple[int, ...] = ()) -> None:
        self.path = path
        self._dtype, self._shape = np.dtype(dtype), shape
        self._n = 0
        self._file: BinaryIO = path.open("wb")
        self._write_header()

    def append(self, rows: NDArray[Any]) -> None:
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).tobytes())
        self._n += len(rows)

    def close(self) -> None:
        self._file.seek(0)
        self._write_header()  # of the same length: numpy leaves room for the number of rows
        self._file.close()

    def _write_header(self) -> None:
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (self._n, *self._shape)}
        npy.write_array_header_1_0(self._file, header)


class NpzWriter:
    """Arrays grow in a temporary folder beside the output, and are put together at the end; a context manager.

    Parameters
    ----------
    path : Path
        Where to.
    layout : FeatureLayout
        Features and columns.

    Notes
    -----
    Arrays: each feature under its input name, (n_windows, *shape), or, if an axis varies, all values in one dimension
    and ``<input name>_offsets`` (n_windows + 1,); ``start`` and ``end`` (n_windows,) in seconds; ``index``
    (n_windows,), the place in the arrays of files; ``file``, ``status``, ``reason``, ``notes``, ``duration_s`` and the
    columns of a manifest (n_files,); ``names``, ``recipe`` and ``metadata``, JSON.
    """

    def __init__(self, path: Path, layout: FeatureLayout) -> None:
        self._path, self._layout = path, layout
        self._files: list[FeatureFile] = []
        taken = {*ABOUT, *NPZ_ARRAYS, *layout.labels}
        self._array_names = {key: f"{key}_values" if key in taken else key for key in layout.specs}

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=self._path.parent, ignore_cleanup_errors=True)
        shapes = {key: () if spec.varies else spec.shape for key, spec in self._layout.specs.items()}
        self._values = {key: self._growing(self._array_names[key], "<f4", shapes[key]) for key in shapes}
        varying = [key for key, spec in self._layout.specs.items() if spec.varies]
        self._offsets = {key: self._growing(f"{self._array_names[key]}_offsets", "<i8") for key in varying}
        self._end_of = dict.fromkeys(varying, 0)
        for offsets in self._offsets.values():
            offsets.append(np.zeros(1))
        self._places = {name: self._growing(name, "<i8" if name == "index" else "<f8")
                        for name in ("start", "end", "index")}  # fmt: skip
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._folder:
            arrays = [*self._values.values(), *self._offsets.values(), *self._places.values()]
            for array in arrays:
                array.close()
            if kind is None:
                self._put_together([array.path for array in arrays])

    def write(self, file: FeatureFile, blocks: Iterator[FeatureBlock]) -> None:
        """Add the windows of a file."""
        for block in blocks:
            n = len(block.starts_s)
            if not n:
                continue
            self._places["start"].append(block.starts_s)
            self._places["end"].append(block.ends_s)
            self._places["index"].append(np.full(n, len(self._files)))
            for key, array in self._values.items():
                values = block.features[key]
                if key in self._offsets:
                    ends = self._end_of[key] + np.cumsum([value.size for value in values])
                    self._end_of[key] = int(ends[-1])
                    self._offsets[key].append(ends)
                    values = [value.ravel() for value in values]
                array.append(np.concatenate(values) if key in self._offsets else np.stack(values))
        self._files.append(file)

    def _growing(self, name: str, dtype: str, shape: tuple[int | None, ...] = ()) -> _Growing:
        return _Growing(Path(self._folder.name) / f"{name}.npy", dtype, tuple(n or 0 for n in shape))

    def _put_together(self, paths: list[Path]) -> None:
        with zipfile.ZipFile(self._path, "w") as archive:
            for path in paths:
                with path.open("rb") as file, archive.open(path.name, "w", force_zip64=True) as out:
                    shutil.copyfileobj(file, out, 1 << 20)
                path.unlink()  # so that the disk holds no array twice
            for name, array in self._of_files().items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as out:
                    npy.write_array(out, array, allow_pickle=False)

    def _of_files(self) -> Mapping[str, NDArray[Any]]:
        results = [file.result for file in self._files]
        said: dict[str, NDArray[Any]] = {
            "file": _texts([r.file for r in results]),
            "status": _texts([r.status for r in results]),
            "reason": _texts([r.reason for r in results]),
            "notes": _texts(["; ".join(r.notes) for r in results]),
            "duration_s": _numbers([r.duration_s for r in results]),
        }
        for name, kind in self._layout.labels.items():
            column = [file.labels.get(name) for file in self._files]
            said[_member(name)] = _texts([str(x or "") for x in column]) if kind is str else _numbers(column)
        names = {self._array_names[key]: names for key, names in self._layout.names.items()}
        said["names"] = np.array(json.dumps(names))
        said["recipe"] = np.array(self._layout.recipe)
        said["metadata"] = np.array(json.dumps(self._layout.to_json()))
        return said


def _member(name: str) -> str:
    """A name that, as a member of an archive, is no path."""
    return display_path(name).replace("/", "%2F").replace("\\", "%5C")


def _texts(values: list[str]) -> NDArray[Any]:
    return np.array(values, dtype=np.str_)


def _numbers(values: list[Any]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
