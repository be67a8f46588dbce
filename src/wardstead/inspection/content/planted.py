"""Canaries planted in a model's instructions: whoever finds one in an answer has found a leak of them (OWASP LLM07).

A canary proves itself: half of it is drawn with a key of the deployment from who asks, what the instructions are and which day
it is, the other half is a MAC over the first. So nobody guesses one; an answer is recognised without knowing to which request
it belongs, another person's among them; and a search with a bounded window finds it, however a stream is cut.

The same person gets the same canary for the same instructions all day, at the end of them: a model server's prefix cache keeps
what it has for the whole of a conversation, and up to the canary for everybody.

Residual: a model that is told to leave it out, or translates, leaks without it; other instructions' words are ``leakage``'s task.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator, Sequence
from typing import Final

from wardstead.inspection.known.ports import Known, Place
from wardstead.kernel.encoding import length_prefixed

PLANTED: Final = "system-prompt-canary"
"""The type of what is found. Unlike other signs of a leak it is a place, so policy may take it out as well."""
MARK: Final = "wsp"
_HALF: Final = 5
"""Bytes: by chance, a text of its form is one in 2^40."""
_DAY_MS: Final = 86_400_000
_APART: Final = rb"[^A-Za-z0-9]{0,3}"
_FORM: Final = re.compile(rb"(?i)w" + _APART + rb"s" + _APART + rb"p(?:" + _APART + rb"[a-z2-7]){16}")
_BEGUN: Final = re.compile(
    rb"(?i)w" + _APART + rb"(?:s" + _APART + rb"(?:p(?:" + _APART + rb"[a-z2-7]){0,16}" + _APART + rb")?)?\Z"
)
_REACH: Final = (len(MARK) + 16) * 4
_TEXT_FORM: Final = re.compile(r"\bwsp-[a-z2-7]{16}\b")


class Planter:
    """Makes canaries, and tells them from what only looks like one. Immutable."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """``key``: 32 bytes that never leave the deployment."""
        self._key = key

    def canary(self, owner: str, instructions: str, now_ms: int) -> str:
        """That of today for these ``instructions``, and whoever brings them."""
        day = str(now_ms // _DAY_MS).encode()
        said = length_prefixed(owner.encode(), instructions.encode("utf-8", "surrogatepass"), day)
        drawn = hmac.digest(self._key, b"draw" + said, "sha256")[:_HALF]
        return f"{MARK}-{base64.b32encode(drawn + self._proof(drawn)).decode().lower()}"

    def planted(self, owner: str, instructions: str, now_ms: int) -> str:
        """``instructions`` with their canary at the end."""
        return f"{instructions}\n\n[{self.canary(owner, instructions, now_ms)}]"

    def proves(self, found: bytes) -> bool:
        """Whether these bytes, of a canary's form, are one."""
        letters = re.sub(rb"[^A-Za-z0-9]", b"", found)[len(MARK) :]
        made = base64.b32decode(letters.upper())
        return hmac.compare_digest(self._proof(made[:_HALF]), made[_HALF:])

    def _proof(self, drawn: bytes) -> bytes:
        return hmac.digest(self._key, b"prove" + drawn, "sha256")[:_HALF]


class PlantedCanaries:
    """A ``Windowed`` that finds them, in any case, and with up to three other bytes between two of theirs."""

    def __init__(self, planter: Planter) -> None:
        """Finds those of this ``planter``."""
        self._planter = planter
        self.lists: Sequence[Known] = (Known("planted-canaries", PLANTED, "canary"),)
        self.version = "planted-1"

    def matches(self, data: bytes, begin: int, before: int) -> list[Place]:
        """See ``Windowed.matches``."""
        return list(self._found(data, begin, before))

    def first_pending(self, data: bytes, begin: int) -> int:
        """See ``Windowed.first_pending``."""
        found = _BEGUN.search(data, max(begin, len(data) - _REACH))
        return found.start() if found is not None else len(data)

    def _found(self, data: bytes, begin: int, before: int) -> Iterator[Place]:
        at = begin
        # Ends with the window: what lies behind is not looked for yet.
        while (found := _FORM.search(data, at, min(len(data), before + _REACH))) is not None and found.start() < before:
            if self._planter.proves(found[0]):
                yield Place(found.start(), found.end(), 0)
            at = found.start() + 1


def canaries_in(texts: Sequence[str]) -> list[str]:
    """What looks like a planted canary in them: in the instructions of a request, it is one."""
    return [found for text in texts if MARK in text for found in _TEXT_FORM.findall(text)]
