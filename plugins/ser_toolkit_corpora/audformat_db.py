"""Databases in audEERING's audformat: a header ``db.yaml`` and tables beside it."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ser_toolkit.data.corpora import Reading, canonical
from ser_toolkit.data.corpus_files import audio_files, key_of, listed, wrong_layout
from ser_toolkit.data.files import display_path
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import ManifestError, close_matches

if TYPE_CHECKING:
    import pandas as pd

LANGUAGES = {
    "ces": "cs", "cmn": "zh", "dan": "da", "deu": "de", "eng": "en", "fra": "fr", "ita": "it", "jpn": "ja", "kor": "ko",
    "nld": "nl", "pol": "pl", "por": "pt", "rus": "ru", "spa": "es", "tur": "tr", "zho": "zh",
}  # fmt: skip
"""ISO 639-3, as audformat writes it, to the two letters of the other corpora."""


@dataclass(frozen=True, kw_only=True)
class Audformat:
    """Reads an audformat database through the audformat package.

    Tables that exist as pickle only are refused, and the header is read as plain data: both could run code.

    Parameters
    ----------
    emotion : str
        Column with the labels.
    table : str
        Table with that column; empty: the one table that has it, or the one that is called like it.
    speaker, gender, text : str
        Columns with the speaker, the gender and the words or sentence; in the same table, in another table of the
        same recordings, or among the labels of the scheme of `speaker`. Gender and text may be missing.

    Notes
    -----
    Rows without a label are left out. Emotions take their canonical names where one fits.
    """

    name: ClassVar[str] = "audformat"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("audformat",)
    layout: ClassVar[str] = "db.yaml, tables such as db.files.csv or .parquet, and the audio that they name"

    emotion: str = "emotion"
    table: str = ""
    speaker: str = "speaker"
    gender: str = "gender"
    text: str = "transcription"

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        import pandas as pd

        found = audio_files(root, corpus="an audformat database", layout=self.layout)
        if not (found.root / "db.yaml").is_file():
            raise wrong_layout(found.root, "an audformat database", self.layout)
        files = _Files(found.root, found.files)
        db = _load(found.root)
        table = db[self._table(db)]
        frame: pd.DataFrame = table.df
        columns = {name: self._column(db, table, name) for name in (self.speaker, self.gender, self.text)}
        speakers = columns[self.speaker]
        if speakers is None:
            raise ManifestError(
                f"{display_path(root)}: no table of these recordings has a column {self.speaker!r}: name the column "
                f"with the speakers (--set speaker=...). Columns: {', '.join(_columns(db))}"
            )
        genders, texts = columns[self.gender], columns[self.text]
        if genders is None:
            genders = _mapped(db, speakers, self.speaker, self.gender)
        languages = [LANGUAGES.get(str(code), str(code)) for code in db.languages]
        rows, missing, unlabelled, nobody = [], [], 0, 0
        for i, index in enumerate(frame.index):
            file, start, end = index if isinstance(index, tuple) else (index, pd.NaT, pd.NaT)
            label, speaker = _text(frame[self.emotion].iloc[i]), _text(speakers.iloc[i])
            path = files.find(str(file))
            if label is None:
                unlabelled += 1
            elif speaker is None:
                nobody += 1
            elif path is None:
                missing.append(str(file))
            else:
                start_s, end_s = _seconds(start), _seconds(end)
                rows.append(
                    Utterance(
                        file=path,
                        key=key_of(path, found.root),
                        emotion=canonical(label) or label,
                        speaker=f"{db.name}-{speaker}",
                        start_s=start_s if start_s or end_s is not None else None,
                        end_s=end_s,
                        gender=_text(genders.iloc[i]) if genders is not None else None,
                        language=languages[0] if len(languages) == 1 else None,
                        split=_text(table.split_id),
                        text_id=_text(texts.iloc[i]) if texts is not None else None,
                        corpus=db.name,
                    )
                )
        notes = list(found.notes)
        notes += [listed("recordings of the table are not there", missing)] if missing else []
        notes += [f"{unlabelled} rows have no {self.emotion}, and are left out"] if unlabelled else []
        notes += [f"{nobody} rows have no {self.speaker}, and are left out"] if nobody else []
        return Reading(utterances=tuple(rows), notes=tuple(notes))

    def _table(self, db: Any) -> str:
        having = [name for name in db.tables if self.emotion in db[name].columns]
        if self.table:
            if self.table not in having:
                raise ManifestError(
                    f"{db.name} has no table {self.table!r} with a column {self.emotion!r}. "
                    f"{close_matches(self.table, having)}"
                )
            return self.table
        if not having:
            raise ManifestError(
                f"no table of {db.name} has a column {self.emotion!r}: name the one with the labels "
                f"(--set emotion=...). {close_matches(self.emotion, _columns(db))}"
            )
        if len(having) > 1 and self.emotion not in having:
            raise ManifestError(
                f"{len(having)} tables of {db.name} have a column {self.emotion!r}: name one (--set table=...). "
                f"{', '.join(sorted(having))}"
            )
        return self.emotion if len(having) > 1 else str(having[0])

    def _column(self, db: Any, table: Any, name: str) -> pd.Series[Any] | None:
        """A column beside the rows of `table`, from there or from the first other table that has it for their files."""
        if name in table.columns:
            return table.df[name]  # type: ignore[no-any-return]
        others = [other for other in sorted(db.tables) if name in db[other].columns]
        for other in others:
            if db[other].df.index.equals(table.df.index):
                return db[other].df[name]  # type: ignore[no-any-return]
        for other in others:
            if db[other].is_filewise:
                by_file = db[other].df[name].astype(object)
                return by_file.reindex(table.files.unique()).loc[table.files]  # type: ignore[no-any-return]
        return None


class _Files:
    """The audio of a database by the names that its tables use, whatever format it was converted to."""

    def __init__(self, root: Path, files: tuple[Path, ...]) -> None:
        self._root, self._known = root, set(files)
        self._stems = {path.with_suffix(""): path for path in reversed(files)}

    def find(self, name: str) -> Path | None:
        path = self._root / name
        return path if path in self._known else self._stems.get(path.with_suffix(""))


def _load(root: Path) -> Any:
    """The database, from copies of its header and tables that can run nothing when they are read."""
    import audformat
    import yaml

    pickled = {p.stem for p in root.glob("db.*.pkl")}
    tables = [p for suffix in ("csv", "parquet") for p in sorted(root.glob(f"db.*.{suffix}"))]
    if only := sorted(pickled - {p.stem for p in tables}):
        raise ManifestError(
            f"{display_path(root)}: {only[0]}.pkl is a pickle, which could run code: save its table as CSV "
            "(db.save(folder, storage_format='csv'))"
        )
    try:
        header = yaml.safe_load((root / "db.yaml").read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "db.yaml").write_text(yaml.safe_dump(header), encoding="utf-8")
            for path in tables:
                shutil.copyfile(path, Path(folder, path.name))
            return audformat.Database.load(folder, load_data=True, num_workers=1)
    except Exception as error:  # a malformed header or table raises anything
        raise ManifestError(
            f"{display_path(root)}: this is no audformat database that can be read: {type(error).__name__}: "
            f"{' '.join(str(error).split())}"
        ) from error


def _columns(db: Any) -> list[str]:
    return sorted({str(column) for name in db.tables for column in db[name].columns})


def _mapped(db: Any, speakers: pd.Series[Any], scheme: str, wanted: str) -> pd.Series[Any] | None:
    """What the labels of a scheme say: ``schemes: speaker: labels: {"3": {gender: male}}``, or a misc table of them."""
    labels = db.schemes[scheme].labels if scheme in db.schemes else None
    if isinstance(labels, str) and labels in db.misc_tables:
        labels = {str(i): dict(row) for i, row in db[labels].df.iterrows()}
    if not isinstance(labels, Mapping):
        return None
    known = {str(k): v.get(wanted) for k, v in labels.items() if isinstance(v, Mapping)}
    return speakers.map(lambda speaker: known.get(str(speaker))) if any(map(_text, known.values())) else None


def _text(value: Any) -> str | None:
    """A cell as text on one line; ``None`` for what stands for nothing."""
    import pandas as pd

    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return None
    return " ".join(str(value).split()) or None


def _seconds(time: Any) -> float | None:
    seconds = float(time.total_seconds())
    return None if math.isnan(seconds) else round(seconds, 9)
