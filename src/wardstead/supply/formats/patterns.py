"""Regular expressions that take exponentially long: a repeat without an end of something that itself repeats without one."""

from __future__ import annotations

import re
from typing import Any, Final

from re import _parser as sre  # type: ignore[attr-defined]  # isort: skip  # the tree of a pattern has no other way in

_LONGEST: Final = 20_000
_MANY: Final = 64
_NAMED: Final = re.compile(r"\(\?<(?=[A-Za-z_])")
_CALLED: Final = re.compile(r"\\g<[^>]{0,60}>\??")
"""Of Oniguruma, which tokenizers use: a part of the pattern again, which may repeat."""
_CHOICE: Final = re.compile(r"\((?:\?:)?([^()|]{1,40}(?:\|[^()|]{1,40})+)\)(?:[*+]|\{\d*,\})")
_LETTERS: Final = [chr(one) for one in range(32, 127)] + ["\t", "\n", "é", "字", "я"]
_TURNS: Final = 8
_CLASS: Final = re.compile(r"\\[pP]\{\^?\w+\}|\\[pP]\w")


def takes_exponentially_long(pattern: str) -> bool:
    """Whether some text makes it do so. What cannot be parsed, in the syntax of another engine, counts as not."""
    if len(pattern) > _LONGEST:
        return True
    plain = _CLASS.sub("x", pattern).replace("(?>", "(?:").replace("++", "+").replace("*+", "*").replace("?+", "?")
    plain = re.sub(r"\[\[:\w+:\]\]|\\h|\\R|\\X|\\K", "x", plain)
    plain = re.sub(r"&&\[", "", plain)
    plain = _CALLED.sub("(?:x+)", _NAMED.sub("(?P<", plain))
    try:
        tree = sre.parse(plain)
    except (re.error, RecursionError, OverflowError, ValueError):
        return False
    return _nested(tree, False) or _chooses_twice(plain)


def _nested(tree: Any, inside: bool) -> bool:
    """``inside``: a repeat without an end stands around, with nothing fixed beside."""
    return any(_item(str(name), value, inside and _loose(tree)) for name, value in tree)


def _item(kind: str, value: Any, inside: bool) -> bool:
    if kind in {"MAX_REPEAT", "MIN_REPEAT"}:
        _, high, body = value
        endless = high is sre.MAXREPEAT or high > _MANY
        if (high is sre.MAXREPEAT or high >= _TURNS) and any(_takes_anything(one) for one in body):
            return True
        return (endless and (inside or _overlapping(body))) or _nested(body, (endless or inside) and _loose(body))
    if kind == "SUBPATTERN":
        return _nested(value[-1], inside)
    if kind == "BRANCH":
        return any(_nested(one, inside) for one in value[1])
    return kind in {"ASSERT", "ASSERT_NOT"} and _nested(value[1], False)


def _takes_anything(item: Any) -> bool:
    """``.*``, which takes what is before the next thing in as many ways as there are characters, in each turn anew."""
    name, value = str(item[0]), item[1]
    if name == "SUBPATTERN":
        return any(_takes_anything(one) for one in value[-1])
    if name not in {"MAX_REPEAT", "MIN_REPEAT"} or value[1] is not sre.MAXREPEAT:
        return False
    return [str(one[0]) for one in value[2]] == ["ANY"]


def _loose(tree: Any) -> bool:
    """Whether nothing that must be there parts one turn from the next."""
    return all(_may_vanish(one) or str(one[0]) in {"MAX_REPEAT", "MIN_REPEAT", "SUBPATTERN", "BRANCH"} for one in tree)


def _may_vanish(item: Any) -> bool:
    name, value = str(item[0]), item[1]
    return name in {"AT", "ASSERT", "ASSERT_NOT"} or (name in {"MAX_REPEAT", "MIN_REPEAT"} and value[0] == 0)


def _overlapping(tree: Any) -> bool:
    """Whether a repeat's body is a choice of the same thing twice: ``(a|a)*``."""
    items = list(tree)
    while len(items) == 1 and str(items[0][0]) == "SUBPATTERN":
        items = list(items[0][1][-1])
    if not items or str(items[-1][0]) != "BRANCH":
        return False
    texts = [str(list(one)) for one in items[-1][1][1]]
    return len(set(texts)) < len(texts)


def _chooses_twice(pattern: str) -> bool:
    """Whether a repeat chooses among characters, one of them in two ways: ``(\\w|\\d)*``. The tree has these as one class."""
    for found in _CHOICE.finditer(pattern):
        try:
            choices = [re.compile(one) for one in found[1].split("|")[:_MANY]]
        except re.error:
            continue
        if any(sum(one.fullmatch(letter) is not None for one in choices) > 1 for letter in _LETTERS):
            return True
    return False
