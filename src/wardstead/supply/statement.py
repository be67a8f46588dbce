"""The admission statement: an in-toto statement (v1) that names every file which may serve, and why it may."""

from __future__ import annotations

import json
from typing import Any, Final

from wardstead.kernel.clock import rfc3339
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import IntegrityError
from wardstead.supply.admission import Act, AdmittedFile, Candidate, Role

TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://wardstead.invalid/admission/v1"
"""A name, not an address (RFC 6761: nothing is ever served there)."""

_VERITY: Final = "fsverity_sha256"


def statement(one: Candidate, *, policy: str, signed_ms: int, expires_ms: int | None) -> bytes:
    """What is signed about a candidate. ``policy``: the version of the policies by which it was admitted."""
    scan = one.scan
    predicate: dict[str, Any] = {
        "admission": one.id,
        "model": one.model,
        "basis": one.basis.value,
        "up_to": one.ceiling,
        "policy": policy,
        "scan": None
        if scan is None
        else {
            "verdict": scan.verdict.value, "report_sha256": scan.sha256, "scanner": scan.scanner, "at": rfc3339(scan.at_ms),
        },
        "bom": {"sha256": one.bom_sha256} if one.bom_sha256 else None,
        "publishers": [
            {"name": each.publisher, "trusted": each.trusted, "bundle_sha256": each.bundle_sha256} for each in one.evidence
        ],
        "added": _act(one.added),
        "reviewed": _act(one.reviewed) if one.reviewed else None,
        "approved": [_act(act) for act in one.approvals],
        "signed": rfc3339(signed_ms),
        "expires": rfc3339(expires_ms) if expires_ms is not None else None,
        "expires_ms": expires_ms,
    }  # fmt: skip
    document = {"_type": TYPE, "subject": [_subject(file) for file in one.files], "predicateType": PREDICATE}
    return canonical_json({**document, "predicate": predicate})


def files_in(payload: bytes, model: str) -> tuple[AdmittedFile, ...]:
    """The files that a statement, whose signature was verified, admits for a model. Raises ``IntegrityError``."""
    document = _statement(payload)
    if document["predicate"].get("model") != model:
        raise IntegrityError("the admission statement is about another model", where=model)
    try:
        return tuple(
            AdmittedFile(one["name"], one["digest"]["sha256"], about["size_bytes"], Role(about["role"]), about.get(_VERITY, ""))
            for one in document["subject"]
            for about in [one["annotations"]]
        )
    except (KeyError, TypeError, ValueError):
        raise IntegrityError("the admission statement is not one of ours", where=model) from None


def terms_of(payload: bytes) -> tuple[str, int | None]:
    """Up to which level, and until when, a verified statement admits. Raises ``IntegrityError``."""
    predicate = _statement(payload)["predicate"]
    ceiling, expires = predicate.get("up_to"), predicate.get("expires_ms")
    if not isinstance(ceiling, str) or not isinstance(expires, int | None):
        raise IntegrityError("the admission statement is not one of ours")
    return ceiling, expires


def _statement(payload: bytes) -> dict[str, Any]:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or (document.get("_type"), document.get("predicateType")) != (TYPE, PREDICATE):
        raise IntegrityError("this is no admission statement")
    if not isinstance(document.get("predicate"), dict) or not isinstance(document.get("subject"), list):
        raise IntegrityError("this is no admission statement")
    return document


def _subject(file: AdmittedFile) -> dict[str, Any]:
    about = {"size_bytes": file.size_bytes, "role": file.role.value, **({_VERITY: file.verity} if file.verity else {})}
    return {"name": file.path, "digest": {"sha256": file.sha256}, "annotations": about}


def _act(act: Act) -> dict[str, str]:
    return {"by": act.by, "at": rfc3339(act.at_ms), "reason": act.reason}
