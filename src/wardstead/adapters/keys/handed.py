"""The root key on its way from the process that opened it to those that need it: in memory that has no name.

The descriptor is inherited by those processes alone; what is behind it cannot be changed, and goes with the last of them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from wardstead.crypto.envelope import KEY_SIZE
from wardstead.crypto.sealed_root import require_root
from wardstead.kernel.errors import ConfigurationError

HANDED_VARIABLE = "WARDSTEAD_ROOT_FD"
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@dataclass(frozen=True, slots=True)
class Handing:
    """What a child process is started with, so that it has the root key; nothing where it can read it itself."""

    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()


def hand_over(root: bytes) -> Handing:
    """Lay the root key where children that are started so find it."""
    descriptor = os.memfd_create("wardstead-root", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(descriptor, require_root(root))
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return Handing({HANDED_VARIABLE: str(descriptor)}, (descriptor,))


def handed(environment: Mapping[str, str]) -> bytes | None:
    """The root key that was handed to this process; ``None`` when none was. Children of this process do not inherit it."""
    number = environment.get(HANDED_VARIABLE)
    if number is None:
        return None
    try:
        descriptor = int(number)
        os.set_inheritable(descriptor, False)
        return require_root(os.pread(descriptor, KEY_SIZE, 0))
    except (ValueError, OSError) as error:
        raise ConfigurationError("no root key was handed over", where=HANDED_VARIABLE, why=str(error)) from None
