"""What is kept here and a request names: looked for, decided about, and opened only for whoever may use it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wardstead.access.ports import AccessRequest, Identity, Resource, ResourceRef
from wardstead.gateway.protocol.documents import Enclosed
from wardstead.gateway.protocol.templates import fill
from wardstead.inspection.extraction import Extracted, Part
from wardstead.kernel.labels import PUBLIC, Label


class KeptDocument(msgspec.Struct, frozen=True):
    """One that there is, as policies know it."""

    resource: Resource
    label: Label = PUBLIC


class OpenedDocument(msgspec.Struct, frozen=True):
    """One that may be used: as it came, and what was read out of it then."""

    document: Enclosed
    read: Extracted


def filled(read: Extracted, values: Mapping[str, str]) -> Extracted:
    """A template with its placeholders filled. Raises ``BadField``."""
    return Extracted(read.name, read.kind, (Part((read.name,), fill(read.visible(), values)),))


UNREAD = Extracted("document", "unread")
"""In the place of one that may not be used."""


def use_of(context: Mapping[str, str], who: Identity, ref: ResourceRef, found: KeptDocument | None, now_ms: int) -> AccessRequest:
    """The question whether it may stand in this request. What there is not is asked about like what nobody gave them."""
    one = found if found is not None else KeptDocument(Resource(*ref))
    return AccessRequest(who, "useData", one.resource, one.label, now_ms, dict(context))
