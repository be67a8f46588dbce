"""Every string of a request that can carry content, and the place to put it back.

A value is a slot ``(container, key)``. An object's key can carry content too (a schema's property names, tool arguments),
so it is a slot as well: ``(RenameKey(container), key)`` puts the inspected name in place of the old one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

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


def walk(value: Any, *, skip: frozenset[str] = frozenset(), numbers: bool = False) -> Iterator[tuple[str, Slot]]:
    """Every string in a JSON value. ``skip`` names keys that hold closed words.

    With ``numbers``, those of at least nine digits too, as text: an identifier may stand unquoted in tool arguments.
    """
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        entries = item.items() if isinstance(item, dict) else enumerate(item)
        for key, inner in entries:
            if key in skip:
                continue
            if isinstance(inner, str):
                yield inner, (item, key)
            elif isinstance(inner, dict | list):
                stack.append(inner)
            elif numbers and isinstance(inner, int | float) and 1e8 <= abs(inner) < math.inf:
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
    yield from walk(value, numbers=True)
    yield from walk_keys(value, known)


def json_text(container: dict[str, Any], key: str) -> tuple[Iterator[tuple[str, Slot]], Callable[[], None]]:
    """JSON inside the string ``container[key]``: its strings after escapes are undone, and what writes it anew.

    Raises ``ValueError`` for what is not a JSON object or array: no model server would take it either.
    """
    try:
        value = json.loads(container[key] or "{}")
    except RecursionError:
        raise ValueError("nests too deeply") from None
    if not isinstance(value, dict | list):
        raise ValueError("neither an object nor an array")  # noqa: TRY004 -- one error for one kind of wrong text

    def rewrite() -> None:
        container[key] = json.dumps(value, ensure_ascii=False)

    rewrite()
    return free_form(value), rewrite
