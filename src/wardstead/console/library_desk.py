"""What the pages of documents and of sharing need to know. ``bootstrap`` wires it; every method decides by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wardstead.access.ports import Identity


@dataclass(frozen=True, slots=True)
class Shelved:
    """A document or a collection in a list, for somebody who may read it. ``time`` is RFC 3339."""

    id: str
    kind: str
    """``document``, ``collection`` or ``template``."""
    name: str
    owner: str
    label: str
    time: str
    size_bytes: int = 0
    collection: str = ""
    warnings: Sequence[str] = ()
    own: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A document with the text that was read out of it."""

    shelved: Shelved
    text: str
    hidden: Sequence[str] = ()
    """Why parts of it are not shown to its readers."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A share of something. ``chain``: by whose hands it came, its owner first. ``until`` is RFC 3339, empty for never."""

    id: str
    to: str
    group: bool
    rights: Sequence[str]
    depth: int
    until: str
    chain: Sequence[str]
    holds: bool
    may_end: bool


@dataclass(frozen=True, slots=True)
class Sharable:
    """Something that this person may share, or was asked to look at: who has it, and what they may give on."""

    kind: str
    id: str
    title: str
    owner: str
    label: str
    may_share: bool
    why_not: str
    holdings: Sequence[Holding]


@dataclass(frozen=True, slots=True)
class Gift:
    """What somebody fills in: to whom, which rights, for how many more hands, until when."""

    to: str
    group: bool
    rights: Sequence[str]
    depth: int
    until: str


class LibraryDesk(Protocol):
    """Methods block, and raise ``WardsteadError``; what is not for this person is ``not_found``."""

    def most_bytes(self) -> int:
        """Of one document."""
        ...

    def collections(self, who: Identity) -> Sequence[Shelved]:
        """Those that they may read, the newest first."""
        ...

    def documents(self, who: Identity, *, collection: str, after: str, limit: int) -> Sequence[Shelved]:
        """Those that they may read, the newest first, behind the one with the id ``after``."""
        ...

    def collection(self, who: Identity, item: str) -> Shelved:
        """One of them."""
        ...

    def open(self, who: Identity, document: str) -> Opened:
        """A document with its text. Reading somebody else's is recorded before anything is returned."""
        ...

    def content(self, who: Identity, document: str) -> tuple[Shelved, bytes]:
        """A document as it came; recorded in the same way."""
        ...

    def add(self, who: Identity, name: str, data: bytes, *, collection: str, label: str) -> Shelved:
        """Keep a document."""
        ...

    def create_collection(self, who: Identity, name: str) -> Shelved:
        """A new collection."""
        ...

    def templates(self, who: Identity, *, after: str, limit: int) -> Sequence[Shelved]:
        """Those that they may read, the newest first, behind the one with the id ``after``."""
        ...

    def template(self, who: Identity, item: str) -> Opened:
        """One of them with its text. Reading somebody else's is recorded before anything is returned."""
        ...

    def create_template(self, who: Identity, name: str, text: str, label: str) -> Shelved:
        """Keep a template."""
        ...

    def delete(self, who: Identity, kind: str, item: str) -> None:
        """For good."""
        ...

    def sharable(self, who: Identity, kind: str, item: str) -> Sharable:
        """Something that they have: ``document``, ``collection``, ``template``, ``conversation`` or ``exchange``."""
        ...

    def grantees(self, who: Identity, text: str) -> Sequence[tuple[str, bool]]:
        """A few people, and groups (true), whose names hold a text."""
        ...

    def give(self, who: Identity, kind: str, item: str, gift: Gift) -> None:
        """Share it."""
        ...

    def take_back(self, who: Identity, share: str) -> int:
        """End a share and all that came of it; how many."""
        ...
