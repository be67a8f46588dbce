"""The classification policy in force, and a box to try it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wardstead.console import policy_view
from wardstead.console.marking import SHOWN_CHARACTERS, SHOWN_FINDINGS, marked, visible
from wardstead.console.sessions import Visitor, read_upload
from wardstead.console.site import Site
from wardstead.console.turns import Turns
from wardstead.gateway.protocol.errors import status_of
from wardstead.gateway.protocol.forms import BadForm, FormTooLarge, Upload
from wardstead.inspection.extraction import Extracted
from wardstead.inspection.ports import Direction, Flow, ModelClass
from wardstead.kernel.errors import BackendError, CallerError, WardsteadError

POLICY: Final = "/console/classification"
TRY: Final = f"{POLICY}/try"
MAX_CHARACTERS: Final = 128 * 1024
"""Of a text that is tried. The command line takes more."""
MAX_UPLOAD: Final = 8 * 1024 * 1024
_TOO_LARGE: Final = "This is larger than 8 MB. The command line takes more: wardstead classify FILE."
_QUERY: Final = 100
EXAMPLE: Final = """\
Dear team,

please move Ms Okafor's plan to the new card 4111 1111 1111 1111 and let her know at
n.okafor@example.org or +1 415 555 2671. Her social security number is 536-90-4399.

The export runs with AKIAZ3MSJV4WXNQK5HPD until Friday.
"""


class TooManyTries(BackendError):
    """More people try texts at this moment than may wait for it."""

    code = "overloaded"

    def __init__(self) -> None:
        """Says when to come back."""
        super().__init__("too many texts are being looked at", next_step="Try again in a few seconds")


@dataclass(frozen=True, slots=True)
class Classifying:
    """The pages. Everybody with an account may read the policy that their own texts are subject to, and try it."""

    site: Site
    turns: Turns

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(POLICY, self.show, methods=["GET"]),
            Route(TRY, self.show_try, methods=["GET"]),
            Route(TRY, self.try_it, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The policy."""
        who = await self.site.visit(request)
        given = await run_in_threadpool(self.site.services.classification)
        wanted = request.query_params.get("q", "")[:_QUERY]
        found = await run_in_threadpool(policy_view.categories, given, wanted)
        policy = given.policy
        return await self.site.page(
            who,
            "classification.html",
            at="classification",
            given=given,
            version=policy.version.partition(":"),
            ladder=policy_view.ladder(policy),
            matrix=policy_view.matrix(policy),
            classes=tuple(policy_view.CLASSES.values()),
            meaning=policy_view.MEANING,
            categories=found,
            counted=policy_view.counted(found),
            q=wanted,
            sentences=[(name, said, label, policy_view.happens(how)) for name, said, label, how in policy_view.sentences(policy)],
            failures=policy_view.failures(policy),
            everything=self.site.sees_everything(who),
            may_replay=self.site.may_replay(who),
        )

    async def show_try(self, request: Request) -> Response:
        """The box, empty or with something in it."""
        who = await self.site.visit(request)
        return await self._box(who, {"text": EXAMPLE if "example" in request.query_params else ""})

    async def try_it(self, request: Request) -> Response:
        """What the policy makes of a text. It is in this request and its answer, and nowhere else."""
        who = await self.site.visit(request)  # strangers send us nothing large
        try:
            given = await read_upload(request, MAX_UPLOAD)
        except FormTooLarge:
            return await self._box(who, {"problem": _TOO_LARGE}, 413)
        who = await self.site.visit(request, dict(given.fields))
        chosen = given.fields.get("direction", ""), given.fields.get("model", "")
        shown = {"chosen": chosen, "text": given.fields.get("text", "")}
        try:
            found = await self.turns.run(self._looked_at, given, _flow(*chosen))
        except (CallerError, BackendError) as error:
            return await self._box(who, {**shown, "problem": _said(error)}, status_of(error))
        return await self._box(who, {**shown, **found})

    def _looked_at(self, given: Upload, flow: Flow) -> dict[str, object]:
        """In a thread: read it, look at it, and make it ready to be shown."""
        services = self.site.services
        file = given.files.get("file")
        document = services.read_document(file.name, file.data) if file is not None else None
        text = _all_of(document) if document is not None else given.fields.get("text", "")
        _check_size(text)
        tried = services.classify(text, flow)
        inspected = tried.inspection
        return {
            "document": document,
            "view": marked(text, tried.classification, flow),
            "tried": tried,
            "going_on": visible(inspected.text[:SHOWN_CHARACTERS]),
            "action_word": inspected.action.name.lower(),
            "stops": inspected.action.stops,
            "size": len(text),
        }

    async def _box(self, who: Visitor, shown: Mapping[str, object], status: int = 200) -> Response:
        nothing = {"text": "", "chosen": ("prompt", "isolated"), "problem": "", "document": None, "view": None}
        response = await self.site.page(
            who,
            "try.html",
            at="classification",
            may_replay=self.site.may_replay(who),
            directions=tuple(Direction),
            classes=policy_view.CLASSES,
            limit=MAX_CHARACTERS,
            most=SHOWN_FINDINGS,
            done=policy_view.DONE_WORDS,
            **{**nothing, **shown},
        )
        response.status_code = status
        return response


def _flow(direction: str, model: str) -> Flow:
    try:
        return Flow(Direction(direction), ModelClass(model))
    except ValueError:
        raise BadForm("choose a direction and a kind of model") from None


def _all_of(document: Extracted) -> str:
    """What a reader of the document sees, and what they do not."""
    return "\n\n".join(filter(None, (document.visible(), document.hidden())))


def _check_size(text: str) -> None:
    if not text.strip():
        raise BadForm("there is no text", next_step="Paste one, or choose a file that has some")
    if len(text) > MAX_CHARACTERS:
        raise BadForm(
            f"the text has {len(text):,} characters: {MAX_CHARACTERS:,} may be tried here",
            next_step="The command line takes more: wardstead classify FILE",
        )


def _said(error: WardsteadError) -> str:
    return ". ".join(part[0].upper() + part[1:] for part in (error.what, error.next_step) if part) + "."
