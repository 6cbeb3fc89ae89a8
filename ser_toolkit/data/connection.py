"""Connections to other machines: opened with the credentials of the environment, tried again when they fail."""

from __future__ import annotations

import errno
import os
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from ser_toolkit.data.locations import Url
from ser_toolkit.errors import ConfigError, MissingTierError, RemoteError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["Patience", "path_of", "patiently"]

_Result = TypeVar("_Result")

_CONNECT_S = 10.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_AGAIN = (408, 425, 429)  # and all of 500 and up: the server may do better later
_QUERY = re.compile(r"\?[^\s'\"<>)]*")
_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long another machine is waited for.

    Parameters
    ----------
    tries : int
        Times that something is tried, at least 1.
    idle_s : float
        Seconds without a byte after which a try has failed.
    """

    tries: int = 4
    idle_s: float = 30.0

    @classmethod
    def of_environment(cls) -> Patience:
        """``SER_TOOLKIT_REMOTE_TRIES`` and ``SER_TOOLKIT_REMOTE_TIMEOUT_S``, or the defaults.

        Raises
        ------
        ConfigError
            If one of them is no number, or too small.
        """
        tries = _number("SER_TOOLKIT_REMOTE_TRIES", cls.tries, least=1)
        return cls(tries=int(tries), idle_s=_number("SER_TOOLKIT_REMOTE_TIMEOUT_S", cls.idle_s, least=0.1))


def patiently(url: Url, act: Callable[[AbstractFileSystem], _Result]) -> _Result:
    """Do something on another machine; what may pass is waited for, longer each time.

    Parameters
    ----------
    url : Url
        Says which machine.
    act : callable
        What to do with its file system; may be called several times.

    Returns
    -------
    object
        What `act` gives.

    Raises
    ------
    RemoteError
        If it cannot be done; says why, and after how many tries. It never names the address.
    MissingTierError
        If the [remote] tier is not installed.
    """
    patience = Patience.of_environment()
    wait_s = _FIRST_WAIT_S
    for n in range(1, patience.tries + 1):
        try:
            return act(_connected(url, patience, anew=n > 1))
        except (RemoteError, MissingTierError, ConfigError):
            raise
        except Exception as error:  # noqa: BLE001 - the errors of four libraries have no root of their own
            reason, may_pass = _read(error, url)
            if not may_pass or n == patience.tries:
                often = f" ({n} tries)" if n > 1 else ""
                raise RemoteError(
                    f"{reason}{often}", missing=isinstance(_root(error, url), FileNotFoundError)
                ) from None
            time.sleep(wait_s * random.uniform(0.75, 1.25))  # so that many do not come back at once
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
    raise AssertionError


def path_of(url: Url) -> str:
    """What the file system of a URL calls it: over SFTP a path, ``/~/`` beginning one below the home folder."""
    if url.scheme != "sftp":
        return url.address
    path = "/" + url.address.partition("://")[2].partition("/")[2]
    return path.removeprefix("/~/") or "." if path.startswith("/~/") else path


_systems: dict[tuple[str, str], AbstractFileSystem] = {}


def _connected(url: Url, patience: Patience, *, anew: bool) -> AbstractFileSystem:
    """The file system of a machine; the same in every call of a process while it works."""
    key = (url.scheme, url.path.parts[0] if url.scheme == "sftp" else "")
    if anew:
        _systems.pop(key, None)
    if key not in _systems:
        try:
            _systems[key] = _OPENERS[url.scheme](url, patience)
        except ImportError as error:
            raise MissingTierError(f"{url.scheme}://", "remote", error.name) from None
    return _systems[key]


def _s3(_: Url, patience: Patience) -> AbstractFileSystem:
    from s3fs import S3FileSystem

    waits = {"connect_timeout": _CONNECT_S, "read_timeout": patience.idle_s, "retries": {"total_max_attempts": 1}}
    system = S3FileSystem(config_kwargs=waits, use_listings_cache=False, skip_instance_cache=True)
    system.retries = 1  # `patiently` counts
    return system


def _gs(_: Url, patience: Patience) -> AbstractFileSystem:
    from gcsfs.core import GCSFileSystem  # the one that `gcsfs` names asks for the kind of a bucket over gRPC first

    return GCSFileSystem(timeout=patience.idle_s, use_listings_cache=False, skip_instance_cache=True)


def _sftp(url: Url, patience: Patience) -> AbstractFileSystem:
    from sshfs import SSHFileSystem

    parts = urlsplit(f"ssh://{url.path.parts[0]}")
    given: dict[str, Any] = {"port": parts.port} if parts.port else {}
    if parts.username:
        given["username"] = unquote(parts.username)
    return SSHFileSystem(
        parts.hostname,
        known_hosts=(),  # those of the user: by its own default sshfs takes any key of a host for good
        connect_timeout=_CONNECT_S,
        login_timeout=patience.idle_s,
        keepalive_interval=patience.idle_s / 2,
        keepalive_count_max=1,
        skip_instance_cache=True,
        **given,
    )


def _web(_: Url, patience: Patience) -> AbstractFileSystem:
    from aiohttp import ClientTimeout
    from fsspec.implementations.http import HTTPFileSystem

    waits = ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=patience.idle_s)
    return HTTPFileSystem(
        simple_links=False,
        client_kwargs={"timeout": waits, "trust_env": True},
        use_listings_cache=False,
        skip_instance_cache=True,
    )


_OPENERS = {"s3": _s3, "gs": _gs, "sftp": _sftp, "http": _web, "https": _web}


def _root(error: BaseException, url: Url) -> BaseException:
    """What an error stands for: fsspec says of much on the web that it is not found, and keeps the truth as cause."""
    cause = error.__cause__
    if not url.scheme.startswith("http") or not isinstance(error, FileNotFoundError) or cause is None:
        return error
    return error if getattr(cause, "status", 0) in (404, 410) else cause


def _read(error: BaseException, url: Url) -> tuple[str, bool]:
    """What to say of an error, and whether another try may end otherwise."""
    error = _root(error, url)
    name = type(error).__name__
    status = getattr(error, "status", None)
    if isinstance(error, FileNotFoundError):
        return "there is no such file or folder", False
    if status in (401, 403) or isinstance(error, PermissionError) or name in _DENIED:
        return f"access is denied: {_said(error)}. docs/remote.md says where credentials are looked for", False
    if name == "HostKeyNotVerifiable":
        return (
            "the host is not among those known to ssh (~/.ssh/known_hosts): connect to it once with the command sftp, "
            "and compare its key",
            False,
        )
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"{error.strerror} where temporary files lie: set TMPDIR to a folder with room", False
    if isinstance(error, TimeoutError):
        return "it does not answer", True
    if isinstance(status, int) and name == "ClientResponseError":
        return f"the server answers {_said(error)}", status in _AGAIN or status >= 500
    return _text(error), not isinstance(error, IsADirectoryError | NotImplementedError | TypeError)


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_DENIED = frozenset({"NoCredentialsError", "PartialCredentialsError", "PermissionDenied", "HttpError401"})


def _said(error: BaseException) -> str:
    """What a web server answers, without the address that aiohttp puts into it; of other errors their text."""
    if type(error).__name__ == "ClientResponseError":
        return f"{getattr(error, 'status', '')} {getattr(error, 'message', '')}".strip()
    return _text(error)


def _text(error: BaseException) -> str:
    said = str(error).strip() or type(error).__name__
    return _QUERY.sub("?...", " ".join(said.split()))[:_SHOWN].rstrip(".")


def _number(name: str, default: float, *, least: float) -> float:
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if not least <= value < float("inf"):
        raise ConfigError(f"{name} is {text!r}: a number from {least:g} is wanted")
    return value
