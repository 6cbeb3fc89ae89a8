"""What there is on other machines: files of folders, their sizes and versions."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ser_toolkit.data.connection import path_of, patiently
from ser_toolkit.data.locations import Url
from ser_toolkit.errors import RemoteError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["Listing", "described", "files_under"]

_AT_ONCE = 16
_DEPTH = 64  # a link to a folder above would be entered for ever
_VERSIONS = ("ETag", "etag", "generation", "LastModified", "Last-Modified", "mtime", "updated")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is in a folder on another machine.

    Parameters
    ----------
    files : list of Url
        With sizes and versions, in no order.
    failed : list of (Url, RemoteError)
        Folders in it that could not be looked into.
    """

    files: list[Url]
    failed: list[tuple[Url, RemoteError]] = field(default_factory=list)


def files_under(url: Url, suffixes: Collection[str]) -> Listing | None:
    """Files of a folder on another machine.

    Parameters
    ----------
    url : Url
        A folder or a file. On the web a folder ends with a slash, and its server must show an index of it.
    suffixes : collection of str
        Ends of the names that are looked for, lower case. Names that begin with a dot are passed over, as are folders
        of that name.

    Returns
    -------
    Listing or None
        None if it is a file.

    Raises
    ------
    RemoteError
        If it is not there, or does not answer, or is a page on the web.
    """
    if url.scheme.startswith("http"):
        return _web_folder(url, suffixes)
    about = patiently(url, _info(url))
    if about["type"] != "directory":
        return None
    if url.scheme == "sftp":
        return _walked(url, suffixes)
    found: Mapping[str, Mapping[str, Any]] = patiently(url, lambda system: system.find(path_of(url), detail=True))
    within = len(str(url.path)) + 1
    files = []
    for name, entry in found.items():
        inside = name[within:]
        if entry["type"] == "file" and _wanted(inside, suffixes):
            files.append(_known(url / inside, entry))
    return Listing(files=files)


def described(urls: Iterable[Url]) -> list[Url]:
    """The same files with what their servers say of them; those of which nothing can be learnt as they are.

    Parameters
    ----------
    urls : iterable of Url
        Files.

    Returns
    -------
    list of Url
        In the same order, with `Url.n_bytes` and `Url.version`. Several are asked about at a time.
    """

    def asked(url: Url) -> Url:
        if url.version is not None:
            return url
        with contextlib.suppress(RemoteError):  # who fetches it will say what is wrong
            return _known(url, patiently(url, _info(url)))
        return url

    given = list(urls)
    if len(given) < 2:
        return [asked(url) for url in given]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(asked, given))


def _web_folder(url: Url, suffixes: Collection[str]) -> Listing | None:
    if url.address.partition("?")[0].endswith("/"):
        try:
            listing = _walked(url, suffixes)
        except RemoteError as error:
            mend = "where it shows none, name files, or a manifest with their URLs"
            raise RemoteError(
                f"{error}. A folder on the web is read by the index that its server shows: {mend}",
                missing=error.missing,
            ) from None
        return replace(listing, files=described(listing.files))
    kind = ""
    with contextlib.suppress(RemoteError):  # not all servers answer this; who fetches it will say what is wrong
        kind = patiently(url, _info(url)).get("mimetype", "")
    if kind == "text/html":
        raise RemoteError("it is a page, no recording; the address of a folder ends with a slash")
    return None


def _walked(url: Url, suffixes: Collection[str]) -> Listing:
    """Files of a folder, a folder at a time; what an index page names elsewhere is not followed."""
    listing = Listing(files=[])
    waiting, entered = [url], {url.address.rstrip("/")}
    while waiting:
        folder = waiting.pop()
        try:
            entries = patiently(folder, _ls(folder))
        except RemoteError as error:
            if folder is url:
                raise
            listing.failed.append((folder, error))
            continue
        for entry in entries:
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            child = folder / name
            if name.startswith(".") or (folder.scheme != "sftp" and str(entry["name"]).rstrip("/") != child.address):
                continue
            if entry["type"] == "link":
                with contextlib.suppress(RemoteError):  # it leads nowhere
                    entry = patiently(child, _info(child))
            if entry["type"] == "directory":
                if child.address not in entered and len(child.parts) < _DEPTH:
                    entered.add(child.address)
                    waiting.append(child / "")
            elif _wanted(name, suffixes):
                listing.files.append(_known(child, entry))
    return listing


def _info(url: Url) -> Callable[[AbstractFileSystem], Mapping[str, Any]]:
    return lambda system: system.info(path_of(url))


def _ls(url: Url) -> Callable[[AbstractFileSystem], list[Mapping[str, Any]]]:
    return lambda system: system.ls(path_of(url), detail=True)


def _wanted(inside: str, suffixes: Collection[str]) -> bool:
    parts = inside.split("/")
    return not any(part.startswith(".") for part in parts) and PurePosixPath(parts[-1]).suffix.lower() in suffixes


def _known(url: Url, entry: Mapping[str, Any]) -> Url:
    said = next((str(entry[key]) for key in _VERSIONS if entry.get(key)), None)
    version = None
    if said is not None:
        version = int.from_bytes(hashlib.blake2b(said.encode(), digest_size=6).digest(), "big")
    return url.known(n_bytes=entry.get("size"), version=version)
