"""Automata that were compiled once on this machine, for every test: compiling them takes seconds, in each process anew."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import hyperscan

from wardstead.adapters.compiled import CompiledFolder
from wardstead.inspection.patterns import scanning

_LONG_S = 0.1
"""What is compiled sooner is not worth a file."""


def share(folder: Path) -> None:
    """Have what takes long to compile kept in ``folder``, and taken from there. The folder may be deleted at any time."""
    kept = CompiledFolder(folder, b"no secret: the folder is its owner's, as the tests are")
    compiles = scanning._database

    @lru_cache(100)
    def loaded(expressions: tuple[tuple[int, str], ...]) -> Any:
        # The engine's version is a part of the name: what another one wrote is not there.
        name = sha256(repr((hyperscan.__version__, expressions)).encode()).hexdigest()
        data = kept.get(name)
        if data is not None:
            return hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
        began_s = time.process_time()
        database = compiles(dict(expressions))
        if time.process_time() - began_s > _LONG_S:
            kept.put(name, hyperscan.dumpb(database))
        return database

    def shared(expressions: Mapping[int, str]) -> Any:
        return loaded(tuple(expressions.items()))

    scanning._database = shared
