"""From the ledger's documents to the steps of an exchange, in the order in which they were taken. Pure.

A step has facts (name and value), findings, and texts that were said. A reader without the right to the content gets a
timeline made of the metadata alone: nothing here can show what was never read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from wardstead.console.acts import ACTS
from wardstead.console.ports import ExchangeSummary, Ruling


class Tone(StrEnum):
    """How a step or an outcome went; each has a colour and a sign of its own."""

    GOOD = "good"
    GUARDED = "guarded"
    """Wardstead stepped in, as it should."""
    BAD = "bad"
    QUIET = "quiet"
    OPEN = "open"


OUTCOMES: Final[Mapping[str, tuple[str, Tone]]] = {
    "": ("under way", Tone.OPEN),
    "completed": ("completed", Tone.GOOD),
    "blocked": ("blocked", Tone.GUARDED),
    "held": ("held for review", Tone.GUARDED),
    "cut": ("cut short", Tone.GUARDED),
    "denied": ("denied", Tone.GUARDED),
    "client_gone": ("client left", Tone.QUIET),
    "refused_by_model_server": ("refused by the model server", Tone.BAD),
    "upstream_failed": ("model server failed", Tone.BAD),
    "unknown": ("unknown: the worker died", Tone.BAD),
}
_VERDICTS: Final = {
    "allow": ("allowed", Tone.GOOD),
    "deny": ("denied", Tone.GUARDED),
    "block": ("blocked", Tone.GUARDED),
    "hold": ("held for review", Tone.GUARDED),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a step. ``code`` sets the value in a fixed-width face."""

    name: str
    value: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class FoundKind:
    """How many findings of one type there were, and what was done about them."""

    type: str
    action: str
    count: int


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the exchange, as it went on (redactions made)."""

    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the road."""

    id: str
    title: str
    summary: str
    tone: Tone = Tone.QUIET
    facts: tuple[Fact, ...] = ()
    found: tuple[FoundKind, ...] = ()
    said: tuple[Said, ...] = ()


def outcome_of(word: str, kind: str = "intent") -> tuple[str, Tone]:
    """The words and the tone for an outcome."""
    if kind == "admin":
        return "recorded", Tone.GOOD
    return OUTCOMES.get(word, (word.replace("_", " "), Tone.QUIET))


def outline(summary: ExchangeSummary, ruling: Ruling | None = None) -> list[Step]:
    """The timeline for a reader who may see that an exchange took place, and nothing of its content but who denied it."""
    words, tone = outcome_of(summary.outcome, summary.kind)
    what = "An act of administration was recorded" if summary.kind == "admin" else "The intent was recorded"
    sealed = "What was done is sealed." if summary.kind == "admin" else "Model, label, decision and what was said are sealed."
    steps = [Step("intent", what, sealed, Tone.GOOD, _facts(("at", summary.time)))]
    if ruling is not None:
        rules = ", ".join(ruling.policies) or "no policy permits it"
        facts = _facts(("code", ruling.code, True), ("policies", rules, bool(ruling.policies)), ("version", ruling.version, True))
        steps.append(
            Step("decision", "Denied by the access policies", "By which rules, not what was asked.", Tone.GUARDED, facts)
        )
    if summary.kind != "admin":
        steps.append(Step("outcome", "Outcome", words.capitalize() + ".", tone))
    return steps


def steps(document: Mapping[str, Any]) -> list[Step]:
    """The whole timeline from an opened exchange (``ConsoleServices.open_exchange``)."""
    entries = {entry["kind"]: entry for entry in document["entries"]}
    admin = entries.get("admin")
    if admin is not None:
        return [_act(admin)]
    out: list[Step] = []
    intent, outcome = entries.get("intent"), entries.get("outcome")
    asked = (intent or {}).get("content")
    if intent is not None and asked:
        out += _until_decided(asked)
        out.append(_recorded(intent, asked))
    answered = (outcome or {}).get("content")
    if answered:
        out += _until_ended(answered, asked or {})
    if outcome is None:
        out.append(Step("outcome", "Outcome", "Still under way.", Tone.OPEN))
    else:
        out.append(_outcome(outcome, answered or {}))
    return out


