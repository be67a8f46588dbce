"""How long what was said is shown, and to whom: as the classification policy has it for its label."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from wardstead.access.ports import AccessRequest, Decision
from wardstead.inspection.ports import Keeping

_SEES: Final = frozenset({"viewExchange", "reviewHeld", "readData", "useData"})


def as_classified(decision: Decision, asked: AccessRequest, roles: frozenset[str], keeping: Keeping) -> Decision:
    """What access policy decided, unless the classification policy says more of who sees data with this label.

    ``roles``: those that whoever asks has now.
    """
    own = asked.resource.owner == asked.identity.principal.id
    if not decision.allow or asked.action not in _SEES or own or keeping.seen_by is None or keeping.seen_by & roles:
        return decision
    return Decision(
        allow=False, policies=(), code="access.seen_by",
        reason="the classification policy keeps what is labelled like this for other roles",
    )  # fmt: skip


def within_retention(opened: Mapping[str, Any], now: int, *, held: Collection[str] = ()) -> Mapping[str, Any]:
    """An opened exchange as it may be shown: without what was said, and ``expired``, when its retention is over.

    Each entry carries the days that policy gave to its label when it was written; the shortest counts, from the beginning.
    What is not shown any more is destroyed by ``expiring``. ``held``: the subjects under a legal hold. What they said is kept so
    that it can be read.
    """
    contents = [one["content"] for one in opened["entries"] if one["content"]]
    days = [one["retention_days"] for one in contents if one.get("retention_days") is not None]
    begun = datetime.fromisoformat(opened["entries"][0]["time"])
    over = bool(days) and opened["subject"] not in held and now >= (begun + timedelta(days=min(days))).timestamp() * 1000
    if not opened["expired"] and not over:
        return opened
    return {**opened, "expired": True, "entries": [{**one, "content": None} for one in opened["entries"]]}
