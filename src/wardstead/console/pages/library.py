"""Documents that people keep here: the list, one document with its text, adding, deleting; and who has what by sharing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.console.library_desk import Gift, LibraryDesk
from wardstead.console.sessions import Visitor, read_form, read_upload
from wardstead.console.site import CONSOLE, NotFound, Site, sentence
from wardstead.console.turns import Turns
from wardstead.gateway.protocol.errors import status_of
from wardstead.gateway.protocol.forms import BadForm
from wardstead.kernel.errors import BackendError, CallerError

LIBRARY: Final = "/console/documents"
SHARING: Final = "/console/sharing"
KINDS: Final = ("document", "collection", "template", "conversation", "exchange")
RIGHTS: Final = ("read", "use", "share", "admin")
_FORM_BYTES: Final = 64 * 1024
_LONGEST: Final = 200


class TooManyDocuments(BackendError):
    """More documents are read at this moment than may wait for it."""

    code = "overloaded"

    def __init__(self) -> None:
        """Says when to come back."""
        super().__init__("others have their documents read", next_step="Try again in a minute")


@dataclass(frozen=True, slots=True)
class LibraryPages:
    """The pages. What may be done is decided for each document; what is not theirs looks absent."""

    site: Site
    turns: Turns

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(LIBRARY, self.list, methods=["GET"]),
            Route(f"{LIBRARY}/add", self.add, methods=["POST"]),
            Route(f"{LIBRARY}/collections", self.create, methods=["POST"]),
            Route(f"{LIBRARY}/{{kind}}/{{id}}/delete", self.delete, methods=["POST"]),
            Route(f"{LIBRARY}/{{id}}", self.show, methods=["GET"]),
            Route(f"{LIBRARY}/{{id}}/content", self.content, methods=["GET"]),
            Route(f"{SHARING}/{{kind}}/{{id}}", self.sharing, methods=["GET"]),
            Route(f"{SHARING}/{{kind}}/{{id}}/give", self.give, methods=["POST"]),
            Route(f"{SHARING}/{{kind}}/{{id}}/take-back", self.take_back, methods=["POST"]),
        ]

    @property
    def _desk(self) -> LibraryDesk:
        return self.site.services.library

    # -- documents ---------------------------------------------------------------------------------------------------

    async def list(self, request: Request) -> Response:
        """Collections and documents, or those of one collection."""
        who = await self.site.visit(request)
        query = request.query_params
        return await self._list(who, query.get("collection", "")[:_LONGEST], query.get("after", "")[:_LONGEST])

    async def _list(self, who: Visitor, collection: str, after: str = "", error: CallerError | None = None) -> Response:
        desk, run, size = self._desk, self.turns.run, self.site.settings.page_size
        chosen = await run(desk.collection, who.identity, collection) if collection else None
        found = await run(desk.documents, who.identity, collection=collection, after=after, limit=size + 1)
        collections = await run(desk.collections, who.identity)
        shown: dict[str, Any] = {
            "chosen": chosen, "documents": found[:size], "collections": collections,
            "names": {one.id: one.name for one in collections},
            "older": found[size - 1].id if len(found) > size else "", "most_bytes": desk.most_bytes(),
            "keeps": self.site.decide(who, "createData", CONSOLE).allow, "problem": sentence(error) if error is not None else "",
        }  # fmt: skip
        page = await self.site.page(who, "documents.html", at="documents", **shown)
        page.status_code = status_of(error) if error is not None else 200
        return page

    async def add(self, request: Request) -> Response:
        """Keep a document that was chosen in the form."""
        form = await read_upload(request, self._desk.most_bytes() + _FORM_BYTES)
        who = await self.site.visit(request, dict(form.fields))
        collection = form.fields.get("collection", "")[:_LONGEST]
        file = form.files.get("file")
        try:
            if file is None:
                raise BadForm("no document was chosen", next_step="choose one")
            made = await self.turns.run(
                self._desk.add,
                who.identity,
                file.name,
                file.data,
                collection=collection,
                label=form.fields.get("label", "")[:_LONGEST],
            )
        except CallerError as error:
            return await self._list(who, "" if error.code == "not_found" else collection, error=error)
        return RedirectResponse(f"{LIBRARY}/{quote(made.id, safe='')}", 303)

    async def create(self, request: Request) -> Response:
        """A new collection."""
        form = await read_form(request)
        who = await self.site.visit(request, form)
        try:
            made = await self.turns.run(self._desk.create_collection, who.identity, form.get("name", "")[:_LONGEST])
        except CallerError as error:
            return await self._list(who, "", error=error)
        return RedirectResponse(f"{LIBRARY}?collection={quote(made.id, safe='')}", 303)

    async def show(self, request: Request) -> Response:
        """One document, with the text that was read out of it."""
        who = await self.site.visit(request)
        opened = await self.turns.run(self._desk.open, who.identity, _given(request, "id"))
        return await self.site.page(who, "document.html", at="documents", opened=opened, one=opened.shelved)

    async def content(self, request: Request) -> Response:
        """One document as it came: to be kept, never to be shown in our own origin."""
        who = await self.site.visit(request)
        one, data = await self.turns.run(self._desk.content, who.identity, _given(request, "id"))
        name = quote(one.name, safe="")
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{name}", "wardstead-label": one.label}
        return Response(data, media_type="application/octet-stream", headers=headers)

    async def delete(self, request: Request) -> Response:
        """Delete one, or a collection."""
        form = await read_form(request)
        who = await self.site.visit(request, form)
        kind = _given(request, "kind")
        if kind not in {"document", "collection"}:
            raise NotFound("there is nothing at this address")
        await self.turns.run(self._desk.delete, who.identity, kind, _given(request, "id"))
        return RedirectResponse(LIBRARY, 303)

    # -- sharing -----------------------------------------------------------------------------------------------------

    async def sharing(self, request: Request) -> Response:
        """Who has something, by which hands; and a form to give it to others."""
        who = await self.site.visit(request)
        return await self._sharing(request, who, {"find": request.query_params.get("find", "")[:_LONGEST]})

    async def _sharing(
        self, request: Request, who: Visitor, given: Mapping[str, str], error: CallerError | None = None
    ) -> Response:
        what = await self.turns.run(self._desk.sharable, who.identity, *_what(request))
        found = await self.turns.run(self._desk.grantees, who.identity, given.get("find", "")) if what.may_share else []
        shown = {
            "what": what,
            "found": found,
            "given": given,
            "rights": RIGHTS,
            "problem": sentence(error) if error is not None else "",
        }
        page = await self.site.page(who, "sharing.html", at="documents", **shown)
        page.status_code = status_of(error) if error is not None else 200
        return page

    async def give(self, request: Request) -> Response:
        """Share it as the form says."""
        form = await read_form(request)
        who = await self.site.visit(request, form)
        kind, item = _what(request)
        try:
            await self.turns.run(self._desk.give, who.identity, kind, item, _gift(form))
        except CallerError as error:
            if error.code == "not_found":
                raise
            return await self._sharing(request, who, form, error)
        return RedirectResponse(f"{SHARING}/{kind}/{quote(item, safe='')}", 303)

    async def take_back(self, request: Request) -> Response:
        """End a share, and all that came of it."""
        form = await read_form(request)
        who = await self.site.visit(request, form)
        kind, item = _what(request)
        try:
            await self.turns.run(self._desk.take_back, who.identity, form.get("share", "")[:_LONGEST])
            found = await self.turns.run(self._desk.sharable, who.identity, kind, item)
        except CallerError as error:
            if error.code == "not_found":
                return RedirectResponse(LIBRARY, 303)
            return await self._sharing(request, who, form, error)
        return RedirectResponse(f"{SHARING}/{found.kind}/{quote(found.id, safe='')}", 303)


def _given(request: Request, name: str) -> str:
    return str(request.path_params[name])[:_LONGEST]


def _what(request: Request) -> tuple[str, str]:
    kind = _given(request, "kind")
    if kind not in KINDS:
        raise NotFound("there is nothing at this address")
    return kind, _given(request, "id")


def _gift(form: Mapping[str, str]) -> Gift:
    """``to`` says a person or a group: ``person ann``. Raises ``BadForm``."""
    kind, _, name = form.get("to", "").partition(" ")
    if kind not in {"person", "group"} or not name:
        raise BadForm("nobody was chosen", next_step="find somebody, and choose them")
    rights = [one for one in RIGHTS if form.get(one)]
    depth = form.get("depth", "0") or "0"
    if not (depth.isascii() and depth.isdigit() and len(depth) < 3):
        raise BadForm("how often it may be handed on is a number", where="depth")
    return Gift(name[:_LONGEST], kind == "group", rights, int(depth), form.get("until", "").strip()[:40])
