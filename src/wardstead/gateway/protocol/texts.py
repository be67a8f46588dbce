"""Every string of a request that can carry content, and the place to put it back.

A value is a slot ``(container, key)``. An object's key can carry content too (a schema's property names, tool arguments),
so it is a slot as well: ``(RenameKey(container), key)`` puts the inspected name in place of the old one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

import orjson

MAX_BRACKETS: Final = 512
"""Opening brackets in JSON that stands in a string: a bound on how deeply it nests, well below the interpreter's own."""
Slot = tuple[Any, Any]


class RenameKey:
    """A slot's container that renames a key of an object, keeping its value and the order."""

    __slots__ = ("_value",)

    def __init__(self, value: dict[str, Any]) -> None:
        """``value`` is the object whose key may be renamed."""
        self._value = value

    def __setitem__(self, key: str, name: str) -> None:
        """Give the entry ``key`` the name ``name``; of two that become one, a number keeps them apart."""
        if name == key:
            return
        free, number = name, 2
        while free in self._value:
            free, number = f"{name} {number}", number + 1
        items = [(free if old == key else old, item) for old, item in self._value.items()]
        self._value.clear()
        self._value.update(items)


def walk(value: Any) -> Iterator[tuple[str, Slot]]:
    """Every string in a JSON value, and every number of at least nine digits as text: identifiers may stand unquoted."""
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        entries = item.items() if isinstance(item, dict) else enumerate(item)
        for key, inner in entries:
            if isinstance(inner, str):
                yield inner, (item, key)
            elif isinstance(inner, dict | list):
                stack.append(inner)
            elif isinstance(inner, int | float) and 1e8 <= abs(inner) < math.inf:
                yield format(inner, "d" if isinstance(inner, int) else "f"), (item, key)


def walk_keys(value: Any, known: frozenset[str]) -> Iterator[tuple[str, Slot]]:
    """Every object key in a free-form JSON value that is not one of the ``known`` words."""
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            rename = RenameKey(item)
            for key, inner in item.items():
                if key not in known:
                    yield key, (rename, key)
                if isinstance(inner, dict | list):
                    stack.append(inner)
        elif isinstance(item, list):
            stack += [inner for inner in item if isinstance(inner, dict | list)]


def free_form(value: Any, known: frozenset[str] = frozenset()) -> Iterator[tuple[str, Slot]]:
    """Every string, long number and unknown key of a free-form JSON value. Values come before keys: renaming is last."""
    yield from walk(value)
    yield from walk_keys(value, known)


def in_order(value: Any) -> Iterator[tuple[str, Slot]]:
    """Every key, string and whole number of a JSON value as text, in the order in which they are written."""
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, tuple):
            yield item
            continue
        inside: list[Any] = []
        rename = RenameKey(item) if isinstance(item, dict) else None
        for key, inner in item.items() if isinstance(item, dict) else enumerate(item):
            if rename is not None:
                inside.append((key, (rename, key)))
            if isinstance(inner, dict | list):
                inside.append(inner)
            elif isinstance(inner, str | int) and not isinstance(inner, bool):
                inside.append((str(inner), (item, key)))
        stack += reversed(inside)


def json_text(container: dict[str, Any], key: str) -> tuple[Iterator[tuple[str, Slot]], Callable[[], None]]:
    """JSON inside the string ``container[key]``: its strings after escapes are undone, and what writes it anew.

    It is written anew at once, so that what is inspected is what anybody will read (of a key that stands twice, the last).
    Raises ``ValueError`` for what is not a JSON object or array: no model server would take it either.
    """
    value = load_json(container[key] or "{}")
    if not isinstance(value, dict | list):
        raise ValueError("neither an object nor an array")  # noqa: TRY004 -- one error for one kind of wrong text

    def rewrite() -> None:
        container[key] = json.dumps(value, ensure_ascii=False)

    rewrite()
    return free_form(value), rewrite


def load_json(text: str) -> Any:
    """A JSON value from its text. Raises ``ValueError``, also for what nests too deeply and for NaN and Infinity."""
    if text.count("[") + text.count("{") > MAX_BRACKETS:
        raise ValueError("nests too deeply")
    value = json.loads(text, parse_constant=_refuse)
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()  # a UnicodeError is a ValueError: half of a surrogate pair
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_ESCAPE: Final = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|(["\\/bfnrt]))')
_PLAIN: Final = {"b": " ", "f": " ", "n": "\n", "r": "\r", "t": "\t"}


def unescaped(text: str) -> str:
    """What JSON's escapes in ``text`` stand for, whether or not it is JSON."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _PLAIN.get(found[2], found[2]), text)


def arguments(text: str) -> Any:
    """A tool call's arguments as the object that other dialects have in their place; numbers of any size stay as they are."""
    try:
        value = load_json(text)
    except ValueError:
        return {"arguments": text}
    written = orjson.Fragment(json.dumps(value, ensure_ascii=False))
    return written if isinstance(value, dict) else {"value": written}
