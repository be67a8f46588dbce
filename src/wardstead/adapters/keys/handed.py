"""A key on its way from the process that opened it to those that need it: in memory that has no name.

The descriptor is inherited by those processes alone; what is behind it cannot be changed, and goes with the last of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from wardstead.adapters.memory_file import make_unchangeable, memory_file, write_all
from wardstead.crypto.envelope import KEY_SIZE
from wardstead.kernel.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Handing:
    """What a child process is started with, so that it has a key; nothing where it can read it itself."""

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
    return Handing({variable(name): str(descriptor)}, (descriptor,))


def handed(name: str, environment: Mapping[str, str]) -> bytes | None:
    """The key that was handed to this process; ``None`` when none was. Children of this process do not inherit it."""
    number = environment.get(variable(name))
    if number is None:
        return None
    try:
        descriptor = int(number)
        os.set_inheritable(descriptor, False)
        key = os.pread(descriptor, KEY_SIZE, 0)
    except (ValueError, OSError) as error:
        raise ConfigurationError("no key was handed over", where=variable(name), why=str(error)) from None
    if len(key) != KEY_SIZE:
        raise ConfigurationError("no key was handed over", where=variable(name), why=f"it has {len(key)} bytes")
    return key
