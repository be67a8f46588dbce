"""The console as an ASGI application, mounted by the gateway's worker under everything that is not an API."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wardstead.console.pages.access import AccessPages, TooManyQuestions
from wardstead.console.pages.account import AccountPages
from wardstead.console.pages.chat import Chat
from wardstead.console.pages.classification import Classifying, TooManyTries
from wardstead.console.pages.emergencies import Emergencies
from wardstead.console.pages.exchanges import Exchanges
from wardstead.console.pages.held import Reviewing
from wardstead.console.pages.keys import Keys
from wardstead.console.pages.ledger import LedgerPage
from wardstead.console.pages.library import LibraryPages, TooManyDocuments
from wardstead.console.pages.models import Models
from wardstead.console.pages.overview import Overview
from wardstead.console.pages.passkeys import PasskeyPages
from wardstead.console.pages.second_step import SecondStepPages
from wardstead.console.pages.signing_in import SigningIn, TooManySignIns
from wardstead.console.pages.templates import TemplatePages
from wardstead.console.pages.vouching import Vouching
from wardstead.console.pages.what_if import TooManyReplays, WhatIf
from wardstead.console.ports import ConsoleServices
from wardstead.console.rendering import STATIC
from wardstead.console.shell import Shell
from wardstead.console.site import HOME, ConsoleSettings, NotFound, Site
from wardstead.console.turns import Turns
from wardstead.kernel.errors import WardsteadError


def create_console(services: ConsoleServices, settings: ConsoleSettings | None = None) -> Starlette:
    """The console over wired services. Starts nothing; all it keeps is how many live views there are and how many sign in."""
    site = Site(services, settings or ConsoleSettings())
    settings = site.settings
    checks = Turns(settings.password_checks, settings.password_waiting, TooManySignIns)
    visits = Turns(settings.provider_visits, settings.password_waiting, TooManySignIns)
    door = SigningIn(site, checks)
    tries = Turns(settings.text_checks, settings.text_waiting, TooManyTries)
    replays = Turns(settings.replays, settings.replays_waiting, TooManyReplays)
    documents = Turns(settings.text_checks, settings.text_waiting, TooManyDocuments)
    questions = Turns(settings.questions, settings.questions_waiting, TooManyQuestions)
    second, account = SecondStepPages(door), AccountPages(site, checks)
    routes = [
        Route("/", _to_home, methods=["GET"]),
        Route("/console", _to_home, methods=["GET"]),
        Route(f"{STATIC}/{{digest}}/{{name}}", partial(_static, site), methods=["GET"]),
        *door.routes(),
        *Vouching(door, visits).routes(),
        *second.routes(),
        *account.routes(),
        *PasskeyPages(second, account).routes(),
        *Overview(site).routes(),
        *Exchanges(site).routes(),
        *Reviewing(site).routes(),
        *Classifying(site, tries).routes(),
        *WhatIf(site, replays).routes(),
        *AccessPages(site, questions).routes(),
        *LibraryPages(site, documents).routes(),
        *TemplatePages(site, documents).routes(),
        *Keys(site).routes(),
        *Models(site).routes(),
        *LedgerPage(site).routes(),
        *Emergencies(site).routes(),
        *Chat(site).routes(),
    ]

    async def page_of(request: Request, error: Exception) -> Response:
        if isinstance(error, WardsteadError):
            return await site.error_page(request, error)
        return await site.http_error(request, error)

    return Starlette(
        routes=routes,
        middleware=[Middleware(Shell, error_page=site.error_page, allowed_hosts=site.settings.allowed_hosts)],
        exception_handlers={404: page_of, 405: page_of},
    )


async def _to_home(_request: Request) -> Response:
    return RedirectResponse(HOME, 303)


async def _static(site: Site, request: Request) -> Response:
    found = site.static.by_path.get(request.url.path)
    if found is None:
        raise NotFound("there is nothing at this address")
    response = Response(found.body, headers={"content-type": found.media_type})
    # The address holds the content's digest: another content is another address.
    response.headers["cache-control"] = "public, max-age=31536000, immutable"
    return response
