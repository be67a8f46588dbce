"""The list of exchanges, and one exchange with every decision on its road."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wardstead.console import timeline
from wardstead.console.pages.rows import cursor, may_read, rows
from wardstead.console.ports import ExchangeSummary, Ruling
from wardstead.console.sessions import Visitor
from wardstead.console.site import NotFound, Site
from wardstead.kernel.errors import CallerError, IntegrityError
from wardstead.kernel.labels import PUBLIC, Label

_ABSENT = "there is no such exchange, or it is not yours to see"


@dataclass(frozen=True, slots=True)
class Proof:
    """How the receipt stands. ``state``: ``proven``, ``pending`` (not yet in a signed tree), ``broken``, or ``none``."""

    state: str
    size: int = 0
    entries: tuple[Mapping[str, Any], ...] = ()
    checkpoint: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Exchanges:
    """The pages about exchanges. Reading what was said takes ``viewExchange``, what was done ``viewAdministration``; knowing
    that it took place, ``readReceipt``.
    """

    site: Site

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/console/exchanges", self.list, methods=["GET"]),
            Route("/console/exchanges/{id}", self.show, methods=["GET"]),
            Route("/console/exchanges/{id}/sent.json", self.sent, methods=["GET"]),
            Route("/console/exchanges/{id}/content.json", self.content, methods=["GET"]),
            Route("/console/exchanges/{id}/receipt.json", self.receipt, methods=["GET"]),
        ]

    async def list(self, request: Request) -> Response:
        """A page of the list."""
        who = await self.site.visit(request)
        before, size = cursor(request), self.site.settings.page_size
        found = await rows(self.site, who, before=before, limit=size + 1)
        older = found[size - 1].cursor if len(found) > size else None
        everything = self.site.sees_everything(who)
        return await self.site.page(
            who, "exchanges.html", at="exchanges", rows=found[:size], older=older, newest=before is None, everything=everything
        )

    async def show(self, request: Request) -> Response:
        """One exchange."""
        who = await self.site.visit(request)
        summary, sees_content, why_not = await self._find(request, who)
        content: Mapping[str, Any] | None = None
        altered = ""
        if sees_content:
            try:
                content = await run_in_threadpool(self.site.services.open_exchange, summary.id, who.identity)
            except IntegrityError as error:
                altered = error.what
        held = None
        if summary.outcome == "held" and summary.owner == who.identity.principal.id:
            held = await self._held(summary.id, who)
        expired = content is not None and content["expired"]
        readable = content is not None and not content["erased"] and not expired
        if content and readable:
            steps = await run_in_threadpool(timeline.steps, content)
        else:
            steps = timeline.outline(summary, await self._ruling(summary, who))
        words, tone = timeline.outcome_of(summary.outcome, summary.kind)
        return await self.site.page(
            who,
            "exchange.html",
            at="exchanges",
            summary=summary,
            steps=steps,
            done=timeline.DONE,
            outcome=words,
            tone=tone,
            label=_label(content) if readable else "",
            why_not=why_not,
            erased=content is not None and content["erased"],
            mentioned=content is not None and content["mentioned"],
            expired=expired,
            altered=altered,
            held=held,
            proof=await self._proof(summary.id),
        )

    async def sent(self, request: Request) -> Response:
        """What went on to the model, for the chat: there the reader sees their own words with what was taken out."""
        who = await self.site.visit(request)
        summary, sees_content, _ = await self._find(request, who)
        if not sees_content:
            raise NotFound(_ABSENT)
        content = await run_in_threadpool(self.site.services.open_exchange, summary.id, who.identity)
        said = timeline.sent(content) if content is not None else []
        return await run_in_threadpool(JSONResponse, {"messages": [asdict(one) for one in said]})

    async def content(self, request: Request) -> Response:
        """Everything that was recorded, as a file, for texts that are longer than a page shows."""
        who = await self.site.visit(request)
        summary, sees_content, _ = await self._find(request, who)
        download = self.site.services.download_exchange
        found = await run_in_threadpool(download, summary.id, who.identity) if sees_content else None
        if found is None:
            raise NotFound(_ABSENT)
        shown = {name: found[name] for name in ("exchange", "erased", "expired", "entries")}
        return await run_in_threadpool(JSONResponse, shown)

    async def receipt(self, request: Request) -> Response:
        """The receipt, to keep or to verify elsewhere."""
        who = await self.site.visit(request)
        summary, _, _ = await self._find(request, who)
        document = await run_in_threadpool(self.site.services.receipt, summary.id)
        if document is None:
            raise NotFound(_ABSENT)
        return JSONResponse(dict(document))

    async def _find(self, request: Request, who: Visitor) -> tuple[ExchangeSummary, bool, str]:
        """The exchange, whether its content may be read, and if not why. Raises ``NotFound``: forbidden looks like absent."""
        given = str(request.path_params["id"])
        summary = await run_in_threadpool(self.site.services.exchange, given) if _plausible(given) else None
        if summary is None:
            raise NotFound(_ABSENT)
        content = may_read(self.site, who, summary)
        if content.allow and summary.kind != "admin" and summary.owner != who.identity.principal.id:
            content = may_read(self.site, who, summary, await self._label_of(summary))
        if not content.allow and not self.site.decide(who, "readReceipt", summary.resource).allow:
            raise NotFound(_ABSENT)
        return summary, content.allow, "" if content.allow else content.reason

    async def _label_of(self, summary: ExchangeSummary) -> Label:
        try:
            return await run_in_threadpool(self.site.services.label, summary.id)
        except IntegrityError:
            return PUBLIC  # opening it says that it was altered, and shows nothing

    async def _ruling(self, summary: ExchangeSummary, who: Visitor) -> Ruling | None:
        """Why it was denied, for whoever answers for what takes place here: that is no content."""
        if summary.outcome != "denied" or not self.site.sees_everything(who):
            return None
        return await run_in_threadpool(self.site.services.ruling, summary.id)

    async def _held(self, exchange_id: str, who: Visitor) -> Mapping[str, Any] | None:
        """What became of something of theirs that was held; a released answer that is above them by now is only named."""
        try:
            return await run_in_threadpool(self.site.services.own_held, exchange_id, who.identity)
        except CallerError as error:
            return {"status": "above", "reason": error.what}

    async def _proof(self, exchange_id: str) -> Proof:
        document = await run_in_threadpool(self.site.services.receipt, exchange_id)
        if document is None:
            return Proof("none")
        entries = tuple(document["entries"])
        try:
            size = await run_in_threadpool(self.site.services.verify_receipt, document)
        except IntegrityError as error:
            return Proof("broken", entries=entries, checkpoint=str(document["checkpoint"]), problem=error.what)
        state = "proven" if document["status"] == "complete" else "pending"
        return Proof(state, size, entries, str(document["checkpoint"]))


def _plausible(exchange_id: str) -> bool:
    return 0 < len(exchange_id) <= 64 and exchange_id.isascii() and exchange_id.isprintable()


def _label(content: Mapping[str, Any] | None) -> str:
    """The label of the whole exchange: the last entry's that has one."""
    labels = [entry["content"]["label"] for entry in (content or {}).get("entries", ()) if (entry["content"] or {}).get("label")]
    return timeline.label_words(labels[-1]) if labels else ""
