"""Prompt templates that people keep here: the list with a form for a new one, and one with its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.console.library_desk import LibraryDesk
from wardstead.console.sessions import Visitor, read_form
from wardstead.console.site import CONSOLE, Site, sentence
from wardstead.console.turns import Turns
from wardstead.gateway.protocol.errors import status_of
from wardstead.gateway.protocol.templates import placeholders
from wardstead.kernel.errors import CallerError

TEMPLATES: Final = "/console/templates"
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class TemplatePages:
    """The pages. What may be done is decided for each template; what is not theirs looks absent."""

    site: Site
    turns: Turns

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(TEMPLATES, self.list, methods=["GET"]),
            Route(f"{TEMPLATES}/create", self.create, methods=["POST"]),
            Route(f"{TEMPLATES}/{{id}}", self.show, methods=["GET"]),
            Route(f"{TEMPLATES}/{{id}}/delete", self.delete, methods=["POST"]),
        ]

    @property
    def _desk(self) -> LibraryDesk:
        return self.site.services.library

    async def list(self, request: Request) -> Response:
        """Those that they may read."""
        who = await self.site.visit(request)
        return await self._list(who, request.query_params.get("after", "")[:_LONGEST])

    async def _list(self, who: Visitor, after: str = "", error: CallerError | None = None) -> Response:
        size = self.site.settings.page_size
        found = await self.turns.run(self._desk.templates, who.identity, after=after, limit=size + 1)
        shown: dict[str, Any] = {
            "templates": found[:size], "older": found[size - 1].id if len(found) > size else "",
            "keeps": self.site.decide(who, "createData", CONSOLE).allow, "problem": sentence(error) if error is not None else "",
        }  # fmt: skip
        page = await self.site.page(who, "templates.html", at="templates", **shown)
        page.status_code = status_of(error) if error is not None else 200
        return page

    async def create(self, request: Request) -> Response:
        """Keep the one in the form."""
        form = await read_form(request)
        who = await self.site.visit(request, form)
        name, label = form.get("name", "")[:_LONGEST], form.get("label", "")[:_LONGEST]
        # A form writes its lines as \r\n.
        text = form.get("text", "").replace("\r\n", "\n")
        try:
            made = await self.turns.run(self._desk.create_template, who.identity, name, text, label)
        except CallerError as error:
            return await self._list(who, error=error)
        return RedirectResponse(f"{TEMPLATES}/{quote(made.id, safe='')}", 303)

    async def show(self, request: Request) -> Response:
        """One, with its text and what it wants to be filled."""
        who = await self.site.visit(request)
        opened = await self.turns.run(self._desk.template, who.identity, _given(request))
        shown = {"one": opened.shelved, "text": opened.text, "wanted": placeholders(opened.text)}
        return await self.site.page(who, "template.html", at="templates", **shown)

    async def delete(self, request: Request) -> Response:
        """For good."""
        form = await read_form(request)
        who = await self.site.visit(request, form)
        await self.turns.run(self._desk.delete, who.identity, "template", _given(request))
        return RedirectResponse(TEMPLATES, 303)


def _given(request: Request) -> str:
    return str(request.path_params["id"])[:_LONGEST]
