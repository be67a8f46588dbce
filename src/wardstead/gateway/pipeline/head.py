"""The head of an answer: status, and the headers by which Wardstead says what it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wardstead.gateway.pipeline.commands import Start
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import Label

UNAVAILABLE = frozenset({429, 503})


def head(
    status: int,
    content_type: str,
    *,
    decision: str,
    label: Label,
    receipt: str = "",
    conversation: str = "",
    length: int | None = None,
    warnings: tuple[str, ...] = (),
    isolation: str = "",
) -> Start:
    """``receipt`` is empty where nothing was recorded; ``length`` where the answer is a stream."""
    headers = [(b"content-type", content_type.encode())]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    if receipt:
        headers.append((b"wardstead-receipt", receipt.encode()))
    headers.append((b"wardstead-decision", _visible(decision)))
    headers.append((b"wardstead-label", str(label).encode()))
    if conversation:
        headers.append((b"wardstead-conversation", _visible(conversation)))
    if warnings:
        headers.append((b"wardstead-warning", _visible("; ".join(warnings))))
    if isolation:
        headers.append((b"wardstead-isolation", isolation.encode()))
    if status in UNAVAILABLE:
        headers.append((b"retry-after", b"1"))
    return Start(status, headers)


_DONE: Final = {
    Action.REDACT: "redacted",
    Action.MASK: "masked",
    Action.PSEUDONYMISE: "pseudonymised",
    Action.FLAG: "flagged",
}


def decision(verdict: str, counts: Mapping[Action, int], *, code: str = "") -> str:
    """``allow; redacted=2; flagged=1`` as the ``wardstead-decision`` header writes it."""
    parts = [verdict]
    if verdict == "allow":
        parts += [f"{word}={counts[action]}" for action, word in _DONE.items() if counts.get(action)]
    if code:
        parts.append(f"code={code}")
    return "; ".join(parts)


def _visible(text: str) -> bytes:
    """Visible ASCII only: a header can carry nothing else safely (RFC 9110 section 5.5)."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return "".join(char if " " <= char <= "~" else "?" for char in text).encode()
