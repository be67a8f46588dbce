"""Detectors of whole texts as data: parsed from the catalogue, checked once, frozen.

An entry has a ``pattern`` (RE2), or names a ``method`` that is code here; both have their source, examples and counter-examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import msgspec
import re2

from wardstead.inspection.patterns.finding import teller
from wardstead.inspection.ports import Span
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.yaml_input import read_yaml

PLACE_CHARS: Final = 1000
"""So many characters of any kind fit the guard's window."""
_Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]
Method = Literal["hidden-characters", "bidirectional", "control-characters", "addresses", "scripts", "many-images", "loop"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry. ``where`` a pattern is looked for: in code of one of its ``languages`` (none: any), or in prose."""

    id: _Name
    type: _Name
    category: _Name
    source: Annotated[str, msgspec.Meta(min_length=3)]
    owasp: Annotated[str, msgspec.Meta(pattern="^LLM(?:0[1-9]|10):2025$")]
    cwe: Annotated[str, msgspec.Meta(pattern="^CWE-[0-9]{1,4}$")]
    atlas: Annotated[str, msgspec.Meta(pattern="^AML\\.T[0-9]{4}(?:\\.[0-9]{3})?$")] = ""
    where: Literal["code", "prose"] = "prose"
    languages: tuple[str, ...] = ()
    pattern: str = ""
    method: Method | None = None
    examples: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    counter_examples: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class _Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A catalogue file."""

    version: int
    detectors: tuple[Rule, ...]


def load_rules(texts: Mapping[str, str]) -> tuple[Rule, ...]:
    """The entries of catalogue files, by name of the file. Raises ``ConfigurationError`` that names file and entry."""
    found: dict[str, Rule] = {}
    for where in sorted(texts):
        for rule in read_yaml(texts[where], where, _Catalogue, ours=True).detectors:
            if rule.id in found:
                raise ConfigurationError(f"two detectors have the id {rule.id!r}", where=where)
            if bool(rule.pattern) == bool(rule.method):
                raise ConfigurationError("a detector has a pattern or a method", where=f"{where}: {rule.id}")
            found[rule.id] = rule
    return tuple(found.values())


def rules_schema() -> dict[str, object]:
    """The JSON Schema of a catalogue file."""
    return msgspec.json.schema(_Catalogue)


def version_of(rules: Sequence[Rule]) -> str:
    """Changes whenever what is found could change."""
    said = [(one.id, one.type, one.category, one.where, one.languages, one.pattern, one.method) for one in rules]
    return sha256(repr(said).encode()).hexdigest()[:12]


class RuleSet:
    """Patterns that are looked for in parts of a text: all in one pass, then those one by one that occur. Safe for threads."""

    __slots__ = ("_any", "_compiled")

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Raises ``ConfigurationError`` for a pattern that RE2 refuses."""
        options = re2.Options()
        options.max_mem = 64 << 20
        options.log_errors = False
        options.never_capture = True
        self._compiled: list[tuple[Rule, Any]] = []
        for rule in rules:
            try:
                self._compiled.append((rule, re2.compile(rule.pattern, options)))
            except re2.error as error:
                raise ConfigurationError("the pattern is refused", where=f"content: {rule.id}", why=str(error)) from None
        self._any = teller("|".join(f"(?:{rule.pattern})" for rule in rules), options) if rules else None

    def spans(self, part: str, at: int, languages: frozenset[str] | None = None) -> Iterator[Span]:
        """What occurs in ``part``, which begins at ``at`` of its text; ``languages``: what it is written in, if known."""
        if self._any is None or not self._any(part.encode()):
            return
        for rule, pattern in self._compiled:
            if languages and rule.languages and languages.isdisjoint(rule.languages):
                continue
            for found in pattern.finditer(part):
                yield Span(rule.type, at + found.start(), at + found.end())


def in_order(spans: Iterable[Span]) -> list[Span]:
    """Each once, in the order of the text; of one type that overlap, the first and longest."""
    out: list[Span] = []
    ends: dict[str, int] = {}
    for one in sorted(spans, key=lambda span: (span.start, -span.end)):
        if one.start >= ends.get(one.type, 0):
            ends[one.type] = one.end
            out.append(one)
    return out


def places(spans: Iterable[Span]) -> list[Span]:
    """The same as places, each narrower than the guard's window: a wider one in pieces that follow one another."""
    return [
        Span(one.type, at, min(at + PLACE_CHARS, one.end), one.score)
        for one in in_order(spans)
        for at in range(one.start, one.end, PLACE_CHARS)
    ]


def types_of(rules: Sequence[Rule]) -> dict[str, str]:
    """Each type that the rules can find, and its category."""
    return {one.type: one.category for one in rules}


def without_surrogates(text: str) -> str:
    """``text``, its half surrogate pairs as question marks, as the guard does it: places stay what they are."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
