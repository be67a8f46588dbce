"""The Chat: a playground that shows what Wardstead does. The conversation lives in the page, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wardstead.console.site import Site


@dataclass(frozen=True, slots=True)
class Chat:
    """The page; its script talks to the gateway like any other client, with the session in place of a key."""

    site: Site

    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route("/console/chat", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        """The page."""
        who = await self.site.visit(request)
        models = await run_in_threadpool(self.site.services.models, who.identity)
        return await self.site.page(who, "chat.html", at="chat", models=models)
