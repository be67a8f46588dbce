"""Which HTTP status an error has. One table for all dialects; a code that is not in it falls back to who is at fault."""

from __future__ import annotations

from typing import Final

from wardstead.kernel.errors import BackendError, CallerError, PeerError, WardsteadError

STATUS: Final[dict[str, int]] = {
    "unauthenticated": 401,
    "csrf": 403,
    "access_denied": 403,
    "confirm_first": 403,
    "wrong_code": 403,
    "passkey_refused": 403,
    "above_owner": 403,
    "model_not_admitted": 403,
    "model_not_found": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "already_reviewed": 409,
    "still_blocked": 409,
    "review_expired": 410,
    "held_erased": 410,
    "body_too_large": 413,
    "document_too_large": 413,
    "too_many_findings": 413,
    "unsupported_document": 415,
    "quota_exceeded": 429,
    "too_many_at_once": 429,
    "too_many_attempts": 429,
    "header_too_large": 431,
    "overloaded": 503,
    "draining": 503,
    "document_reader_unavailable": 503,
    "ledger_unavailable": 503,
    "upstream_unreachable": 503,
    "upstream_timeout": 504,
}
"""Error codes are stable API (docs/reference/errors.md)."""


def status_of(error: WardsteadError) -> int:
    """The HTTP status that ``error`` is answered with."""
    status = STATUS.get(error.code)
    if status is not None:
        return status
    if isinstance(error, CallerError):
        return 400
    if isinstance(error, PeerError):
        return 502
    if isinstance(error, BackendError):
        return 503
    return 500


_FOR_OPERATORS: Final = frozenset({"rows_altered"})


def message_of(error: WardsteadError) -> str:
    """The text that a client library shows to its user. What was altered is told in the log alone."""
    if error.code in _FOR_OPERATORS:
        return "something that is kept here was altered, and nothing rests on it: tell whoever runs Wardstead."
    return str(error) + "."
