"""The library as the gateway serves it: documents for ``/v1/files``, templates, and what requests name of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wardstead.access.ports import Identity, ResourceRef
from wardstead.assurance.library.kept import Item, Kept, Kind, NoSuchItem
from wardstead.bootstrap.acting import at_the_console
from wardstead.bootstrap.kept.library import DATA, Library
from wardstead.bootstrap.policy.asking import written_label
from wardstead.gateway.pipeline.kept import KeptDocument, OpenedDocument
from wardstead.gateway.protocol.documents import Enclosed
from wardstead.gateway.protocol.files import Added, Page, Shown
from wardstead.gateway.protocol.templates import Made
from wardstead.kernel.labels import PUBLIC


@dataclass(frozen=True, slots=True)
class LibraryShelf:
    """The gateway's ``Shelf``."""

    library: Library

    def upload(self, who: Identity, added: Added) -> Shown:
        """See ``Shelf.upload``."""
        label = written_label(self.library.deployment, added.label) if added.label else PUBLIC
        made = self.library.upload(
            at_the_console(who), added.file.name, added.file.data, collection=added.collection, label=label
        )
        return shown(made)

    def files(self, who: Identity, page: Page, collection: str = "") -> Sequence[Shown]:
        """See ``Shelf.files``."""
        found = self.library.items(
            at_the_console(who), Kind.DOCUMENT, collection=collection, limit=page.limit, after=page.after,
            oldest_first=page.oldest_first,
        )  # fmt: skip
        return [shown(one) for one in found]

    def file(self, who: Identity, item: str) -> Shown:
        """See ``Shelf.file``."""
        return shown(self.library.item(at_the_console(who), Kind.DOCUMENT, item))

    def content(self, who: Identity, item: str) -> tuple[Shown, bytes]:
        """See ``Shelf.content``."""
        one, data = self.library.content(at_the_console(who), item)
        return shown(one), data

    def delete_file(self, who: Identity, item: str) -> None:
        """See ``Shelf.delete_file``."""
        self.library.delete(at_the_console(who), Kind.DOCUMENT, item)

    def create_collection(self, who: Identity, name: str, file_ids: Sequence[str]) -> Shown:
        """See ``Shelf.create_collection``. What may not be put into it is found out before it is made."""
        by = at_the_console(who)
        for item in file_ids:
            self.library.kept(by, Kind.DOCUMENT, item, "changeData")
        made = self.library.create_collection(by, name)
        for item in file_ids:
            self.library.move(by, item, made.kept.id)
        return shown(made, files=len(set(file_ids)))

    def collections(self, who: Identity, page: Page) -> Sequence[Shown]:
        """See ``Shelf.collections``."""
        by = at_the_console(who)
        found = self.library.items(by, Kind.COLLECTION, limit=page.limit, after=page.after, oldest_first=page.oldest_first)
        return [self._with_count(who, one) for one in found]

    def collection(self, who: Identity, item: str) -> Shown:
        """See ``Shelf.collection``."""
        return self._with_count(who, self.library.item(at_the_console(who), Kind.COLLECTION, item))

    def _with_count(self, who: Identity, one: Item) -> Shown:
        return shown(one, files=self.library.count(at_the_console(who), one.kept.id))

    def delete_collection(self, who: Identity, item: str) -> None:
        """See ``Shelf.delete_collection``."""
        self.library.delete(at_the_console(who), Kind.COLLECTION, item)

    def create_template(self, who: Identity, made: Made) -> tuple[Shown, str]:
        """See ``Shelf.create_template``."""
        label = written_label(self.library.deployment, made.label) if made.label else PUBLIC
        return shown(self.library.create_template(at_the_console(who), made.name, made.text, label=label)), made.text

    def templates(self, who: Identity, page: Page) -> Sequence[Shown]:
        """See ``Shelf.templates``."""
        by = at_the_console(who)
        found = self.library.items(by, Kind.TEMPLATE, limit=page.limit, after=page.after, oldest_first=page.oldest_first)
        return [shown(one) for one in found]

    def template(self, who: Identity, item: str) -> tuple[Shown, str]:
        """See ``Shelf.template``."""
        one, read = self.library.text(at_the_console(who), item, Kind.TEMPLATE)
        return shown(one), read.visible()

    def delete_template(self, who: Identity, item: str) -> None:
        """See ``Shelf.delete_template``."""
        self.library.delete(at_the_console(who), Kind.TEMPLATE, item)

    def move(self, who: Identity, item: str, collection: str) -> Shown:
        """See ``Shelf.move``."""
        return shown(self.library.move(at_the_console(who), item, collection))


@dataclass(frozen=True, slots=True)
class NamedDocuments:
    """The gateway's ``KeptDocuments``: what requests name. The exchange decides, by its own snapshot."""

    library: Library

    def find(self, refs: Sequence[ResourceRef]) -> list[KeptDocument | None]:
        """See ``KeptDocuments.find``."""
        found = self._several(refs)
        return [KeptDocument(found[one].resource, found[one].label) if one in found else None for one in refs]

    def open(self, refs: Sequence[ResourceRef]) -> list[OpenedDocument]:
        """See ``KeptDocuments.open``."""
        found = self._several(refs)
        if gone := [one for one in refs if one not in found]:
            raise NoSuchItem(Kind(gone[0].type))
        return [self._open(found[one]) for one in refs]

    def _several(self, refs: Sequence[ResourceRef]) -> dict[ResourceRef, Kept]:
        asked: dict[str, list[str]] = {}
        for ref in refs:
            asked.setdefault(ref.type, []).append(ref.id)
        store = self.library.deployment.resources
        return {one.resource.ref: one for kind, ids in asked.items() for one in store.several(Kind(kind), ids)}

    def _open(self, kept: Kept) -> OpenedDocument:
        name, read = self.library.about(kept).name, self.library.read(kept)
        store = self.library.deployment.resources
        data = read.visible().encode() if kept.kind is Kind.TEMPLATE else store.part(kept, DATA)
        return OpenedDocument(Enclosed(name, data, kept.id), read)


def shown(one: Item, *, files: int = 0) -> Shown:
    """As a client sees it."""
    kept, about = one.kept, one.about
    return Shown(
        kept.id, about.name, about.size_bytes, kept.created_ms, str(kept.label), one.person,
        kept.within.id if kept.within is not None else "", about.warnings, files,
    )  # fmt: skip
