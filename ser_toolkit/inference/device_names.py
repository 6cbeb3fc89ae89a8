"""Names of devices, as users write them."""

from __future__ import annotations

import re

from ser_toolkit.errors import DeviceError

__all__ = ["parse_device"]

_DEVICE = re.compile(r"auto|cpu|(?:cuda|tensorrt)(?::(\d{1,3}))?")


def parse_device(device: str) -> tuple[str, int]:
    """Kind and number of a device.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"tensorrt"``, ``"tensorrt:1"``.

    Returns
    -------
    tuple of (str, int)
        ``("cuda", 1)``.

    Raises
    ------
    DeviceError
        If it is none of these.
    """
    if not isinstance(device, str) or not (parts := _DEVICE.fullmatch(device)):
        raise DeviceError(f"no device is called {device!r}: it is auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N")
    return device.partition(":")[0], int(parts.group(1) or 0)
