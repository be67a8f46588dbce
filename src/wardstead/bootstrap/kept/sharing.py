"""What the command line does with shares: give, list and take back, in the name of somebody whom the policies permit it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from wardstead.access.ports import Decision, GranteeKind, Identity, Principal, Resource, Right, Share
from wardstead.access.shares import Shares
from wardstead.adapters.store.content.conversations import UnknownConversation
from wardstead.assurance.library.kept import Kind, NoSuchItem
from wardstead.bootstrap.acting import Acting, at_the_command_line
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.entitlements import decide, later
from wardstead.bootstrap.identity.people import BadValue
from wardstead.gateway.pipeline.fingerprints import Fingerprints
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import PUBLIC, Label, join_all

_ID: Final = re.compile(r"[0-9a-f]{32}")
People = Iterable[Principal] | None
"""Everybody, where they are known; else they are read."""


class UnknownExchange(CallerError):
    """There is no such exchange."""

    code = "unknown_exchange"


@dataclass(frozen=True, slots=True)
class Shown:
    """A share, with the names of those whom it is about. ``holds``: whether it gives anything now."""

    share: Share
    granted_by: str
    grantee: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be given, and to whom (a person or a group, by name)."""

    resource: Resource
    label: Label
    to: tuple[GranteeKind, str]
    rights: frozenset[Right]
    depth: int
    expires_ms: int | None


class Permit(Protocol):
    """Asks the policies."""

    def __call__(self, who: Identity, /, action: str, resource: Resource, **said: object) -> Decision:
        """The decision that permits it. Raises ``CallerError`` with the reason where it does not."""
        ...


@dataclass(frozen=True, slots=True)
class _What:
    resource: Resource
    label: Label


def give(
    deployment: Deployment,
    *,
    by: str,
    exchange: str = "",
    conversation: str = "",
    collection: str = "",
    document: str = "",
    template: str = "",
    person: str = "",
    group: str = "",
    rights: Iterable[str] = ("read",),
    depth: int = 0,
    until: str | None = None,
) -> Share:
    """Share something with a person or a group: a conversation by its id or by the name that the client of ``by`` uses, the
    others by their ids.

    Raises ``MayNot`` where policy forbids it, ``CannotGive`` for what ``by`` has not.
    """
    if sum(map(bool, (exchange, conversation, collection, document, template))) != 1:
        raise BadValue("say one exchange, conversation, collection, document or template")
    if bool(person) == bool(group):
        raise BadValue("say one person, or one group, to share it with")
    who = deployment.directory.find(by)
    if exchange:
        what = _exchange(deployment, exchange)
    elif conversation:
        what = _conversation(deployment, conversation, who)
    else:
        named = {Kind.DOCUMENT: document, Kind.COLLECTION: collection, Kind.TEMPLATE: template}
        what = next(_kept(deployment, kind, item) for kind, item in named.items() if item)
    to = (GranteeKind.PRINCIPAL, person) if person else (GranteeKind.GROUP, group)
    asked = Asked(what.resource, what.label, to, rights_of(rights), depth, later(until))
    return give_as(deployment, at_the_command_line(who), asked, partial(decide, deployment))


def give_as(deployment: Deployment, by: Acting, asked: Asked, permit: Permit) -> Share:
    """Share something in the name of ``by``. Raises what ``permit`` raises, ``CannotGive``, and for nobody and no group."""
    kind, name = asked.to
    grantee = deployment.directory.find(name) if kind is GranteeKind.PRINCIPAL else None
    target = grantee.clearance if grantee is not None else None
    decision = permit(by.identity, "shareData", asked.resource, label=asked.label, target=target)
    to = (kind, grantee.id if grantee is not None else name)
    told = {"policies": ", ".join(decision.policies)}
    return deployment.entitlements.give(
        by.identity.principal, asked.resource, to, asked.rights, depth=asked.depth, expires_ms=asked.expires_ms,
        actor=by.of_record, details=told,
    )  # fmt: skip


def take_back(deployment: Deployment, share_id: str, *, by: str) -> int:
    """End a share and all that came of it, in the name of ``by``; how many. Raises ``MayNot``, ``UnknownShare``."""
    who = deployment.directory.find(by)
    return take_back_as(deployment, share_id, at_the_command_line(who), partial(decide, deployment))


def take_back_as(deployment: Deployment, share_id: str, by: Acting, permit: Permit) -> int:
    """The same, of whoever ``permit`` lets."""
    kept, who = deployment.entitlements.share(share_id), by.identity.principal
    resource = Resource(kept.resource.type, kept.resource.id, owner=owner_of(deployment, kept))
    decision = permit(by.identity, "revokeShare", resource, context={"ownGrant": kept.granted_by == who.id})
    told = {"by": who.name, "policies": ", ".join(decision.policies)}
    return deployment.entitlements.take_back(share_id, actor=by.of_record, details=told)


