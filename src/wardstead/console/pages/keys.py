"""API keys: what each is for and when it was last used; a new one, shown once; one that is revoked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.access.ports import Bounds, KeySummary
from wardstead.console.key_desk import Wanted
from wardstead.console.sessions import Visitor, read_form
from wardstead.console.site import CONSOLE, NotPermitted, Site
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError

KEYS: Final = "/console/keys"
_FIELDS: Final = ("person", "purposes", "networks", "models", "expires")
_MAX_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. ``bounds``: what it is for, by name."""

    key: KeySummary
    bounds: tuple[tuple[str, str], ...]
    expires: str
    used: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The page. It takes ``administer``: a key is somebody's."""

    site: Site

    def routes(self) -> list[Route]:
        """Where it is."""
        return [
            Route(KEYS, self.show, methods=["GET"]),
            Route(KEYS, self.create, methods=["POST"]),
            Route(f"{KEYS}/{{id}}/revoke", self.revoke, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """All of them, and a form for another."""
        return await self._page(await self._visit(request))

    async def create(self, request: Request) -> Response:
        """A new one: its secret stands on the page that comes of it, and nowhere else."""
        form = await read_form(request)
        who = await self._visit(request, form)
        given = {name: form.get(name, "")[:_MAX_CHARS].strip() for name in _FIELDS}
        bounds = Bounds(_words(given["purposes"]), _words(given["networks"]), _words(given["models"]))
        wanted = Wanted(given["person"], bounds, given["expires"])
        try:
            made = await run_in_threadpool(self.site.services.keys.create, wanted, who.identity)
        except CallerError as error:
            return await self._page(who, given=given, error=error)
        return await self._page(who, made=made)

    async def revoke(self, request: Request) -> Response:
        """It stops working at once."""
        who = await self._visit(request, await read_form(request))
        try:
            await run_in_threadpool(self.site.services.keys.revoke, str(request.path_params["id"]), who.identity)
        except CallerError as error:
            return await self._page(who, error=error)
        return RedirectResponse(KEYS, 303)

    async def _visit(self, request: Request, form: dict[str, str] | None = None) -> Visitor:
        who = await self.site.visit(request, form)
        decision = self.site.decide(who, "administer", CONSOLE)
        if not decision.allow:
            raise NotPermitted(decision.reason)
        return who

    async def _page(
        self, who: Visitor, *, made: str = "", given: Mapping[str, str] | None = None, error: CallerError | None = None
    ) -> Response:
        desk = self.site.services.keys
        keys, choices = await run_in_threadpool(desk.keys), await run_in_threadpool(desk.choices)
        page = await self.site.page(
            who, "keys.html", at="keys", made=made, given=given or dict.fromkeys(_FIELDS, ""), choices=choices,
            rows=[_row(one) for one in reversed(keys)], problem=_said(error) if error is not None else "",
        )  # fmt: skip
        page.status_code = status_of(error) if error is not None else 200
        return page


def _row(one: KeySummary) -> Row:
    bounds = one.bounds
    said = (("scopes", one.scopes), ("purposes", bounds.purposes), ("networks", bounds.networks), ("models", bounds.models))
    return Row(
        one, tuple((name, ", ".join(sorted(values))) for name, values in said if values),
        rfc3339(one.expires_ms) if one.expires_ms else "", rfc3339(one.last_used_ms) if one.last_used_ms else "",
    )  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(text.replace(",", " ").split())


def _said(error: CallerError) -> str:
    return ". ".join(part.rstrip(".") for part in (error.what, error.why, error.next_step) if part) + "."
