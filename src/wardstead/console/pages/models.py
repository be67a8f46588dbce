"""Models: which serve and which do not, and of each what was found, who answers for it, and what may be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.console.model_desk import ModelDesk, ModelShown
from wardstead.console.pages.rows import cursor
from wardstead.console.sessions import Visitor, read_form
from wardstead.console.site import NotFound, NotPermitted, Site, sentence
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.errors import CallerError, ConfigurationError

MODELS: Final = "/console/models"
TONES: Final = {
    "admitted": "good", "candidate": "open", "suspended": "bad", "withdrawn": "quiet", "replaced": "quiet",
    "clean": "good", "suspicious": "amber", "blocked": "bad", "block": "bad", "warn": "amber", "info": "quiet",
}  # fmt: skip
ACTS: Final = {
    "review": "Say that you reviewed it",
    "approve": "Approve it",
    "sign": "Sign and admit it",
    "agree": "Agree to the override",
    "refuse": "Refuse it",
    "resume": "Let it serve again",
    "suspend": "Suspend it",
    "withdraw": "Withdraw it for good",
}
"""What may be done, in the order of the page, and what its button says."""
BESIDE: Final = {
    "resume": "Let the one before it serve again",
    "suspend": "Suspend the one that serves now",
    "withdraw": "Withdraw the one that serves now for good",
}
"""What the last three say on the page of one that is on its way."""
_MAX_CHARS: Final = 2000


@dataclass(frozen=True, slots=True)
class Models:
    """The pages, for whoever may read the record of administration, or approve models."""

    site: Site

    @property
    def desk(self) -> ModelDesk:
        """What is asked of the others."""
        return self.site.services.model_desk

    def routes(self) -> list[Route]:
        """Where they are. A model's name may hold slashes."""
        return [
            Route(MODELS, self.list, methods=["GET"]),
            Route(f"{MODELS}/act/{{what}}", self.act, methods=["POST"]),
            Route(f"{MODELS}/of/{{name:path}}", self.show, methods=["GET"]),
        ]

    async def list(self, request: Request) -> Response:
        """Every model."""
        who = await self._visit(request)
        lines = await run_in_threadpool(self.desk.models)
        return await self.site.page(who, "models.html", at="models", lines=lines, tones=TONES)

    async def show(self, request: Request) -> Response:
        """One of them."""
        who = await self._visit(request)
        return await self._page(who, str(request.path_params["name"]), before=cursor(request))

    async def act(self, request: Request) -> Response:
        """Do something about one, with a reason."""
        form = await read_form(request)
        who = await self._visit(request, form)
        name, what = form.get("model", "")[:200], str(request.path_params["what"])
        if what not in ACTS:
            raise NotFound("there is nothing at this address")
        try:
            reason = form.get("reason", "")[:_MAX_CHARS]
            await run_in_threadpool(lambda: self.desk.act(name, what, who.identity, reason))
        except (CallerError, ConfigurationError) as error:
            return await self._page(who, name, error)
        return RedirectResponse(f"{MODELS}/of/{quote(name)}", 303)

    async def _visit(self, request: Request, form: dict[str, str] | None = None) -> Visitor:
        who = await self.site.visit(request, form)
        if not self.site.sees_models(who):
            raise NotPermitted("models are shown to those who may read the record of administration, or approve models")
        return who

    async def _page(
        self, who: Visitor, name: str, error: CallerError | ConfigurationError | None = None, *, before: int | None = None
    ) -> Response:
        found: ModelShown | None = await run_in_threadpool(lambda: self.desk.model(name, who.identity, before))
        if found is None:
            raise NotFound("no such model was ever added here")
        waits = found.admission is not None and found.admission.state == "candidate"
        said = {**ACTS, **BESIDE} if waits else ACTS
        acts = [(what, said[what]) for what in said if what in found.may]
        problem = sentence(error) if error is not None else ""
        page = await self.site.page(
            who, "model.html", at="models", model=found, tones=TONES, acts=acts, problem=problem, newest=before is None,
        )  # fmt: skip
        page.status_code = status_of(error) if error is not None else 200
        return page
