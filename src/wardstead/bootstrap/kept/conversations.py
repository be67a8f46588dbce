"""What the command line does with conversations: list them, show one, and lower its mark in the name of somebody who may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.ports import AccessRequest, Principal, Resource
from wardstead.adapters.store.content.conversations import ConversationSummary
from wardstead.adapters.store.content.situations import Known
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.bootstrap.acting import as_if_signed_in
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.people import clearance
from wardstead.gateway.pipeline.fingerprints import Fingerprints
from wardstead.kernel.errors import CallerError
from wardstead.kernel.labels import Label


class MayNotDeclassify(CallerError):
    """The policies do not let this person lower the mark."""

    code = "access_denied"


@dataclass(frozen=True, slots=True)
class Shown:
    """A conversation, and whose it is: empty where that is no longer known."""

    summary: ConversationSummary
    person: str
    texts: int = 0


def conversations(deployment: Deployment, user: str = "", *, by: str = "", after: str = "", limit: int = 200) -> list[Shown]:
    """A page of those that remember something: of one person, or whose mark somebody (``by``) may lower, or all.

    Raises ``UnknownPerson``.
    """
    directory = deployment.directory
    owner = directory.find(user).subject if user else None
    known = _lowered_by(deployment, directory.find(by)) if by else None
    people = {one.subject: one.name for one in directory.list_principals()}
    found = deployment.conversations.list(owner=owner, known=known, after=after, limit=limit)
    return [Shown(one, people.get(one.owner, "")) for one in found]


def _lowered_by(deployment: Deployment, who: Principal) -> Known:
    """The situations of conversations that they may declassify."""
    point, identity = MemoisedDecisionPoint(deployment.decision_point(), deployment.directory.load()), as_if_signed_in(who)
    rows, now = point.rows_of(who), now_ms()

    def may(resource: Resource, mark: Label) -> bool:
        return point.decide(AccessRequest(identity, "declassify", resource, mark, now)).allow

    return Known(rows.names, rows.permitted(deployment.conversations.samples(rows.names), now, may))


def id_of(deployment: Deployment, name: str, user: str) -> str:
    """The id of the conversation that a client of ``user`` calls ``name``. Raises ``UnknownPerson``."""
    owner = deployment.directory.find(user).subject
    return Fingerprints(deployment.fingerprint_key).conversation(owner, name)


def conversation(deployment: Deployment, conversation_id: str) -> Shown:
    """One of them. Raises ``UnknownConversation``."""
    summary = deployment.conversations.show(conversation_id)
    owner = _owner(deployment, summary)
    return Shown(summary, owner.name if owner is not None else "", deployment.conversations.fingerprints(conversation_id))


def declassify(
    deployment: Deployment, conversation_id: str, level: str, compartments: Iterable[str], *, by: str, reason: str
) -> tuple[Label, Label]:
    """Lower a conversation's mark; the one before and the one after.

    ``by``: the person who answers for it, whom the policies must permit it. Whoever runs the command is recorded as well.
    Raises ``MayNotDeclassify``, and what ``ConversationStore.declassify`` raises.
    """
    if not reason.strip():
        raise CallerError("a declassification has a reason", where="--reason")
    to = clearance(deployment, level, compartments)
    summary = deployment.conversations.show(conversation_id)
    who, owner = deployment.directory.find(by), _owner(deployment, summary)
    identity = as_if_signed_in(who)
    resource = Resource("Conversation", summary.id, owner=owner.id if owner is not None else None)
    request = AccessRequest(identity, "declassify", resource, summary.mark, now_ms())
    decision = deployment.decision_point().decide(request)
    if not decision.allow:
        raise MayNotDeclassify(f"{by} may not declassify it", why=decision.reason, where="--by")
    said = {"ordered_by": who.name, "reason": reason.strip()[:2000], "policies": ", ".join(decision.policies)}
    before = deployment.conversations.declassify(conversation_id, to, decided=summary.mark, actor=COMMAND_LINE, details=said)
    return before, to


def _owner(deployment: Deployment, summary: ConversationSummary) -> Principal | None:
    return next((one for one in deployment.directory.list_principals() if one.subject == summary.owner), None)
