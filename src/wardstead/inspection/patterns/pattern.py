"""Regular expressions with two properties the stream guard rests on: a known greatest width, and a prefix closure.

The prefix closure of a pattern matches every beginning of every match: P(ab) = P(a) | a·P(b), P(a|b) = P(a) | P(b),
P(a{m,n}) = a{0,n-1}·P(a), P(c) = c | ε. Searched at the end of what has arrived, it tells where a match may be in
progress. Wide repeats are over-approximated by ``*`` or ``+``, which keeps the automaton small and can only delay text,
never release it too early: an in-progress match is never older than the pattern's greatest width. Narrow repeats stay
exact, or "Python3 is a good language" would wait as if it might still become an IBAN. A pattern that cannot match a space
or a quotation mark needs no closure: all of them together wait for the end of the ``WORD``, at the price of none.

INVARIANT: a match begins and ends between characters. Patterns run on UTF-8, so all that one may say of characters beyond
ASCII is ``\\p{L}`` and ``\\p{Lu}``, a letter and a capital of the European scripts, and ``\\p{Lx}``, a letter that is not
ASCII, which stand for whole sequences of bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as c  # type: ignore[attr-defined]  # the parser has no public name; its tree is stable since 3.11
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from wardstead.kernel.errors import ConfigurationError

Tree = Any


EXACT_BYTES = 48
"""A repeat of at most this width keeps its count in the prefix closure."""
WORD = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.+/=~%:!#$&*,;?@^|-"
"""What a word is made of here. A pattern of these alone is in progress at most from where the last word begins: keys of
hundreds of services are, and their exact closures together would have more states than memory holds."""
_NOT_IN_WORD = "".join(chr(code) for code in range(256) if code not in WORD)
LEAST = 24
"""So many of a repeat does an outline ask for, at most: more is not worth the states."""
EXACT_TIMES = 4
"""A class without a space keeps its count up to this: counts make an automaton's states many, and spare little waiting."""


_LETTERS = {
    # Two bytes: Latin with accents, Greek, Cyrillic, Armenian, Hebrew, Arabic; three: Latin Extended Additional (Vietnamese).
    r"\p{L}": r"(?:[A-Za-z]|[\xc3-\xdf][\x80-\xbf]|\xe1[\xb8-\xbb][\x80-\xbf])",
    r"\p{Lx}": r"(?:[\xc3-\xdf][\x80-\xbf])",
    # Latin Extended-A has capitals and small letters in turns: both.
    r"\p{Lu}": r"(?:[A-Z]|\xc3[\x80-\x9e]|[\xc4\xc5][\x80-\xbf]|\xce[\x86-\xab]|\xd0[\x80-\xaf])",
}
_IN_A_CLASS = re.compile(r"\[[^\]]{0,200}\\p\{")


def expand(pattern: str, where: str) -> str:
    """The pattern with ``\\p{L}`` and ``\\p{Lu}`` as the bytes that they stand for. Raises ``ConfigurationError``."""
    if _IN_A_CLASS.search(pattern) or ("\\p{" in pattern and pattern.startswith("(?i)")):
        raise ConfigurationError("\\p{L} cannot stand in a class, nor where case does not matter", where=where)
    plain, full = pattern, pattern
    for name, stands_for in _LETTERS.items():
        plain, full = plain.replace(name, "[A-Z]"), full.replace(name, stands_for)
    if not plain.isascii() or any(ord(char) > 0x7F for char in _literals(_tree(plain, where))):
        raise ConfigurationError("patterns are ASCII: they run on UTF-8 bytes", where=where, next_step=r"\p{L} is any letter")
    return full


def _tree(pattern: str, where: str) -> Tree:
    try:
        return _parser.parse(pattern, re.ASCII)
    except re.error as error:
        raise ConfigurationError("the pattern does not parse", where=where, why=str(error)) from None


def _literals(part: Any) -> Iterator[str]:
    """Every character that a part of a tree names."""
    for one in part if isinstance(part, list | tuple | _parser.SubPattern) else ():
        if isinstance(one, tuple) and one and one[0] is c.LITERAL:
            yield chr(one[1])
        elif isinstance(one, tuple) and one and one[0] is c.RANGE:
            yield from map(chr, one[1])
        else:
            yield from _literals(one)


