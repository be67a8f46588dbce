"""How somebody signs in, as they see and change it themselves: open to whoever is signed in, whatever policies say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.console.factor_desk import Enrolment, OpenedSession
from wardstead.console.sessions import Visitor, keep_session, read_form, visitor
from wardstead.console.site import ACCOUNT, Site, sentence
from wardstead.console.turns import Turns
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.errors import CallerError


@dataclass(frozen=True, slots=True)
class AccountPages:
    """One's own second factors. ``checks`` bounds how many codes are looked at at the same time."""

    site: Site
    checks: Turns

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(ACCOUNT, self.show, methods=["GET"]),
            Route(f"{ACCOUNT}/codes", self.show_codes, methods=["GET"]),
            Route(f"{ACCOUNT}/codes", self.begin_codes, methods=["POST"]),
            Route(f"{ACCOUNT}/codes/confirm", self.confirm_codes, methods=["POST"]),
            Route(f"{ACCOUNT}/codes/remove", self.remove_codes, methods=["POST"]),
            Route(f"{ACCOUNT}/recovery-codes", self.renew, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """What they have."""
        return await self.page(await visitor(request, self.site.services))

    async def begin_codes(self, request: Request) -> Response:
        """A secret for an authenticator, which does not count yet."""
        who = await self._who(request)
        try:
            await run_in_threadpool(self.site.services.factors.begin_codes, who.identity)
        except CallerError as error:
            return await self.page(who, error)
        return RedirectResponse(f"{ACCOUNT}/codes", 303)

    async def show_codes(self, request: Request) -> Response:
        """The secret, to be seen or typed."""
        who = await visitor(request, self.site.services)
        try:
            return await self._enrolling(who)
        except CallerError:
            return RedirectResponse(ACCOUNT, 303)

    async def confirm_codes(self, request: Request) -> Response:
        """It counts from now on."""
        form = await read_form(request)
        who = await visitor(request, self.site.services, form)
        try:
            session, codes = await self.checks.run(
                self.site.services.factors.confirm_codes, who.identity, form.get("code", "")
            )  # fmt: skip
        except CallerError as error:
            if error.code == "wrong_code":
                return await self._enrolling(who, error)
            return await self.page(who, error)
        return await self.first_codes(who, session, codes)

    async def remove_codes(self, request: Request) -> Response:
        """No authenticator any more."""
        who = await self._who(request)
        try:
            await run_in_threadpool(self.site.services.factors.remove_codes, who.identity)
        except CallerError as error:
            return await self.page(who, error)
        return RedirectResponse(ACCOUNT, 303)

    async def renew(self, request: Request) -> Response:
        """Other recovery codes."""
        who = await self._who(request)
        try:
            codes = await run_in_threadpool(self.site.services.factors.renew_recovery_codes, who.identity)
        except CallerError as error:
            return await self.page(who, error)
        return await self.site.page(who, "recovery-codes.html", at="account", codes=codes, first=False)

    async def first_codes(self, who: Visitor, session: OpenedSession, codes: Sequence[str]) -> Response:
        """Recovery codes with the first factor. The page has another session's token: forms on it are of that session."""
        renewed = Visitor(who.identity, session.csrf, session.token)
        response = await self.site.page(renewed, "recovery-codes.html", at="account", codes=codes, first=True)
        keep_session(response, session)
        return response

    async def _who(self, request: Request) -> Visitor:
        return await visitor(request, self.site.services, await read_form(request))

    async def _enrolling(self, who: Visitor, error: CallerError | None = None) -> Response:
        made: Enrolment = await run_in_threadpool(self.site.services.factors.begun_codes, who.identity)
        shown = {"secret": made.secret, "picture": made.picture, "problem": sentence(error) if error is not None else ""}
        response = await self.site.page(who, "codes.html", at="account", **shown)
        if error is not None:
            response.status_code = status_of(error)
        return response

    async def page(self, who: Visitor, error: CallerError | None = None) -> Response:
        """All that they have, and what went wrong."""
        standing = await run_in_threadpool(self.site.services.factors.standing, who.identity)
        problem = sentence(error) if error is not None else ""
        shown = {"standing": standing, "problem": problem, "passkeys": self.site.services.passkeys.possible()}
        response = await self.site.page(who, "account.html", at="account", **shown)
        if error is not None:
            response.status_code = status_of(error)
        return response
