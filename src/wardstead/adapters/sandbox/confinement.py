"""A process that gives up, of its own accord and for good, what it does not need to compute (seccomp(2), setrlimit(2))."""

from __future__ import annotations

import ctypes
import os
import resource
from typing import Final

from wardstead.isolation.seccomp import computing, encode
from wardstead.kernel.errors import ConfigurationError

_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_SECCOMP_SET_MODE_FILTER: Final = 1
_FILTER_FLAG_TSYNC: Final = 1
"""For every thread that there is already, too."""


class _Program(ctypes.Structure):
    """``struct sock_fprog`` (linux/filter.h)."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def limit(memory_bytes: int) -> None:
    """No more memory than this, no file grows, no core is written: it would hold what was being looked at."""
    for which, wanted in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(which)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (value, value))


def only_compute() -> None:
    """From now on nothing can be opened, started or reached by this process. Raises ``ConfigurationError`` where that fails."""
    machine = os.uname().machine
    code = encode(computing(machine))
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(code) // 8, code)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise _refused("PR_SET_NO_NEW_PRIVS")
    # The call itself returns the id of a thread that could not be taken along.
    if libc.syscall(_SECCOMP[machine], _SECCOMP_SET_MODE_FILTER, _FILTER_FLAG_TSYNC, ctypes.byref(program)) != 0:
        raise _refused("seccomp")


def _refused(what: str) -> ConfigurationError:
    why = os.strerror(ctypes.get_errno())
    return ConfigurationError("this process cannot be confined", where=what, why=why, next_step="it takes a kernel with seccomp")