def parse(pattern: str, where: str) -> Tree:
    """The syntax tree of an expanded pattern. Raises ``ConfigurationError`` for what RE2 or the guard cannot do."""
    tree = _tree(pattern, where)
    emit(tree, where)
    always = sum(1 for op, value in tree if op is c.SUBPATTERN and value[0] is not None)
    if tree.state.groups - 1 != always or always > 1:
        raise ConfigurationError(
            "a capturing group marks the secret: at most one, in every match", where=where, next_step="write (?:…) for the others"
        )
    return tree


def check_width(tree: Tree, where: str, limit: int) -> None:
    """A match has some bytes, and at most ``limit``. Raises ``ConfigurationError``."""
    least, greatest = tree.getwidth()
    if not least:
        raise ConfigurationError("the pattern matches nothing at all", where=where)
    if int(greatest) > limit:
        raise ConfigurationError(
            f"a match could be longer than {limit} bytes", where=where, next_step="bound every repeat: {1,64} instead of +"
        )


def emit(tree: Tree, where: str, least: int = 1) -> str:
    """The pattern again, wide repeats over-approximated: of what must come more often, ``least`` are asked for."""
    return "".join(_full(op, value, where, least) for op, value in tree)


def outline(tree: Tree, where: str) -> str:
    """A pattern that occurs wherever this one does, and perhaps elsewhere: its wide repeats have no upper bound."""
    return ("(?i:" if tree.state.flags & re.IGNORECASE else "(?:") + emit(tree, where, least=LEAST) + ")"


def beginnings(items: Any) -> list[str]:
    """What every match begins with: one of a few given texts; a single empty one where that is not to be told."""
    known, over = [""], False
    for op, value in items:
        more = [""]
        if op is c.LITERAL:
            more = [chr(value)]
        elif op is c.SUBPATTERN and not value[1]:
            more = beginnings(value[3])
            over = not all(one[0] in {c.LITERAL, c.AT, c.BRANCH} for one in value[3])
        elif op is c.BRANCH:
            more = [one for branch in value[1] for one in beginnings(branch)]
            over = not all(one[0] is c.LITERAL for branch in value[1] for one in branch)
        elif op is c.IN and all(kind is c.LITERAL for kind, _ in value):
            more = [chr(one) for _, one in value]
        elif op is not c.AT:
            over = True
        if len(known) * len(more) > _MOST_BEGINNINGS:
            break
        known = [first + then for first in known for then in more]
        if over:
            break
    return known


def prefixes(tree: Tree, where: str) -> str:
    """The prefix closure of the pattern; empty for one that is part of a word, which waits for the word's end."""
    if _is_word(tree, where):
        return ""
    flags = "(?i:" if tree.state.flags & re.IGNORECASE else "(?:"
    return flags + _prefix_of(list(tree), where) + ")"


def _prefix_of(items: list[tuple[Any, Any]], where: str) -> str:
    """P(e1 e2 … en) = P(e1) | e1 (P(e2) | e2 (…)), built from the end. The empty beginning is left out: it holds nothing back."""
    closure = ""
    for op, value in reversed(items):
        whole, started = _full(op, value, where), [_prefix(op, value, where)]
        if _is_nullable(op, value):
            if op in {c.MAX_REPEAT, c.MIN_REPEAT}:
                started.append(_full(op, (1, *value[1:]), where))
            started.append(f"{whole}(?:{closure})" if closure else "")
        else:
            started.append(whole + (f"(?:{closure})?" if closure else ""))
        closure = "|".join(filter(None, started))
    return closure


def _is_nullable(op: Any, value: Any) -> bool:
    """Whether the element can be nothing at all."""
    if op in {c.MAX_REPEAT, c.MIN_REPEAT}:
        return bool(value[0] == 0 or value[2].getwidth()[0] == 0)
    if op is c.SUBPATTERN:
        return bool(value[3].getwidth()[0] == 0)
    return op is c.AT or (op is c.BRANCH and any(branch.getwidth()[0] == 0 for branch in value[1]))


