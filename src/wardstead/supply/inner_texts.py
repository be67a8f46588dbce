"""Texts inside of archives and pickles, set aside so that whoever knows secrets can look for them there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from wardstead.supply.ports import Source

_MOST_EACH: Final = 1 << 20
_MOST: Final = 2 << 20
"""Of a file. It is handed on as JSON, which may be six times as long."""
_RUNS: Final = re.compile(rb"[\x20-\x7e]{8,}")
_PICKLES: Final = frozenset({"pickle", "torch", "torchscript"})


class InnerTexts:
    """Those of one file."""

    def __init__(self) -> None:
        """Nothing was set aside yet."""
        self.found: list[tuple[str, str]] = []
        self._left = _MOST

    def keep(self, source: Source, kinds: Sequence[str], depth: int) -> None:
        """Set a source's text aside, if it has some; a file that is a text is read by whoever asked. Raises ``Malformed``."""
        pickled = not _PICKLES.isdisjoint(kinds)
        if not source.exact or self._left <= 0 or not (depth or pickled):
            return
        data = source.read(0, min(_MOST_EACH, self._left))
        if pickled:
            text = "\n".join(one.decode("ascii") for one in _RUNS.findall(data))
        elif b"\0" in data[:4096]:
            return
        else:
            text = data.decode("utf-8", "ignore")
        self._left -= len(data)
        self.found.append((source.name, text))
