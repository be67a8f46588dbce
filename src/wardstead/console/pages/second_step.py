"""The second half of a sign-in, and the same once more in a session that has proved too little, or too long ago."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.console.factor_desk import SecondStep
from wardstead.console.pages.signing_in import SigningIn, signed_in
from wardstead.console.sessions import STEP_COOKIE, Visitor, check_form_token, read_form, visitor
from wardstead.console.site import ACCOUNT, CONFIRM, SECOND, SIGN_IN, local, sentence
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.errors import CallerError


@dataclass(frozen=True, slots=True)
class SecondStepPages:
    """Where a code is asked for. ``door`` has the forms of those who have no session yet."""

    door: SigningIn

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(SECOND, self.finish, methods=["POST"]),
            Route(CONFIRM, self.show_confirm, methods=["GET"]),
            Route(CONFIRM, self.confirm, methods=["POST"]),
        ]

    async def finish(self, request: Request) -> Response:
        """Take the code, open the session."""
        form = await read_form(request)
        check_form_token(request, form)
        target, ticket = local(form.get("next", "")), request.cookies.get(STEP_COOKIE, "")
        desk = self.door.site.services.factors
        try:
            session = await self.door.checks.run(desk.finish, ticket, form.get("code", ""))
        except CallerError as error:
            if error.code == "sign_in_lost":
                return self.door.refused(request, "sign-in.html", error, next=target)
            waits = SecondStep(ticket, form.get("codes") == "yes", form.get("passkeys") == "yes")
            return self.door.refused(request, "second-step.html", error, next=target, waits=waits)
        return signed_in(session, target)

    async def show_confirm(self, request: Request) -> Response:
        """The form for somebody who is signed in; where they have nothing to confirm with, where to get it.

        Where a fresh sign-in is all that is asked for, whoever has a password alone signs in once more.
        """
        who = await visitor(request, self.door.site.services)
        target = local(request.query_params.get("next", ""))
        standing = await run_in_threadpool(self.door.site.services.factors.standing, who.identity)
        if not standing.any and not await run_in_threadpool(self.door.site.services.provider_of, who.identity):
            again = request.query_params.get("step") == "sign-in"
            return RedirectResponse(f"{SIGN_IN}?{urlencode({'next': target})}" if again else ACCOUNT, 303)
        return await self.page(who, target)

    async def confirm(self, request: Request) -> Response:
        """Take the code: another session, which has proved more."""
        form = await read_form(request)
        who = await visitor(request, self.door.site.services, form)
        target, desk = local(form.get("next", "")), self.door.site.services.factors
        try:
            session = await self.door.checks.run(desk.confirm, who.identity, form.get("code", ""))
        except CallerError as error:
            return await self.page(who, target, error)
        return signed_in(session, target)

    async def page(self, who: Visitor, target: str, error: CallerError | None = None) -> Response:
        """The form in a session, and what went wrong."""
        site = self.door.site
        standing = await run_in_threadpool(site.services.factors.standing, who.identity)
        provider = site.services.providers().get(await run_in_threadpool(site.services.provider_of, who.identity), "")
        problem = sentence(error) if error is not None else ""
        shown = {"standing": standing, "next": target, "provider": provider, "problem": problem}
        response = await site.page(who, "confirm.html", at="account", **shown)
        if error is not None:
            response.status_code = status_of(error)
        return response
