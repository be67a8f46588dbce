"""AuthZEN's Authorization API 1.0: other applications ask our decision point. From bytes to questions, and answers to bytes.

https://openid.net/specs/authorization-api-1_0.html, sections 5 to 7. What a question may say of its circumstances is ours:
``purpose``, ``application``, ``address`` of the person, ``label`` of the data as the ``wardstead-label`` header writes it, and
``signed_in_s``, how many seconds ago they proved who they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from wardstead.access.ports import Decision
from wardstead.kernel.errors import CallerError

EVALUATION: Final = "/access/v1/evaluation"
EVALUATIONS: Final = "/access/v1/evaluations"
SEARCH: Final = "/access/v1/search/"
METADATA: Final = "/.well-known/authzen-configuration"
MOST_BYTES: Final = 1 << 20
MOST_QUESTIONS: Final = 1000
_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class NoQuestion(CallerError):
    """The body is not what the API takes."""

    code = "bad_request"


class _Subject(msgspec.Struct, frozen=True):
    type: _Word
    id: _Word
    properties: dict[str, Any] = {}


class _Action(msgspec.Struct, frozen=True):
    name: _Word
    properties: dict[str, Any] = {}


class _Resource(msgspec.Struct, frozen=True):
    type: _Word
    id: _Word
    properties: dict[str, Any] = {}


class _Context(msgspec.Struct, frozen=True):
    """Other members are allowed, and say nothing."""

    purpose: Annotated[str, msgspec.Meta(max_length=256)] = ""
    application: Annotated[str, msgspec.Meta(max_length=256)] = ""
    address: Annotated[str, msgspec.Meta(max_length=64)] = ""
    label: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    signed_in_s: Annotated[int, msgspec.Meta(ge=0, le=10**9)] | None = None


class Semantic(StrEnum):
    """When a batch ends."""

    ALL = "execute_all"
    FIRST_DENY = "deny_on_first_deny"
    FIRST_PERMIT = "permit_on_first_permit"


class _Options(msgspec.Struct, frozen=True):
    evaluations_semantic: Semantic = Semantic.ALL


class _One(msgspec.Struct, frozen=True):
    subject: _Subject | None = None
    action: _Action | None = None
    resource: _Resource | None = None
    context: _Context | None = None


class _Batch(_One, frozen=True):
    evaluations: Annotated[list[_One], msgspec.Meta(max_length=MOST_QUESTIONS)] = []
    options: _Options = _Options()


@dataclass(frozen=True, slots=True)
class Question:
    """May this subject do this to that?"""

    subject_type: str
    subject: str
    action: str
    resource_type: str
    resource: str
    purpose: str = ""
    application: str = ""
    address: str = ""
    label: str = ""
    signed_in_s: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Several questions, and when no more of them are answered. ``single``: it came as one question."""

    questions: Sequence[Question]
    semantic: Semantic
    single: bool

    def ends_with(self, allowed: bool) -> bool:
        """Whether nothing after this answer is asked."""
        return self.semantic is (Semantic.FIRST_PERMIT if allowed else Semantic.FIRST_DENY)


def parse(path: str, body: bytes) -> Batch:
    """The questions in a request's body. Raises ``NoQuestion`` that names the member."""
    try:
        said = msgspec.json.decode(body, type=_Batch)
    except msgspec.DecodeError as error:  # also what is no JSON, and no UTF-8
        raise NoQuestion("this is not a question of the Authorization API", why=str(error)[:200]) from None
    if path == EVALUATION or not said.evaluations:
        return Batch([_question(said, said, "")], Semantic.ALL, single=True)
    questions = [_question(one, said, f"evaluations[{number}].") for number, one in enumerate(said.evaluations)]
    return Batch(questions, said.options.evaluations_semantic, single=False)


def _question(one: _One, default: _One, where: str) -> Question:
    subject, action, resource = one.subject or default.subject, one.action or default.action, one.resource or default.resource
    context = one.context or default.context or _Context()
    if subject is None or action is None or resource is None:
        missing = "subject" if subject is None else "action" if action is None else "resource"
        raise NoQuestion(f"the {missing} is missing", where=f"{where}{missing}")
    return Question(
        subject.type, subject.id, action.name, resource.type, resource.id,
        context.purpose, context.application, context.address, context.label, context.signed_in_s,
    )  # fmt: skip


def answer(batch: Batch, decisions: Iterator[Decision]) -> Mapping[str, Any]:
    """The response: as many decisions as the batch's semantic asks for."""
    given = []
    for decision in decisions:
        given.append(_told(decision))
        if batch.ends_with(decision.allow):
            break
    return given[0] if batch.single else {"evaluations": given}


def _told(decision: Decision) -> dict[str, Any]:
    context = {"code": decision.code, "reason": decision.reason, "policies": list(decision.policies)}
    return {"decision": decision.allow, "context": context}


def metadata(base: str) -> dict[str, str]:
    """What there is, and where (section 9)."""
    return {
        "policy_decision_point": base,
        "access_evaluation_endpoint": f"{base}{EVALUATION}",
        "access_evaluations_endpoint": f"{base}{EVALUATIONS}",
        **{f"search_{one}_endpoint": f"{base}{SEARCH}{one}" for one in ("subject", "resource", "action")},
    }
