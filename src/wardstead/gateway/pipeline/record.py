"""What the ledger keeps of an exchange: the intent and the outcome as documents (sealed afterwards, never logged).

The intent holds, byte for byte, what is forwarded, after redaction: what policy removed is in no record either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, Protocol

import orjson

from wardstead.access.ports import Decision, Identity
from wardstead.crypto.mentions import SPAN_KIND
from wardstead.gateway.protocol.documents import Attached
from wardstead.gateway.protocol.types import ParsedRequest
from wardstead.inspection.extraction import Extracted
from wardstead.inspection.ports import Keeping
from wardstead.kernel.clock import DAY_MS, day_of
from wardstead.kernel.findings import Finding
from wardstead.kernel.ids import ExchangeId
from wardstead.kernel.labels import Label
from wardstead.ledger.ports import Draft

FINDINGS_KEPT: Final = 1000
"""A record keeps so many findings one by one, and the number of all: a text of addresses alone has one in seven bytes."""


DOCUMENT_WARNINGS_KEPT: Final = 20


class ExchangeSeal(Protocol):
    """Seals the two entries of one exchange under its own key."""

    def intent(self, content: bytes, time_ms: int, label: Label, mentions: Sequence[Any] = ()) -> Draft:
        """The intent's draft; ``mentions``: the keys that it takes besides, of whom it identifies and of its last day."""
        ...

    def outcome(self, content: bytes, outcome: str, time_ms: int, label: Label, mentions: Sequence[Any] = ()) -> Draft:
        """The outcome's draft."""
        ...


class Sealer(Protocol):
    """Makes an exchange's own key, wrapped under its subject's."""

    def begin(self, subject: str, exchange_id: ExchangeId) -> ExchangeSeal:
        """The seal of a new exchange."""
        ...

    def mention(self, subject: str, said: Sequence[tuple[str, str]]) -> Sequence[Any]:
        """The keys of whom ``subject`` mentions, each a kind and a value, and of days (``last_day``).

        Raises ``IntegrityError``, ``BackendError``.
        """
        ...

    def known_mentions(self, subject: str, said: Sequence[tuple[str, str]]) -> Sequence[Any] | None:
        """As ``mention``, from memory alone; ``None`` where that does not hold all of them."""
        ...

    def seal_kept(self, subject: str, name: str, content: bytes) -> bytes:
        """Seal what is kept of a conversation under its person's key."""
        ...

    def open_kept(self, subject: str, name: str, sealed: bytes) -> bytes:
        """Open it again. Raises ``IntegrityError``."""
        ...


def last_day(keeping: Keeping, begun_ms: int) -> list[tuple[str, str]]:
    """By what the key is found that is destroyed when the retention of what began then is over; nothing where it has no end."""
    if keeping.retention_days is None:
        return []
    return [(SPAN_KIND, day_of(begun_ms + keeping.retention_days * DAY_MS))]


def finding_document(finding: Finding) -> dict[str, Any]:
    """A finding: where and what, never the text."""
    said = {"type": finding.type, "start": finding.start, "end": finding.end, "action": finding.action.name.lower()}
    if finding.combination:
        said["combination"] = finding.combination
    if finding.score < 1.0:
        said["score"] = round(finding.score, 3)
    return said


def document_document(attached: Attached, read: Extracted) -> dict[str, Any]:
    """A document that came with a request: which one it was, and in which texts of the request its own stands. Not its bytes."""
    return {
        "name": attached.document.name,
        **({"kept": attached.document.kept} if attached.document.kept else {}),
        "kind": read.kind,
        "size": len(attached.document.data),
        "sha256": hashlib.sha256(attached.document.data).hexdigest(),
        "text": attached.text,
        "hidden_text": attached.text + 1,
        "hidden": read.hidden_reasons(),
        "sandboxed": read.sandboxed,
        "warnings": read.all_warnings()[:DOCUMENT_WARNINGS_KEPT],
    }


def intent_document(
    *,
    identity: Identity,
    dialect: str,
    request: ParsedRequest,
    forwarded: bytes,
    findings: Sequence[tuple[int, Finding]],
    findings_total: int,
    label: Label,
    own_label: Label,
    keeping: Keeping,
    decision: Decision,
    verdict: str,
    held: bytes | None,
    released: str = "",
    versions: dict[str, Any],
    context: dict[str, str],
    documents: Sequence[dict[str, Any]] = (),
) -> bytes:
    """Who asked what of which model, what was found, what was decided and by which policies.

    ``findings`` come with the number of their text; a blocked request's own text is not kept. ``label`` is the conversation's
    mark with this request in it, ``own_label`` what was found in the request itself. ``keeping``: what policy makes of records
    with this label. ``held``: the original request, kept for the reviewer it waits for. ``released``: the exchange in which this
    request was held before a reviewer released it.
    """
    document: dict[str, Any] = {
        "principal": {"id": identity.principal.id, "name": identity.principal.name},
        "credential": identity.credential.id,
        "dialect": dialect,
        "operation": request.operation.value,
        "model": request.model,
        "stream": request.stream,
        "request": orjson.Fragment(forwarded) if verdict == "allow" and keeping.content else None,
        **({"held": orjson.Fragment(held)} if held is not None else {}),
        **({"released": released} if released else {}),
        "retention_days": keeping.retention_days,
        "findings": [{"text": number, **finding_document(finding)} for number, finding in findings],
        "findings_total": findings_total,
        "label": label.document(),
        "own_label": own_label.document(),
        "decision": {
            "verdict": verdict,
            "code": decision.code,
            "reason": decision.reason,
            "policies": decision.policies,
        },
        "versions": versions,
        "context": context,
    }
    if documents:
        document["documents"] = documents
    return orjson.dumps(document)


def outcome_document(
    *,
    outcome: str,
    status: int,
    answer: Any,
    findings: Sequence[Finding],
    label: Label,
    keeping: Keeping,
    finish_reasons: dict[int, str],
    usage: dict[str, Any] | None,
    times_ms: dict[str, int],
    reason: str,
    held: Any = None,
) -> bytes:
    """What was answered, as released, and how it ended; ``held``: what is kept for a reviewer."""
    document: dict[str, Any] = {
        "outcome": outcome,
        "status": status,
        "answer": answer if keeping.content else None,
        **({"held": held} if held else {}),
        "retention_days": keeping.retention_days,
        "findings": [finding_document(finding) for finding in findings[:FINDINGS_KEPT]],
        "findings_total": len(findings),
        "label": label.document(),
        "finish_reasons": {str(index): reason for index, reason in finish_reasons.items()},
        "usage": usage,
        "times_ms": times_ms,
        "reason": reason,
    }
    return orjson.dumps(document)
