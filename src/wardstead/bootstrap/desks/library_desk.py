"""The console's ``LibraryDesk`` over a deployment: documents, and what people share with one another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wardstead.access.ports import AccessRequest, Decision, Directory, GranteeKind, Identity, Principal, Resource, Right, Share
from wardstead.access.shares import Shares
from wardstead.assurance.library.kept import Item, Kind, MayNotHandle
from wardstead.bootstrap.acting import Acting, at_the_console
from wardstead.bootstrap.deployment import now_ms
from wardstead.bootstrap.identity.entitlements import later
from wardstead.bootstrap.kept.library import Library, reason_for
from wardstead.bootstrap.kept.sharing import (
    Asked,
    found_conversation,
    found_exchange,
    found_kept,
    give_as,
    rights_of,
    take_back_as,
)
from wardstead.bootstrap.policy.asking import written_label
from wardstead.console.library_desk import Gift, Holding, Opened, Sharable, Shelved
from wardstead.gateway.server.worlds import WorldHolder
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError
from wardstead.kernel.labels import PUBLIC, Label

_KINDS: Final = {"document": Kind.DOCUMENT, "collection": Kind.COLLECTION, "template": Kind.TEMPLATE}
_GRANTEES: Final = 8
_SHORTEST: Final = 2
_CONVERSATION: Final = re.compile(r"[0-9a-f]{32}")


class NothingToShare(CallerError):
    """There is nothing of that kind and id, or it is not theirs to know."""

    code = "not_found"

    def __init__(self) -> None:
        """Says no more than that."""
        super().__init__("there is nothing here that you may share, or see who has it")


@dataclass(frozen=True, slots=True)
class DeploymentLibraryDesk:
    """Decides by the worker's snapshot."""

    library: Library
    worlds: WorldHolder

    # -- documents ---------------------------------------------------------------------------------------------------

    def most_bytes(self) -> int:
        """See ``LibraryDesk.most_bytes``."""
        return self.library.deployment.settings.documents.max_bytes

    def collections(self, who: Identity) -> Sequence[Shelved]:
        """See ``LibraryDesk.collections``."""
        return [_shelved(one, who) for one in self.library.items(at_the_console(who), Kind.COLLECTION)]

    def documents(self, who: Identity, *, collection: str, after: str, limit: int) -> Sequence[Shelved]:
        """See ``LibraryDesk.documents``."""
        found = self.library.items(at_the_console(who), Kind.DOCUMENT, collection=collection, after=after, limit=limit)
        return [_shelved(one, who) for one in found]

    def collection(self, who: Identity, item: str) -> Shelved:
        """See ``LibraryDesk.collection``."""
        return _shelved(self.library.item(at_the_console(who), Kind.COLLECTION, item), who)

    def open(self, who: Identity, document: str) -> Opened:
        """See ``LibraryDesk.open``."""
        one, read = self.library.text(at_the_console(who), document)
        return Opened(_shelved(one, who), read.visible(), read.hidden_reasons())

    def content(self, who: Identity, document: str) -> tuple[Shelved, bytes]:
        """See ``LibraryDesk.content``."""
        one, data = self.library.content(at_the_console(who), document)
        return _shelved(one, who), data

    def add(self, who: Identity, name: str, data: bytes, *, collection: str, label: str) -> Shelved:
        """See ``LibraryDesk.add``."""
        least = written_label(self.library.deployment, label) if label else PUBLIC
        made = self.library.upload(at_the_console(who), name, data, collection=collection, label=least)
        return _shelved(made, who)

    def create_collection(self, who: Identity, name: str) -> Shelved:
        """See ``LibraryDesk.create_collection``."""
        return _shelved(self.library.create_collection(at_the_console(who), name), who)

    def templates(self, who: Identity, *, after: str, limit: int) -> Sequence[Shelved]:
        """See ``LibraryDesk.templates``."""
        found = self.library.items(at_the_console(who), Kind.TEMPLATE, after=after, limit=limit)
        return [_shelved(one, who) for one in found]

    def template(self, who: Identity, item: str) -> Opened:
        """See ``LibraryDesk.template``."""
        one, read = self.library.text(at_the_console(who), item, Kind.TEMPLATE)
        return Opened(_shelved(one, who), read.visible())

    def create_template(self, who: Identity, name: str, text: str, label: str) -> Shelved:
        """See ``LibraryDesk.create_template``."""
        least = written_label(self.library.deployment, label) if label else PUBLIC
        return _shelved(self.library.create_template(at_the_console(who), name, text, label=least), who)

    def delete(self, who: Identity, kind: str, item: str) -> None:
        """See ``LibraryDesk.delete``."""
        self.library.delete(at_the_console(who), _KINDS[kind], item)

    # -- sharing -----------------------------------------------------------------------------------------------------

    def sharable(self, who: Identity, kind: str, item: str) -> Sharable:
        """See ``LibraryDesk.sharable``. Whoever may share it, owns it or gave a share of it sees who has it."""
        resource, label = self._found(kind, item)
        directory = self.library.deployment.directory.load()  # what was given a moment ago stands there
        shares = Shares(directory)
        may = self._decide(who, "shareData", resource, label)
        everything = self._decide(who, "shareData", resource, PUBLIC).allow or self._ends(who, resource)
        seen = [one for one in shares.of(resource.ref) if everything or one.granted_by == who.principal.id]
        if not everything and not seen:
            raise NothingToShare
        cleared = who.principal.clearance.dominates(label)
        return Sharable(
            kind, resource.id, self._title(who, kind, resource), _name(directory, resource.owner), str(label) if cleared else "",
            may.allow, "" if may.allow else reason_for(who, may, label),
            [self._holding(who, one, resource, shares, directory) for one in seen],
        )  # fmt: skip

    def grantees(self, who: Identity, text: str) -> Sequence[tuple[str, bool]]:
        """See ``LibraryDesk.grantees``. A few, and of two letters at least: it is no list of everybody."""
        said = text.strip().casefold()
        if len(said) < _SHORTEST:
            return []
        people = self.worlds.current.directory.principals.values()
        names = [(one.name, False) for one in people if one.active and one.id != who.principal.id and said in one.name.casefold()]
        groups = {group for one in people for group in one.groups if said in group.casefold()}
        return [*sorted(names)[:_GRANTEES], *((one, True) for one in sorted(groups)[:_GRANTEES])]

    def give(self, who: Identity, kind: str, item: str, gift: Gift) -> None:
        """See ``LibraryDesk.give``."""
        self.sharable(who, kind, item)
        resource, label = self._found(kind, item)
        to = (GranteeKind.GROUP if gift.group else GranteeKind.PRINCIPAL, gift.to)
        asked = Asked(resource, label, to, rights_of(gift.rights), gift.depth, later(gift.until or None))
        give_as(self.library.deployment, at_the_console(who), asked, _Permit(self, at_the_console(who)))

    def take_back(self, who: Identity, share: str) -> int:
        """See ``LibraryDesk.take_back``."""
        by = at_the_console(who)
        return take_back_as(self.library.deployment, share, by, _Permit(self, by))

    def _found(self, kind: str, item: str) -> tuple[Resource, Label]:
        deployment = self.library.deployment
        try:
            if kind in _KINDS:
                return found_kept(deployment, _KINDS[kind], item)
            if kind == "exchange":
                return found_exchange(deployment, item)
            if kind == "conversation" and _CONVERSATION.fullmatch(item):
                return self._conversation(item)
        except CallerError:
            raise NothingToShare from None
        raise NothingToShare

    def _conversation(self, item: str) -> tuple[Resource, Label]:
        anybody = Principal(id=next(iter(self.worlds.current.directory.principals)), name="")
        return found_conversation(self.library.deployment, item, anybody)

    def _title(self, who: Identity, kind: str, resource: Resource) -> str:
        if kind in _KINDS and self._decide(who, "readData", resource, PUBLIC).allow:
            kept = self.library.deployment.resources.find(_KINDS[kind], resource.id)
            if kept is not None and self._decide(who, "readData", resource, kept.label).allow:
                return self.library.about(kept).name
        return f"{kind} {resource.id[-12:]}"

    def _holding(self, who: Identity, one: Share, resource: Resource, shares: Shares, directory: Directory) -> Holding:
        chain, link = [_name(directory, one.granted_by)], one
        while link.parent is not None and (above := directory.shares.get(link.parent)) is not None and len(chain) < 16:
            chain, link = [_name(directory, above.granted_by), *chain], above
        group = one.grantee_kind is GranteeKind.GROUP
        return Holding(
            one.id, one.grantee if group else _name(directory, one.grantee), group, _in_order(one.rights),
            one.depth, rfc3339(one.expires_ms) if one.expires_ms is not None else "", chain,
            bool(shares.carried(one, resource.owner, now_ms()).rights),
            one.granted_by == who.principal.id or self._ends(who, resource),
        )  # fmt: skip

    def _ends(self, who: Identity, resource: Resource) -> bool:
        return self._decide(who, "revokeShare", resource, PUBLIC).allow

    def _decide(self, who: Identity, action: str, resource: Resource, label: Label, **said: object) -> Decision:
        asked = AccessRequest(who, action, resource, label, now_ms(), **said)  # type: ignore[arg-type]
        return self.library.point().decide(asked)

    def permit(self, by: Acting, action: str, resource: Resource, label: Label, **said: object) -> Decision:
        """The decision that permits it. Raises ``MayNotHandle``."""
        decision = self._decide(by.identity, action, resource, label, **said)
        if not decision.allow:
            raise MayNotHandle("policy does not permit this", why=reason_for(by.identity, decision, label))
        return decision


@dataclass(frozen=True, slots=True)
class _Permit:
    """``sharing.Permit`` for somebody at the console, by the worker's snapshot and with their own session."""

    desk: DeploymentLibraryDesk
    by: Acting

    def __call__(self, _who: Identity, /, action: str, resource: Resource, **said: object) -> Decision:
        """See ``sharing.Permit``. Who asks is whoever has the session."""
        label = said.pop("label", PUBLIC)
        return self.desk.permit(self.by, action, resource, label if isinstance(label, Label) else PUBLIC, **said)


def _shelved(one: Item, who: Identity) -> Shelved:
    kept, about = one.kept, one.about
    inside = kept.within.id if kept.within is not None else ""
    return Shelved(
        kept.id, kept.kind.value.lower(), about.name, one.person, str(kept.label), rfc3339(kept.created_ms), about.size_bytes,
        inside, about.warnings, kept.owner == who.principal.id,
    )  # fmt: skip


def _in_order(rights: frozenset[Right]) -> list[str]:
    return [right.value for right in Right if right in rights]


def _name(directory: Directory, who: str | None) -> str:
    return next((one.name for one in directory.principals.values() if one.id == who), "somebody no longer known")
