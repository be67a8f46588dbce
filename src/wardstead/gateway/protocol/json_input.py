"""Strict decoding of a request body. Whatever the bytes: a JSON object, or a ``CallerError`` that says what is wrong.

Stricter than RFC 8259 where parsers differ, for a gateway and a model server must not read one body in two ways:
no duplicate keys, no NaN or Infinity, no NUL, no lone surrogates, a bounded depth.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from wardstead.kernel.errors import CallerError


class BadJson(CallerError):
    """The body is not the JSON object that it must be."""

    code = "invalid_json"


class _Duplicate(Exception):
    """A key appears twice in one object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Duplicate(key)
            seen.add(key)
    return value


def _constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is not JSON", next_step="Send a finite number or null")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def decode_object(body: bytes, *, depth: int) -> dict[str, Any]:
    """The object in ``body``. Raises ``BadJson``; never quotes the body, which may hold what must not be logged."""
    if not body.strip():
        raise BadJson("the request has no body", next_step="Send a JSON object")
    if b"\x00" in body or b"\\u0000" in body:
        raise BadJson("the body contains a NUL character")
    _check_depth(body, depth)
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadJson("the body is not valid UTF-8", where=f"byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadJson(f"the body is not valid JSON: {error.msg}", where=f"line {error.lineno} column {error.colno}") from None
    except _Duplicate as error:
        raise BadJson("a key appears twice in one object", where=str(error)[:80]) from None
    except (RecursionError, ValueError):
        # ValueError: an integer of more digits than Python converts (sys.set_int_max_str_digits).
        raise BadJson("the body nests too deeply or holds a number that is too long") from None
    if not isinstance(value, dict):
        raise BadJson("the body must be a JSON object")
    if b"\\u" in body:
        _check_surrogates(value)
    return value


def _check_depth(body: bytes, depth: int) -> None:
    # An upper bound first: brackets inside strings count too, so only a suspicious body is measured exactly.
    if body.count(b"{") + body.count(b"[") <= depth:
        return
    level = 0
    in_string = escaped = False
    for byte in body:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in {0x7B, 0x5B}:
            level += 1
            if level > depth:
                raise BadJson(f"the body nests deeper than {depth} levels")
        elif byte in {0x7D, 0x5D}:
            level -= 1


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise BadJson("a string holds half of a surrogate pair") from None
