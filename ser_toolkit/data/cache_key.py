"""Names of the entries of the feature cache: hashes of everything that the numbers depend on."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit import __version__
from ser_toolkit.components import to_config
from ser_toolkit.data.files import display_path
from ser_toolkit.data.fingerprint import VERSION as FINGERPRINT_VERSION
from ser_toolkit.data.locations import Location, Url
from ser_toolkit.errors import ComponentError
from ser_toolkit.features import probe
from ser_toolkit.preprocessing import STRETCH_S
from ser_toolkit.recipe_components import library_versions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.features import FeatureSet
    from ser_toolkit.interfaces import Component, Kind
    from ser_toolkit.plugin_registry import Registry

__all__ = ["FINGERPRINT", "CacheKeys", "content_hash", "make_keys", "samples_hash"]

FORMAT = 2
"""+1 whenever the same key would mean other numbers: windows cut otherwise, another layout of entries."""

FINGERPRINT = ""
"""Stands among the input names for the fingerprint of the recording."""

_LARGE = 16 * 2**20
_DIGEST = 20


@dataclass(frozen=True, kw_only=True)
class CacheKeys:
    """Where the features of recordings lie in a cache, for one set of extractors.

    Parameters
    ----------
    kinds : mapping of str to Path
        Input name to the folder of its extractor; `FINGERPRINT` to that of the fingerprints.
    digests : mapping of str to bytes
        Input name to the hash of extractor, steps before it, libraries, probe and windows.
    altered : bytes
        Hash of what makes altered copies.
    recordings : Path
        Folder of what is known of audio files.
    decoding : bytes
        Hash of what decodes them, and to which sample rate.
    facts : Path
        Folder of what a run noted of audio files.
    windows : bytes
        Hash of the windows and of the steps before them, which say what is silent.
    """

    kinds: Mapping[str, Path]
    digests: Mapping[str, bytes]
    altered: bytes
    recordings: Path
    decoding: bytes
    facts: Path
    windows: bytes

    def path(self, key: str, samples: bytes, *, copy: int = 0) -> Path:
        """Entry of one feature of one recording.

        Parameters
        ----------
        key : str
            Input name, or `FINGERPRINT`.
        samples : bytes
            From `samples_hash`; that of the recording itself, also for a copy.
        copy : int, optional
            0 for the recording, 1 and up for its altered copies.

        Returns
        -------
        Path
            There or not.
        """
        change = self.altered + copy.to_bytes(4, "big") if copy else b""
        return _shard(self.kinds[key], self.digests[key] + samples + change)

    def recording(self, content: bytes, *, start_s: float | None, end_s: float | None) -> Path:
        """Entry that says which samples a part of a file holds.

        Parameters
        ----------
        content : bytes
            From `content_hash`.
        start_s, end_s : float or None
            The part, in seconds.

        Returns
        -------
        Path
            There or not.
        """
        part = json.dumps([start_s or 0.0, end_s]).encode()
        return _shard(self.recordings, self.decoding + content + part)

    def noted(self, content: bytes) -> Path:
        """Entry that says what a run noted of a file: its samples, quality and windows.

        Parameters
        ----------
        content : bytes
            From `content_hash`.

        Returns
        -------
        Path
            There or not.
        """
        return _shard(self.facts, self.decoding + self.windows + content)


def _shard(folder: Path, data: bytes) -> Path:
    name = hashlib.blake2b(data, digest_size=_DIGEST).hexdigest()
    return folder / name[:2] / f"{name[2:]}.bin"


def samples_hash(y: NDArray[np.float32], sr: int) -> bytes:
    """Hash of decoded samples, exact: two recordings share features only where every sample is the same.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    bytes
        160 bits.
    """
    digest = hashlib.blake2b(f"{len(y)} samples at {sr} Hz\n".encode(), digest_size=_DIGEST)
    digest.update(np.ascontiguousarray(y, dtype="<f4").data)
    return digest.digest()


def content_hash(path: Location) -> bytes | None:
    """Hash of the bytes of a file, or of what its server says of them.

    Parameters
    ----------
    path : Path or Url
        Any path; of a URL that has a version that one counts, of others their server is asked. A file over 16 MB whose
        size and times stay the same is read once per process.

    Returns
    -------
    bytes or None
        160 bits; None if there is no such regular file, or it cannot be read, or a server says nothing that would
        change with it.
    """
    if isinstance(path, Url):
        return _remote(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > _LARGE:
            return _large(os.fspath(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return hashlib.blake2b(path.read_bytes(), digest_size=_DIGEST).digest()
    except (OSError, ValueError):  # ValueError: a null byte in the name
        return None


def _remote(url: Url) -> bytes | None:
    from ser_toolkit.data.remote_listing import described

    (now,) = described([url])
    if now.version is None:
        return None
    said = f"{display_path(now)}\n{now.n_bytes}\n{now.version}"
    return hashlib.blake2b(said.encode(), digest_size=_DIGEST, person=b"remote").digest()


@functools.lru_cache(maxsize=1024)
def _large(path: str, size: int, mtime_ns: int, ctime_ns: int) -> bytes:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST)).digest()


def make_keys(folder: Path, features: FeatureSet, registry: Registry, *, altered: str = "") -> CacheKeys:
    """Hash everything but the audio: once per run.

    Parameters
    ----------
    folder : Path
        Of the cache.
    features : FeatureSet
        Extractors, windows, sample rate and steps before them; each extractor is probed.
    registry : Registry
        Says which distribution a component comes from. One that is not registered counts as other with every
        change of its module.
    altered : str, optional
        Name of what makes altered copies, with its settings and versions.

    Returns
    -------
    CacheKeys
        Picklable.
    """
    windows = features.segmentation
    cut = [windows.window_s, windows.hop_s, windows.short, windows.tail]
    steps = [_entry("preprocessor", step, registry) for step in features.preprocess]
    before = {"preprocess": steps, "stretch_s": STRETCH_S} if steps else {}
    kinds = {FINGERPRINT: folder / f"_fingerprints-{FINGERPRINT_VERSION}"}
    digests = {FINGERPRINT: _digest({"format": FORMAT, "fingerprint": FINGERPRINT_VERSION})}
    for key, extractor in features.extractors.items():
        kinds[key] = folder / f"{extractor.name}-{extractor.version}"
        digests[key] = _digest(
            {
                "format": FORMAT,
                "feature": _entry("feature", extractor, registry),
                "libraries": library_versions({key: extractor}, preprocess=features.preprocess),
                "probe": probe(extractor, features.sr, preprocess=features.preprocess),
                "sr": features.sr,
                "windows": cut,
                "scope": features.scopes.get(key, "segment"),
                **before,
            }
        )
    return CacheKeys(
        kinds=kinds,
        digests=digests,
        altered=_digest(altered),
        recordings=folder / f"_recordings-{FORMAT}",
        decoding=_digest({"ser-toolkit": __version__, "sr": features.sr, "libraries": _decoders()}),
        facts=folder / f"_facts-{FORMAT}",
        windows=_digest([*cut, before] if before else cut),
    )


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=_DIGEST).digest()


def _entry(kind: Kind, component: Component, registry: Registry) -> dict[str, Any]:
    return {
        "name": component.name,
        "version": component.version,
        "dist": _origin(kind, type(component), component.name, registry),
        "config": to_config(component),
    }


def _origin(kind: Kind, cls: type, name: str, registry: Registry) -> str:
    """Distribution of a component, or its module and a hash of that."""
    try:
        found = registry.find(kind, name)
        if found.cls is cls:
            return found.dist
    except ComponentError:
        pass  # not registered, or two of that name: what counts is its source
    source = getattr(sys.modules.get(cls.__module__), "__file__", None)
    digest = content_hash(Path(source)) if source else None
    return f"{cls.__module__}.{cls.__qualname__} {(digest or secrets.token_bytes(_DIGEST)).hex()}"


def _decoders() -> dict[str, str]:
    import soundfile

    versions = {"libsndfile": str(soundfile.__libsndfile_version__)}
    for name in ("soundfile", "soxr", "av"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "missing"
    return versions
