"""Signing in, choosing a password, signing out."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.console.factor_desk import OpenedSession, SecondStep
from wardstead.console.ports import MustChangePassword
from wardstead.console.sessions import (
    check_form_token,
    end_session,
    form_token,
    keep_form_token,
    keep_session,
    keep_step,
    read_form,
    visitor,
)
from wardstead.console.site import SIGN_IN, Site, local, sentence
from wardstead.console.turns import Turns
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.errors import BackendError, CallerError, PeerError, WardsteadError

_WRONG = "The name or the password is wrong."


class TooManySignIns(BackendError):
    """More people sign in at this moment than may wait for it."""

    code = "overloaded"

    def __init__(self) -> None:
        """Says when to come back."""
        super().__init__("too many people are signing in", next_step="Try again in a few seconds")


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The pages for whoever has no session yet."""

    site: Site
    checks: Turns

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(SIGN_IN, self.show, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["POST"]),
            Route("/console/password", self.show_password, methods=["GET"]),
            Route("/console/password", self.change_password, methods=["POST"]),
            Route("/console/sign-out", self.sign_out, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The sign-in form."""
        return self.form(request, "sign-in.html", next=local(request.query_params.get("next", "")))

    async def sign_in(self, request: Request) -> Response:
        """Check the password, open a session."""
        form = await read_form(request)
        check_form_token(request, form)
        name, target = form.get("name", ""), local(form.get("next", ""))
        try:
            result = await self.checks.run(self.site.services.sign_in, name, form.get("password", ""))
        except (CallerError, PeerError) as error:
            return self.refused(request, "sign-in.html", error, name=name, next=target)
        if isinstance(result, MustChangePassword):
            return self.form(request, "password.html", name=name, first=True, next=target)
        if result is None:
            return self.form(request, "sign-in.html", 403, name=name, next=target, problem=_WRONG)
        if isinstance(result, SecondStep):
            return self._half(request, result, target)
        return signed_in(result, target)

    async def show_password(self, request: Request) -> Response:
        """The form for choosing another password."""
        return self.form(request, "password.html", next=local(""))

    async def change_password(self, request: Request) -> Response:
        """Replace a password, open a session."""
        form = await read_form(request)
        check_form_token(request, form)
        name, new = form.get("name", ""), form.get("new", "")
        shown = {"name": name, "first": form.get("first") == "yes", "next": local(form.get("next", ""))}
        if new != form.get("again", ""):
            return self.form(request, "password.html", 400, problem="The two new passwords are not the same.", **shown)
        if new == form.get("password", ""):
            return self.form(request, "password.html", 400, problem="The new password is the old one.", **shown)
        try:
            session = await self.checks.run(self.site.services.change_password, name, form.get("password", ""), new)
        except (CallerError, PeerError) as error:
            return self.refused(request, "password.html", error, **shown)
        if session is None:
            return self.form(request, "password.html", 403, problem=_WRONG, **shown)
        if isinstance(session, SecondStep):
            return self._half(request, session, str(shown["next"]))
        return signed_in(session, str(shown["next"]))

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        form = await read_form(request)
        who = await visitor(request, self.site.services, form)
        farewell = await run_in_threadpool(self.site.services.sign_out, who.token, who.identity)
        # A form of ours may not lead to another site, not even by a redirect (CSP form-action): a link does.
        response: Response = RedirectResponse(SIGN_IN, 303)
        if farewell is not None:
            response = self.site.bare("signed-out.html", title=farewell.title, url=farewell.url)
        end_session(response)
        return response

    def _half(self, request: Request, step: SecondStep, target: str) -> Response:
        response = self.form(request, "second-step.html", waits=step, next=target)
        keep_step(response, step.ticket)
        return response

    def refused(self, request: Request, template: str, error: WardsteadError, **values: object) -> Response:
        """One of the forms once more, with what was wrong."""
        response = self.form(request, template, status_of(error), problem=sentence(error), **values)
        if response.status_code == 429:
            response.headers["retry-after"] = "30"
        return response

    def form(self, request: Request, template: str, status: int = 200, **values: object) -> Response:
        """One of the forms for whoever has no session yet, with its own request token."""
        token = form_token(request)
        providers = self.site.services.providers()
        passkeys = self.site.services.passkeys.possible()
        shown = {
            "passkeys": passkeys,
            "name": "",
            "problem": "",
            "first": False,
            "next": local(""),
            "providers": providers,
            **values,
        }
        response = self.site.bare(template, status, form_token=token, **shown)
        keep_form_token(response, token)
        return response


def signed_in(session: OpenedSession, target: str) -> Response:
    """On to where somebody wanted to go, with their session."""
    response = RedirectResponse(target, 303)
    keep_session(response, session)
    return response
