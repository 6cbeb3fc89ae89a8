"""A finished reproduction: rows, answers, cautions; made by a job, or again from the job's folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.comparison import Comparison, compare
from ser_toolkit.evaluation.differences import differences
from ser_toolkit.evaluation.evaluation import Evaluation, evaluate
from ser_toolkit.evaluation.late_fusion import late_fusion
from ser_toolkit.evaluation.predictions import PREDICTIONS, Predictions
from ser_toolkit.evaluation.reproduction import CLASSICAL, QUESTIONS, SINGLE, SVMS, TABLE_1, Setting, is_iemocap
from ser_toolkit.training.config import TrainConfig, check_config

if TYPE_CHECKING:
    from ser_toolkit.plugin_registry import Registry

__all__ = ["Answer", "Reproduction", "Row", "made", "read_reproduction"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting of the table.

    Parameters
    ----------
    setting : Setting
        What was fitted.
    predictions : Predictions
        What its models said.
    evaluation : Evaluation
        The scores.
    """

    setting: Setting
    predictions: Predictions
    evaluation: Evaluation


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A claim, and what the paired bootstrap says.

    Parameters
    ----------
    claim : str
        In words.
    a, b : str
        Names of the settings: the one that should win, the one that should lose.
    comparison : Comparison
        Of the two, a - b.
    regularised : bool
        Whether only `a` was fitted with hidden inputs, so that the comparison is not of the inputs alone.
    """

    claim: str
    a: str
    b: str
    comparison: Comparison
    regularised: bool = False


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """The table.

    Parameters
    ----------
    out : Path
        Folder of the job.
    protocol : str
        How training and test were kept apart.
    digest : str
        Hash of the split.
    rows : tuple of Row
        In the order of the table.
    answers : tuple of Answer
        The paper's claims and two more, whichever way they come out.
    differences : tuple of str
        What separates this from the paper.
    cautions : tuple of str
        What a reader of all scores has to know; see `read_first` for those of single settings.
    quick : bool
        Whether it is a trial of few epochs and folds, whose scores mean nothing.
    """

    out: Path
    protocol: str
    digest: str
    rows: tuple[Row, ...]
    answers: tuple[Answer, ...]
    differences: tuple[str, ...]
    cautions: tuple[str, ...]
    quick: bool

    def read_first(self) -> tuple[str, ...]:
        """All cautions, each once: of the job, of settings (which are named), and of comparisons."""
        by_setting: dict[str, list[Row]] = {}
        for row in self.rows:
            if len(row.evaluation.seeds) == 1:
                by_setting.setdefault("one seed: scores and differences may be the luck of its draw", []).append(row)
            for text in row.evaluation.cautions:
                by_setting.setdefault(text, []).append(row)
        by_claim: dict[str, list[str]] = {}
        for answer in self.answers:
            for text in answer.comparison.cautions:
                plain = text.removeprefix("A: ").removeprefix("B: ")
                if not plain.startswith("a model with one seed"):  # said above, with its name
                    by_claim.setdefault(plain, []).append(answer.claim)
        said = dict.fromkeys(self.cautions)
        for text, rows in by_setting.items():
            if text not in said:
                said[_of(rows, self.rows) + text] = None
        for text, claims in by_claim.items():
            if text not in by_setting and text not in self.cautions:
                said[f"{'; '.join(dict.fromkeys(claims))}: {text}"] = None
        return tuple(said)


def _of(rows: Sequence[Row], every: Sequence[Row]) -> str:
    """Names of settings before a caution, families in one word; nothing if it is of all."""
    left = {row.setting.name: row.setting.title for row in rows}
    if len(left) == len(every):
        return ""
    learners = [row.setting for row in every if not row.setting.network]
    families = {
        "all networks": [row.setting.name for row in every if row.setting.network],
        "all classical learners": [s.name for s in learners],
        "all learners per window": [s.name for s in learners if not s.per_utterance],
        "all learners per utterance": [s.name for s in learners if s.per_utterance],
    }
    said = []
    for family, names in families.items():
        if len(names) > 1 and all(name in left for name in names):
            said.append(family)
            left = {name: title for name, title in left.items() if name not in names}
    return f"{'; '.join([*left.values(), *said])}: "


def made(
    rows: Sequence[Row],
    *,
    out: Path,
    config: TrainConfig,
    protocol: str,
    digest: str,
    cautions: Iterable[str],
    quick: bool,
    registry: Registry,
) -> Reproduction:
    """Answer the questions and say what differs.

    Parameters
    ----------
    rows : sequence of Row
        The four settings of the table at least.
    out, protocol, digest, cautions, quick
        As of `Reproduction`.
    config : TrainConfig
        Of the job.
    registry : Registry
        Knows the defaults of the network.

    Returns
    -------
    Reproduction
        Complete.
    """
    items = list({item.key: item for item in rows[0].predictions.items}.values())
    counts = Counter(item.emotion for item in items)
    return Reproduction(
        out=out,
        protocol=protocol,
        digest=digest,
        rows=tuple(rows),
        answers=_answers(rows, config),
        differences=differences(
            config=config,
            counts={label: counts[label] for label in rows[0].predictions.labels},
            iemocap=is_iemocap(items),
            classical=any(not row.setting.network for row in rows),
            registry=registry,
        ),
        cautions=tuple(dict.fromkeys(cautions)),
        quick=quick,
    )


def _answers(rows: Sequence[Row], config: TrainConfig) -> tuple[Answer, ...]:
    found = {row.setting.name: row for row in rows}

    def best(names: Iterable[str]) -> Row:
        return max((found[n] for n in names if n in found), key=lambda r: r.evaluation.utterance.ua.estimate.value)

    questions = list(QUESTIONS)
    single = best(SINGLE)
    questions.insert(
        2, (f"both inputs beat the better single one ({single.setting.title})", "both-cce", single.setting.name)
    )
    if any(name in found for name in SVMS):
        svm = best(SVMS)
        questions.append(
            (f"the whole system beats the better SVM on eGeMAPS ({svm.setting.title})", "both-fl", svm.setting.name)
        )
    answers = [
        Answer(
            claim=claim,
            a=a,
            b=b,
            comparison=compare(found[a].predictions, found[b].predictions),
            regularised=bool(config.augment.input_dropout) and b in SINGLE,
        )
        for claim, a, b in questions
    ]
    mel, gemaps = (found[name].predictions for name in SINGLE)
    if set(mel.seeds) & set(gemaps.seeds):
        answers.append(
            Answer(
                claim=f"the mean of both single ones, untrained, beats the better one ({single.setting.title})",
                a="late-fusion",
                b=single.setting.name,
                comparison=compare(late_fusion(mel, gemaps), single.predictions),
            )
        )
    return tuple(answers)


def read_reproduction(folder: str | Path, *, registry: Registry | None = None) -> Reproduction:
    """Make a finished reproduction again from its folder, without its recordings; nothing is fitted.

    Scores, answers and differences are computed anew, so that old results get what newer versions say of them.

    Parameters
    ----------
    folder : path
        ``out`` of `ser_toolkit.evaluation.reproduce.reproduce`, after
        `ser_toolkit.report.reproduction.write_reproduction`.
    registry : Registry, optional
        Knows the defaults of the network; default: the installed plugins.

    Returns
    -------
    Reproduction
        The same as the job gave.

    Raises
    ------
    ModelError
        If the folder holds no finished reproduction.
    ConfigError
        If its configuration is not one of this version.
    """
    from ser_toolkit.plugin_registry import default_registry

    folder = Path(folder)
    try:
        said = json.loads((folder / "reproduction.json").read_text(encoding="utf-8"))
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))["config"]
        names, protocol, digest = list(said["settings"]), str(said["protocol"]), str(said["split"])
        cautions, quick = [str(text) for text in said["cautions"]], bool(said["quick"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ModelError(
            f"{folder}: no finished reproduction ({what}); an unfinished one goes on with `reproduce --resume`"
        ) from error
    known = {s.name: s for s in (*TABLE_1, *CLASSICAL)}
    missing = [s.name for s in TABLE_1 if s.name not in names]
    unknown = [name for name in names if name not in known]
    if missing or unknown:
        wrong = f"lacks {', '.join(missing)}" if missing else f"has settings that this version does not know: {unknown}"
        raise ModelError(f"{folder / 'reproduction.json'} {wrong}")
    rows = []
    for name in names:
        predictions = Predictions.load(folder / name / PREDICTIONS)
        rows.append(Row(setting=known[name], predictions=predictions, evaluation=evaluate(predictions)))
    return made(
        rows, out=folder, config=check_config(config), protocol=protocol, digest=digest, cautions=cautions, quick=quick,
        registry=registry or default_registry(),
    )  # fmt: skip
