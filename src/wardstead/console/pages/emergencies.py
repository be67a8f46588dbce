"""Accounts for emergencies: one person asks, another opens, everybody sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.console.emergency_desk import EmergencyDesk
from wardstead.console.hours import hours
from wardstead.console.sessions import Visitor, read_form
from wardstead.console.site import CONSOLE, Site, sentence
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.errors import CallerError

EMERGENCIES: Final = "/console/break-glass"
_MAX_CHARS: Final = 2000


@dataclass(frozen=True, slots=True)
class Emergencies:
    """The page. Whoever may open the console may ask; who opens, the desk decides."""

    site: Site

    @property
    def desk(self) -> EmergencyDesk:
        """What is asked of the others."""
        return self.site.services.emergencies

    def routes(self) -> list[Route]:
        """Where it is."""
        return [
            Route(EMERGENCIES, self.show, methods=["GET"]),
            Route(EMERGENCIES, self.ask, methods=["POST"]),
            Route(f"{EMERGENCIES}/openings/{{id}}/open", self.open, methods=["POST"]),
            Route(f"{EMERGENCIES}/openings/{{id}}/refuse", self.refuse, methods=["POST"]),
            Route(f"{EMERGENCIES}/close", self.close, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """All accounts, what waits, and a form to ask."""
        return await self._page(await self.site.visit(request))

    async def ask(self, request: Request) -> Response:
        """Ask that one be opened."""
        form = await read_form(request)
        who = await self.site.visit(request, form)
        given = {name: form.get(name, "")[:_MAX_CHARS].strip() for name in ("account", "reason", "hours")}
        ask = self.desk.ask
        return await self._act(who, lambda: ask(who.identity, given["account"], given["reason"], hours(given["hours"])), given)

    async def open(self, request: Request) -> Response:
        """Open one that another person asked for."""
        return await self._decide(request, approve=True)

    async def refuse(self, request: Request) -> Response:
        """Leave it sealed."""
        return await self._decide(request, approve=False)

    async def close(self, request: Request) -> Response:
        """Seal one again at once."""
        form = await read_form(request)
        who = await self.site.visit(request, form)
        return await self._act(who, lambda: self.desk.close(who.identity, form.get("account", "")))

    async def _decide(self, request: Request, *, approve: bool) -> Response:
        who, opening = await self.site.visit(request, await read_form(request)), str(request.path_params["id"])
        return await self._act(who, lambda: self.desk.decide(who.identity, opening, approve=approve))

    async def _act(self, who: Visitor, act: Callable[[], None], given: dict[str, str] | None = None) -> Response:
        try:
            await run_in_threadpool(act)
        except CallerError as error:
            return await self._page(who, given, error)
        return RedirectResponse(EMERGENCIES, 303)

    async def _page(self, who: Visitor, given: dict[str, str] | None = None, error: CallerError | None = None) -> Response:
        everything = self.site.decide(who, "viewAdministration", CONSOLE).allow
        accounts = await run_in_threadpool(self.desk.accounts, who.identity)
        blank = {"account": "", "reason": "", "hours": "1"}
        page = await self.site.page(
            who, "emergencies.html", at="emergencies", given=given or blank, accounts=accounts,
            openings=await run_in_threadpool(lambda: self.desk.openings(who.identity, everything=everything)),
            problem=sentence(error) if error is not None else "",
        )  # fmt: skip
        page.status_code = status_of(error) if error is not None else 200
        return page
