"""Log-probabilities of an answer's tokens: rebuilt from the fields we know, and tied byte by byte to the text that was released.

They repeat the answer, token by token, so they follow it: an entry goes out once the text it spells has gone out, and never
again after the first that does not spell it (a redaction, reasoning, a tool call, a server that lies).
Source: OpenAI's reference, "logprobs" of chat completion (chunk) and completion objects; llama.cpp and vLLM write both forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

MAX_TOKEN_BYTES: Final = 1024
MAX_ALTERNATIVES: Final = 20


class BadLogprobs(ValueError):
    """Not of the shape that the API documents."""


class Token(msgspec.Struct, frozen=True):
    """One token: its bytes, which need not be whole characters, its log-probability, and what might have stood there."""

    data: bytes
    logprob: float | None
    alternatives: tuple[tuple[bytes, float], ...] = ()


def decode(value: Any) -> list[Token]:
    """The tokens of a ``logprobs`` object in either form. Raises ``BadLogprobs``."""
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("tokens"), list):
        return list(_legacy(value))
    content = value.get("content")
    if content is None:
        return []
    return [_token(entry) for entry in _sequence(content)]


def for_chat(tokens: Sequence[Token]) -> dict[str, Any]:
    """As chat completions write them."""
    return {"content": [{**_entry(one.data, one.logprob), "top_logprobs": _alternatives(one)} for one in tokens], "refusal": None}


def for_completion(tokens: Sequence[Token], offset: int) -> dict[str, Any]:
    """As completions write them. ``offset``: how many characters of the text precede them."""
    texts = [_text(one.data) for one in tokens]
    offsets = []
    for text in texts:
        offsets.append(offset)
        offset += len(text)
    return {
        "tokens": texts,
        "token_logprobs": [one.logprob for one in tokens],
        "top_logprobs": [{_text(data): logprob for data, logprob in one.alternatives} for one in tokens],
        "text_offset": offsets,
    }


class Spelling:
    """Holds tokens back until the released text has reached them. Stops for ever at the first that does not spell it."""

    __slots__ = ("_done", "_over", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[Token] = []
        self._done = 0
        self._over = False

    def add(self, tokens: Sequence[Token]) -> None:
        """They follow those added before."""
        if not self._over:
            self._waiting += tokens

    def stop(self) -> None:
        """Nothing more may go out."""
        self._over = True
        self._waiting.clear()

    def take(self, released: bytes | bytearray) -> list[Token]:
        """The tokens that ``released``, the whole text so far, spells by now."""
        taken: list[Token] = []
        for token in self._waiting:
            end = self._done + len(token.data)
            there = released[self._done : end]
            if there == token.data:
                self._done = end
                taken.append(token)
            elif token.data.startswith(there):
                break  # the text is not that far yet
            else:
                self.stop()
                return taken
        del self._waiting[: len(taken)]
        return taken


def _token(entry: Any) -> Token:
    if not isinstance(entry, dict):
        raise BadLogprobs("an entry is not an object")
    listed = entry.get("top_logprobs") or []
    alternatives = [
        (_bytes(one), _number(one.get("logprob"))) for one in _sequence(listed)[:MAX_ALTERNATIVES] if isinstance(one, dict)
    ]
    return Token(_bytes(entry), _number(entry.get("logprob")), _finite(alternatives))


def _legacy(value: dict[str, Any]) -> Iterator[Token]:
    tokens = _sequence(value["tokens"])
    numbers = _sequence(value.get("token_logprobs") or [None] * len(tokens))
    tops = _sequence(value.get("top_logprobs") or [None] * len(tokens))
    if not len(tokens) == len(numbers) == len(tops):
        raise BadLogprobs("as many tokens as log-probabilities")
    for text, number, top in zip(tokens, numbers, tops, strict=True):
        listed = list(top.items())[:MAX_ALTERNATIVES] if isinstance(top, dict) else []
        yield Token(_encoded(text), _number(number), _finite([(_encoded(other), _number(its)) for other, its in listed]))


def _finite(alternatives: Sequence[tuple[bytes, float | None]]) -> tuple[tuple[bytes, float], ...]:
    return tuple((data, number) for data, number in alternatives if number is not None)


def _bytes(entry: dict[str, Any]) -> bytes:
    given = entry.get("bytes")
    if given is None:
        return _encoded(entry.get("token"))
    try:
        data = bytes(_sequence(given)[: MAX_TOKEN_BYTES + 1])
    except (TypeError, ValueError):
        raise BadLogprobs("bytes are numbers from 0 to 255") from None
    return _bounded(data)


def _encoded(token: Any) -> bytes:
    if not isinstance(token, str):
        raise BadLogprobs("a token is not a string")
    return _bounded(token.encode("utf-8", "replace"))


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_TOKEN_BYTES:
        raise BadLogprobs("a token is too long")
    return data


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in {int, float}:
        raise BadLogprobs("a log-probability is a number")
    # Rounding writes 1e-9, and servers write -inf in their own ways. NaN is not greater than anything.
    return float(min(0.0, max(-9999.0, value)))


def _sequence(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadLogprobs("not a list")
    return value


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _entry(data: bytes, logprob: float | None) -> dict[str, Any]:
    return {"token": _text(data), "logprob": logprob, "bytes": list(data)}


def _alternatives(token: Token) -> list[dict[str, Any]]:
    return [_entry(data, logprob) for data, logprob in token.alternatives]
