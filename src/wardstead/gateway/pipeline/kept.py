"""Documents that are kept here and that a request names: looked for, decided about, and opened only for whoever may use them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wardstead.access.ports import AccessRequest, Identity, Resource
from wardstead.gateway.protocol.documents import Enclosed
from wardstead.inspection.extraction import Extracted
from wardstead.kernel.labels import PUBLIC, Label


class KeptDocument(msgspec.Struct, frozen=True):
    """One that there is, as policies know it."""

    resource: Resource
    label: Label = PUBLIC


class OpenedDocument(msgspec.Struct, frozen=True):
    """One that may be used: as it came, and what was read out of it then."""

    document: Enclosed
    read: Extracted


UNREAD = Extracted("document", "unread")
"""In the place of one that may not be used."""


def use_of(context: Mapping[str, str], who: Identity, name: str, found: KeptDocument | None, now_ms: int) -> AccessRequest:
    """The question whether it may stand in this request. What there is not is asked about like what nobody gave them."""
    one = found if found is not None else KeptDocument(Resource("Document", name))
    return AccessRequest(who, "useData", one.resource, one.label, now_ms, dict(context))
