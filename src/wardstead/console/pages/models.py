"""Models: which serve and which do not, and of each what was found, who answers for it, and what may be done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.console.hours import hours
from wardstead.console.model_desk import ModelDesk, ModelShown
from wardstead.console.pages.rows import cursor
from wardstead.console.sessions import Visitor, read_form
from wardstead.console.site import NotFound, NotPermitted, Site, confirming, sentence
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError, WardsteadError

MODELS: Final = "/console/models"
TONES: Final = {
    "admitted": "good", "candidate": "open", "suspended": "bad", "withdrawn": "quiet", "replaced": "quiet",
    "clean": "good", "suspicious": "amber", "blocked": "bad", "block": "bad", "warn": "amber", "info": "quiet",
}  # fmt: skip
ACTS: Final = {
    "review": "Say that you reviewed it",
    "approve": "Approve it",
    "sign": "Sign and admit it",
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
OVERRIDE: Final = {"agree": "Agree: it serves from now on", "decline": "Refuse the override"}
"""What may be done about an override that waits."""
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
            Route(f"{MODELS}/override", self.ask, methods=["POST"]),
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
        what = str(request.path_params["what"])
        if what not in {*ACTS, *OVERRIDE}:
            raise NotFound("there is nothing at this address")
        act = self.desk.act
        return await self._act(who, form, lambda name, reason: act(name, what, who.identity, reason))

    async def ask(self, request: Request) -> Response:
        """Ask that one serve for some hours whatever policy says: somebody else has to agree."""
        form = await read_form(request)
        who = await self._visit(request, form)
        ask, given = self.desk.ask, form.get("hours", "")
        kept = {"hours": given, "reason": form.get("reason", "")}
        return await self._act(who, form, lambda name, reason: ask(name, who.identity, reason, hours(given)), kept)

    async def _act(
        self, who: Visitor, form: dict[str, str], act: Callable[[str, str], None], given: dict[str, str] | None = None
    ) -> Response:
        name, reason = form.get("model", "")[:200], form.get("reason", "")[:_MAX_CHARS]
        try:
            await run_in_threadpool(act, name, reason)
        except (CallerError, ConfigurationError, IntegrityError) as error:
            return await self._page(who, name, error, given=given)
        return RedirectResponse(f"{MODELS}/of/{quote(name)}", 303)

    async def _visit(self, request: Request, form: dict[str, str] | None = None) -> Visitor:
        who = await self.site.visit(request, form)
        if not self.site.sees_models(who):
            raise NotPermitted("models are shown to those who may read the record of administration, or approve models")
        return who

    async def _page(
        self, who: Visitor, name: str, error: WardsteadError | None = None, *, before: int | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:  # fmt: skip
        found: ModelShown | None = await run_in_threadpool(lambda: self.desk.model(name, who.identity, before))
        if found is None:
            raise NotFound("no such model was ever added here")
        waits = found.admission is not None and found.admission.state == "candidate"
        said = {**ACTS, **BESIDE} if waits else ACTS
        if found.admission is not None and found.admission.basis == "override":
            said = {**said, "withdraw": "End the override now"}
        page = await self.site.page(
            who, "model.html", at="models", model=found, tones=TONES, acts=_offered(said, found),
            decisions=_offered(_decisions(found, who), found), problem=sentence(error) if error is not None else "",
            confirm=_confirm(error, name), newest=before is None,
            given=given or {"hours": str(min(4, found.most_hours)), "reason": ""},
        )  # fmt: skip
        page.status_code = status_of(error) if error is not None else 200
        return page


def _offered(said: Mapping[str, str], found: ModelShown) -> list[tuple[str, str]]:
    return [(what, words) for what, words in said.items() if what in found.may]


def _decisions(found: ModelShown, who: Visitor) -> Mapping[str, str]:
    """What is said of an override that waits; to whoever asked for it, that they may take it back."""
    mine = found.waiting is not None and found.waiting.asked.by == who.identity.principal.name
    return {**OVERRIDE, "decline": "Take it back"} if mine else OVERRIDE


def _confirm(error: WardsteadError | None, name: str) -> str:
    """Where whoever was refused proves once more who they are, where that would do."""
    if error is None or not getattr(error, "step", ""):
        return ""
    return confirming(error, f"?next={quote(f'{MODELS}/of/{name}', safe='')}")
