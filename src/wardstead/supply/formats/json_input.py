"""JSON from strangers: keys that stand twice are told, and what nests too deeply is no crash."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from wardstead.supply.ports import Malformed


def parse_json(text: str) -> tuple[Any, list[str]]:
    """The value, and the keys that stand twice in an object. Raises ``Malformed``."""
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            counts = Counter(key for key, _ in found)
            twice.extend(key[:80] for key, count in counts.items() if count > 1)
        return made

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=_constant), twice[:20]
    except RecursionError:
        raise Malformed("its JSON nests too deeply") from None
    except ValueError as error:  # JSONDecodeError, and numbers of too many digits
        what = getattr(error, "msg", "a number is too long")
        raise Malformed(f"it is no JSON: {what}", getattr(error, "pos", None)) from None


def _constant(name: str) -> float:
    return float(name.replace("Infinity", "inf"))
