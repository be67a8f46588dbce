"""Every act of administration that is recorded has words for a reader."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import wardstead
from wardstead.console.acts import ACTS

SOURCE = Path(wardstead.__file__).parent
FAMILIES = "|".join(sorted({name.partition(".")[0] for name in ACTS}))
NO_ACTS = frozenset(
    {
        "keys.db", "keys.service", "known.key", "known.json", "weights.key", "advisories.db", "model.sig", "model.sock",
        "backup.recipients", "principal.id", "share.id", "credential.id",
    }
)  # fmt: skip
"""Files, settings, checks and columns that are written alike."""


def literals() -> set[str]:
    found = set()
    for room in ("adapters", "bootstrap", "gateway", "cli"):
        for path in (SOURCE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def test_what_is_recorded_is_said_in_words() -> None:
    acts = {one for one in literals() if re.fullmatch(rf"(?:{FAMILIES})\.[a-z_-]+", one)} - NO_ACTS
    assert len(acts) > 60, "they are looked for where they are"
    assert acts - ACTS.keys() == set()


def test_words_follow_who_did_it() -> None:
    for name, words in ACTS.items():
        assert re.fullmatch(r"[a-z][^.]*", words), name
