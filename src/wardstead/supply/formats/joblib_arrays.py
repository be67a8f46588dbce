"""Arrays inside of joblib's pickles: after an array's description its bytes follow, outside of the pickle's own instructions."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from wardstead.supply.formats.pickle_values import KEPT_ITEMS
from wardstead.supply.sources import Cursor

_TYPE: Final = re.compile(r"[<>|=]?([biufcmMSUVO?])(\d*)(?:\[.*\])?")
_LARGEST: Final = 1 << 50
_DEEPEST: Final = 10
_MAKER: Final = ("numpy", "dtype")
_STATES: Final = (8, 9)
"""How many values a type's state has, of which the sixth is its size; the ninth is what numpy knows of dates."""


class NotAnArray(Exception):
    """What describes an array does not."""


class Leap(NamedTuple):
    """Where an array's bytes begin, and whether they were leapt over: where it holds objects, a pickle follows instead."""

    begin: int
    whole: bool


def leap_array(cursor: Cursor, state: Any) -> Leap:
    """Leap over an array's bytes. Raises ``NotAnArray``."""
    get = getattr(state, "get", None)
    if get is None or len(state.values) >= KEPT_ITEMS:
        raise NotAnArray("its state is no dictionary, or has too many keys")
    item = item_size(get("dtype"))
    shape = getattr(get("shape"), "values", None)
    if not isinstance(shape, list) or not all(isinstance(one, int) and 0 <= one < _LARGEST for one in shape):
        raise NotAnArray("its shape is no tuple of numbers")
    if item == 0:
        return Leap(cursor.at, False)
    size = item
    for one in shape:
        size *= one
        if size > _LARGEST:
            raise NotAnArray("its shape is too large")
    if get("numpy_array_alignment_bytes") is not None:
        padding = cursor.take(1)[0]
        cursor.take(padding)
    begin = cursor.at
    if size:
        cursor.leap(begin + size - 1)
        cursor.take(1)
    return Leap(begin, True)


def item_size(dtype: Any) -> int:
    """Bytes of an element; 0 for objects. Raises ``NotAnArray``."""
    name, state = _described(dtype)
    return size_of(name, state)


def _described(dtype: Any) -> tuple[str, Any]:
    """The name and the state of a type that numpy makes. Raises ``NotAnArray``."""
    arguments = getattr(getattr(dtype, "arguments", None), "values", None)
    if getattr(dtype, "by", None) != _MAKER or not arguments or not isinstance(arguments[0], str):
        raise NotAnArray("its type is not told")
    return arguments[0], dtype.state


def size_of(name: str, state: Any = None) -> int:
    """Bytes of an element of a type as numpy writes it (``f8``, ``<U10``); 0 for objects. Raises ``NotAnArray``."""
    found = _TYPE.fullmatch(name)
    if found is None:
        raise NotAnArray("its type is unknown")
    kind, digits = found.groups()
    if kind == "O":
        return 0
    if kind == "?":
        return 1
    if not digits or len(digits) > 9:
        raise NotAnArray("its type has no size")
    size, values = int(digits) * (4 if kind == "U" else 1), getattr(state, "values", [])
    if kind in "SUVa" and state is not None and (len(values) not in _STATES or values[5] != size):
        raise NotAnArray("its type's state says another size than its name")  # the state's counts (numpy, descriptor.c)
    return 0 if kind == "V" and values and _holds_objects(values[4], 0) else size


def _holds_objects(fields: Any, depth: int) -> bool:
    """Whether a type's fields (names, and pairs of a type and its place) hold objects. Raises ``NotAnArray``."""
    if fields is None:
        return False
    held = getattr(fields, "values", None)
    if not isinstance(held, list) or len(held) >= KEPT_ITEMS or depth > _DEEPEST:
        raise NotAnArray("its type has fields that are not described")
    for pair in held[1::2]:
        name, state = _described((getattr(pair, "values", None) or [None])[0])
        values = getattr(state, "values", [])
        if name.lstrip("<>|=").startswith("O") or (len(values) > 4 and _holds_objects(values[4], depth + 1)):
            return True
    return False
