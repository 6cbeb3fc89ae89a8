"""Who speaks what: the table from which speakers are drawn and grouped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ser_toolkit.errors import SplitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance

__all__ = ["Speakers"]

_AT_ONCE = 500  # draws, which bounds memory


@dataclass(frozen=True, kw_only=True, eq=False)
class Speakers:
    """The speakers of a set of utterances, sorted by name.

    Parameters
    ----------
    names : tuple of str
        Each once.
    labels : tuple of str
        Sorted.
    counts : ndarray of float64, shape (n_speakers, n_labels)
        Utterances.
    genders : ndarray of float64, shape (n_speakers, n_genders)
        1 where a speaker has the gender; upper and lower case are one.
    gender, corpus, session : dict of str to tuple of str
        All that the utterances of a speaker say, in their order; empty text for those that say nothing. Gender in
        lower case.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    counts: NDArray[np.float64]
    genders: NDArray[np.float64]
    gender: dict[str, tuple[str, ...]]
    corpus: dict[str, tuple[str, ...]]
    session: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, utterances: Sequence[Utterance]) -> Speakers:
        """Count.

        Raises
        ------
        SplitError
            If an utterance has no speaker.
        """
        nameless = [u.key for u in utterances if u.speaker is None]
        if nameless:
            raise SplitError(
                f"{len(nameless)} of {len(utterances)} utterances have no speaker (the first: {nameless[0]}), so a "
                "speaker-independent split cannot be made. Give a manifest with a speaker column, find speakers in "
                "the file names with --speaker-pattern REGEX, or accept inflated scores with --allow-speaker-overlap"
            )
        names = tuple(sorted({u.speaker for u in utterances if u.speaker is not None}))
        labels = tuple(sorted({u.emotion for u in utterances}))
        gender = [(u.gender or "").strip().lower() for u in utterances]
        genders = sorted(set(gender))
        row, column = {s: i for i, s in enumerate(names)}, {label: i for i, label in enumerate(labels)}
        counts, has = np.zeros((len(names), len(labels))), np.zeros((len(names), len(genders)))
        said: dict[str, dict[str, dict[str, None]]] = {"gender": {}, "corpus": {}, "session": {}}
        for u, sex in zip(utterances, gender, strict=True):
            name = u.speaker or ""
            counts[row[name], column[u.emotion]] += 1
            has[row[name], genders.index(sex)] = 1
            for field, value in (("gender", sex), ("corpus", u.corpus), ("session", u.session or "")):
                said[field].setdefault(name, {})[value] = None
        facts = {field: {name: tuple(values) for name, values in of.items()} for field, of in said.items()}
        return cls(names=names, labels=labels, counts=counts, genders=has, **facts)

    def one(self, field: Literal["gender", "corpus", "session"], *, protocol: str) -> dict[str, str]:
        """The only gender, corpus or session of each speaker.

        Parameters
        ----------
        field : {"gender", "corpus", "session"}
            What to tell.
        protocol : str
            Who asks, for the message.

        Returns
        -------
        dict of str to str
            Empty text if it is not known.

        Raises
        ------
        SplitError
            If a speaker has several.
        """
        of: dict[str, tuple[str, ...]] = getattr(self, field)
        several = [name for name in self.names if len(of[name]) > 1]
        if several:
            raise SplitError(
                f"{protocol}: {len(several)} speakers have more than one {field} (the first: {several[0]}, "
                f"{' and '.join(repr(value) for value in of[several[0]][:3])}), so their recordings would be on both "
                "sides. Mend the manifest, or take leave-one-speaker-out"
            )
        return {name: of[name][0] for name in self.names}

    def deal(self, k: int, rng: np.random.Generator, *, draws: int) -> list[list[str]]:
        """All speakers in k groups of nearly the same size, alike in classes and, to one speaker, in genders.

        Parameters
        ----------
        k : int
            Groups.
        rng : numpy.random.Generator
            Source of chance.
        draws : int
            Deals to try; the most even one is taken.

        Returns
        -------
        list of list of str
            Each sorted.
        """
        whole = self.counts.sum(axis=0) / self.counts.sum()
        sex = self.genders.argmax(axis=1)
        best: list[list[int]] = []
        best_cost = np.inf
        for _ in range(draws):
            order = rng.permutation(len(self.names))
            order = order[np.argsort(sex[order], kind="stable")]  # like cards: one gender after the other
            groups = [np.sort(order[i::k]) for i in range(k)]
            part = np.stack([self.counts[group].sum(axis=0) for group in groups])  # (k, n_labels)
            cost = np.abs(part / np.maximum(part.sum(axis=1, keepdims=True), 1) - whole).sum() + 0.5 * (part == 0).sum()
            if cost < best_cost:
                best, best_cost = [group.tolist() for group in groups], cost
        return [[self.names[i] for i in group] for group in best]

    def draw(self, free: Collection[str], n: int, rng: np.random.Generator, *, draws: int) -> list[str]:
        """Speakers whose classes and genders are most like the whole, if possible not the last ones of a class.

        Parameters
        ----------
        free : collection of str
            Whom to draw from.
        n : int
            How many.
        rng : numpy.random.Generator
            Source of chance.
        draws : int
            Sets to try; the best is taken.

        Returns
        -------
        list of str
            Sorted.
        """
        rows = np.array([i for i, name in enumerate(self.names) if name in free], dtype=np.int64)
        if n == 0 or not len(rows):
            return []
        whole = self.counts.sum(axis=0) / self.counts.sum()
        sexes = self.genders.mean(axis=0)
        available = self.counts[rows].sum(axis=0)
        best, best_cost = rows[:n], np.inf
        for begin in range(0, draws, _AT_ONCE):
            some = range(min(_AT_ONCE, draws - begin))
            chosen = np.sort([rng.choice(rows, size=n, replace=False) for _ in some], axis=1)  # (draws, n)
            part = self.counts[chosen].sum(axis=1)  # (draws, n_labels)
            cost = np.abs(part / np.maximum(part.sum(axis=1, keepdims=True), 1) - whole).sum(axis=1)
            cost += np.abs(self.genders[chosen].mean(axis=1) - sexes).sum(axis=1)
            cost += 10.0 * (available == part).sum(axis=1) + 0.5 * (part == 0).sum(axis=1)
            if cost.min() < best_cost:
                best, best_cost = chosen[cost.argmin()], cost.min()
        return [self.names[i] for i in best]
