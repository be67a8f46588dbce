"""Keyed fingerprints of texts: by which an answer of ours is known when it comes back as history, or is pasted elsewhere.

A fingerprint is an HMAC under a key of the deployment, so that whoever reads the database can test no guess. White space and
case are normalised: clients reflow what they keep. An answer is known by the whole and by each of its longer lines, a prompt
as a whole.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from wardstead.kernel.encoding import length_prefixed
from wardstead.ledger.ports import Fingerprint

SHORTEST: Final = 64
"""Characters: below it, the same words are written by chance, or can be guessed."""
LONG: Final = 256
"""From here on a text is known in other people's requests too: stock phrases are shorter."""
LONGEST: Final = 200_000
"""Of a longer text the beginning is taken: an answer's fingerprints are made while others wait."""
MAX_LINES: Final = 256
_ABOUT_THE_ANSWER: Final = frozenset({"model", "stream", "stream_options"})
"""What a body says of how it is answered, or by which name the server knows the model."""
MAX_CITED: Final = 4096
"""Of one request so many fingerprints are looked for."""


class Fingerprints:
    """Makes fingerprints. Immutable."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """``key``: 32 bytes that never leave the deployment."""
        self._key = key

    def conversation(self, owner: str, name: str) -> str:
        """The id of the conversation that ``owner`` calls ``name``: another's name is another id, and tells nothing."""
        return hmac.digest(self._key, length_prefixed(b"conversation", owner.encode(), name.encode()), "sha256").hex()[:32]

    def request(self, owner: str, operation: str, model: str, body: Mapping[str, Any]) -> bytes:
        """That of a whole request: the same for the same content of the same person to the same model, however it is streamed."""
        said = {name: value for name, value in body.items() if name not in _ABOUT_THE_ANSWER}
        # Written out and read again, numbers are what they are in a record.
        plain = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
        return hmac.digest(
            self._key, length_prefixed(b"request", owner.encode(), operation.encode(), model.encode(), plain), "sha256"
        )

    def whole(self, text: str) -> list[Fingerprint]:
        """That of a text as a whole; none of a short one."""
        if len(text) < SHORTEST:
            return []
        made = self._one(text[:LONGEST])
        return [made] if made is not None else []

    def parts(self, text: str) -> list[Fingerprint]:
        """Those of a text and of its longer lines."""
        found = self.whole(text)
        if found and "\n" in text:
            lines = (self._one(line) for line in text[:LONGEST].splitlines() if len(line) >= SHORTEST)
            distinct = dict.fromkeys([*found, *(one for one in lines if one is not None)])
            found = list(islice(distinct, MAX_LINES + 1))
        return found

    def cited(self, texts: Iterable[str]) -> tuple[bytes, ...]:
        """By which the texts of a request would be known: whole texts first."""
        wholes: list[Fingerprint] = []
        lines: list[Fingerprint] = []
        for text in texts:
            if len(text) >= SHORTEST:
                parts = self.parts(text) if len(lines) < MAX_CITED else self.whole(text)
                wholes += parts[:1]
                lines += parts[1:]
        return tuple(islice(dict.fromkeys(one.mark for one in (*wholes, *lines)), MAX_CITED))

    def _one(self, text: str) -> Fingerprint | None:
        plain = " ".join(text.split()).casefold()
        if len(plain) < SHORTEST:
            return None
        data = plain.encode("utf-8", "surrogatepass")
        return Fingerprint(hmac.digest(self._key, b"text" + data, "sha256"), len(plain) >= LONG)
