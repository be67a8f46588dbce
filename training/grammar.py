"""A small text grammar: ``{a|b|}`` chooses, ``<name>`` expands a rule, ``<name>`` of a list of lines chooses a line."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

_CHOICE = re.compile(r"\{([^{}]*)\}")
_LITERAL = str.maketrans("¦«»", "|{}")  # how a rule writes the characters that mean something in it
_RULE = re.compile(r"<([a-z_]+)>")


class Grammar:
    """Expands rules; the same seed gives the same texts."""

    def __init__(self, rules: Mapping[str, Sequence[str]], rng: random.Random) -> None:
        """Each rule is a list of alternatives."""
        self._rules = rules
        self._rng = rng

    def expand(self, text: str) -> str:
        """Every rule and choice in ``text``, expanded."""
        for _ in range(200):
            if match := _CHOICE.search(text):
                text = text[: match.start()] + self._rng.choice(match[1].split("|")) + text[match.end() :]
            elif match := next((one for one in _RULE.finditer(text) if one[1] in self._rules), None):
                text = text[: match.start()] + self._rng.choice(self._rules[match[1]]) + text[match.end() :]
            else:
                break
        return re.sub(r"[ ]{2,}", " ", text).replace("\\n", "\n").translate(_LITERAL).strip()

    def samples(self, rule: str, count: int) -> list[str]:
        """``count`` expansions of a rule, fewer where it has fewer."""
        seen: dict[str, None] = {}
        for _ in range(count * 4):
            seen.setdefault(self.expand(f"<{rule}>"))
            if len(seen) == count:
                break
        return list(seen)


def rules(text: str) -> dict[str, list[str]]:
    """Rules from text: ``name:`` at the start of a line, then alternatives, one to an indented line."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if re.fullmatch(r"[a-z_]+:", line.strip()) and not line.startswith(" "):
            current = found.setdefault(line.strip()[:-1], [])
        elif line.strip():
            current.append(line.strip())
    return found
