"""Text that others wrote, made fit to be shown, and what they may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def harmless(text: str) -> str:
    """``text`` with a mark for every character that would steer a terminal or rearrange a line, or cannot be written."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def meant(word: str, known: Iterable[str]) -> str:
    """``did you mean 'hold'? `` for a misspelt word, to stand before a list of the known ones; empty where none is near."""
    near = get_close_matches(word[:80], list(known), n=1)
    return f"did you mean {near[0]!r}? " if near else ""
