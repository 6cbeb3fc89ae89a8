"""A Ray cluster: the one at an address, or one of this machine for this run; nothing is reported to anybody."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ser_toolkit.errors import ConfigError, MissingTierError, SerToolkitError
from ser_toolkit.inference.options import usable_cores

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Cluster", "connected", "require_ray", "shared_environment"]

_SLOW_START_MS = 120_000
_LOCAL = "local"
_OURS = "SER_TOOLKIT_"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What a cluster has.

    Parameters
    ----------
    address : str
        Of its head node.
    n_nodes, n_cpus, n_gpus : int
        Machines that are alive, and what they offer in all.
    """

    address: str
    n_nodes: int
    n_cpus: int
    n_gpus: int

    @property
    def says(self) -> str:
        """In words: ``"3 machines, 6 cores"``."""
        counts = [(self.n_nodes, "machine"), (self.n_cpus, "core"), (self.n_gpus, "GPU")]
        return ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in counts if n)


def require_ray() -> ModuleType:
    """Import Ray with its statistics of usage switched off.

    Returns
    -------
    module
        ``ray``, with ``ray.data``.

    Raises
    ------
    MissingTierError
        If it is not installed.
    """
    # a cluster that is started from here, and all of its processes, inherit them
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_agent_register_timeout_ms", str(_SLOW_START_MS))
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what its libraries print does not concern users
    # Ray says with every import how it will treat GPUs some day
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise MissingTierError("--engine ray", "ray", error.name) from error
    module: ModuleType = ray
    return module


@contextlib.contextmanager
def connected(address: str = "") -> Iterator[Cluster]:
    """Connect to a cluster for the length of a block.

    Parameters
    ----------
    address : str, optional
        ``"host:port"`` of its head node, or ``"auto"`` for one that runs on this machine; default: the one that
        ``RAY_ADDRESS`` names, or else a cluster of this machine alone, which ends with the block. If this process is
        connected already, that is used, and stays.

    Yields
    ------
    Cluster
        What there is.

    Raises
    ------
    MissingTierError
        If Ray is not installed.
    ConfigError
        If the address is of a kind that Ray Data does not run on.
    SerToolkitError
        If no cluster answers, or none can be started.
    """
    if address.startswith("ray://"):
        raise ConfigError(
            f"--address {address}: Ray Data does not run through Ray's client. Run the command on a machine of the "
            "cluster, with --address auto"
        )
    ray = require_ray()
    wanted = address or os.environ.get("RAY_ADDRESS") or _LOCAL
    ours = not ray.is_initialized()
    if ours:
        _start(ray, wanted)
    try:
        with _quiet():
            found = ray.cluster_resources()
            yield Cluster(
                address=ray.get_runtime_context().gcs_address,
                n_nodes=sum(bool(node["Alive"]) for node in ray.nodes()),
                n_cpus=max(1, int(found.get("CPU", 1))),
                n_gpus=int(found.get("GPU", 0)),
            )
    finally:
        if ours:
            ray.shutdown()


def shared_environment() -> dict[str, str]:
    """Variables of ours, which must be the same wherever a stage runs."""
    return {name: value for name, value in os.environ.items() if name.startswith(_OURS)}


def _start(ray: Any, address: str) -> None:
    more = {"num_cpus": usable_cores(), "include_dashboard": False} if address == _LOCAL else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **more)
    except Exception as error:
        ray.shutdown()
        if address == _LOCAL:
            raise SerToolkitError(f"Ray cannot be started on this machine: {_first_line(error)}") from error
        raise SerToolkitError(
            f"no Ray cluster that can be used answers at {address}: {_first_line(error)}. Start one there (ray start "
            "--head --disable-usage-stats), or leave out --address to use this machine alone"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What Ray Data has to say goes to its log file alone: what matters of it is said by the run."""
    handlers = [
        handler
        for handler in logging.getLogger("ray.data").handlers
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
    ]
    levels = [handler.level for handler in handlers]
    for handler in handlers:
        handler.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for handler, level in zip(handlers, levels, strict=True):
            handler.setLevel(level)
