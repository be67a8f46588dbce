"""Passkeys: asked for as JSON by a script of ours, answered with the form around its button."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from wardstead.access.ports import Identity
from wardstead.console.factor_desk import OpenedSession
from wardstead.console.pages.account import AccountPages
from wardstead.console.pages.second_step import SecondStepPages
from wardstead.console.pages.signing_in import signed_in
from wardstead.console.passkey_desk import PasskeyDesk, Question
from wardstead.console.sessions import STEP_COOKIE, Visitor, check_form_token, keep_step, read_form, visitor
from wardstead.console.site import ACCOUNT, CONFIRM, SECOND, SIGN_IN, local, sentence
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.errors import CallerError


@dataclass(frozen=True, slots=True)
class PasskeyPages:
    """Beside the pages with codes: the same, with a passkey."""

    steps: SecondStepPages
    account: AccountPages

    @property
    def desk(self) -> PasskeyDesk:
        """What is asked of the others."""
        return self.steps.door.site.services.passkeys

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(f"{SIGN_IN}/passkey/ask", self.ask, methods=["POST"]),
            Route(f"{SIGN_IN}/passkey", self.sign_in, methods=["POST"]),
            Route(f"{SECOND}/passkey/ask", self.ask_second, methods=["POST"]),
            Route(f"{SECOND}/passkey", self.finish, methods=["POST"]),
            Route(f"{CONFIRM}/passkey/ask", self.ask_confirm, methods=["POST"]),
            Route(f"{CONFIRM}/passkey", self.confirm, methods=["POST"]),
            Route(f"{ACCOUNT}/passkeys/ask", self.ask_new, methods=["POST"]),
            Route(f"{ACCOUNT}/passkeys", self.add, methods=["POST"]),
            Route(f"{ACCOUNT}/passkeys/{{id}}/rename", self.rename, methods=["POST"]),
            Route(f"{ACCOUNT}/passkeys/{{id}}/remove", self.remove, methods=["POST"]),
        ]

    # -- without a session -------------------------------------------------------------------------------------------

    async def ask(self, request: Request) -> Response:
        """The question for whoever has a passkey."""
        check_form_token(request, await read_form(request))
        return await self._question(self.desk.ask)

    async def sign_in(self, request: Request) -> Response:
        """The answer: a session, without a password."""
        return await self._session_by(request, self.desk.sign_in)

    async def ask_second(self, request: Request) -> Response:
        """The question for whoever gave their password."""
        check_form_token(request, await read_form(request))
        ticket = request.cookies.get(STEP_COOKIE, "")
        return await self._question(lambda: self.desk.ask_second(ticket))

    async def finish(self, request: Request) -> Response:
        """The answer: the session. A wrong one ends the sign-in: it begins again."""
        return await self._session_by(request, self.desk.finish)

    async def _session_by(self, request: Request, prove: Callable[[str, str], OpenedSession]) -> Response:
        form = await read_form(request)
        check_form_token(request, form)
        target, ticket = local(form.get("next", "")), request.cookies.get(STEP_COOKIE, "")
        try:
            session = await self.steps.door.checks.run(prove, ticket, form.get("answer", ""))
        except CallerError as error:
            return self.steps.door.refused(request, "sign-in.html", error, next=target)
        return signed_in(session, target)

    # -- in a session ------------------------------------------------------------------------------------------------

    async def ask_confirm(self, request: Request) -> Response:
        """The question for somebody who is signed in."""
        return await self._question_of(request, self.desk.ask_confirm)

    async def confirm(self, request: Request) -> Response:
        """The answer: another session, which has proved more."""
        form = await read_form(request)
        who = await visitor(request, self.steps.door.site.services, form)
        target, ticket = local(form.get("next", "")), request.cookies.get(STEP_COOKIE, "")
        try:
            session = await self.steps.door.checks.run(self.desk.confirm, who.identity, ticket, form.get("answer", ""))
        except CallerError as error:
            return await self.steps.page(who, target, error)
        return signed_in(session, target)

    async def ask_new(self, request: Request) -> Response:
        """The question for a new one."""
        return await self._question_of(request, self.desk.ask_new)

    async def add(self, request: Request) -> Response:
        """The new one, with its name; with the first, recovery codes."""
        form = await read_form(request)
        who, ticket = await visitor(request, self.account.site.services, form), request.cookies.get(STEP_COOKIE, "")

        def added() -> tuple[OpenedSession, tuple[str, ...]]:
            return self.desk.add(who.identity, ticket, form.get("answer", ""), form.get("name", ""))

        try:
            session, codes = await self.steps.door.checks.run(added)
        except CallerError as error:
            return await self.account.page(who, error)
        return await self.account.first_codes(who, session, codes) if codes else signed_in(session, ACCOUNT)

    async def rename(self, request: Request) -> Response:
        """Another name."""
        form = await read_form(request)
        who, one = await visitor(request, self.account.site.services, form), str(request.path_params["id"])
        return await self._changed(who, lambda: self.desk.rename(who.identity, one, form.get("name", "")))

    async def remove(self, request: Request) -> Response:
        """Without it."""
        who, one = await visitor(request, self.account.site.services, await read_form(request)), str(request.path_params["id"])
        return await self._changed(who, lambda: self.desk.remove(who.identity, one))

    async def _changed(self, who: Visitor, change: Callable[[], None]) -> Response:
        try:
            await run_in_threadpool(change)
        except CallerError as error:
            return await self.account.page(who, error)
        return RedirectResponse(ACCOUNT, 303)

    async def _question_of(self, request: Request, ask: Callable[[Identity], Question]) -> Response:
        who = await visitor(request, self.account.site.services, await read_form(request))
        return await self._question(lambda: ask(who.identity))

    async def _question(self, ask: Callable[[], Question]) -> Response:
        """What the script gives to the browser; where there is nothing to ask, why."""
        try:
            question = await self.steps.door.checks.run(ask)
        except CallerError as error:
            return JSONResponse({"problem": sentence(error)}, status_of(error))
        response = Response(question.options, media_type="application/json")
        keep_step(response, question.ticket)
        return response
