"""Strict decoding of a request body. Whatever the bytes: a JSON object, or a ``CallerError`` that says what is wrong.

Stricter than RFC 8259 where parsers differ, for a gateway and a model server must not read one body in two ways:
no duplicate keys, no NaN or Infinity, no NUL, no lone surrogates, a bounded depth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
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


_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)
_OPENING: Final = frozenset(b"[{")
_CLOSING: Final = frozenset(b"]}")
_HALF: Final = re.compile("[\ud800-\udfff]")
_FIELD: Final = re.compile(r"[a-z][a-z_]{0,39}")
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def decode_object(body: bytes, *, depth: int) -> dict[str, Any]:
    """The object in ``body``. Raises ``BadJson``; never quotes the body, which may hold what must not be logged."""
    if not body.strip():
        raise BadJson("the request has no body", next_step="Send a JSON object")
    if b"\x00" in body:
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
        _check_escaped(value)
    return value


def _check_depth(body: bytes, depth: int) -> None:
    # An upper bound first: brackets inside strings count too, so only a suspicious body is measured exactly.
    if body.count(b"{") + body.count(b"[") <= depth:
        return
    level = 0
    for token in _STRING_OR_BRACKET.finditer(body):
        first = body[token.start()]
        if first in _OPENING:
            level += 1
            if level > depth:
                raise BadJson(f"the body nests deeper than {depth} levels")
        elif first in _CLOSING:
            level -= 1


def _check_escaped(value: Any) -> None:
    """Escapes can write what the bytes themselves could not hold."""
    text = "".join(_strings(value))
    if "\x00" in text:
        raise BadJson("a string contains a NUL character", where=_place_of(value, lambda one: "\x00" in one))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadJson("a string holds half of a surrogate pair", where=_place_of(value, _HALF.search)) from None


def _place_of(value: Any, wrong: Callable[[str], object]) -> str:
    """Where the first string is that is wrong. Keys are told that look like fields: what others say is not quoted."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        place, item = stack.pop()
        if isinstance(item, str) and wrong(item):
            return place.lstrip(".")
        if isinstance(item, dict):
            if any(map(wrong, item)):
                return f"a key of {place.lstrip('.') or 'the body'}"
            stack += reversed([(f"{place}.{key if _FIELD.fullmatch(key) else '…'}", inner) for key, inner in item.items()])
        elif isinstance(item, list):
            stack += reversed([(f"{place}[{at}]", inner) for at, inner in enumerate(item)])
    return ""


def _strings(value: Any) -> Iterator[str]:
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            yield " "  # two halves in two strings are no pair
        elif isinstance(item, dict):
            stack += item.keys()
            stack += item.values()
        elif isinstance(item, list):
            stack += item
