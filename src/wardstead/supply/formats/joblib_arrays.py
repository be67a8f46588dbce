"""Arrays inside of joblib's pickles: after an array's description its bytes follow, outside of the pickle's own instructions."""

from __future__ import annotations

import re
from typing import Any, Final

from wardstead.supply.formats.pickle_values import KEPT_ITEMS
from wardstead.supply.sources import Cursor

_TYPE: Final = re.compile(r"[<>|=]?([biufcmMSUVO?])(\d*)(?:\[.*\])?")
_LARGEST: Final = 1 << 50
_DEEPEST: Final = 10


class NotAnArray(Exception):
    """What describes an array does not."""


def leap_array(cursor: Cursor, state: Any) -> bool:
    """Leap over an array's bytes; false where it holds objects, and a pickle of them follows instead. Raises ``NotAnArray``."""
    get = getattr(state, "get", None)
    if get is None:
        raise NotAnArray("its state is no dictionary")
    item = item_size(get("dtype"))
    shape = getattr(get("shape"), "values", None)
    if not isinstance(shape, list) or not all(isinstance(one, int) and 0 <= one < _LARGEST for one in shape):
        raise NotAnArray("its shape is no tuple of numbers")
    if item == 0:
        return False
    size = item
    for one in shape:
        size *= one
        if size > _LARGEST:
            raise NotAnArray("its shape is too large")
    if get("numpy_array_alignment_bytes") is not None:
        padding = cursor.take(1)[0]
        cursor.take(padding)
    if size:
        cursor.leap(cursor.at + size - 1)
        cursor.take(1)
    return True


def item_size(dtype: Any) -> int:
    """Bytes of an element; 0 for objects. Raises ``NotAnArray``."""
    arguments = getattr(getattr(dtype, "arguments", None), "values", None)
    if not arguments or not isinstance(arguments[0], str):
        raise NotAnArray("its type is not told")
    return size_of(arguments[0], getattr(dtype, "state", None))


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
    values = getattr(state, "values", [])
    if kind == "V" and len(values) > 4 and _holds_objects(values[4], 0):
        return 0
    return int(digits) * (4 if kind == "U" else 1)


def _holds_objects(fields: Any, depth: int) -> bool:
    """Whether a type's fields (names, and pairs of a type and its place) hold objects. Raises ``NotAnArray``."""
    if fields is None:
        return False
    held = getattr(fields, "values", None)
    if not isinstance(held, list) or len(held) >= KEPT_ITEMS or depth > _DEEPEST:
        raise NotAnArray("its type has fields that are not described")
    for pair in held[1::2]:
        kind = getattr(pair, "values", [None])[0]
        arguments = getattr(getattr(kind, "arguments", None), "values", None)
        if not arguments or not isinstance(arguments[0], str):
            raise NotAnArray("its type has a field of no type")
        state = getattr(getattr(kind, "state", None), "values", [])
        if arguments[0].lstrip("<>|=").startswith("O") or (len(state) > 4 and _holds_objects(state[4], depth + 1)):
            return True
    return False
