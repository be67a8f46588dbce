"""Where a key provider's secret comes from: a file that is handed over, else whoever sits at the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from wardstead.adapters.store.keys.key_files import read_secret
from wardstead.kernel.errors import ConfigurationError

UNSEAL_VARIABLE = "WARDSTEAD_UNSEAL_FILES"
"""Names the files that hold what opens the root key, with ``:`` between: one, or one for each share."""


class Asker:
    """Gives each secret that is asked for, once; what was given is remembered while this lives."""

    def __init__(self, files: Sequence[Path], prompt: Callable[[str], str] | None) -> None:
        """``files``: asked before ``prompt``, in their order. ``prompt``: ``None`` where nobody sits at a terminal."""
        self._files, self._prompt = list(files), prompt
        self._given: dict[str, bytes] = {}

    def __call__(self, what: str) -> bytes:
        """Raises ``ConfigurationError`` where nobody says it."""
        if what not in self._given:
            self._given[what] = self._ask(what)
        return self._given[what]

    def _ask(self, what: str) -> bytes:
        if self._files:
            path = self._files.pop(0)
            if not path.exists():
                next_step = f"{UNSEAL_VARIABLE} names the files that open the root key: correct it"
                raise ConfigurationError(f"there is no such file, and the {what} is wanted", where=str(path), next_step=next_step)
            return read_secret(path).strip()
        if self._prompt is None:
            raise ConfigurationError(
                f"the root key is sealed: its {what} is wanted", why="there is no terminal to ask at",
                next_step=f"name a file that holds it, readable by its owner alone, in {UNSEAL_VARIABLE}",
            )  # fmt: skip
        return self._prompt(what).strip().encode()