def _prefix(op: Any, value: Any, where: str) -> str:
    """The beginnings of one element that are not the whole of it, but for those of a part, which are."""
    if op in {c.LITERAL, c.IN, c.AT}:
        return ""
    if op is c.BRANCH:
        return "|".join(_prefix_of(list(branch), where) for branch in value[1])
    if op is c.SUBPATTERN:
        return ("(?i:" if value[1] else "(?:") + _prefix_of(list(value[3]), where) + ")"
    if op in {c.MAX_REPEAT, c.MIN_REPEAT}:
        _, high, inner = value
        started = _prefix_of(list(inner), where)
        if not _is_narrow(high, inner):
            return f"(?:{emit(inner, where)})*(?:{started})"
        before = f"(?:{emit(inner, where)}){{0,{int(high) - 1}}}" if high > 1 else ""
        return f"{before}(?:{started})"
    raise _unsupported(op, where)


def _full(op: Any, value: Any, where: str, least: int = 1) -> str:
    if op is c.LITERAL:
        return _escape(value, where)
    if op is c.IN:
        return _class(value, where)
    if op is c.AT:
        return _at(value, where)
    if op is c.BRANCH:
        return "(?:" + "|".join(emit(branch, where, least) for branch in value[1]) + ")"
    if op is c.SUBPATTERN:
        _, added, removed, inner = value
        if removed or added & ~re.IGNORECASE:
            raise _unsupported("flags", where)
        part = emit(inner, where, least)
        if added and _BEYOND_ASCII.search(part):
            raise _unsupported("a letter beyond ASCII where case does not matter", where)
        return ("(?i:" if added else "(?:") + part + ")"
    if op in {c.MAX_REPEAT, c.MIN_REPEAT}:
        low, high, inner = value
        few = min(int(low), least)
        times = f"{{{low},{high}}}" if _is_narrow(high, inner) else f"{{{few},}}" if few > 1 else "+" if low else "*"
        return f"(?:{emit(inner, where, least)}){times}"
    raise _unsupported(op, where)


_MOST_BEGINNINGS = 24
_BEYOND_ASCII = re.compile(r"\\x[89a-f]")


def _is_word(items: Any, where: str) -> bool:
    """Whether all that the pattern can match is characters of ``WORD``."""
    for op, value in items:
        if op is c.BRANCH:
            inside = all(_is_word(branch, where) for branch in value[1])
        elif op is c.SUBPATTERN:
            inside = _is_word(value[3], where)
        elif op in {c.MAX_REPEAT, c.MIN_REPEAT}:
            inside = _is_word(value[2], where)
        else:
            one = _full(op, value, where)
            inside = op is c.AT or not re.search(one, _NOT_IN_WORD)
        if not inside:
            return False
    return True


def _is_narrow(high: Any, inner: Tree) -> bool:
    if high is c.MAXREPEAT or int(high) * int(inner.getwidth()[1]) > EXACT_BYTES:
        return False
    return int(high) <= EXACT_TIMES or not _is_inside_a_word(inner)


def _is_inside_a_word(inner: Tree) -> bool:
    """Whether it is one class without a space: however often it is repeated, the next space ends it."""
    return len(inner) == 1 and inner[0][0] is c.IN and not re.match(_class(inner[0][1], ""), " ")


def _at(value: Any, where: str) -> str:
    names = {c.AT_BOUNDARY: r"\b", c.AT_NON_BOUNDARY: r"\B"}
    if value not in names:
        raise _unsupported(value, where)
    return names[value]


# Not \s: RE2's does not have the vertical tab, Hyperscan's and Python's do.
_CATEGORIES = {c.CATEGORY_DIGIT: r"0-9", c.CATEGORY_WORD: r"0-9A-Za-z_"}


def _class(items: list[tuple[Any, Any]], where: str) -> str:
    out = []
    for op, value in items:
        if op is c.LITERAL:
            out.append(_escape(value, where))
        elif op is c.RANGE:
            out.append(f"{_escape(value[0], where)}-{_escape(value[1], where)}")
        elif op is c.CATEGORY and value in _CATEGORIES:
            out.append(_CATEGORIES[value])
        else:
            raise _unsupported(value or op, where)
    return "[" + "".join(out) + "]"


def _escape(code: int, where: str) -> str:
    if code > 0xFF:
        raise ConfigurationError("patterns are ASCII: they run on UTF-8 bytes", where=where)
    char = chr(code)
    return char if char.isascii() and char.isalnum() else f"\\x{code:02x}"


def _unsupported(what: object, where: str) -> ConfigurationError:
    return ConfigurationError(f"the pattern uses {what}, which a streaming match cannot have", where=where)
