"""What is held for review: what waits, why, until when, and what became of it. Pure: it reads opened records.

Nothing waits for ever: what nobody has reviewed in time, or what its retention ends first, counts as refused.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import PUBLIC, Label

DAY_MS: Final = 86_400_000


class Status(StrEnum):
    """Where something that was held stands."""

    WAITING = "waiting"
    RELEASED = "released"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Nobody reviewed it in time: refused."""


class Subject(StrEnum):
    """What was held."""

    REQUEST = "request"
    ANSWER = "answer"


class NoSuchHeld(CallerError):
    """Nothing of that id is held, or it is not for this person to see: both look the same."""

    code = "not_found"

    def __init__(self) -> None:
        """Says no more than that."""
        super().__init__("nothing is held under this id, or it is not yours to see")


class MayNotReview(CallerError):
    """The policies do not let this person review it."""

    code = "access_denied"


class AlreadyReviewed(CallerError):
    """Somebody was faster: what was decided stays decided."""

    code = "already_reviewed"


class ReviewExpired(CallerError):
    """It waited too long, or its retention is over: nobody can decide it any more."""

    code = "review_expired"


class HeldErased(CallerError):
    """The key of the person who asked was destroyed: there is nothing left to review."""

    code = "held_erased"


class NotForItsOwner(CallerError):
    """The person who asked may not have it: it is labelled above their clearance."""

    code = "above_owner"


class StillStopped(CallerError):
    """Policy blocks something in it: a reviewer releases what is held, not what is blocked."""

    code = "still_blocked"


@dataclass(frozen=True, slots=True)
class Found:
    """So many findings of one type, and what policy made of them."""

    type: str
    action: str
    count: int


@dataclass(frozen=True, slots=True)
class Held:
    """Something that was held, without its text. Times are in milliseconds since the epoch."""

    id: str
    subject: Subject
    held_ms: int
    deadline_ms: int
    """When it counts as refused, unless somebody reviews it before."""
    retained_ms: int | None
    """When its retention ends."""
    owner: PrincipalId | None
    person: str
    model: str
    label: Label
    found: tuple[Found, ...]
    conversation: str = ""
    status: Status = Status.WAITING

    def expired(self, now_ms: int) -> bool:
        """Whether it has waited too long."""
        return now_ms >= self.deadline_ms

    def until(self, now_ms: int, release_ms: int) -> int:
        """How long a release of this moment is good: no longer than it is retained."""
        until = now_ms + release_ms
        return until if self.retained_ms is None else min(until, self.retained_ms)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A page of what waits. ``after``: with which exchange the next page goes on; empty where there is none."""

    held: tuple[Held, ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reviewer decided: who, why, and until when a release can be used."""

    status: Status
    by: str
    reason: str
    decided_ms: int
    until_ms: int
    used: bool = False
    answer: Sequence[Mapping[str, Any]] = ()
    """The choices of a released answer, as policy lets them go."""
    label: Label = PUBLIC
    """Of what was decided about."""


@dataclass(frozen=True, slots=True)
class Said:
    """A text that is held, and who said it."""

    who: str
    text: str


def held_of(opened: Mapping[str, Any], *, owner: PrincipalId | None, person: str, wait_ms: int) -> Held | None:
    """What an opened exchange holds for review; ``None`` where nothing of it is held. Raises ``HeldErased``."""
    if opened["erased"]:
        raise HeldErased("the key of the person who asked was destroyed: there is nothing to review")
    contents = {entry["kind"]: entry["content"] for entry in opened["entries"]}
    intent, outcome = contents.get("intent"), contents.get("outcome")
    if not intent or not outcome or outcome["outcome"] != "held":
        return None
    subject = Subject.REQUEST if intent.get("held") else Subject.ANSWER
    begun = _ms(opened["entries"][0]["time"])
    days = [one["retention_days"] for one in (intent, outcome) if one.get("retention_days") is not None]
    retained = begun + min(days) * DAY_MS if days else None
    deadline = begun + wait_ms
    label: Label = opened.get("label", PUBLIC)
    return Held(
        str(opened["exchange"]),
        subject,
        begun,
        deadline if retained is None else min(deadline, retained),
        retained,
        owner,
        person,
        str(intent["model"]),
        label,
        _found((intent if subject is Subject.REQUEST else outcome)["findings"]),
        str((intent.get("context") or {}).get("conversation", "")),
    )


def texts_in(opened: Mapping[str, Any]) -> list[Said]:
    """The texts that are held: of a request those of its messages, of an answer what the model wrote."""
    contents = {entry["kind"]: entry["content"] or {} for entry in opened["entries"]}
    request, answer = contents.get("intent", {}).get("held"), contents.get("outcome", {}).get("held")
    return list(_asked(request) if request else _answered(answer or ()))


def request_of(opened: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The record of the intent, and the request that it holds."""
    intent = next(entry["content"] for entry in opened["entries"] if entry["kind"] == "intent")
    return intent, intent["held"]


def _asked(request: Mapping[str, Any]) -> Iterator[Said]:
    for one in request.get("messages", ()):
        content = one.get("content")
        if content:
            yield Said(str(one.get("role", "")), str(content))
        yield from _calls(one, str(one.get("role", "")))
    for name in ("prompt", "input"):
        value = request.get(name)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text:
                yield Said(name, text)
    for name in ("response_format", "stop", "tool_choice", "tools"):
        if request.get(name):
            yield Said(name, _json(request[name]))


def _answered(choices: Sequence[Mapping[str, Any]]) -> Iterator[Said]:
    for choice in choices:
        message = choice.get("message", choice)
        for name in ("reasoning", "reasoning_content"):
            if message.get(name):
                yield Said("reasoning", str(message[name]))
        for name in ("content", "text", "refusal"):
            if message.get(name):
                yield Said("answer", str(message[name]))
        yield from _calls(message, "answer")


def _calls(message: Mapping[str, Any], who: str) -> Iterator[Said]:
    for call in message.get("tool_calls") or ():
        function = call["function"]
        yield Said(f"{who} calls {function['name']}", str(function["arguments"]))


def choices_of(answer: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A held answer, streamed or whole, in the one form of OpenAI's completions; without log-probabilities."""
    out = []
    for place, choice in enumerate(answer):
        given = choice.get("message", choice)
        message: dict[str, Any] = {"role": "assistant", "content": given.get("content") or given.get("text") or ""}
        for name, key in (("reasoning_content", "reasoning_content"), ("reasoning", "reasoning_content"), ("refusal", "refusal")):
            if given.get(name):
                message[key] = given[name]
        if given.get("tool_calls"):
            message["tool_calls"] = given["tool_calls"]
        reason = choice.get("finish_reason") or "stop"
        out.append({"index": choice.get("index", place), "message": message, "finish_reason": reason, "logprobs": []})
    return out


def _found(findings: Sequence[Mapping[str, Any]]) -> tuple[Found, ...]:
    counted = Counter((one["type"], one["action"]) for one in findings)
    return tuple(Found(kind, action, count) for (kind, action), count in sorted(counted.items()))


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
