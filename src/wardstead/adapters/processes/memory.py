"""Memory that a process holds and does not need."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Give the system what the C library kept of memory that was freed: what compiling detectors took is never needed again.

    Where the library cannot (musl), nothing happens.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