def sent(document: Mapping[str, Any]) -> list[Said]:
    """What went on to the model: the request's texts after redaction; nothing for a request that was stopped."""
    for entry in document["entries"]:
        content = entry["content"]
        if entry["kind"] == "intent" and content and content.get("request"):
            return _request_texts(content["request"])
    return []


def _until_decided(asked: Mapping[str, Any]) -> list[Step]:
    who, decision = asked["principal"], asked["decision"]
    found = _found(asked["findings"])
    words, tone = _VERDICTS.get(decision["verdict"], (decision["verdict"], Tone.QUIET))
    context = asked.get("context") or {}
    return [
        Step(
            "request",
            "Request",
            f"{asked['operation']} for {asked['model']}" + (", streamed." if asked["stream"] else "."),
            facts=_facts(("dialect", asked["dialect"]), *((name, value) for name, value in sorted(context.items()))),
        ),
        Step(
            "identity",
            "Identity",
            f"{who['name']} proved who they are.",
            Tone.GOOD,
            _facts(("principal", who["id"], True), ("credential", asked["credential"], True)),
        ),
        Step(
            "inspection",
            "Inspection of the prompt",
            _found_words(found, "the prompt"),
            _found_tone(found),
            _facts(("label", label_words(asked["label"])), *(("document", _document(one)) for one in asked.get("documents", ()))),
            found,
        ),
        Step(
            "decision",
            "Decision",
            f"{words.capitalize()}: {_why(asked)}.",
            tone,
            _facts(
                ("policies", ", ".join(decision["policies"]) or "none: default deny", True),
                ("code", decision["code"], True),
                *((f"{name} version", str(value), True) for name, value in sorted(asked["versions"].items())),
            ),
        ),
    ]


def _why(asked: Mapping[str, Any]) -> str:
    """Of what was stopped for what it contains, that; else the reason of the policy that decided."""
    decision = asked["decision"]
    if decision["verdict"] not in {"block", "hold"}:
        return str(decision["reason"])
    stopped = sorted({one["type"] for one in asked["findings"] if one["action"] in {"block", "hold"}})
    return f"it contains {', '.join(stopped)}" if stopped else "for what it contains"


def _document(one: Mapping[str, Any]) -> str:
    """A document that came with a request, in words."""
    hidden = f"; not shown to its readers: {', '.join(one['hidden'])}" if one["hidden"] else ""
    return f"{one['name']} ({one['kind']}, {one['size']} bytes, SHA-256 {one['sha256'][:16]}…){hidden}"


def _recorded(intent: Mapping[str, Any], asked: Mapping[str, Any]) -> Step:
    said = tuple(_request_texts(asked["request"])) if asked["request"] else ()
    held = "What went on to the model:" if said else "What was asked is not kept."
    summary = f"Durable before anything was sent. {held}"
    return Step("intent", "Intent recorded", summary, Tone.GOOD, _facts(("at", intent["time"])), said=said)


def _until_ended(answered: Mapping[str, Any], asked: Mapping[str, Any]) -> list[Step]:
    times, out = answered.get("times_ms") or {}, []
    if times.get("forwarded"):
        facts = [("model", str(asked.get("model", "")), True)]
        if times.get("first"):
            facts.append(("first piece after", _span(times["forwarded"], times["first"]), False))
        usage = answered.get("usage") or {}
        if usage.get("total_tokens") is not None:
            tokens = f"{usage.get('prompt_tokens', 0)} in, {usage.get('completion_tokens', 0)} out"
            facts.append(("tokens", tokens, False))
        out.append(Step("model", "Model", "The request went to the model.", Tone.GOOD, _facts(*facts)))
    found = _found(answered["findings"])
    if times.get("first") or found:
        out.append(
            Step(
                "guard",
                "Guard on the answer",
                _found_words(found, "the answer"),
                _found_tone(found),
                _facts(("label", label_words(answered["label"]))),
                found,
            )
        )
    return out


