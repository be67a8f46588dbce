"""One root for every error, split by who is at fault.

A leaked ``ValueError`` or ``KeyError`` is a bug: whatever reaches a person carries a stable code, what happened, why, and
what to do next. No message may hold prompt text, an answer, a key or a secret.
"""

from __future__ import annotations

from typing import ClassVar


class WardsteadError(Exception):
    """The root. ``code`` is stable API; ``exit_code`` is what a command ends with (docs/reference/exit-codes.md)."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str = "", next_step: str = "", where: str = "") -> None:
        """Say ``what`` happened, ``where`` (a path, a field, a line), ``why``, and the ``next_step`` for the reader."""
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step
        self.where = where

    def diagnostics(self) -> dict[str, str]:
        """The error as fields for a log line, ``--json`` or a page; empty fields are left out."""
        fields = {
            "code": self.code,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "next_step": self.next_step,
        }
        return {name: value for name, value in fields.items() if value}

    def __str__(self) -> str:
        """One line for a terminal."""
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        parts += [part for part in (self.why, self.next_step) if part]
        return ". ".join(part.rstrip(".") for part in parts)


class CallerError(WardsteadError):
    """What was sent is wrong, or not allowed: the caller can mend it."""

    code = "bad_request"
    exit_code = 2


class PeerError(WardsteadError):
    """The model server (or another peer) failed, was too slow, or broke its protocol."""

    code = "upstream_failed"
    exit_code = 4


class IntegrityError(WardsteadError):
    """Something was altered: a signature, a proof, a digest or a ciphertext does not verify."""

    code = "integrity"
    exit_code = 5


class BackendError(WardsteadError):
    """Our own storage or host is at fault: disk full, database locked, file unreadable."""

    code = "backend"
    exit_code = 4


class ConfigurationError(WardsteadError):
    """A setting, policy or catalogue file is wrong: ``where`` names file, line and key."""

    code = "configuration"
    exit_code = 3


class DetectorFailed(BackendError):
    """A detector crashed, was too slow, lacks its model or broke its contract: its verdict is *failed*, never *nothing found*."""

    code = "detector_failed"


class DetectorOverwhelmed(DetectorFailed):
    """A text asks more of a detector than it does. Its writer chose that, so the strictest answer to a failure counts."""

    code = "detector_overwhelmed"
