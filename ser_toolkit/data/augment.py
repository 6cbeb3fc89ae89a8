"""Altered copies of recordings, by transforms of waveforms: the same copy in any process and any order."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import inspect
import io
import json
import random
import re
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data import noise_transform
from ser_toolkit.errors import AudioError, ConfigError, MissingTierError, close_matches
from ser_toolkit.features import probe_signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.training.config import AugmentConfig

__all__ = ["Augmentation", "augmentation_of"]

_NEEDS = {"sounds_path": "sound files", "ir_path": "sound files", "transform": "a function"}
"""Required settings that a configuration does not give: it holds no paths and no code."""

_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """A chain of waveform transforms, seeded per recording and copy; made by `augmentation_of`.

    Parameters
    ----------
    transforms : tuple of (str, str)
        Names of classes of audiomentations and their settings as JSON, applied one after the other.
    copies : int
        Altered copies of each recording.
    seed : int
        With the recording's hash and the number of the copy it decides all random numbers.

    Notes
    -----
    audiomentations draws from the global generators of Python and numpy. They are seeded for each call and put back
    afterwards; a lock keeps calls in several threads apart.
    """

    transforms: tuple[tuple[str, str], ...]
    copies: int
    seed: int

    @property
    def wants_voices(self) -> bool:
        """Whether a transform has other recordings be heard."""
        return any(
            name == noise_transform.NAME and "voices" in json.loads(settings).get("kinds", noise_transform.KINDS)
            for name, settings in self.transforms
        )

    def __call__(
        self,
        y: NDArray[np.float32],
        sr: int,
        *,
        recording: int,
        copy: int,
        voices: Sequence[NDArray[np.float32]] = (),
    ) -> NDArray[np.float32]:
        """Alter a recording.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio; left untouched.
        sr : int
            Sample rate in Hz.
        recording : int
            Hash of the recording, 0 or more, as `ser_toolkit.training.store.recording_hash` gives it.
        copy : int
            Number of the copy, from 1.
        voices : sequence of ndarray of float32, shape (n,), optional
            Other recordings at `sr`, for transforms that want them.

        Returns
        -------
        ndarray of float32, shape (n_altered,)
            Finite and not empty; the length may differ. Values outside [-1, 1] may occur: extractors clip. Where the
            transforms leave nothing, or something that is not finite, it is the recording itself.

        Raises
        ------
        AudioError
            If a transform fails on this recording.
        """
        altered = np.array(y, dtype=np.float32)
        with _seeded(self.seed, recording, copy):
            for (name, _), transform in zip(self.transforms, _chain(self.transforms), strict=True):
                if name == noise_transform.NAME:
                    transform.voices = voices
                try:
                    altered = transform(altered, sr)
                except Exception as error:  # the guard of one recording; the reason is passed on
                    raise AudioError(
                        "unreadable", f"{name} of augment.waveform fails on {len(y) / sr:.2f} s of audio: {error}"
                    ) from error
        altered = np.array(altered, dtype=np.float32).reshape(-1)
        return altered if len(altered) and np.isfinite(altered).all() else np.array(y, dtype=np.float32)

    def key(self) -> str:
        """What decides the samples of a copy beside recording and number: for the key of a cache.

        Returns
        -------
        str
            JSON of the transforms, the seed, and the versions of audiomentations and of what it computes with. The
            number of copies is not part of it: the first two of three copies are those of two.
        """
        return json.dumps([self.transforms, self.seed, _versions()], sort_keys=True)


def augmentation_of(config: AugmentConfig, *, seed: int, sr: int = 16_000) -> Augmentation | None:
    """Make the augmentation that a configuration describes, and try it on a test sound.

    Parameters
    ----------
    config : AugmentConfig
        ``waveform`` and ``copies``. ``p``, the probability of each transform, is audiomentations' 0.5 unless set.
    seed : int
        Of all random numbers.
    sr : int, optional
        Sample rate in Hz to try it at.

    Returns
    -------
    Augmentation or None
        None where no copies are asked for.

    Raises
    ------
    ConfigError
        Unknown transform or setting (with the nearest ones), a value that audiomentations refuses, a transform that
        needs files, a function or a package that is not installed, or one that is random beyond its seed.
    MissingTierError
        Without audiomentations.
    """
    if not config.waveform or not config.copies:
        return None
    known = _known()
    transforms = []
    for i, table in enumerate(config.waveform):
        where = f"augment.waveform[{i}]"
        settings = dict(table)
        name = settings.pop("name", None)
        if not isinstance(name, str):
            raise ConfigError(f'{where}: needs a name = "..." of a waveform transform of audiomentations')
        if name not in known:
            raise ConfigError(f"{where}: no waveform transform is called {name!r}. {close_matches(name, known)}")
        _check_settings(f"{where} ({name})", known[name], settings, sr=sr, seed=seed)
        transforms.append((name, json.dumps(settings, sort_keys=True)))
    return Augmentation(transforms=tuple(transforms), copies=config.copies, seed=seed)


def _known() -> dict[str, type]:
    """Waveform transforms of audiomentations' public namespace, and the toolkit's own."""
    try:
        import audiomentations
        from audiomentations.core.transforms_interface import BaseWaveformTransform
    except ImportError as error:
        raise MissingTierError("altering recordings (augment.waveform)", "train", error.name) from error
    classes = {name: value for name, value in vars(audiomentations).items() if isinstance(value, type)}
    known = {name: cls for name, cls in classes.items() if issubclass(cls, BaseWaveformTransform)}
    return {**known, noise_transform.NAME: noise_transform.noise_transform()}


def _check_settings(where: str, cls: type, settings: Mapping[str, Any], *, sr: int, seed: int) -> None:
    allowed = inspect.signature(cls).parameters
    for setting, what in _NEEDS.items():
        if setting in allowed:
            raise ConfigError(f"{where}: needs {what}, which a configuration cannot give; take another transform")
    for setting in settings:
        if setting not in allowed:
            raise ConfigError(f"{where}: unknown setting {setting!r}. {close_matches(setting, allowed)}")
    repeatable, usable = True, True
    try:
        # what a missing package prints is said by the error below
        with contextlib.redirect_stderr(io.StringIO()):
            cls(**settings)
            transform = cls(**{**settings, "p": 1.0})
            for seconds in (3.0, 0.5):
                y = probe_signal(sr, seconds)
                results = []
                for _ in range(2):
                    with _seeded(seed, 0, 1):
                        results.append(transform(y.copy(), sr))
                usable &= len(results[0]) > 0 and bool(np.isfinite(results[0]).all())
                repeatable &= np.array_equal(*results)
    except ImportError as error:
        raise ConfigError(
            f"{where}: needs the package {error.name}. Install it: pip install 'audiomentations[extras]'"
        ) from error
    except Exception as error:
        shown = json.dumps(dict(settings))
        reason = str(error) or f"{type(error).__name__} on construction"
        raise ConfigError(f"{where}: audiomentations refuses the settings {shown}: {reason}") from error
    if not usable:
        raise ConfigError(f"{where}: leaves nothing, or values that are not finite, of an ordinary voice")
    if not repeatable:
        raise ConfigError(f"{where}: gives another result each time for the same seed; take another transform")


@functools.lru_cache(maxsize=8)
def _chain(transforms: Sequence[tuple[str, str]]) -> tuple[Any, ...]:
    known = _known()
    return tuple(known[name](**json.loads(settings)) for name, settings in transforms)


@contextlib.contextmanager
def _seeded(seed: int, recording: int, copy: int) -> Iterator[None]:
    words = np.random.SeedSequence([seed, copy, recording]).generate_state(8)
    with _lock:
        python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - audiomentations' own
        try:
            random.seed(words.tobytes())
            np.random.seed(words)  # noqa: NPY002
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # one line per recording that a transform has no effect on
                yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002


@functools.cache
def _versions() -> dict[str, str]:
    """Installed versions of audiomentations and of everything that it says it computes with."""
    names = ["audiomentations"]
    names += [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in importlib.metadata.requires(names[0]) or []]
    versions = {noise_transform.NAME: str(noise_transform.VERSION)}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
