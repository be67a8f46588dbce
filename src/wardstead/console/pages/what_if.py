"""What a changed policy would have made of recorded exchanges: written, checked, and replayed before it is put in force."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wardstead.console.ports import ExchangeSummary
from wardstead.console.sessions import Visitor, read_upload
from wardstead.console.site import CONSOLE, NotPermitted, Site
from wardstead.console.turns import Turns
from wardstead.gateway.protocol.errors import status_of
from wardstead.gateway.protocol.forms import BadForm, FormTooLarge
from wardstead.inspection.replay import Replayed, Skipped
from wardstead.kernel.errors import BackendError, CallerError, ConfigurationError, WardsteadError

WHAT_IF: Final = "/console/classification/what-if"
CHOICES: Final = (20, 50, 100, 200)
MAX_UPLOAD: Final = 512 * 1024
CHANGES: Final[Mapping[str, str]] = {
    "stricter": "stricter",
    "milder": "milder",
    "label": "another label",
    "findings": "treated otherwise, same end",
    "same": "the same",
}
_SPLIT: Final = "\N{SYMBOL FOR UNIT SEPARATOR}replay\N{SYMBOL FOR UNIT SEPARATOR}"
_EVERY_S: Final = 0.25
_PAGES: Final = 10
_AROUND: Final = 2
_SAID: Final = 400
_TOO_LARGE: Final = "The policy is larger than 512 KB."


class TooManyReplays(BackendError):
    """More people replay policies at this moment than may wait for it."""

    code = "overloaded"

    def __init__(self) -> None:
        """Says when to come back."""
        super().__init__("others replay a policy", next_step="Try again in a minute")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the policy around a mistake."""

    number: int
    text: str
    wrong: bool


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a policy, and where."""

    what: str
    where: str
    why: str
    next_step: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The exchanges that a replay is for: those that may be read, and how many more were looked for."""

    ids: tuple[str, ...]
    sealed: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The page. It takes ``replayPolicy``, and ``viewExchange`` for each exchange; a result shows no content."""

    site: Site
    turns: Turns

    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route(WHAT_IF, self.show, methods=["GET"]), Route(WHAT_IF, self.replay, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """The editor, with the policy in force or a ready-made one in it."""
        who = await self._visit(request)
        name = request.query_params.get("from", "")
        text = await run_in_threadpool(self.site.services.policy_text, name)
        return await self._page(who, {"text": text, "name": name})

    async def replay(self, request: Request) -> Response:
        """Check the policy; replay it while the page is being sent."""
        await self._visit(request)
        try:
            given = await read_upload(request, MAX_UPLOAD)
        except FormTooLarge:
            return await self._page(await self._visit(request), {"problem": _TOO_LARGE}, 413)
        who = await self._visit(request, dict(given.fields))
        shown: dict[str, object] = {"text": given.fields.get("text", "")}
        try:
            text = _policy(given.files["file"].data) if "file" in given.files else given.fields.get("text", "")
            last = _last(given.fields.get("last", ""))
            shown = {"text": text, "last": last}
            version = await run_in_threadpool(self.site.services.check_policy, text)
            chosen = await run_in_threadpool(self._chosen, who, last)
        except ConfigurationError as error:
            return await self._page(who, {**shown, "mistake": _mistake(error, text)}, 422)
        except (CallerError, BackendError) as error:
            return await self._page(who, {**shown, "problem": _said(error)}, status_of(error))
        page = await self._page(who, {**shown, "version": version, "split": _SPLIT})
        head, _, tail = bytes(page.body).partition(_SPLIT.encode())
        return StreamingResponse(self._stream(head, tail, who, text, chosen), media_type="text/html; charset=utf-8")

    async def _visit(self, request: Request, form: dict[str, str] | None = None) -> Visitor:
        who = await self.site.visit(request, form)
        decision = self.site.decide(who, "replayPolicy", CONSOLE)
        if not decision.allow:
            raise NotPermitted(decision.reason, step=decision.step)
        return who

    def _chosen(self, who: Visitor, last: int) -> Chosen:
        reader = None if self.site.sees_everything(who) else who.identity
        exchanges: list[ExchangeSummary] = []
        before: int | None = None
        for _ in range(_PAGES):  # acts of administration stand among them
            page = self.site.services.exchanges(reader=reader, before=before, limit=last)
            exchanges += [one for one in page if one.kind != "admin"][: last - len(exchanges)]
            if len(page) < last or len(exchanges) == last:
                break
            before = page[-1].cursor
        ids = tuple(one.id for one in exchanges if self.site.decide(who, "viewExchange", one.resource).allow)
        return Chosen(ids, len(exchanges) - len(ids))

    async def _stream(self, head: bytes, tail: bytes, who: Visitor, text: str, chosen: Chosen) -> AsyncIterator[bytes]:
        """The page: its beginning, a line for each step, the result in place of them, and its end."""
        yield head
        results: list[Replayed | Skipped] = []
        try:
            async with AsyncExitStack() as held:
                yield self._progress(0, len(chosen.ids))
                await held.enter_async_context(self.turns.turn())
                running = await run_in_threadpool(self.site.services.replay, text, chosen.ids, who.identity)
                while some := await run_in_threadpool(_some, running):
                    results += some
                    yield self._progress(len(results), len(chosen.ids))
        except WardsteadError as error:
            yield self._fragment(problem=_said(error))
        else:
            yield await run_in_threadpool(self._result, results, chosen)
        yield tail

    def _progress(self, done: int, all_of_them: int) -> bytes:
        return self._fragment(done=done, all=all_of_them)

    def _result(self, results: Sequence[Replayed | Skipped], chosen: Chosen) -> bytes:
        replayed = [one for one in results if isinstance(one, Replayed)]
        skipped = Counter(one.value for one in results if isinstance(one, Skipped))
        counts = Counter(one.change for one in replayed)
        changed = [one for one in replayed if one.change != "same"]
        return self._fragment(rows=changed, counts=counts, replayed=len(replayed), skipped=skipped, sealed=chosen.sealed)

    def _fragment(self, **values: Any) -> bytes:
        shown: dict[str, Any] = {"rows": None, "problem": "", "done": 0, "all": 0, "changes": CHANGES, **values}
        return bytes(self.site.bare("what-if-result.html", **shown).body)

    async def _page(self, who: Visitor, shown: Mapping[str, object], status: int = 200) -> Response:
        nothing = {"text": "", "name": "", "last": 50, "mistake": None, "problem": "", "version": "", "split": ""}
        response = await self.site.page(
            who,
            "what-if.html",
            at="classification",
            may_replay=True,
            everything=self.site.sees_everything(who),
            names=await run_in_threadpool(self.site.services.ready_made_policies),
            choices=CHOICES,
            **{**nothing, **shown},
        )
        response.status_code = status
        return response


def _some(running: Iterator[Replayed | Skipped]) -> list[Replayed | Skipped]:
    """The next results: as many as there are in a quarter of a second; none at the end."""
    until_s = time.monotonic() + _EVERY_S
    found = []
    for one in running:
        found.append(one)
        if time.monotonic() >= until_s:
            break
    return found


def _policy(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadForm("the file is not UTF-8 text", next_step="Save the policy as UTF-8") from error


def _last(given: str) -> int:
    if given not in {str(one) for one in CHOICES}:
        raise BadForm("choose how many exchanges")
    return int(given)


def _mistake(error: ConfigurationError, text: str) -> Mistake:
    """The error, with the lines around the one that it names."""
    named = re.search(r":(\d{1,6})(?::|$)", error.where)
    at = int(named[1]) if named else 0
    lines = text.split("\n")
    around = range(max(1, at - _AROUND), min(len(lines), at + _AROUND) + 1) if 0 < at <= len(lines) else ()
    shown = tuple(Line(number, lines[number - 1][:200], number == at) for number in around)
    return Mistake(_cut(error.what), _cut(error.where), _cut(error.why), _cut(error.next_step), shown)


def _cut(text: str) -> str:
    """A message may name all of two thousand rules."""
    return text if len(text) <= _SAID else f"{text[:_SAID]} …"


def _said(error: WardsteadError) -> str:
    return ". ".join(part[0].upper() + part[1:] for part in (error.what, error.next_step) if part) + "."
