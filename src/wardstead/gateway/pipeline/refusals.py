"""Why an exchange was not carried out: typed errors, and the text of a refusal that a person can act on."""

from __future__ import annotations

from wardstead.access.ports import Decision
from wardstead.gateway.protocol.upstream import error_message
from wardstead.inspection.ports import Flow, Inspector
from wardstead.kernel.errors import BackendError, CallerError, PeerError, WardsteadError
from wardstead.ledger.ports import Refusal


class NoSuchModel(CallerError):
    """The model is unknown, not admitted, or not this person's to see: all three look the same."""

    code = "model_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the model {name[:80]!r} does not exist, or you do not have access to it",
            where="model",
            next_step="GET /v1/models lists the models that you may use",
        )


class NotPermitted(CallerError):
    """The policy decision point said no."""

    code = "access_denied"

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.reason, why=", ".join((decision.code, *decision.policies)))
        self.decision = decision


class ModelNotAdmitted(NotPermitted):
    """The model does not serve: it was not admitted, or not any more. Its reason says what and why."""

    code = "model_not_admitted"


def not_permitted(decision: Decision) -> NotPermitted:
    """The error of a denial."""
    return ModelNotAdmitted(decision) if decision.code == ModelNotAdmitted.code else NotPermitted(decision)


class LedgerUnavailable(BackendError):
    """No audit, no answer: the record could not be made durable."""

    code = "ledger_unavailable"

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(
            "this exchange could not be recorded, so it was not answered",
            why={
                Refusal.FULL: "the ledger's disk is full or read-only",
                Refusal.FAILED: "the ledger's database does not answer",
                Refusal.STALE: "people or policies kept changing while it was decided",
            }[refusal],
            next_step="Try again in a moment; if it goes on, tell the operator",
        )


class ModelRefused(CallerError):
    """The model server says that the request is at fault (too long for its context, an unusable schema …)."""

    code = "model_refused"


def model_refused(inspector: Inspector, flow: Flow, status: int, data: bytes) -> WardsteadError:
    """The model server's own error; its text is inspected like an answer, for it may quote the prompt."""
    inspected = inspector.inspect(error_message(data), flow)
    said = inspected.text if not inspected.action.stops else ""
    if 400 <= status < 500 and status not in {401, 403, 404, 408, 429}:
        return ModelRefused("the model server does not take this request", why=said)
    return PeerError(f"the model server answered {status}", why=said, next_step="Try again in a moment")


def refusal_text(subject: str, reason: str, receipt: str, *, held: bool = False, inspected: bool = True) -> str:
    """What the person reads in place of the model's words.

    ``held``: somebody will look at it. ``inspected``: it was; else the fault is not in the text.
    """
    if held and subject == "request":
        did = "holds this request for review and has not sent it to the model"
        then = f"GET /v1/held/{receipt} says what became of it; once it is released, send it again just as it is."
    elif held:
        did, then = "holds this answer for review", f"Once it is released, GET /v1/held/{receipt} gives it to you."
    elif subject == "request":
        did, then = "did not send this request to the model", "Remove it and ask again."
    else:
        did, then = "stopped this answer", "Ask for it without that part."
    if not (held or inspected):
        then = "Try again in a moment; if it goes on, tell the operator."
    return f"Wardstead {did}: {reason}. {then} (receipt {receipt})"


class Unexpected(WardsteadError):
    """Something failed that nobody foresaw: the log says what."""

    code = "internal"

    def __init__(self) -> None:
        super().__init__("something failed here; the operator's log says what")
