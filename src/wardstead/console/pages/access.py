"""Who may do what, and why: a question put by hand, the policies in force, and what those in the folder would change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.access.asking import RESOURCES, Asked
from wardstead.access.pdp import ACTIONS
from wardstead.console.sessions import Visitor, read_form
from wardstead.console.site import CONSOLE, NotFound, NotPermitted, Site
from wardstead.console.turns import Turns
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import BackendError, CallerError, ConfigurationError, WardsteadError

ACCESS: Final = "/console/access"
_FIELDS: Final = (
    "who", "action", "model", "owner", "at", "purpose", "application", "network", "label", "signed_in", "means", "policies",
)  # fmt: skip
_MAX_CHARS: Final = 200
_CHANGES: Final = 200
_WHICH: Final = ("active", "folder")


class TooManyQuestions(BackendError):
    """More people ask the policies at this moment than may wait for it."""

    code = "overloaded"

    def __init__(self) -> None:
        """Says when to come back."""
        super().__init__("others ask the policies", next_step="Try again in a minute")


@dataclass(frozen=True, slots=True)
class AccessPages:
    """The page. It takes ``viewAdministration``: it tells what others may do."""

    site: Site
    turns: Turns

    def routes(self) -> list[Route]:
        """Where it is."""
        return [
            Route(ACCESS, self.show, methods=["GET"]),
            Route(f"{ACCESS}/check", self.check, methods=["GET"]),
            Route(f"{ACCESS}/changes", self.changes, methods=["GET"]),
            Route(f"{ACCESS}/propose", self.propose, methods=["POST"]),
            Route(f"{ACCESS}/proposals/{{id}}/{{act}}", self.decide, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The versions, the form, and the answer where something was asked."""
        who = await self._visit(request)
        given = {name: request.query_params.get(name, "")[:_MAX_CHARS].strip() for name in _FIELDS}
        if given["policies"] not in _WHICH:
            given["policies"] = _WHICH[0]
        shown: dict[str, object] = {"given": given}
        status = 200
        if given["who"] and given["action"]:
            try:
                asked = _asked(given)
                said = await self.turns.run(self.site.services.policies.explain, asked, given["policies"])
                others = await self.turns.run(self.site.services.policies.who_can, asked, given["policies"])
                until = said.decision.not_after_ms
                shown |= {
                    "said": said, "others": others, "when": rfc3339(said.time_ms), "until": rfc3339(until) if until else "",
                }  # fmt: skip
            except (CallerError, ConfigurationError) as error:
                shown["problem"], status = _words(error), max(400, status_of(error)) if isinstance(error, CallerError) else 422
        return await self._page(who, shown, status)

    async def check(self, request: Request) -> Response:
        """What does not fit together in the folder."""
        who = await self._visit(request)
        try:
            return await self._page(who, {"findings": await self.turns.run(self.site.services.policies.findings)})
        except ConfigurationError as error:
            return await self._page(who, {"problem": _words(error)}, 422)

    async def changes(self, request: Request) -> Response:
        """Whose access the folder would change, or a version that is proposed or was in force; and what would happen to data."""
        who = await self._visit(request)
        desk, version = self.site.services.policies, request.query_params.get("version", "")[:_MAX_CHARS]
        known = {one.version for one in await self.turns.run(desk.proposals, who.identity)}
        known |= {one.version for one in (await self.turns.run(desk.standing)).history}
        if version and version not in known:
            raise NotFound("no such version is proposed, or was in force")
        which = version or _WHICH[1]
        try:
            found = await self.turns.run(desk.difference, which)
            data = await self.turns.run(desk.data_difference, which)
        except ConfigurationError as error:
            return await self._page(who, {"problem": _words(error)}, 422)
        shown = {"difference": found, "changes": found.changes[:_CHANGES], "data": data[:_CHANGES], "proposed": version}
        return await self._page(who, shown)

    async def propose(self, request: Request) -> Response:
        """Propose an earlier version, or what stands in the folder, for somebody else to put in force."""
        form = await read_form(request)
        who = await self.site.visit(request, form)
        version = form.get("version", "")[:_MAX_CHARS]
        return await self._act(who, self.site.services.policies.propose, form.get("reason", ""), version)

    async def decide(self, request: Request) -> Response:
        """Put in force what somebody else proposed, or end a proposal."""
        form = await read_form(request)
        who = await self.site.visit(request, form)
        item, desk = str(request.path_params["id"])[:_MAX_CHARS], self.site.services.policies
        match request.path_params["act"]:
            case "activate":
                return await self._act(who, desk.activate, item, form.get("reason", ""))
            case "withdraw":
                return await self._act(who, desk.withdraw, item)
        raise NotFound("there is nothing at this address")

    async def _act(self, who: Visitor, act: Callable[..., None], *given: str) -> Response:
        self._require(who)
        try:
            await self.turns.run(act, who.identity, *given)
        except CallerError as error:
            return await self._page(who, {"problem": _words(error)}, max(400, status_of(error)))
        except ConfigurationError as error:
            return await self._page(who, {"problem": _words(error)}, 422)
        except BackendError as error:  # a worker cannot get ready: what was in force stays
            return await self._page(who, {"problem": _words(error)}, 503)
        return RedirectResponse(ACCESS, 303)

    async def _visit(self, request: Request) -> Visitor:
        who = await self.site.visit(request)
        self._require(who)
        return who

    def _require(self, who: Visitor) -> None:
        decision = self.site.decide(who, "viewAdministration", CONSOLE)
        if not decision.allow:
            raise NotPermitted(decision.reason, step=decision.step)

    async def _page(self, who: Visitor, shown: Mapping[str, object], status: int = 200) -> Response:
        desk = self.site.services.policies
        values: dict[str, object] = {
            "given": dict.fromkeys(_FIELDS, ""), "problem": "", "said": None, "findings": None, "difference": None, "changes": (),
            "data": (), "proposed": "",
            "actions": sorted(ACTIONS), "kinds": RESOURCES, **shown,
            "standing": await self.turns.run(desk.standing), "people": await self.turns.run(desk.people),
            "purposes": await self.turns.run(desk.purposes), "proposals": await self.turns.run(desk.proposals, who.identity),
            "models": [one.name for one in await self.turns.run(self.site.services.models, who.identity)],
        }  # fmt: skip
        page = await self.site.page(who, "access.html", at="access", **values)
        page.status_code = status
        return page


def _asked(given: Mapping[str, str]) -> Asked:
    kind = RESOURCES.get(given["action"], "Console")
    resource = f"Model::{given['model']}" if kind == "Model" else kind
    return Asked(
        given["who"], given["action"], resource, given["at"], given["purpose"], given["application"], given["network"],
        given["label"], given["signed_in"], given["owner"], means=given["means"],
    )  # fmt: skip


def _words(error: WardsteadError) -> str:
    where = f"{error.where}: " if error.where else ""
    return ". ".join(part.rstrip(".") for part in (f"{where}{error.what}", error.why, error.next_step) if part) + "."
