"""Bounds on the JSON Schemas that clients send along.

A model server makes a grammar of them, and a small one can keep it busy for ever: counted repeats multiply when they
nest, so that a pattern of fifty characters may stand for a grammar of a billion rules.
Sources: JSON Schema 2020-12, validation; llama.cpp, json-schema-to-grammar.
"""

from __future__ import annotations

import re
from typing import Any, Final

from wardstead.gateway.protocol.fields import BadField

MAX_NODES: Final = 5_000
MAX_PATTERN_CHARS: Final = 512
MAX_EXPANSION: Final = 10_000
"""How many rules a pattern's counted repeats may come to, or a list's or a string's bounds."""
_BOUNDS: Final = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
_COUNTED: Final = re.compile(r"\{(\d{0,9})(?:(,)(\d{0,9}))?\}")


def check_schema(schema: Any, where: str) -> None:
    """Raises ``BadField`` for what could keep a model server busy out of all proportion."""
    nodes = 0
    stack: list[tuple[Any, bool]] = [(schema, False)]
    while stack:
        value, named = stack.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise BadField(f"a schema has at most {MAX_NODES} parts", where=where)
        if isinstance(value, dict):
            # The names of properties are the client's own: "pattern" may be one of them.
            stack += [(inner, key in {"properties", "$defs", "definitions"} and not named) for key, inner in value.items()]
            if not named:
                _check_words(value, where)
        elif isinstance(value, list):
            stack += [(inner, False) for inner in value]


def _check_words(schema: dict[str, Any], where: str) -> None:
    for name in _BOUNDS & schema.keys():
        bound = schema[name]
        if isinstance(bound, int | float) and bound > MAX_EXPANSION:
            raise BadField(f"{name} is at most {MAX_EXPANSION} here", where=where)
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        check_pattern(pattern, where)


def check_pattern(pattern: str, where: str) -> None:
    """Raises ``BadField`` for a pattern that is long, or whose repeats multiply."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise BadField(f"a pattern has at most {MAX_PATTERN_CHARS} characters", where=where)
    if expansion(pattern) > MAX_EXPANSION:
        raise BadField("the pattern's counted repeats multiply", where=where, next_step="Use smaller bounds, or * and +")


def expansion(pattern: str) -> int:
    """At least as many rules as a grammar of this pattern needs: each character once for each repeat that it stands in."""
    groups = [[0, 0]]  # of each open group: what it comes to, and its last element alone
    at = 0
    while at < len(pattern):
        char = pattern[at]
        counted = _COUNTED.match(pattern, at)
        if counted and groups[-1][1]:
            total, last = groups[-1]
            low, _, high = counted.groups()
            groups[-1] = [
                total - last + last * max(1, int(low or 0), int(high or 0)),
                last * max(1, int(low or 0), int(high or 0)),
            ]
            at = counted.end()
            continue
        if char == "(":
            groups.append([0, 0])
        elif char == ")" and len(groups) > 1:
            inside = max(1, groups.pop()[0])
            groups[-1] = [groups[-1][0] + inside, inside]
        else:
            at += char == "\\"
            if char == "[":
                at = _class_end(pattern, at)
            groups[-1] = [groups[-1][0] + 1, 1]
        at += 1
    return sum(total for total, _ in groups)


def _class_end(pattern: str, start: int) -> int:
    """Where the class of characters that begins at ``start`` ends."""
    at = start + 1
    while at < len(pattern) and (pattern[at] != "]" or at == start + 1):
        at += 2 if pattern[at] == "\\" else 1
    return at
