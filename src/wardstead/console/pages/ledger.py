"""Keys and ledger: how old the keys are and how often they were used, who signs, and who elsewhere knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wardstead.console.site import CONSOLE, NotPermitted, Site

LEDGER: Final = "/console/ledger"


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """The page. It takes ``viewAdministration``, as the acts that it tells of do."""

    site: Site

    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route(LEDGER, self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        """How they stand now."""
        who = await self.site.visit(request)
        decision = self.site.decide(who, "viewAdministration", CONSOLE)
        if not decision.allow:
            raise NotPermitted(decision.reason, step=decision.step)
        standing = await run_in_threadpool(self.site.services.ledger_desk.standing)
        return await self.site.page(who, "ledger.html", at="ledger", standing=standing)
