"""The Chat: a playground that shows what Wardstead does. The conversation lives in the page, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wardstead.console.site import Site

_TEMPLATES: Final = 200
"""So many, the newest, can be chosen from."""


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
        services = self.site.services
        models = await run_in_threadpool(services.models, who.identity)
        templates = await run_in_threadpool(services.library.templates, who.identity, after="", limit=_TEMPLATES)
        return await self.site.page(who, "chat.html", at="chat", models=models, templates=templates)
