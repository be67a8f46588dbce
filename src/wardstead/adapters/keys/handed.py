"""A key on its way from the process that opened it to those that need it: in memory that has no name.

The descriptor is inherited by those processes alone, and what is behind it goes with the last of them. A key of weights cannot be
changed there. The root key can, by those who have it: another that takes its place is seen by all processes of a gateway at once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wardstead.adapters.memory_file import make_unchangeable, memory_file, of_one_size, write_all
from wardstead.crypto.envelope import KEY_SIZE
from wardstead.kernel.errors import ConfigurationError

_MOST_ROOTS: Final = 2
_SUM_SIZE: Final = 16
_ROOTS_SIZE: Final = 1 + _MOST_ROOTS * KEY_SIZE + _SUM_SIZE
_LOOKS: Final = 1000


@dataclass(frozen=True, slots=True)
class Handing:
    """What a child process is started with, so that it has a key."""

    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()


def variable(name: str) -> str:
    """Where a child finds the number of the descriptor that holds the key ``name`` (``root.key``)."""
    return f"WARDSTEAD_{name.removesuffix('.key').upper()}_FD"


def hand_over(name: str, key: bytes) -> Handing:
    """Lay a key of 32 bytes where children that are started so find it."""
    descriptor = memory_file(f"wardstead-{name}")
    write_all(descriptor, key)
    make_unchangeable(descriptor)
    return _handing(name, descriptor)


def handed(name: str, environment: Mapping[str, str]) -> bytes | None:
    """The key that was handed to this process; ``None`` when none was. Children of this process do not inherit it."""
    descriptor = _descriptor(name, environment)
    return None if descriptor is None else _read(name, descriptor, KEY_SIZE)


def hand_over_roots(name: str, roots: Sequence[bytes]) -> Handing:
    """Lay root keys, the newest first, where children that are started so find them, now and after ``replace_roots``."""
    descriptor = memory_file(f"wardstead-{name}")
    write_all(descriptor, _laid_out(roots))
    of_one_size(descriptor)
    return _handing(name, descriptor)


def handed_on(name: str, environment: Mapping[str, str]) -> Handing | None:
    """What was handed to this process, for its children; ``None`` when nothing was."""
    descriptor = _descriptor(name, environment)
    return None if descriptor is None else _handing(name, descriptor)


def handed_roots(name: str, environment: Mapping[str, str]) -> Sequence[bytes] | None:
    """The root keys as they are now, the newest first; ``None`` where this process was handed none."""
    descriptor = _descriptor(name, environment)
    if descriptor is None:
        return None
    for _ in range(_LOOKS):
        block = _read(name, descriptor, _ROOTS_SIZE)
        keys, told = block[:-_SUM_SIZE], block[-_SUM_SIZE:]
        if _sum(keys) == told:  # otherwise somebody is writing
            return tuple(keys[1 + at * KEY_SIZE : 1 + (at + 1) * KEY_SIZE] for at in range(keys[0]))
    raise ConfigurationError("no root key was handed over", where=variable(name), why="what is there is half written")


def replace_roots(name: str, environment: Mapping[str, str], roots: Sequence[bytes]) -> None:
    """From now on all who were handed the root keys have these. Where nobody was, nothing happens."""
    descriptor = _descriptor(name, environment)
    if descriptor is not None:
        os.pwrite(descriptor, _laid_out(roots), 0)


def _laid_out(roots: Sequence[bytes]) -> bytes:
    keys = (bytes([len(roots)]) + b"".join(roots)).ljust(_ROOTS_SIZE - _SUM_SIZE, b"\0")
    return keys + _sum(keys)


def _sum(keys: bytes) -> bytes:
    return hashlib.sha256(keys).digest()[:_SUM_SIZE]


def _handing(name: str, descriptor: int) -> Handing:
    return Handing({variable(name): str(descriptor)}, (descriptor,))


def _descriptor(name: str, environment: Mapping[str, str]) -> int | None:
    number = environment.get(variable(name))
    if number is None:
        return None
    if not number.isascii() or not number.isdecimal():
        raise ConfigurationError("no key was handed over", where=variable(name), why="it is no number of a descriptor")
    return int(number)


def _read(name: str, descriptor: int, size: int) -> bytes:
    try:
        os.set_inheritable(descriptor, False)
        key = os.pread(descriptor, size, 0)
    except OSError as error:
        raise ConfigurationError("no key was handed over", where=variable(name), why=str(error)) from None
    if len(key) != size:
        raise ConfigurationError("no key was handed over", where=variable(name), why=f"it has {len(key)} bytes")
    return key
