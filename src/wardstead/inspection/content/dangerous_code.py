"""Dangerous calls in the code of an answer: rules by language, for fences, inline code and the arguments of tools.

A rule speaks of what a call does when somebody runs it, not of what its author meant: policy decides whether people see it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from wardstead.inspection.content.regions import code_of
from wardstead.inspection.content.rules import Rule, RuleSet, places, types_of, version_of, without_surrogates
from wardstead.inspection.ports import Direction, Origin, Span


class DangerousCode:
    """A ``TextDetector`` for answers."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Raises ``ConfigurationError`` for a pattern that is refused."""
        self.id = "dangerous-code"
        self.version = version_of(rules)
        self.types: Mapping[str, str] = types_of(rules)
        self.directions = frozenset({Direction.ANSWER})
        self.origins: frozenset[Origin] = frozenset()
        self.marks = False
        self.slow = False
        self.cuts = True
        self._rules = RuleSet(rules)

    def detect(self, texts: Sequence[str]) -> list[list[Span]]:
        """See ``TextDetector.detect``."""
        return [places(self._spans(without_surrogates(text))) for text in texts]

    def _spans(self, text: str) -> Iterator[Span]:
        for region in code_of(text):
            yield from self._rules.spans(text[region.start : region.end], region.start, written_in(region.language))
        # The arguments of a tool are code.
        for value in _strings(text):
            for one in self._rules.spans(value, 0):
                yield Span(one.type, *_escaped(text, value[one.start : one.end]))


def written_in(word: str) -> frozenset[str] | None:
    """The language that a fence names; ``None`` where it names none, or one that no rule is for: then it may be any."""
    return next((frozenset({name}) for name, words in LANGUAGES.items() if word in words), None)


_SHELLS: Final = "sh bash zsh ksh fish shell console terminal shell-session sh-session dockerfile docker makefile"
_SCRIPTS: Final = "javascript js jsx mjs typescript ts tsx node html vue svelte"
_QUERIES: Final = "sql mysql postgresql postgres psql plsql pgsql tsql sqlite"
LANGUAGES: Final[Mapping[str, frozenset[str]]] = {
    "shell": frozenset(_SHELLS.split()),
    "powershell": frozenset({"powershell", "ps1", "pwsh", "ps"}),
    "batch": frozenset({"bat", "cmd", "batch", "dos"}),
    "python": frozenset({"python", "py", "python3", "ipython", "jupyter"}),
    "javascript": frozenset(_SCRIPTS.split()),
    "sql": frozenset(_QUERIES.split()),
    "php": frozenset({"php"}),
    "ruby": frozenset({"ruby", "rb"}),
    "perl": frozenset({"perl", "pl"}),
    "java": frozenset({"java", "kotlin", "scala", "groovy"}),
    "c": frozenset({"c", "cpp", "c++", "cc", "h"}),
    "yaml": frozenset({"yaml", "yml", "docker-compose"}),
}
"""The languages that rules name, and what fences call them."""


def _escaped(text: str, part: str) -> tuple[int, int]:
    """Where ``part`` of a string stands in its JSON; the whole, where it is written in an unusual way."""
    for plain in (False, True):
        written = json.dumps(part, ensure_ascii=plain)[1:-1]
        if (at := text.find(written)) >= 0:
            return at, at + len(written)
    return 0, len(text)


def _strings(text: str) -> list[str]:
    """Every string in ``text``, if it is a JSON object."""
    if not text.lstrip().startswith("{"):
        return []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return []
    out: list[str] = []
    stack: list[Any] = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            out.append(without_surrogates(one))
        elif isinstance(one, dict):
            stack += one.values()
        elif isinstance(one, list):
            stack += one
    return out