def shares(deployment: Deployment, *, by: str = "", person: str = "") -> list[Shown]:
    """What was shared: by somebody, with somebody (or a group of theirs), or all."""
    directory = deployment.directory.load()
    names: dict[str, str] = {one.id: one.name for one in directory.principals.values()}
    granter = deployment.directory.find(by).id if by else None
    reader = directory.principals[deployment.directory.find(person).id] if person else None
    index = Shares(directory)
    found = []
    for one in directory.shares.values():
        if granter not in {None, one.granted_by} or (reader is not None and not index.is_given_to(one, reader)):
            continue
        holds = bool(index.carried(one, owner_of(deployment, one), now_ms()).rights)
        grantee = names.get(one.grantee, one.grantee)
        found.append(Shown(one, names.get(one.granted_by, ""), grantee, holds))
    return found


def rights_of(given: Iterable[str]) -> frozenset[Right]:
    try:
        return frozenset(Right(one) for one in given)
    except ValueError:
        raise BadValue("no such right", why=f"the rights are {', '.join(Right)}", where="--right") from None


def _exchange(deployment: Deployment, exchange: str, people: People = None) -> _What:
    found = deployment.ledger.summary(exchange)
    opened = deployment.ledger.open_exchange(exchange, deployment.ring) if found is not None else None
    if found is None or opened is None or found.kind == "admin":
        raise UnknownExchange(f"there is no exchange {exchange[:64]!r}")
    owner = _by_subject(deployment, found.subject, people)
    return _What(Resource("Exchange", exchange, owner=owner.id if owner is not None else None), opened["label"])


def _conversation(deployment: Deployment, given: str, who: Principal, people: People = None) -> _What:
    named = Fingerprints(deployment.fingerprint_key).conversation
    conversation = given if _ID.fullmatch(given) else named(who.subject, given)
    try:
        summary = deployment.conversations.show(conversation)
        subject, mark = summary.owner, summary.mark
    except UnknownConversation:
        known = deployment.ledger.conversation_owner(conversation)
        if known is None:
            raise UnknownConversation(f"nothing was said in the conversation {given[:64]!r}") from None
        subject, mark = known, PUBLIC
    owner = _by_subject(deployment, subject, people)
    return _What(Resource("Conversation", conversation, owner=owner.id if owner is not None else None), mark)


def _kept(deployment: Deployment, kind: Kind, item: str) -> _What:
    """Of a collection the label is that of all that is in it by now."""
    found = deployment.resources.find(kind, item)
    if found is None:
        raise NoSuchItem(kind)
    inside = deployment.resources.inside(found.id) if kind is Kind.COLLECTION else []
    return _What(found.resource, join_all([found.label, *(one.label for one in inside)]))


def found_kept(deployment: Deployment, kind: Kind, item: str) -> tuple[Resource, Label]:
    """Something that is kept as policies see it, and the label of its data. Raises ``NoSuchItem``."""
    what = _kept(deployment, kind, item)
    return what.resource, what.label


def found_exchange(deployment: Deployment, exchange: str, people: People = None) -> tuple[Resource, Label]:
    """An exchange as policies see it, and the label of its data. ``people``: of a snapshot. Raises ``UnknownExchange``."""
    what = _exchange(deployment, exchange, people)
    return what.resource, what.label


def found_conversation(deployment: Deployment, given: str, who: Principal, people: People = None) -> tuple[Resource, Label]:
    """The same of a conversation, by its id or by the name that the client of ``who`` uses. Raises ``UnknownConversation``."""
    what = _conversation(deployment, given, who, people)
    return what.resource, what.label


def owner_of(deployment: Deployment, one: Share) -> PrincipalId | None:
    """Whose the shared resource is, as the ledger and the conversations know it."""
    if one.resource.type in set(Kind):
        found = deployment.resources.find(Kind(one.resource.type), one.resource.id)
        return found.owner if found is not None else None
    if one.resource.type == "Exchange":
        subject = deployment.ledger.subject(one.resource.id)
    else:
        subject = deployment.ledger.conversation_owner(one.resource.id) or _owner_by_mark(deployment, one.resource.id)
    owner = _by_subject(deployment, subject)
    return owner.id if owner is not None else None


def _owner_by_mark(deployment: Deployment, conversation: str) -> str | None:
    try:
        return deployment.conversations.show(conversation).owner
    except UnknownConversation:
        return None


def _by_subject(deployment: Deployment, subject: str | None, people: People = None) -> Principal | None:
    known = deployment.directory.list_principals() if people is None else people
    return next((one for one in known if one.subject == subject), None)
