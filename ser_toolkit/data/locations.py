"""Where something lies: a path on this machine, or a URL; nothing is opened here."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ser_toolkit.errors import ConfigError

__all__ = ["SCHEMES", "WRITABLE", "Location", "Url", "is_url", "locate", "shown_url"]

SCHEMES = ("s3", "gs", "sftp", "https", "http")
"""Beginnings of the URLs that can be read."""

WRITABLE = ("s3", "gs", "sftp")
"""Those of them to which can be written as well."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"(?:[^@:]*@)?(?:\[[^\]]*\]|[^@:\[\]]*)(?::\d*)?")
_HIDDEN = re.compile(r"hidden-[0-9a-f]{12}")
_DIGEST = 6


@dataclass(frozen=True, order=True)
class Url:
    """An address on another machine.

    Parameters
    ----------
    address : str
        The whole of it: ``"s3://bucket/folder/a.wav"``. It may have a signature in it: show it through
        `ser_toolkit.data.files.display_path` only.
    n_bytes : int or None
        Size of the file, where a listing told it.
    version : int or None
        Stands for the content of the file, as its server names it: another number, another content. None: not known.
    """

    address: str
    n_bytes: int | None = field(default=None, compare=False)
    version: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.address

    def __fspath__(self) -> str:
        return self.address

    @property
    def scheme(self) -> str:
        """What comes before ``://``."""
        return self.address.partition("://")[0]

    @property
    def path(self) -> PurePosixPath:
        """Host or bucket and the path on it, without a query."""
        return PurePosixPath(self._split()[0].partition("://")[2])

    @property
    def name(self) -> str:
        """The part after the last slash."""
        return self.path.name

    @property
    def suffix(self) -> str:
        """End of the name, with its dot."""
        return self.path.suffix

    @property
    def parent(self) -> Url:
        """The folder that it lies in."""
        return Url(self._split()[0].rstrip("/").rpartition("/")[0])

    @property
    def parts(self) -> tuple[str, ...]:
        """For sorting like paths."""
        return tuple(self.address.split("/"))

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self.address.rstrip('/')}/{name.lstrip('/')}")

    def joined(self, relative: str) -> Url:
        """A file below it, or beside it (``../b.wav``); on the web what would begin a query is escaped."""
        if self.scheme.startswith("http"):
            relative = relative.replace("?", "%3F").replace("#", "%23")
        host, _, path = self.address.partition("://")[2].partition("/")
        return Url(f"{self.scheme}://{host}{posixpath.normpath(f'/{path}/{relative}').replace('//', '/', 1)}")

    def with_name(self, name: str) -> Url:
        """The same place under another name."""
        return self.parent / name

    def with_suffix(self, suffix: str) -> Url:
        """The same place with another end of the name."""
        return self.with_name(self.path.with_suffix(suffix).name)

    def known(self, *, n_bytes: int | None, version: int | None) -> Url:
        """The same with what its server says of it."""
        return replace(self, n_bytes=n_bytes, version=version)

    def _split(self) -> tuple[str, str]:
        """The address without its query, and the query; but on the web a question mark is part of a name."""
        if not self.scheme.startswith("http"):
            return self.address, ""
        address, _, query = self.address.partition("?")
        return address, query


Location = Path | Url
"""A file or folder on this machine or another."""


def is_url(text: str) -> bool:
    """Whether a text is an address rather than a path on this machine."""
    return _URL.match(text) is not None


def locate(given: str | os.PathLike[str]) -> Location:
    """What somebody named: a path, or a URL.

    Parameters
    ----------
    given : str or path-like
        ``recordings/``, ``s3://bucket/folder``, ``sftp://user@host/folder``, ``https://host/a.wav``; a location is
        given back as it is.

    Returns
    -------
    Path or Url
        Need not exist.

    Raises
    ------
    ConfigError
        If the URL is of a kind that cannot be read, has no host, or has a password in it.
    """
    if isinstance(given, Path | Url):
        return given
    text = os.fspath(given)
    match = _URL.match(text)
    if match is None:
        return Path(text)
    scheme, rest = match[1].lower(), text[match.end() :]
    host = rest.partition("/")[0]
    if not _HOST.fullmatch(host) or (scheme != "sftp" and "@" in host):
        raise ConfigError(
            f"{scheme}://***@{rest.rpartition('@')[2].partition('?')[0]}: names and passwords are not taken from URLs, "
            "where others see them (list of processes, history, logs). They belong where the tools of the service look "
            "for them: see docs/remote.md"
        )
    if scheme not in SCHEMES:
        what = "give the path itself" if scheme == "file" else f"known are {', '.join(f'{s}://' for s in SCHEMES)}"
        raise ConfigError(f"{scheme}:// cannot be read: {what}")
    if not host:
        raise ConfigError(f"{scheme}://: the URL names no {'bucket' if scheme in ('s3', 'gs') else 'host'}")
    return Url(f"{scheme}://{rest}")


def shown_url(address: str) -> str:
    """An address without what may be a key to it.

    Parameters
    ----------
    address : str
        A URL.

    Returns
    -------
    str
        The same; on the web a short hash in place of the query, which is where signatures stand.
    """
    if not address.startswith("http"):
        return address
    plain, question, query = address.partition("?")
    if not question or _HIDDEN.fullmatch(query):
        return address
    digest = hashlib.blake2b(query.encode("utf-8", "surrogateescape"), digest_size=_DIGEST).hexdigest()
    return f"{plain}?hidden-{digest}"
