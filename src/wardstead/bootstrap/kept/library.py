"""What people keep here, wired: who may add, list, read, move and delete collections, documents and templates.

Something that somebody may not know of is as if it were not there. What they may know of and not have is refused with a reason
that does not tell its label, and the refusal is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Final

import msgspec

from wardstead.access.asking import CONSOLE
from wardstead.access.filtering import Filter, Situation
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.ports import AccessRequest, Decision, Identity, Principal, Resource
from wardstead.assurance.library.kept import About, Item, Kept, Kind, MayNotHandle, NoSuchItem
from wardstead.bootstrap.acting import Acting
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.detection.inspection import inspector as inspector_of
from wardstead.bootstrap.forgetting.retention import as_classified
from wardstead.bootstrap.policy.sinks import DOWNLOAD, sink
from wardstead.gateway.pipeline.fingerprints import Fingerprints
from wardstead.gateway.protocol.templates import MOST_CHARACTERS
from wardstead.gateway.server.worlds import WorldHolder
from wardstead.inspection.extraction import Extracted, Part, shown_name
from wardstead.inspection.ports import PROMPT, Inspector, Keeping, Origin
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import PUBLIC, Label
from wardstead.ledger.ports import Claim, Passage

ABOUT, DATA, TEXT = "about", "data", "text"
MOST_LISTED: Final = 1000
_TOLD_WARNINGS: Final = 20


class DocumentsOff(CallerError):
    """The operator has switched documents off."""

    code = "unsupported_document"


@dataclass(frozen=True, slots=True)
class Library:
    """The services. ``point`` is of one snapshot; ``people`` by id."""

    deployment: Deployment
    point: Callable[[], MemoisedDecisionPoint]
    keeping: Callable[[Label], Keeping]
    inspector: Callable[[], Inspector]
    people: Callable[[], Mapping[PrincipalId, Principal]]

    # -- adding ------------------------------------------------------------------------------------------------------

    def create_collection(self, by: Acting, name: str) -> Item:
        """A new one of their own, empty, labelled by its name. Raises ``MayNotHandle``, ``TooMuchKept``."""
        self._permit(by, "createData", None)
        about, who = About(_named(name)), by.identity.principal
        found = self._label(who, (about.name,), Origin.USER)
        self._permit(by, "changeData", Resource(Kind.COLLECTION.value, "new", owner=who.id), found)
        return Item(self._add(by, Kind.COLLECTION, found, about, {}, collection=None, passage=None), about, who.name)

    def upload(self, by: Acting, name: str, data: bytes, *, collection: str = "", label: Label = PUBLIC) -> Item:
        """A document: read in the sandbox, labelled by what is found in it (and ``label``), sealed under the key of who adds it.

        Raises what the reader raises, ``NoSuchItem``, ``MayNotHandle``, ``TooMuchKept``, ``DocumentsOff``.
        """
        settings = self.deployment.settings.documents
        if not settings.enabled:
            raise DocumentsOff("documents are not taken by this deployment")
        self._permit(by, "createData", None)
        into = self.kept(by, Kind.COLLECTION, collection, "changeData") if collection else None
        read = self.deployment.extractor.extract(data, name, settings.limits())
        who = by.identity.principal
        found = self._label(who, _said_in(read), Origin.DOCUMENT).join(label)
        # Nobody keeps what is above them: the document that would be, as policies know it.
        self._permit(by, "changeData", Resource(Kind.DOCUMENT.value, "new", owner=who.id), found)
        about = About(_named(name), read.kind, len(data), sha256(data).hexdigest(), tuple(read.all_warnings()[:_TOLD_WARNINGS]))
        parts = {DATA: data, TEXT: msgspec.json.encode(read)}
        kept = self._add(
            by, Kind.DOCUMENT, found, about, parts, collection=into.id if into is not None else None,
            passage=self._passage(who, read, found),
        )  # fmt: skip
        return self.item(by, Kind.DOCUMENT, kept.id) if into is not None else Item(kept, about, who.name)

    def create_template(self, by: Acting, name: str, text: str, *, label: Label = PUBLIC) -> Item:
        """A prompt template: labelled by what is found in it (and ``label``), sealed under the key of who makes it.

        Raises ``MayNotHandle``, ``TooMuchKept``, ``CallerError``.
        """
        self._permit(by, "createData", None)
        said, who = _named(name), by.identity.principal
        if not 0 < len(text) <= MOST_CHARACTERS:
            raise CallerError(f"a template has 1 to {MOST_CHARACTERS:,} characters", where="text")
        read = Extracted(said, "template", (Part((said,), text),))
        found = self._label(who, _said_in(read), Origin.USER).join(label)
        self._permit(by, "changeData", Resource(Kind.TEMPLATE.value, "new", owner=who.id), found)
        about = About(said, read.kind, len(text.encode()), sha256(text.encode()).hexdigest())
        parts, passage = {TEXT: msgspec.json.encode(read)}, self._passage(who, read, found)
        return Item(self._add(by, Kind.TEMPLATE, found, about, parts, collection=None, passage=passage), about, who.name)

    def _add(
        self, by: Acting, kind: Kind, label: Label, about: About, parts: Mapping[str, bytes], *, collection: str | None,
        passage: Passage | None,
    ) -> Kept:  # fmt: skip
        return self.deployment.resources.add(
            kind, by.identity.principal, label, {ABOUT: msgspec.json.encode(about), **parts}, collection=collection,
            most_bytes=self.deployment.settings.documents.kept_bytes, passage=passage, actor=by.actor,
            action=f"{kind.value.lower()}.add", details={**by.told, "collection": collection or ""},
        )  # fmt: skip

    def _label(self, who: Principal, texts: Sequence[str], origin: Origin) -> Label:
        """Of what is found in them, and of what is known again: an answer that somebody keeps carries on what it came from."""
        found = self.inspector().label_of(texts, PROMPT, origins=[origin] * len(texts))
        cited = self._fingerprints.cited(texts)
        return found.join(self.deployment.conversations.look(Claim(who.subject, cited=cited)).cited) if cited else found

    @property
    def _fingerprints(self) -> Fingerprints:
        return Fingerprints(self.deployment.fingerprint_key)

    def _passage(self, who: Principal, read: Extracted, label: Label) -> Passage | None:
        """By which its text is known, and labelled, where somebody pastes it elsewhere."""
        if label == PUBLIC:
            return None
        made = [(one, label) for text in (read.visible(), read.hidden()) for one in self._fingerprints.parts(text)]
        return Passage(who.subject, made=tuple(made)) if made else None

    # -- reading -----------------------------------------------------------------------------------------------------

    def kept(self, by: Acting, kind: Kind, item: str, action: str = "readData") -> Kept:
        """One of them, for somebody who may do this. Raises ``NoSuchItem``, ``MayNotHandle``."""
        found = self.deployment.resources.find(kind, item[:64])
        if found is None:
            raise NoSuchItem(kind)
        self._permit(by, action, found.resource, found.label, kind)
        return found

    def item(self, by: Acting, kind: Kind, item: str) -> Item:
        """The same, with its name."""
        return self._shown(self.kept(by, kind, item))

    def items(
        self, by: Acting, kind: Kind, *, collection: str = "", limit: int = MOST_LISTED, after: str = "",
        oldest_first: bool = False,
    ) -> list[Item]:  # fmt: skip
        """Those that they may read, the newest first; behind the one with the id ``after``. One question to the database.

        Raises ``NoSuchItem`` for a ``collection`` that they may not read.
        """
        if collection:
            collection = self.kept(by, Kind.COLLECTION, collection).id
        rows, seen = self._visible(by, kind, collection)
        found = self.deployment.resources.page(
            kind, rows.names, seen, collection=collection, limit=min(limit, MOST_LISTED + 1), after=after,
            oldest_first=oldest_first,
        )  # fmt: skip
        return [self._shown(one) for one in found]

    def count(self, by: Acting, collection: str) -> int:
        """How many documents of a collection they may read."""
        rows, seen = self._visible(by, Kind.DOCUMENT, collection)
        return self.deployment.resources.count(Kind.DOCUMENT, rows.names, seen, collection)

    def _visible(self, by: Acting, kind: Kind, collection: str) -> tuple[Filter, list[Situation]]:
        rows = self.point().rows_of(by.identity.principal)

        def may(resource: Resource, label: Label) -> bool:
            return self._decide(by.identity, "readData", resource, label).allow

        return rows, rows.permitted(self.deployment.resources.samples(kind, rows.names, collection), now_ms(), may)

    def content(self, by: Acting, document: str) -> tuple[Item, bytes]:
        """A document as it came, to be downloaded: where that may go, and that is recorded before anything is returned."""
        one = self.item(by, Kind.DOCUMENT, document)
        self._require_export(by, one.kept.label)
        self._note_reading(by, one.kept)
        self._note_export(by, one.kept.id, one.kept.label)
        return one, self.deployment.resources.part(one.kept, DATA)

    def export(self, by: Acting, exchange: str, label: Label) -> None:
        """The same of what was said in an exchange, by somebody who may read it. Raises ``MayNotHandle``."""
        self._require_export(by, label)
        self._note_export(by, exchange, label)

    def _require_export(self, by: Acting, label: Label) -> None:
        self._permit(by, "exportData", sink(self.deployment, self.deployment.access_rules(), DOWNLOAD, label), label)

    def _note_export(self, by: Acting, what: str, label: Label) -> None:
        told = {**by.told, "id": what, "sink": DOWNLOAD, "label": str(label)}
        self.deployment.admin_record.record_admin(by.actor, "data.export", told)

    def text(self, by: Acting, item: str, kind: Kind = Kind.DOCUMENT) -> tuple[Item, Extracted]:
        """What was read out of a document, or a template. Reading somebody else's is recorded before anything is returned."""
        one = self.item(by, kind, item)
        self._note_reading(by, one.kept)
        return one, self.read(one.kept)

    def read(self, kept: Kept) -> Extracted:
        """What was read out of it, for whoever was permitted it."""
        return msgspec.json.decode(self.deployment.resources.part(kept, TEXT), type=Extracted)

    def about(self, kept: Kept) -> About:
        """Its name, for whoever was permitted it."""
        return msgspec.json.decode(self.deployment.resources.part(kept, ABOUT), type=About)

    def _shown(self, kept: Kept) -> Item:
        owner = self.people().get(kept.owner)
        return Item(kept, self.about(kept), owner.name if owner is not None else "")

    def _note_reading(self, by: Acting, kept: Kept) -> None:
        if kept.owner != by.identity.principal.id:
            told = {**by.told, "id": kept.id, "label": str(kept.label)}
            self.deployment.admin_record.record_admin(by.actor, f"{kept.kind.value.lower()}.read", told)

    # -- changing ----------------------------------------------------------------------------------------------------

    def move(self, by: Acting, document: str, collection: str) -> Item:
        """Put one's own document into a collection, or (empty) take it out. Whoever has the collection has it then."""
        kept = self.kept(by, Kind.DOCUMENT, document, "changeData")
        into = self.kept(by, Kind.COLLECTION, collection, "changeData").id if collection else None
        self.deployment.resources.move(kept, into, actor=by.of_record, details=by.told)
        return self.item(by, Kind.DOCUMENT, document)

    def delete(self, by: Acting, kind: Kind, item: str) -> Kept:
        """For good. Deleting moves no data: it is not asked whether they are cleared for what goes."""
        found = self.deployment.resources.find(kind, item[:64])
        if found is None:
            raise NoSuchItem(kind)
        self._permit(by, "changeData", found.resource, PUBLIC, kind)
        self.deployment.resources.remove(found, actor=by.of_record, details=by.told)
        return found

    # -- deciding ----------------------------------------------------------------------------------------------------

    def _decide(self, who: Identity, action: str, resource: Resource, label: Label) -> Decision:
        point = self.point()
        asked = AccessRequest(who, action, resource, label, now_ms())
        return as_classified(point.decide(asked), asked, point.roles_of(who.principal, asked.now_ms), self.keeping(label))

    def _permit(
        self, by: Acting, action: str, resource: Resource | None, label: Label = PUBLIC, kind: Kind | None = None
    ) -> None:
        """Raises ``NoSuchItem`` to whom it is unknown, else ``MayNotHandle`` and records it."""
        resource = resource if resource is not None else CONSOLE
        decision = self._decide(by.identity, action, resource, label)
        if decision.allow:
            return
        if kind is not None and not self._knows(by.identity, resource):
            raise NoSuchItem(kind)
        told = {
            **by.told, "action": action, "resource": "/".join(resource.ref), "code": decision.code,
            "policies": ", ".join(decision.policies),
        }  # fmt: skip
        self.deployment.admin_record.record_admin(by.actor, "data.refused", told)
        raise MayNotHandle(f"{by.identity.principal.name} may not do this", why=reason_for(by.identity, decision, label))

    def _knows(self, who: Identity, resource: Resource) -> bool:
        """Whether they have anything of it, its label aside."""
        return any(self._decide(who, action, resource, PUBLIC).allow for action in ("readData", "useData", "changeData"))


