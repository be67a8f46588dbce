"""Exchanges as rows of a table: on the Overview, in the list, and in the live events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from wardstead.access.ports import Decision
from wardstead.console.ports import ExchangeSummary, Glimpse
from wardstead.console.sessions import Visitor
from wardstead.console.site import CONSOLE, Site
from wardstead.console.timeline import act_words, outcome_of
from wardstead.kernel.labels import PUBLIC, Label

_HIDDEN = Glimpse("", "", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``model``, ``label`` and ``act`` are empty where this reader may not see them."""

    id: str
    cursor: int
    time: str
    person: str
    kind: str
    model: str
    label: str
    outcome: str
    tone: str
    act: str = ""


def may_read(site: Site, who: Visitor, summary: ExchangeSummary, label: Label = PUBLIC) -> Decision:
    """Whether somebody may read what was said, or done: what is their own, or what a policy opens to them.

    Asked twice of what is somebody else's: whether at all, before its ``label`` is looked up, and then with it.
    """
    own = site.decide(who, "viewExchange", summary.resource, label)
    return own if own.allow or summary.kind != "admin" else site.decide(who, "viewAdministration", CONSOLE)


async def rows(site: Site, who: Visitor, *, before: int | None, limit: int) -> list[Row]:
    """The newest exchanges that this person may know of: all of them, or their own and those that were shared with them."""
    reader = None if site.sees_everything(who) else who.identity
    found: Sequence[ExchangeSummary] = await run_in_threadpool(site.services.exchanges, reader=reader, before=before, limit=limit)
    open_ids = [one.id for one in found if may_read(site, who, one).allow]
    seen = await run_in_threadpool(site.services.glimpses, open_ids) if open_ids else {}
    return [_row(one, _visible(site, who, one, seen.get(one.id))) for one in found]


def _visible(site: Site, who: Visitor, summary: ExchangeSummary, seen: Glimpse | None) -> Glimpse:
    """Nothing of what is labelled above the reader's clearance, not even the label."""
    return seen if seen is not None and may_read(site, who, summary, seen.mark).allow else _HIDDEN


def _row(summary: ExchangeSummary, glimpse: Glimpse) -> Row:
    words, tone = outcome_of(summary.outcome, summary.kind)
    return Row(
        summary.id,
        summary.cursor,
        summary.time,
        summary.person or "unknown",
        summary.kind,
        glimpse.model,
        glimpse.label,
        words,
        tone.value,
        act_words(glimpse.act),
    )


def cursor(request: Request) -> int | None:
    """Below which number a page of a list begins, as its address says."""
    given = request.query_params.get("before", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 18 else None
