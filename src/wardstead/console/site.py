"""What the pages share: services, templates, who is looking, and how a page or an error is answered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from wardstead.access.ports import Decision, Resource
from wardstead.console.ports import ConsoleServices
from wardstead.console.rendering import StaticFiles, environment
from wardstead.console.sessions import Visitor, visitor
from wardstead.gateway.protocol.errors import status_of
from wardstead.isolation.posture import State
from wardstead.kernel.errors import CallerError, WardsteadError
from wardstead.kernel.labels import PUBLIC, Label

CONSOLE: Final = Resource("Console", "wardstead")
ANY_EXCHANGE: Final = Resource("Exchange", "any")
ANY_ADMISSION: Final = Resource("Admission", "any")
HOME: Final = "/console/"
SIGN_IN: Final = "/console/sign-in"
SECOND: Final = "/console/sign-in/second"
CONFIRM: Final = "/console/confirm"
ACCOUNT: Final = "/console/account"
_STEPS: Final = {
    "sign-in": "Confirm that it is you",
    "second-factor": "Go on with a second factor",
    "confirm_first": "Confirm that it is you",
}
_TITLES: Final = {
    400: "Not understood",
    401: "Not signed in",
    403: "Not allowed",
    404: "Nothing here",
    405: "Not like this",
    429: "Too many requests",
}


class NotPermitted(CallerError):
    """The policy decision point said no. ``step``: what the visitor could do about it, as a decision says it."""

    code = "access_denied"

    def __init__(self, what: str, *, step: str = "") -> None:
        super().__init__(what)
        self.step = step


class NotFound(CallerError):
    """No such page or record, or none that this person may see: both look the same."""

    code = "not_found"


class WrongMethod(CallerError):
    """The page exists, the method does not."""

    code = "method_not_allowed"


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """How the console behaves. ``allowed_hosts`` may be empty where the gateway in front has checked the Host."""

    allowed_hosts: frozenset[str] = frozenset()
    live_interval_s: float = 1.0
    live_limit_s: float = 300.0
    live_per_person: int = 6
    page_size: int = 50
    password_checks: int = 2
    """How many passwords are checked at the same time, and how many may wait for it."""
    password_waiting: int = 32
    provider_visits: int = 4
    """How many sign-ins wait for an identity provider at the same time."""
    text_checks: int = 2
    """How many texts are looked at at the same time in the try-it box, and how many may wait for it."""
    text_waiting: int = 16
    replays: int = 1
    """How many changed policies are replayed at the same time, and how many may wait for it."""
    replays_waiting: int = 3
    questions: int = 1
    """How many questions are put to the access policies at the same time, and how many may wait for it."""
    questions_waiting: int = 16


class Site:
    """The console of one worker."""

    def __init__(self, services: ConsoleServices, settings: ConsoleSettings) -> None:
        """Reads templates and static files once."""
        self.services = services
        self.settings = settings
        self.static = StaticFiles()
        self._templates = environment(self.static)

    async def visit(self, request: Request, form: dict[str, str] | None = None) -> Visitor:
        """Who is looking, if they may open the console. Raises ``CallerError``."""
        who = await visitor(request, self.services, form)
        decision = self.decide(who, "viewConsole", CONSOLE)
        if not decision.allow:
            raise NotPermitted(decision.reason, step=decision.step)
        return who

    def decide(self, who: Visitor, action: str, resource: Resource, label: Label = PUBLIC) -> Decision:
        """Ask the policy decision point for this visitor, about data with this label."""
        return self.services.decide(who.identity, action, resource, label)

    def sees_everything(self, who: Visitor) -> bool:
        """Whether this person may see what concerns the whole deployment, not only themselves."""
        return self.decide(who, "viewLedger", CONSOLE).allow

    def may_replay(self, who: Visitor) -> bool:
        """Whether this person may replay a changed policy on exchanges that they may read."""
        return self.decide(who, "replayPolicy", CONSOLE).allow

    def may_review(self, who: Visitor) -> bool:
        """Whether this person may review anything that is held."""
        return self.decide(who, "reviewHeld", ANY_EXCHANGE).allow

    def sees_models(self, who: Visitor) -> bool:
        """Whether this person may see how models stand: whoever reads the record of administration, approves or overrides."""
        acts = ("approveModel", "overrideModel")
        read = self.decide(who, "viewAdministration", CONSOLE).allow
        return read or any(self.decide(who, act, ANY_ADMISSION).allow for act in acts)

    async def page(self, who: Visitor, template: str, *, at: str, **values: Any) -> Response:
        """A page for somebody who is signed in; what does not hold is shouted on every one of them."""
        posture = await run_in_threadpool(self.services.posture)
        alarms = [check.title for check in posture.checks if check.state is State.RED]
        shown = {"who": who.identity.principal, "csrf": who.csrf, "at": at, "alarms": alarms, **values}
        shown["reviews"] = self.may_review(who)
        shown["administration"] = self.decide(who, "viewAdministration", CONSOLE).allow
        shown["models_shown"] = self.sees_models(who)
        shown["overrides"] = (
            await run_in_threadpool(self.services.model_desk.waiting, who.identity) if shown["models_shown"] else []
        )
        shown["administers"] = self.decide(who, "administer", CONSOLE).allow
        shown["emergencies"] = self.services.emergencies.exist()
        shown["unsealed"] = self.services.open_accounts() if shown["administration"] else []
        # What was said may be long, and nobody else waits for it.
        return await run_in_threadpool(partial(self.bare, template, **shown))

    def bare(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page for anybody."""
        shown = {
            "who": None,
            "csrf": "",
            "at": "",
            "alarms": [],
            "reviews": False,
            "administration": False,
            "models_shown": False,
            "overrides": [],
            "administers": False,
            "unsealed": [],
            "emergencies": False,
            **values,
        }
        return HTMLResponse(self._templates.get_template(template).render(shown), status)

    async def error_page(self, request: Request, error: WardsteadError) -> Response:
        """An error as a page: what happened and what to do. Whoever is not signed in is asked to do that."""
        if error.code == "unauthenticated" and _navigates(request):
            back = _next(request.url) if request.method == "GET" else ""  # what was sent is lost, and no page to come back to
            return RedirectResponse(SIGN_IN + back, 303)
        status = status_of(error)
        title = _TITLES.get(status, "Something went wrong" if status >= 500 else "Not understood")
        next_step = error.next_step or ("Try again; if it goes on, tell the operator" if status >= 500 else "")
        shown = {"what": error.what, "next_step": next_step, "offer": _offer(error, request)}
        response = self.bare("error.html", status, number=status, title=title, **shown)
        if status in {429, 503}:
            response.headers["retry-after"] = "30"
        return response

    async def http_error(self, request: Request, error: Exception) -> Response:
        """Starlette's own errors (no such route, method not allowed) in the same form."""
        if isinstance(error, HTTPException) and error.status_code == 405:
            response = await self.error_page(request, WrongMethod("this address does not take that"))
            response.headers.update(error.headers or {})
            return response
        return await self.error_page(request, NotFound("there is nothing at this address"))


