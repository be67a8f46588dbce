"""The system call filter: a small assembler for classic BPF (``Documentation/userspace-api/seccomp_filter.rst``).

The program is a plain chain: one comparison and one verdict for each call, so that a reader (and the interpreter in the
tests) can follow it. The kernel caches the verdict of calls whose arguments do not matter, so its length costs nothing.

Verdicts: allowed calls pass; calls that no honest model server makes end the process (``SECCOMP_RET_KILL_PROCESS``); the rest fail
with ``EPERM``, or ``ENOSYS`` where the caller is meant to fall back. A filter for another machine, or x32, ends the process.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from wardstead.isolation.syscalls import ALLOWED, FATAL, HIGHEST_KNOWN, NUMBERS, Machine

AUDIT_ARCH: dict[Machine, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000

EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97


def errno_verdict(number: int) -> int:
    """``SECCOMP_RET_ERRNO`` with that error number."""
    return _ERRNO | number


# struct seccomp_data: int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]. Little-endian on both machines.
_NUMBER, _ARCH = 0, 4
_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_X32_BIT = 0x40000000

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, k: ``struct sock_filter``."""

# sched.h. In clone(2) the lowest byte is the exit signal, so CLONE_NEWTIME (0x80) cannot be asked for there.
NAMESPACE_FLAGS = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
# fcntl.h; O_TMPFILE holds O_DIRECTORY's bit too, which alone is harmless.
CREATING_FLAGS = 0o100 | 0o20000000
AF_UNIX = 1
# prctl.h: PDEATHSIG, GET_DUMPABLE, SET_NAME, GET_NAME, GET_SECCOMP, CAPBSET_READ, GET_NO_NEW_PRIVS, SET_VMA.
_PRCTL_OPTIONS = (1, 3, 15, 16, 21, 23, 39, 0x53564D41)
# asm-generic/ioctls.h: both push characters into a terminal that others read.
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX


def program(machine: Machine) -> bytes:
    """The filter for ``machine`` as ``bwrap --seccomp`` and ``seccomp(2)`` take it: an array of ``struct sock_filter``."""
    return b"".join(struct.pack("<HBBI", *one) for one in _instructions(machine))


def _instructions(machine: Machine) -> list[Instruction]:
    numbers = NUMBERS[machine]
    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        # INVARIANT: no call is reachable under a second number; x32 shares the architecture and sets this bit.
        code += [(_JUMP_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, KILL_PROCESS)]
    for name, number in sorted(numbers.items(), key=lambda item: item[1]):
        code += _call(number, _verdict(name))
    return [
        *code,
        (_JUMP_GREATER, 0, 1, HIGHEST_KNOWN),
        (_RETURN, 0, 0, errno_verdict(ENOSYS)),
        (_RETURN, 0, 0, errno_verdict(EPERM)),
    ]


def _call(number: int, body: list[Instruction]) -> list[Instruction]:
    """``body`` for that call alone; it must end in a return on every path."""
    return [(_JUMP_EQUAL, 0, len(body), number), *body]


def _verdict(name: str) -> list[Instruction]:
    """What happens to a call: one return, or a check of one argument. Only the low 32 bits count: the kernel truncates alike."""
    refuse = errno_verdict(EPERM)
    match name:
        case "socket":
            return _one_of(0, (AF_UNIX,), ALLOW, errno_verdict(EAFNOSUPPORT))
        case "clone":
            return _any_bit(0, NAMESPACE_FLAGS, KILL_PROCESS, ALLOW)
        case "clone3" | "openat2":
            # Their arguments lie in memory, where a filter cannot look; glibc falls back to clone and openat.
            return [(_RETURN, 0, 0, errno_verdict(ENOSYS))]
        case "open":
            return _any_bit(1, CREATING_FLAGS, refuse, ALLOW)
        case "openat":
            return _any_bit(2, CREATING_FLAGS, refuse, ALLOW)
        case "prctl":
            return _one_of(0, _PRCTL_OPTIONS, ALLOW, refuse)
        case "ioctl":
            return _one_of(1, _TERMINAL_INJECTION, refuse, ALLOW)
        case _ if name in FATAL:
            return [(_RETURN, 0, 0, KILL_PROCESS)]
        case _ if name in ALLOWED:
            return [(_RETURN, 0, 0, ALLOW)]
        case _:
            return [(_RETURN, 0, 0, refuse)]


def _load_argument(index: int) -> Instruction:
    return (_LOAD, 0, 0, 16 + 8 * index)


def _one_of(index: int, values: Iterable[int], then: int, otherwise: int) -> list[Instruction]:
    code = [_load_argument(index)]
    for value in values:
        code += [(_JUMP_EQUAL, 0, 1, value), (_RETURN, 0, 0, then)]
    return [*code, (_RETURN, 0, 0, otherwise)]


def _any_bit(index: int, mask: int, then: int, otherwise: int) -> list[Instruction]:
    return [_load_argument(index), (_JUMP_BITS, 0, 1, mask), (_RETURN, 0, 0, then), (_RETURN, 0, 0, otherwise)]
