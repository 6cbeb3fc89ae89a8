"""All low-level descriptors of a batch, and the functionals of its windows; see `ser_toolkit_gemaps.descriptors`."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ser_toolkit_gemaps.batched.formants import formants
from ser_toolkit_gemaps.batched.frames import wave
from ser_toolkit_gemaps.batched.functionals import (
    contour_statistics,
    moments,
    nonzero_first,
    smooth,
    smooth_nonzero,
)
from ser_toolkit_gemaps.batched.harmonics import harmonics
from ser_toolkit_gemaps.batched.loudness import loudness
from ser_toolkit_gemaps.batched.periods import jitter_shimmer
from ser_toolkit_gemaps.batched.pitch import Candidates, candidates, track
from ser_toolkit_gemaps.batched.spectral import (
    alpha_ratio,
    energy,
    flux,
    hammarberg_index,
    mfcc,
    slope,
    sound_level,
)
from ser_toolkit_gemaps.batched.spectrum import gauss60, hamming20, power
from ser_toolkit_gemaps.batched.tables import product
from ser_toolkit_gemaps.batched.temporal import segment_statistics
from ser_toolkit_gemaps.descriptors import N_VOICE, REFERENCE_HZ
from ser_toolkit_gemaps.frames import HOP_S, SHORT_S, count
from ser_toolkit_gemaps.harmonics import UNVOICED_DB
from ser_toolkit_gemaps.loudness import mel_bands

__all__ = ["Descriptors", "describe", "summarise"]

FRAMES_AT_ONCE = 2048
"""Frames whose spectra are worked on together on a CPU: few enough for its cache."""


@dataclass(frozen=True, kw_only=True)
class Descriptors:
    """Smoothed low-level descriptors, every 10 ms; what they are says `ser_toolkit_gemaps.descriptors.Descriptors`.

    Parameters
    ----------
    short : Tensor of float32, shape (batch, n_short, 10)
    energy : Tensor of float64, shape (batch, n_short)
    voiced : Tensor of float32, shape (batch, n_long, 24)
    unvoiced : Tensor of float32, shape (batch, n_long, 5)
    settled : Tensor of int64, shape (batch, n_long)
    """

    short: torch.Tensor
    energy: torch.Tensor
    voiced: torch.Tensor
    unvoiced: torch.Tensor
    settled: torch.Tensor

    def windows(self, starts: torch.Tensor, *, n_short: int, n_long: int) -> Descriptors:
        """Parts of the first segment.

        Parameters
        ----------
        starts : Tensor of int64, shape (n_windows,)
            First frames.
        n_short, n_long : int
            Frames of 20 ms and of 60 ms in each.

        Returns
        -------
        Descriptors
            One segment a window.
        """
        short, long = (starts[:, None] + torch.arange(n, device=starts.device) for n in (n_short, n_long))
        return Descriptors(
            short=self.short[0, short],
            energy=self.energy[0, short],
            voiced=self.voiced[0, long],
            unvoiced=self.unvoiced[0, long],
            settled=self.settled[0, long] - starts[:, None],
        )


@dataclass(frozen=True, kw_only=True)
class _Spectra:
    """What the spectra of frames give; spectra are kept for the harmonics and formants of those that are voiced."""

    spectral: torch.Tensor
    energy: torch.Tensor
    short: torch.Tensor
    magnitude: torch.Tensor
    rms: torch.Tensor
    found: Candidates


def describe(y: torch.Tensor, sr: int) -> Descriptors:
    """Low-level descriptors of segments.

    Parameters
    ----------
    y : Tensor of float32, shape (batch, n_samples)
        Mono audio within [-1, 1]; clipped to it. 60 ms or more.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    Descriptors
        On the device of `y`. Frames begin every 10 ms from the first sample on and lie wholly inside.
    """
    samples = wave(y)
    size = max(1, FRAMES_AT_ONCE // count(y.shape[1], sr, SHORT_S)) if y.device.type == "cpu" else len(y)
    spectra = _together([_spectra(part, sr) for part in torch.split(samples, size)])
    f0_hz, settled = track(spectra.found, spectra.rms)
    voice = y.new_zeros(*f0_hz.shape, N_VOICE)
    voice[..., 7::3] = UNVOICED_DB
    voice[..., :2] = jitter_shimmer(samples, f0_hz, sr)
    row, frame = (f0_hz > 0).nonzero(as_tuple=True)
    for part in _parts(len(row), y.device):
        at = row[part], frame[part]
        frequency, bandwidth = formants(spectra.short[at], sr)
        related = harmonics(f0_hz[at], frequency, spectra.magnitude[at], sr)
        resonances = torch.stack([frequency, bandwidth, related[:, 3:]], dim=-1).flatten(1)
        voice[(*at, slice(2, None))] = torch.cat([related[:, :3], resonances], dim=-1)
    return _join(spectra, f0_hz, settled, voice)


def _spectra(samples: torch.Tensor, sr: int) -> _Spectra:
    short = hamming20(samples, sr)
    powers = power(short)
    bands = product(powers, mel_bands(sr))
    spectral = [
        loudness(bands, sr),
        alpha_ratio(powers, sr),
        hammarberg_index(powers, sr),
        slope(powers, sr, low_hz=0, high_hz=500),
        slope(powers, sr, low_hz=500, high_hz=1500),
        flux(powers, sr),
    ]
    magnitude, rms = gauss60(samples, sr)
    return _Spectra(
        spectral=torch.cat([torch.stack(spectral, dim=-1), mfcc(bands)], dim=-1),
        energy=energy(samples, sr),
        short=short,
        magnitude=magnitude,
        rms=rms,
        found=candidates(magnitude, sr),
    )


def _together(parts: list[_Spectra]) -> _Spectra:
    """Spectra of all segments from those of some."""
    names = ("spectral", "energy", "short", "magnitude", "rms")
    return _Spectra(
        **{name: torch.cat([getattr(part, name) for part in parts]) for name in names},
        found=Candidates(
            **{
                name: torch.cat([getattr(part.found, name) for part in parts])
                for name in ("frequency_hz", "voicing", "count")
            }
        ),
    )


def _join(spectra: _Spectra, f0_hz: torch.Tensor, settled: torch.Tensor, voice: torch.Tensor) -> Descriptors:
    """Select voiced and unvoiced frames and smooth."""
    spectral, n = spectra.spectral, f0_hz.shape[1]
    heard = f0_hz > REFERENCE_HZ
    semitones = torch.where(heard, 12 * (f0_hz / REFERENCE_HZ).clamp(min=1).log2(), 0)
    shape = spectral[:, :n, 1:]
    voiced = torch.cat([semitones[..., None], voice, shape * heard[..., None]], dim=-1)
    return Descriptors(
        short=smooth(spectral),
        energy=spectra.energy,
        voiced=smooth_nonzero(voiced),
        unvoiced=smooth_nonzero(shape[..., :5] * ~heard[..., None]),
        settled=settled,
    )


def summarise(windows: Descriptors) -> torch.Tensor:
    """Functionals of windows.

    Parameters
    ----------
    windows : Descriptors
        One segment a window. Of the 60 ms frames those count whose pitch is decided by the end of the window.

    Returns
    -------
    Tensor of float32, shape (batch, 88)
        In the order of `ser_toolkit_gemaps.names.NAMES`.
    """
    short, n_decided = windows.short, windows.settled[:, -1].clamp(min=1)
    decided = torch.arange(windows.settled.shape[1], device=short.device) < n_decided[:, None]
    voiced, unvoiced = (values * decided[..., None] for values in (windows.voiced, windows.unvoiced))
    batch, n_short = short.shape[:2]
    pitch, n_pitch = nonzero_first(voiced[..., 0])
    contours = torch.cat([torch.nn.functional.pad(pitch, (0, n_short - pitch.shape[1])), short[..., 0]])
    statistics, n_peaks = contour_statistics(contours, torch.cat([n_pitch, torch.full_like(n_pitch, n_short)]))
    members = voiced[..., 0] != 0
    (n_heard, *heard), (_, *silent) = segment_statistics(members), segment_statistics(decided & ~members)
    temporal = [n_peaks[batch:].double() / (n_short * HOP_S), n_heard / (n_decided * HOP_S), *heard, *silent]
    return torch.cat(
        [
            statistics[:batch],
            statistics[batch:],
            moments(short[..., 5:], nonzero=False).flatten(1),
            moments(voiced[..., 1:], nonzero=True).flatten(1),
            moments(unvoiced, nonzero=True)[..., 0],
            torch.stack(temporal, dim=-1),
            sound_level(windows.energy)[:, None],
        ],
        dim=-1,
    ).float()


def _parts(n: int, device: torch.device) -> list[slice]:
    """Frames to work on together: on a GPU all."""
    size = FRAMES_AT_ONCE if device.type == "cpu" else max(n, 1)
    return [slice(i, i + size) for i in range(0, n, size)]
