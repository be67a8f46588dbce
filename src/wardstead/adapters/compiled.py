"""Compiled automata, kept in a folder from one start to the next: compiling takes seconds, loading milliseconds.

The engine trusts what it loads, so each file carries a MAC under a key of the deployment: a file that somebody else wrote, or
changed, is not there, and is compiled and written anew. Nothing else depends on the folder; it may be deleted at any time.
"""

from __future__ import annotations

import hmac
import os
import platform
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_MAC_BYTES: Final = 32
_MOST_FILES: Final = 200


class CompiledFolder:
    """A ``Kept`` in a folder."""

    def __init__(self, folder: Path, key: bytes) -> None:
        """``folder`` is made, for its owner alone, when first written to."""
        self._folder, self._key = folder, key

    def get(self, name: str) -> bytes | None:
        """See ``Kept.get``."""
        try:
            data = (self._folder / name).read_bytes()
        except OSError:
            return None
        mac, data = data[:_MAC_BYTES], data[_MAC_BYTES:]
        return data if hmac.compare_digest(mac, self._mac(name, data)) else None

    def put(self, name: str, data: bytes) -> None:
        """See ``Kept.put``."""
        # A folder that cannot be written costs time at the next start, and no more.
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, path = tempfile.mkstemp(dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(self._mac(name, data) + data)
                Path(path).replace(self._folder / name)
            except OSError:
                Path(path).unlink(missing_ok=True)  # the disk may be full: half a file would make it fuller
                raise
            self._forget()

    def _mac(self, name: str, data: bytes) -> bytes:
        # Automata are made for a processor: another one compiles its own.
        about = f"{name} {platform.machine()} {platform.processor()}".encode()
        return hmac.digest(self._key, b"%d:%b%b" % (len(about), about, data), "sha256")

    def _forget(self) -> None:
        """Keep the newest."""
        files = sorted(self._folder.iterdir(), key=lambda one: one.stat().st_mtime)
        for one in files[:-_MOST_FILES]:
            one.unlink(missing_ok=True)