def _offer(error: WardsteadError, request: Request) -> tuple[str, str]:
    """What whoever sees an error could do at once: words and an address; empty where there is nothing."""
    words = _STEPS.get(getattr(error, "step", "")) or _STEPS.get(error.code)
    if words is None:
        return "", ""
    return words, confirming(error, _next(request.url) if request.method == "GET" else "")


def confirming(error: WardsteadError, back: str) -> str:
    """Where somebody proves what an error asks for, and goes on to a page of the console (``back``: ``?next=…``, or nothing)."""
    again = "step=sign-in" if getattr(error, "step", "") == "sign-in" else ""
    return CONFIRM + back + (f"{'&' if back else '?'}{again}" if again else "")


def _navigates(request: Request) -> bool:
    """Whether somebody is at the other end, rather than a script of ours."""
    return "text/html" in request.headers.get("accept", "")


def _next(url: URL) -> str:
    path = f"{url.path}?{url.query}" if url.query else url.path
    return "" if local(path) == HOME else f"?next={quote(path, safe='')}"


def sentence(error: WardsteadError) -> str:
    """An error as a page says it beside a form."""
    parts = (error.what, error.why, error.next_step)
    return ". ".join(part[0].upper() + part[1:] for part in parts if part) + "."


def local(path: str) -> str:
    """Where to go after signing in: a page of the console, never another site, whatever the address said."""
    safe = path.startswith(HOME) and path.isascii() and path.isprintable() and not set(path) & {"\\", " "}
    return path if safe and not path.startswith((SIGN_IN, "/console//")) and not _climbs(path) else HOME


def _climbs(path: str) -> bool:
    """Whether a browser would resolve it to somewhere else: WHATWG URL takes ``%2e`` for a dot too."""
    steps = path.partition("?")[0].partition("#")[0].lower().replace("%2e", ".").split("/")
    return not {".", ".."}.isdisjoint(steps)