def reason_for(who: Identity, decision: Decision, label: Label) -> str:
    """Why not, without the label of what they are not cleared for."""
    if who.principal.clearance.dominates(label):
        return decision.reason
    return "it is labelled above your clearance; ask an administrator for the clearance"


def decision_point(worlds: WorldHolder) -> MemoisedDecisionPoint:
    """A worker's, of its present snapshot."""
    found = worlds.current.decisions
    if not isinstance(found, MemoisedDecisionPoint):
        raise ConfigurationError("there is no decision point that knows shares here")
    return found


def library_of_worker(deployment: Deployment, worlds: WorldHolder) -> Library:
    """Decides by the worker's snapshot."""

    def keeping(label: Label) -> Keeping:
        return worlds.current.inspector.keeping(label)

    point = partial(decision_point, worlds)
    return Library(deployment, point, keeping, lambda: worlds.current.inspector, lambda: worlds.current.directory.principals)


def library_of_command_line(deployment: Deployment) -> Library:
    """Decides by the deployment's files and its database, as a worker that starts now would."""
    directory = deployment.directory.load()
    point = MemoisedDecisionPoint(deployment.decision_point(), directory)
    policy = deployment.classification()
    return Library(deployment, lambda: point, policy.keeping, lambda: inspector_of(deployment), lambda: directory.principals)


def _said_in(read: Extracted) -> tuple[str, ...]:
    """All that is in it, also what its readers do not see, and its name."""
    return read.name, read.visible(), read.hidden()


def _named(name: str) -> str:
    said = shown_name(name.strip())
    if not name.strip():
        raise CallerError("it has no name", where="name", next_step="give it one")
    return said
