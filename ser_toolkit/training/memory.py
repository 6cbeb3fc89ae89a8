"""Memory of a training process on CPU."""

from __future__ import annotations

import ctypes
import platform

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Tell glibc to reuse freed memory instead of giving it back to the system.

    Each step of training on CPU frees and allocates activations of hundreds of megabytes. By default glibc maps
    and unmaps every one, and most of the time goes into page faults: measured, a step takes half to a third of the
    time with this. The process keeps its peak memory until it ends. Of use for whole processes; affects all code in
    this one.

    Returns
    -------
    bool
        Whether it was done: False where the C library is not glibc.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(_M_MMAP_MAX, 0), mallopt(_M_TRIM_THRESHOLD, 2**31 - 1), mallopt(_M_TOP_PAD, 2**28)])
