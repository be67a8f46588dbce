"""The system call filter: a small assembler for classic BPF (``Documentation/userspace-api/seccomp_filter.rst``).

The program is a plain chain: one comparison and one verdict for each call, so that a reader (and the interpreter in the
tests) can follow it. The kernel caches the verdict of calls whose arguments do not matter, so its length costs nothing.

Verdicts: allowed calls pass; calls that no honest model server makes end the process (``SECCOMP_RET_KILL_PROCESS``); the
rest fail with ``EPERM``, or ``ENOSYS`` where the caller is meant to fall back. Another machine's call, or x32's, ends it too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from wardstead.isolation.syscalls import ALLOWED, COMPUTING, FATAL, HIGHEST_KNOWN, NUMBERS
from wardstead.kernel.errors import ConfigurationError

ARCHITECTURES: Final[dict[str, tuple[int, dict[str, int]]]] = {
    "x86_64": (0xC000003E, NUMBERS["x86_64"]),
    "aarch64": (0xC00000B7, NUMBERS["aarch64"]),
}
"""``AUDIT_ARCH_*`` and the call numbers of each machine."""

# seccomp(2): the verdicts, an error number in the low half of SECCOMP_RET_ERRNO.
ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000
EPERM: Final = _ERRNO | 1
ENOSYS: Final = _ERRNO | 38
EAFNOSUPPORT: Final = _ERRNO | 97


# struct seccomp_data: int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]. Little-endian on both machines.
_NUMBER, _ARCH = 0, 4
_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_X32_BIT = 0x40000000


@dataclass(frozen=True, slots=True)
class Instruction:
    """``struct sock_filter``: the operation, how far to jump if true and if false, and its constant."""

    code: int
    jt: int
    jf: int
    k: int


# sched.h. In clone(2) the lowest byte is the exit signal, so CLONE_NEWTIME (0x80) cannot be asked for there.
NAMESPACE_FLAGS = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
CLONE_THREAD = 0x00010000
# fcntl.h; O_TMPFILE holds O_DIRECTORY's bit too, which alone is harmless.
CREATING_FLAGS = 0o100 | 0o20000000
AF_UNIX = 1
# prctl.h: PDEATHSIG, GET_DUMPABLE, SET_NAME, GET_NAME, GET_SECCOMP, CAPBSET_READ, GET_NO_NEW_PRIVS, SET_VMA.
_PRCTL_OPTIONS = (1, 3, 15, 16, 21, 23, 39, 0x53564D41)
# asm-generic/ioctls.h: both push characters into a terminal that others read.
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX


def program(machine: str) -> tuple[Instruction, ...]:
    """The model server's filter for ``machine`` (as ``uname -m`` says it). Raises ``ConfigurationError`` for one without."""
    return _assembled(machine, _verdict)


def computing(machine: str) -> tuple[Instruction, ...]:
    """The filter for a process that only computes any more: nothing can be opened, started or reached. Raises as above."""
    return _assembled(machine, _computing_verdict)


def reading(machine: str) -> tuple[Instruction, ...]:
    """The filter for a program that talks to nobody: no socket of any family, no process but itself. Raises as above."""
    return _assembled(machine, _reading_verdict)


def starting(machine: str) -> tuple[Instruction, ...]:
    """The filter for what starts a process for each thing that is read, and puts it under ``reading``. Raises as above."""
    return _assembled(machine, _starting_verdict)


