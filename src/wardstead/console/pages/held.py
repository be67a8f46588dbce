"""What is held for review: what waits for this reviewer; one of them, its text once they ask for it, and its decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.assurance.review.held import Held, MayNotReview, NoSuchHeld, Said, Verdict
from wardstead.console import timeline
from wardstead.console.sessions import Visitor, read_form
from wardstead.console.site import NotFound, NotPermitted, Site, sentence
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError

HELD: Final = "/console/held"
_LONGEST: Final = 64
_ABSENT: Final = "nothing is held under this id, or it is not yours to review"
_TONES: Final = {"waiting": "open", "released": "good", "refused": "guarded", "expired": "quiet"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    held: Held
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Reviewing:
    """The pages of reviewers. They take ``reviewHeld`` for each exchange; forbidden looks like absent."""

    site: Site

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(HELD, self.list, methods=["GET"]),
            Route(f"{HELD}/{{id}}", self.show, methods=["GET"]),
            Route(f"{HELD}/{{id}}/reveal", self.reveal, methods=["POST"]),
            Route(f"{HELD}/{{id}}/release", self.release, methods=["POST"]),
            Route(f"{HELD}/{{id}}/refuse", self.refuse, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """What waits for this reviewer."""
        who = await self._visit(request)
        after, size = request.query_params.get("after", "")[:_LONGEST], self.site.settings.page_size
        page = await run_in_threadpool(self.site.services.held, who.identity, after=after, limit=size)
        rows = [Row(one, rfc3339(one.held_ms), rfc3339(one.deadline_ms)) for one in page.held]
        return await self.site.page(who, "held.html", at="held", rows=rows, first=not after, later=page.after)

    async def show(self, request: Request) -> Response:
        """One of them, without its text."""
        who = await self._visit(request)
        held, verdict = await self._find(request, who)
        return await self._page(who, held, verdict)

    async def reveal(self, request: Request) -> Response:
        """The same with its text. That this reviewer looked is recorded before."""
        who = await self._visit(request, await read_form(request))
        held, verdict = await self._find(request, who)
        try:
            said = await run_in_threadpool(self.site.services.reveal_held, held.id, who.identity)
        except CallerError as error:
            return await self._page(who, held, verdict, error=error)
        return await self._page(who, held, verdict, said)

    async def release(self, request: Request) -> Response:
        """Let it go, with a reason."""
        return await self._decide(request, release=True)

    async def refuse(self, request: Request) -> Response:
        """Leave it held, with a reason."""
        return await self._decide(request, release=False)

    async def _decide(self, request: Request, *, release: bool) -> Response:
        form = await read_form(request)
        who = await self._visit(request, form)
        held, verdict = await self._find(request, who)
        reason = form.get("reason", "")
        try:
            await run_in_threadpool(self.site.services.decide_held, held.id, who.identity, reason, release=release)
        except CallerError as error:
            _, verdict = await self._find(request, who)
            return await self._page(who, held, verdict, error=error, reason=reason)
        return RedirectResponse(f"{HELD}/{quote(held.id, safe='')}", 303)

    async def _visit(self, request: Request, form: dict[str, str] | None = None) -> Visitor:
        who = await self.site.visit(request, form)
        if not self.site.may_review(who):
            raise NotPermitted("only people who may review see what is held for review")
        return who

    async def _find(self, request: Request, who: Visitor) -> tuple[Held, Verdict | None]:
        given = str(request.path_params["id"])
        try:
            return await run_in_threadpool(self.site.services.held_item, given, who.identity)
        except (NoSuchHeld, MayNotReview):
            raise NotFound(_ABSENT) from None

    async def _page(
        self, who: Visitor, held: Held, verdict: Verdict | None, said: Sequence[Said] | None = None, *,
        error: CallerError | None = None, reason: str = "",
    ) -> Response:  # fmt: skip
        status = verdict.status.value if verdict is not None else "waiting"
        response = await self.site.page(
            who,
            "held-item.html",
            at="held",
            held=held,
            done=timeline.DONE,
            since=rfc3339(held.held_ms),
            until=rfc3339(held.deadline_ms),
            verdict=verdict,
            decided=rfc3339(verdict.decided_ms) if verdict is not None else "",
            stands=status,
            tone=_TONES[status],
            said=said,
            reason=reason,
            problem=sentence(error) if error is not None else "",
        )
        if error is not None:
            response.status_code = status_of(error)
        return response