def _outcome(outcome: Mapping[str, Any], answered: Mapping[str, Any]) -> Step:
    words, tone = outcome_of(outcome["outcome"])
    times = answered.get("times_ms") or {}
    facts: list[tuple[str, str, bool]] = [("at", outcome["time"], False)]
    if answered:
        facts.append(("status", str(answered["status"]), False))
        if times.get("received") and times.get("ended"):
            facts.append(("took", _span(times["received"], times["ended"]), False))
        reasons = answered.get("finish_reasons") or {}
        if reasons:
            facts.append(("finish reason", ", ".join(sorted(set(reasons.values()))), True))
        if answered.get("reason"):
            facts.append(("reason", answered["reason"], False))
    said = tuple(_answer_texts(answered.get("answer") or []))
    return Step("outcome", "Outcome", words.capitalize() + ".", tone, _facts(*facts), (), said)


def _act(admin: Mapping[str, Any]) -> Step:
    content = admin["content"] or {}
    details = content.get("details") or {}
    action = str(content.get("action", ""))
    named = ((name.replace("_", " "), _plain(value)) for name, value in sorted(details.items()))
    facts = _facts(("at", admin["time"]), ("act", action or "sealed", True), *named)
    return Step("admin", "Act of administration", _act_sentence(action, details), Tone.GOOD, facts)


def act_words(action: str) -> str:
    """What was done, as people say it."""
    return ACTS.get(action, action)


def _act_sentence(action: str, details: Mapping[str, Any]) -> str:
    if not action:
        return "What was done is sealed."
    by, name = str(details.get("by", "")), str(details.get("name", ""))
    whom = f" ({name})" if name and name != by else ""
    return f"{by or 'Somebody'} {act_words(action)}{whom}."


def _plain(value: object) -> str:
    return (", ".join(str(one) for one in value) if isinstance(value, list) else str(value)) or "–"


def _facts(*given: tuple[str, str] | tuple[str, str, bool]) -> tuple[Fact, ...]:
    return tuple(Fact(*one) for one in given)


def label_words(label: Mapping[str, Any]) -> str:
    """A label document as text."""
    names = ", ".join(label["compartments"])
    return f"{label['level']}; {names}" if names else str(label["level"])


def _found(findings: Sequence[Mapping[str, Any]]) -> tuple[FoundKind, ...]:
    # Two detectors of one type may find the same place.
    places = {(one["type"], one["action"], one.get("text", 0), one["start"], one["end"]) for one in findings}
    counted = Counter((kind, action) for kind, action, *_ in places)
    return tuple(FoundKind(kind, action, count) for (kind, action), count in sorted(counted.items()))


DONE: Final = {
    "allow": "let through",
    "flag": "flagged",
    "pseudonymise": "pseudonymised",
    "mask": "masked",
    "redact": "redacted",
    "hold": "held for review",
    "block": "blocked",
}
"""What was done to a finding, in a word."""


def _found_words(found: Sequence[FoundKind], where: str) -> str:
    if not found:
        return f"Nothing sensitive was found in {where}."
    done: Counter[str] = Counter()
    for one in found:
        done[one.action] += one.count
    listed = ", ".join(f"{count} {DONE.get(action, action)}" for action, count in sorted(done.items()))
    return f"Found in {where}: {listed}."


def _found_tone(found: Sequence[FoundKind]) -> Tone:
    return Tone.GUARDED if any(one.action != "allow" for one in found) else Tone.GOOD


def _request_texts(body: Mapping[str, Any]) -> list[Said]:
    if "messages" in body:
        return [Said(str(one.get("role", "")), _content(one)) for one in body["messages"]]
    value = body.get("prompt", body.get("input", ""))
    return [Said("prompt", text) for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    calls = [str((call.get("function") or {}).get("name", "")) for call in message.get("tool_calls") or []]
    return "\n".join([*([str(content)] if content else []), *(f"calls {name}" for name in calls)])


def _answer_texts(answer: Sequence[Mapping[str, Any]]) -> list[Said]:
    """Both forms of an answer: the transcript of a stream, and the choices of a whole completion."""
    out = []
    for choice in answer:
        message = choice.get("message")
        text = _content(message) if isinstance(message, dict) else _content({**choice, "content": choice.get("text")})
        if text:
            out.append(Said("answer", text))
    return out


def _span(start_ms: int, end_ms: int) -> str:
    taken = max(0, end_ms - start_ms)
    return f"{taken} ms" if taken < 1000 else f"{taken / 1000:.1f} s"
