"""The texts of a recorded answer, streamed or whole: what may come back as history, or be pasted elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from wardstead.gateway.protocol.texts import load_json, walk

_TEXTS: Final = ("text", "content", "reasoning", "reasoning_content")


def texts_of(answer: Any) -> Iterator[str]:
    """``answer`` as outcomes record it: a list of choices."""
    for choice in answer:
        message = choice.get("message", choice)
        for name in _TEXTS:
            if message.get(name):
                yield message[name]
        for call in message.get("tool_calls") or ():
            yield from _arguments(call["function"]["arguments"])


def _arguments(text: str) -> Iterator[str]:
    try:
        value = load_json(text)
    except ValueError:
        yield text
        return
    if isinstance(value, dict | list):
        yield from (found for found, _ in walk(value))
