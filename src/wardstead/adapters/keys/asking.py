"""Where a key provider's secret comes from: a file that is handed over, else whoever sits at the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from wardstead.adapters.store.keys.key_files import read_secret
from wardstead.kernel.errors import ConfigurationError

UNSEAL_VARIABLE = "WARDSTEAD_UNSEAL_FILES"
"""Names the files that hold what opens the root key, with ``:`` between: one, or one for each share."""
SECRET_OPTION = "--secret-file"  # noqa: S105 -- the name of an option
"""Names the file that holds what is to open it from now on."""


class Asker:
    """Gives each secret that is asked for, once; what was given is remembered while this lives."""

    def __init__(self, files: Sequence[Path], prompt: Callable[[str], str] | None, named_in: str = UNSEAL_VARIABLE) -> None:
        """``files``: asked before ``prompt``, in their order. ``prompt``: ``None`` where nobody sits at a terminal.

        ``named_in``: where whoever is at it says which files.
        """
        self._files, self._prompt, self._named_in = list(files), prompt, named_in
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
                raise ConfigurationError(
                    f"there is no such file, and the {what} is wanted", where=str(path),
                    next_step=f"{self._named_in} names the file that holds it: correct it",
                )  # fmt: skip
            return read_secret(path).strip()
        if self._prompt is None:
            sealed = "the root key is sealed: its" if self._named_in == UNSEAL_VARIABLE else "to keep the root key, the"
            raise ConfigurationError(
                f"{sealed} {what} is wanted", why="there is no terminal to ask at",
                next_step=f"name a file that holds it, readable by its owner alone, in {self._named_in}",
            )  # fmt: skip
        return self._prompt(what).strip().encode()
