"""Where the stages of a run are computed: processes of this machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal, Protocol, Self

from ser_toolkit.errors import ConfigError
from ser_toolkit.inference.pipeline import Pipeline

if TYPE_CHECKING:
    from ser_toolkit.data.files import Found
    from ser_toolkit.inference.pipeline import Row
    from ser_toolkit.inference.plan import Plan

__all__ = ["AnyPipeline", "Engine", "check_engine", "pipeline_on"]

Engine = Literal["local", "ray"]
"""Processes of this machine, or actors of a Ray cluster."""


class AnyPipeline(Protocol):
    """Files through the stages, wherever: `Pipeline`, or `ser_toolkit.ray_engine.pipeline.RayPipeline`."""

    seconds: dict[str, float]
    recipe: str
    warnings: tuple[str, ...]
    n_workers: int

    def __enter__(self) -> Self:
        """Start processes, or connect to them."""
        ...

    def __exit__(self, *given: object) -> None:
        """Let go of them."""

    @property
    def device(self) -> str:
        """Where the network runs."""
        ...

    @property
    def about(self) -> dict[str, str]:
        """What is to be said of machines beside this one."""
        ...

    def open(self, *, n_workers: int = 1) -> None:
        """Wait until some processes are ready."""

    def rows(self, files: Iterable[tuple[int, Found]]) -> Iterator[Row | None]:
        """Rows of files, as they come; see `Pipeline.rows`."""
        ...


def check_engine(engine: Engine, address: str, *, workers: int | None) -> None:
    """Refuse what does not go together, before anything is begun.

    Raises
    ------
    ConfigError
        If the address is of no cluster that is asked for, or a cluster is to have no process.
    MissingTierError
        If Ray is wanted and not installed.
    """
    if engine == "local":
        if address:
            raise ConfigError(f"--address {address} is of a Ray cluster: give --engine ray as well")
        return
    if workers == 0:
        raise ConfigError("--workers 0 is this process alone, which is no cluster: give 1 or more, or leave it out")
    from ser_toolkit.ray_engine.cluster import require_ray

    require_ray()


def pipeline_on(
    engine: Engine,
    plan: Plan,
    *,
    infer: bool,
    n_workers: int | None,
    timeout_s: float,
    say: Callable[[str], None],
    address: str = "",
    device: str = "cpu",
) -> AnyPipeline:
    """The pipeline of a run, not yet entered.

    Parameters
    ----------
    engine : {"local", "ray"}
        Where.
    plan : Plan
        For the stages.
    infer : bool
        Run the network; else rows have features.
    n_workers : int or None
        Processes that compute; None, for a cluster: one per core of it.
    timeout_s : float
        Longest time in which nothing comes of a file.
    say : callable
        Told in a sentence what happened to a process.
    address : str, optional
        Of the cluster; see `ser_toolkit.ray_engine.cluster.connected`.
    device : str, optional
        Of the network on a cluster.
    """
    if engine == "local":
        return Pipeline(plan, infer=infer, n_workers=n_workers or 1, timeout_s=timeout_s, say=say)
    from ser_toolkit.ray_engine.pipeline import RayPipeline

    return RayPipeline(
        plan, infer=infer, address=address, n_workers=n_workers, device=device, timeout_s=timeout_s, say=say
    )