def _assembled(machine: str, verdict: Callable[[str], list[Instruction]]) -> tuple[Instruction, ...]:
    if machine not in ARCHITECTURES:
        raise ConfigurationError(
            f"no system call filter for {machine}",
            why=f"there is one for {' and '.join(ARCHITECTURES)}",
            next_step="run the model server in a container or a virtual machine, and configure it as an upstream",
        )
    arch, numbers = ARCHITECTURES[machine]
    code = [
        Instruction(_LOAD, 0, 0, _ARCH),
        Instruction(_JUMP_EQUAL, 1, 0, arch),
        _return(KILL),
        Instruction(_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        # INVARIANT: no call is reachable under a second number; x32 shares the architecture and sets this bit.
        code += [Instruction(_JUMP_AT_LEAST, 0, 1, _X32_BIT), _return(KILL)]
    for name, number in sorted(numbers.items(), key=lambda item: item[1]):
        code += _call(number, verdict(name))
    code += [Instruction(_JUMP_GREATER, 0, 1, HIGHEST_KNOWN), _return(ENOSYS), _return(EPERM)]
    return tuple(code)


def encode(instructions: Sequence[Instruction]) -> bytes:
    """The bytes that ``bwrap --seccomp`` and ``seccomp(2)`` take: an array of ``struct sock_filter``."""
    return b"".join(struct.pack("<HBBI", one.code, one.jt, one.jf, one.k) for one in instructions)


def _call(number: int, body: list[Instruction]) -> list[Instruction]:
    """``body`` for that call alone; it must end in a return on every path."""
    return [Instruction(_JUMP_EQUAL, 0, len(body), number), *body]


def _reading_verdict(name: str) -> list[Instruction]:
    match name:
        case "socket" | "socketpair":
            return [_return(EAFNOSUPPORT)]
        case "fork" | "vfork" | "connect" | "bind" | "listen" | "kill" | "tkill":
            return [_return(EPERM)]
        case "clone":  # threads alone
            namespaces = _any_bit(0, NAMESPACE_FLAGS, KILL, EPERM)
            return [*namespaces[:-1], *_any_bit(0, CLONE_THREAD, ALLOW, EPERM)]
        case _:
            return _verdict(name)


def _starting_verdict(name: str) -> list[Instruction]:
    match name:
        case "seccomp":  # a filter can only take away
            return [_return(ALLOW)]
        case "fork" | "vfork" | "clone":
            return _verdict(name)
        case _:
            return _reading_verdict(name)


def _verdict(name: str) -> list[Instruction]:  # noqa: PLR0911 -- a table of verdicts
    """What happens to a call: one return, or a check of one argument. Only the low 32 bits count: the kernel truncates alike."""
    match name:
        case "socket":
            return _one_of(0, (AF_UNIX,), ALLOW, EAFNOSUPPORT)
        case "clone":
            return _any_bit(0, NAMESPACE_FLAGS, KILL, ALLOW)
        case "clone3" | "openat2":
            # Their arguments lie in memory, where a filter cannot look; glibc falls back to clone and openat.
            return [_return(ENOSYS)]
        case "open":
            return _any_bit(1, CREATING_FLAGS, EPERM, ALLOW)
        case "openat":
            return _any_bit(2, CREATING_FLAGS, EPERM, ALLOW)
        case "prctl":
            return _one_of(0, _PRCTL_OPTIONS, ALLOW, EPERM)
        case "ioctl":
            return _one_of(1, _TERMINAL_INJECTION, EPERM, ALLOW)
        case _ if name in FATAL:
            return [_return(KILL)]
        case _ if name in ALLOWED:
            return [_return(ALLOW)]
        case _:
            return [_return(EPERM)]


def _computing_verdict(name: str) -> list[Instruction]:
    if name in COMPUTING:
        return [_return(ALLOW)]
    return [_return(KILL if name in FATAL else EPERM)]


def _load_argument(index: int) -> Instruction:
    return Instruction(_LOAD, 0, 0, 16 + 8 * index)


def _return(verdict: int) -> Instruction:
    return Instruction(_RETURN, 0, 0, verdict)


def _one_of(index: int, values: Iterable[int], then: int, otherwise: int) -> list[Instruction]:
    code = [_load_argument(index)]
    for value in values:
        code += [Instruction(_JUMP_EQUAL, 0, 1, value), _return(then)]
    return [*code, _return(otherwise)]


def _any_bit(index: int, mask: int, then: int, otherwise: int) -> list[Instruction]:
    return [_load_argument(index), Instruction(_JUMP_BITS, 0, 1, mask), _return(then), _return(otherwise)]
