"""Signing in with an identity provider: there, back, and out when it says so."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.access.ports import Identity
from wardstead.console.pages.signing_in import SigningIn
from wardstead.console.sessions import TICKET_COOKIE, drop_ticket, keep_session, keep_ticket, read_form, visitor
from wardstead.console.site import CONFIRM, SIGN_IN, NotFound, local, sentence
from wardstead.console.turns import Turns
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.errors import WardsteadError

_ANSWER = ("state", "code", "iss", "error")


@dataclass(frozen=True, slots=True)
class Vouching:
    """The pages between us and a provider. ``visits`` bounds how many wait for one: a slow one keeps no password waiting."""

    door: SigningIn
    visits: Turns

    def routes(self) -> list[Route]:
        """Where they are."""
        base = f"{SIGN_IN}/with/{{provider}}"
        return [
            Route(base, self.go, methods=["GET"]),
            Route(f"{CONFIRM}/with", self.confirm, methods=["GET"]),
            Route(f"{base}/callback", self.come_back, methods=["GET"]),
            Route(f"{base}/logout", self.ended, methods=["POST"]),
        ]

    async def go(self, request: Request) -> Response:
        """To the provider's sign-in page."""
        return await self._go(request, self._provider(request))

    async def confirm(self, request: Request) -> Response:
        """The same in a session that has to prove more: a link, as a form of ours may not lead to another site."""
        who = await visitor(request, self.door.site.services)
        provider = await run_in_threadpool(self.door.site.services.provider_of, who.identity)
        if not provider:
            raise NotFound("your session came of no identity provider")
        return await self._go(request, provider, who.identity)

    async def _go(self, request: Request, provider: str, who: Identity | None = None) -> Response:
        target = local(request.query_params.get("next", ""))
        try:
            url, ticket = await self.visits.run(self.door.site.services.begin_sign_in, provider, target, who)
        except WardsteadError as error:
            return self._refused(request, error)
        response = RedirectResponse(url, 303)
        keep_ticket(response, ticket)
        return response

    async def come_back(self, request: Request) -> Response:
        """From the provider's sign-in page.

        Answered with a page that goes on by itself: the session's cookies are ``strict``, and a browser would not send them
        along a redirect that another site began (RFC 6265bis, section 5.2).
        """
        provider, ticket = self._provider(request), request.cookies.get(TICKET_COOKIE, "")
        given = [(name, value) for name, value in request.query_params.multi_items() if name in _ANSWER]
        answer = dict(given) if len(given) == len({name for name, _ in given}) else {}
        try:
            session, target = await self.visits.run(self.door.site.services.finish_sign_in, provider, answer, ticket)
        except WardsteadError as error:
            response = self._refused(request, error)
            drop_ticket(response)
            return response
        response = self.door.site.bare("signed-in.html", target=local(target))
        keep_session(response, session)
        drop_ticket(response)
        return response

    async def ended(self, request: Request) -> Response:
        """The provider's own server says that a session has ended (OpenID Connect Back-Channel Logout 1.0, section 2.5)."""
        provider, form = self._provider(request), await read_form(request)
        try:
            await self.visits.run(self.door.site.services.ended_elsewhere, provider, form.get("logout_token", ""))
        except WardsteadError as error:
            return Response(status_code=status_of(error) if status_of(error) >= 500 else 400)
        return Response(status_code=200)

    def _provider(self, request: Request) -> str:
        provider = str(request.path_params["provider"])
        if provider not in self.door.site.services.providers():
            raise NotFound("there is nothing at this address")
        return provider

    def _refused(self, request: Request, error: WardsteadError) -> Response:
        status = status_of(error)
        return self.door.form(request, "sign-in.html", 403 if status == 400 else status, problem=sentence(error))
