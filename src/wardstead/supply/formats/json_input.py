"""JSON from strangers: keys that stand twice are told, and what nests too deeply is no crash."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from wardstead.supply.ports import Malformed

_MOST_VALUES: Final = 4_000_000
_FEW: Final = 1000
_TELLING: Final = re.compile(r"[$/~\\]|\.\.|\w+:|.*[\\/%]\.\.", re.DOTALL)
"""With which expressions, paths and addresses begin, and what leads upwards."""


class Value(NamedTuple):
    """A value with its key and its path."""

    path: str
    key: str
    value: Any


def walk(value: Any) -> Iterator[Value]:
    """Every value; of lists of texts (vocabularies) the first thousand, and what may be code or a place.

    Raises ``Malformed`` where there are too many.
    """
    waiting = [Value("", "", value)]
    count = 0
    while waiting:
        one = waiting.pop()
        yield one
        count += 1
        if count > _MOST_VALUES:
            raise Malformed(f"it has more than {_MOST_VALUES:,} values")
        if isinstance(one.value, dict):
            before = f"{one.path}." if one.path else ""
            waiting += [Value(f"{before}{key[:60]}", key, each) for key, each in one.value.items()]
        elif isinstance(one.value, list):
            texts = [each for each in one.value if isinstance(each, str)]
            others = ((number, each) for number, each in enumerate(one.value) if not isinstance(each, str))
            waiting += [Value(f"{one.path}[{number}]", one.key, each) for number, each in others]
            waiting += [Value(f"{one.path}[]", one.key, each) for each in texts[:_FEW]]
            waiting += [Value(f"{one.path}[]", one.key, each) for each in texts[_FEW:] if _TELLING.match(each)]


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
