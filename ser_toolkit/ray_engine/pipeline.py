"""Many files through the stages on a Ray cluster: what `ser_toolkit.inference.pipeline.Pipeline` is on one machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ser_toolkit.data.files import display_path
from ser_toolkit.errors import DeviceError, SerToolkitError
from ser_toolkit.inference.columns import refusal
from ser_toolkit.inference.device_names import parse_device
from ser_toolkit.inference.graph import check_graph
from ser_toolkit.inference.pipeline import DROPPED, part_of
from ser_toolkit.ray_engine.actors import Duty, added
from ser_toolkit.ray_engine.alone import alone
from ser_toolkit.ray_engine.cluster import connected, shared_environment
from ser_toolkit.ray_engine.mapping import Share, mapped, share_of, tables_of
from ser_toolkit.recipe import Recipe

if TYPE_CHECKING:
    from ser_toolkit.data.files import Found
    from ser_toolkit.inference.pipeline import Row
    from ser_toolkit.inference.plan import Plan
    from ser_toolkit.ray_engine.cluster import Cluster
    from ser_toolkit.ray_engine.parcels import Parcel

__all__ = ["RayPipeline"]

_FILES_AT_ONCE = 50_000  # their names are with this process, and what died among them waits for the end of them
_STALLS = 3
_SHOWN = 3


@dataclass(eq=False)
class _Begun:
    """What has come of a file."""

    pieces: set[int] = field(default_factory=set)
    last: int | None = None

    def take(self, row: Row) -> bool:
        """Note a row; whether that was all of its file."""
        if row.get("status"):
            return True
        self.pieces.add(row["piece"])
        if row["last"]:
            self.last = row["piece"]
        return self.last is not None and len(self.pieces) > self.last


class RayPipeline:
    """Files through actors of a cluster.

    What an actor was at when it died is tried once more, each file in a process of its own; if that dies too, the file
    has failed. A machine that is lost takes no file with it.

    Parameters
    ----------
    plan : Plan
        For the stages. The model lies at the same place on all machines.
    infer : bool
        Run the network; else rows have features.
    address : str, optional
        As for `ser_toolkit.ray_engine.cluster.connected`.
    n_workers : int, optional
        Most processes that compute; default: one per core of the cluster.
    device : str, optional
        ``"auto"`` runs the network on GPUs of the cluster if it has any; ``"cpu"``; ``"cuda"`` and ``"tensorrt"``
        insist on them.
    timeout_s : float
        Longest time in which nothing comes of a file, or of a piece of a long one.
    say : callable, optional
        Told in a sentence what happened.

    Attributes
    ----------
    seconds : dict of str to float
        Time spent in each stage, of all processes.
    recipe : str
        JSON of the recipe, after entering.
    warnings : tuple of str
        Of the front end on this machine, after entering.
    n_workers : int
        Processes that compute, after entering.
    cluster : Cluster
        What there is, after entering.

    Raises
    ------
    SerToolkitError
        On entering, if the model cannot be opened, or no cluster answers.
    """

    cluster: Cluster

    def __init__(
        self,
        plan: Plan,
        *,
        infer: bool,
        address: str = "",
        n_workers: int | None = None,
        device: str = "cpu",
        timeout_s: float,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.seconds: dict[str, float] = {}
        self.recipe, self.n_workers = "", n_workers or 0
        self.warnings: tuple[str, ...] = ()
        self._plan = replace(plan, model=_everywhere(plan.model) if plan.model else "", threads=1)
        self._infer, self._address, self._wanted, self._device = infer, address, n_workers, device
        self._timeout_s, self._say = timeout_s, say or (lambda _: None)
        self._said: set[str] = set()
        self._devices: set[str] = set()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._open_model()  # what is wrong with it is said before a cluster is started
        with contextlib.ExitStack() as stack:
            self.cluster = stack.enter_context(connected(self._address))
            self._share = self._divided()
            self.n_workers = self._share.computing
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *given: object) -> None:
        self._stack.close()

    @property
    def device(self) -> str:
        """Where the network has run, on any machine: ``"cpu"``, ``"cuda:0"``."""
        return ", ".join(sorted(self._devices)) or "cpu"

    @property
    def about(self) -> dict[str, str]:
        """What is to be said of the cluster."""
        return {"Ray": f"{importlib.metadata.version('ray')}, {self.cluster.says}"}

    def open(self, *, n_workers: int = 1) -> None:
        """Nothing: the model was opened on entering, and actors open it when there are files for them."""

    def rows(self, files: Iterable[tuple[int, Found]]) -> Iterator[Row | None]:
        """Rows of files, as they come; see `ser_toolkit.inference.pipeline.Pipeline.rows`.

        Raises
        ------
        SerToolkitError
            If the cluster does nothing at all of what it is asked.
        """
        files = iter(files)
        while some := list(itertools.islice(files, _FILES_AT_ONCE)):
            names = {index: str(found.path) for index, found in some}
            for row in self._some(some):
                yield row | {"path": names[row["index"]]}

    def _open_model(self) -> None:
        front = self._plan.front_end()
        if self._infer and isinstance(front.recipe, Recipe):
            check_graph(Path(self._plan.model), self._plan.session(), front.specs, recipe=front.recipe)
        self.recipe, self.warnings = self._plan.recipe_json(), front.warnings
        self._said.update(self.warnings)

    def _some(self, some: Sequence[tuple[int, Found]]) -> Iterator[Row]:
        left: dict[int, Row] = {}
        for index, found in some:
            if found.error is not None:
                yield {"index": index} | refusal(found.error)
            else:
                left[index] = {"index": index, "path": _everywhere(str(found.path)), **part_of(found)}
        duty = Duty(
            plan=replace(self._plan, recipe=self.recipe),
            groups=("computing", "network") if self._infer else ("computing",),
            device=parse_device(self._device)[0],  # Ray shows an actor its own GPU only
            timeout_s=self._timeout_s,
            environment=shared_environment(),
        )
        yield from self._together(left, duty)
        if left:
            self._say(f"{_shown(left)} with a process that ended; tried once more, each by itself")
            once_more = alone(list(left.values()), duty, n=self._share.computing)
            yield from self._complete(left, {}, once_more)
        for index, row in left.items():
            yield {"index": index, "path": row["path"], "status": "failed", "reason": "crashed",
                   "detail": "the cluster gave no result of it"}  # fmt: skip

    def _together(self, left: dict[int, Row], duty: Duty) -> Iterator[Row]:
        """Rows of all that is left, and take those from it of which nothing more is to come."""
        from ray.exceptions import RayError

        stalls = 0
        while left:
            n_before, begun = len(left), dict[int, _Begun]()
            lost: RayError | None = None
            tables = tables_of(list(left.values()), computing=self._share.computing)
            try:
                yield from self._complete(left, begun, mapped(tables, duty, self._share))
            except RayError as error:
                lost = error
            for index in begun:
                yield {"index": index, DROPPED: True}
            if lost is None:
                return  # what is left was with actors that died
            stalls = 0 if len(left) < n_before else stalls + 1
            if stalls == _STALLS:
                raise SerToolkitError(f"the Ray cluster does not do the work: {_sentence(lost)}") from lost
            self._say(f"the cluster lost what it was at ({_sentence(lost)}); {len(left)} files are begun again")

    def _complete(self, left: dict[int, Row], begun: dict[int, _Begun], parcels: Iterator[Parcel]) -> Iterator[Row]:
        for parcel in parcels:
            self.seconds.update(added(self.seconds, parcel.seconds))
            for text in parcel.said:
                if text not in self._said:
                    self._said.add(text)
                    self._say(text)
            if parcel.device:
                self._devices.add(parcel.device)
            index = parcel.row["index"]
            if index not in left:
                continue
            yield parcel.row
            if begun.setdefault(index, _Begun()).take(parcel.row):
                del left[index], begun[index]

    def _divided(self) -> Share:
        kind, _ = parse_device(self._device)
        n_gpus = 0
        if self._infer and kind != "cpu" and not Path(self._plan.model).is_dir():
            n_gpus = self.cluster.n_gpus
            if not n_gpus and kind != "auto":
                raise DeviceError(
                    f"{self._device} cannot be used: no machine of the Ray cluster offers a GPU (ray start "
                    "--num-gpus); give --device cpu or auto"
                )
        return share_of(self.cluster.n_cpus, n_workers=self._wanted, n_gpus=n_gpus)


def _shown(left: Mapping[int, Row]) -> str:
    first = ", ".join(display_path(row["path"]) for row in itertools.islice(left.values(), _SHOWN))
    return f"{first} was" if len(left) == 1 else f"{len(left)} files ({first}{', ...' * (len(left) > _SHOWN)}) were"


def _everywhere(path: str) -> str:
    """A path that means the same in another folder; an address is left alone."""
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100 - links stay as they are


def _sentence(error: Exception) -> str:
    """The first line, and the last, which names the cause where Ray appends a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return ": ".join(dict.fromkeys(line[:200] for line in (lines[0], lines[-1])))
