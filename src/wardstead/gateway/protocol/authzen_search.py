"""AuthZEN's search: who may, what somebody may do it to, and what they may do. From bytes to a search, and results to bytes.

https://openid.net/specs/authorization-api-1_0.html, section 8. What is searched for is left out of the
question, but for its type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from wardstead.gateway.protocol.authzen import SEARCH, NoQuestion, Question

SUBJECTS: Final = f"{SEARCH}subject"
RESOURCES: Final = f"{SEARCH}resource"
ACTIONS: Final = f"{SEARCH}action"
PATHS: Final = frozenset({SUBJECTS, RESOURCES, ACTIONS})
MOST: Final = 500
"""Results on one page."""
_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Text = Annotated[str, msgspec.Meta(max_length=256)]


class Sought(StrEnum):
    """What is searched for."""

    SUBJECT = "subject"
    RESOURCE = "resource"
    ACTION = "action"


class _Entity(msgspec.Struct, frozen=True):
    type: _Word
    id: _Text = ""
    properties: dict[str, Any] = {}


class _Action(msgspec.Struct, frozen=True):
    name: _Word
    properties: dict[str, Any] = {}


class _Context(msgspec.Struct, frozen=True):
    purpose: _Text = ""
    application: _Text = ""
    address: Annotated[str, msgspec.Meta(max_length=64)] = ""
    label: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    signed_in_s: Annotated[int, msgspec.Meta(ge=0, le=10**9)] | None = None


class _Page(msgspec.Struct, frozen=True):
    token: _Text = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = MOST
    properties: dict[str, Any] = {}


class _Body(msgspec.Struct, frozen=True):
    subject: _Entity | None = None
    action: _Action | None = None
    resource: _Entity | None = None
    context: _Context = _Context()
    page: _Page = _Page()


@dataclass(frozen=True, slots=True)
class Search:
    """``question`` lacks what is ``sought``. ``after``: the last id, or name, of the page before."""

    sought: Sought
    question: Question
    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page: ids, or names of actions, in an order that stays. ``more``: from where the next one goes on; empty at the end."""

    names: Sequence[str]
    more: str


def parse(path: str, body: bytes) -> Search:
    """The search in a request's body. Raises ``NoQuestion`` that names the member."""
    try:
        said = msgspec.json.decode(body, type=_Body)
    except msgspec.DecodeError as error:
        raise NoQuestion("this is not a search of the Authorization API", why=str(error)[:200]) from None
    sought = Sought(path.removeprefix(SEARCH))
    subject, action, resource = said.subject, said.action, said.resource
    if subject is None or (sought is not Sought.SUBJECT and not subject.id):
        raise NoQuestion("the subject is missing", where="subject")
    if resource is None or (sought is not Sought.RESOURCE and not resource.id):
        raise NoQuestion("the resource is missing", where="resource")
    if action is None and sought is not Sought.ACTION:
        raise NoQuestion("the action is missing", where="action")
    context = said.context
    question = Question(
        subject.type, subject.id, action.name if action is not None else "", resource.type, resource.id,
        context.purpose, context.application, context.address, context.label, context.signed_in_s,
    )  # fmt: skip
    return Search(sought, question, said.page.token, min(said.page.limit, MOST))


def answer(search: Search, found: Found) -> Mapping[str, Any]:
    """The response."""
    question = search.question
    if search.sought is Sought.ACTION:
        results: list[dict[str, str]] = [{"name": one} for one in found.names]
    else:
        kind = question.subject_type if search.sought is Sought.SUBJECT else question.resource_type
        results = [{"type": kind, "id": one} for one in found.names]
    return {"results": results, "page": {"next_token": found.more, "count": len(results)}}
