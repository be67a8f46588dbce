"""What somebody keeps here, without its content: whose it is, what it is part of, and the label that it was given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from wardstead.access.ports import Container, Resource
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import Label


class Kind(StrEnum):
    """What can be kept; the value is the type by which policies know it."""

    COLLECTION = "Collection"
    DOCUMENT = "Document"
    TEMPLATE = "Template"


class NoSuchItem(CallerError):
    """Nothing of that id is kept, or it is not for this person to know: both look the same."""

    code = "not_found"

    def __init__(self, kind: Kind) -> None:
        """Says no more than that."""
        super().__init__(f"there is no such {kind.value.lower()}, or it is not yours to see")


class MayNotHandle(CallerError):
    """The policies do not let this person do it."""

    code = "access_denied"


class TooMuchKept(CallerError):
    """As much as one person may keep here."""

    code = "quota_exceeded"


class ItemErased(CallerError):
    """The key of its owner was destroyed: nobody can read it any more."""

    code = "held_erased"


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sealed beside the content: a name says a lot. ``form``, ``size_bytes`` and ``sha256`` are a document's."""

    name: str
    form: str = ""
    size_bytes: int = 0
    sha256: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that is kept. ``subject``: under whose key it is sealed; ``within``: the collection that it is in."""

    id: str
    kind: Kind
    owner: PrincipalId
    subject: str
    label: Label
    created_ms: int
    size_bytes: int = 0
    within: Container | None = None

    @property
    def resource(self) -> Resource:
        """As policies know it."""
        return Resource(self.kind.value, self.id, owner=self.owner, within=(self.within,) if self.within is not None else ())


@dataclass(frozen=True, slots=True)
class Item:
    """The same with what is sealed about it, for somebody who may read it. ``person``: its owner's name."""

    kept: Kept
    about: About
    person: str
