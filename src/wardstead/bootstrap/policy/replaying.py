"""A changed policy, replayed on recorded exchanges: what it would have made of them. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.detection.inspection import classifier
from wardstead.bootstrap.forgetting.retention import within_retention
from wardstead.bootstrap.reading import read_text
from wardstead.crypto.keyring import KeyGone
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.gateway.protocol.types import FieldPolicy, Limits, ParsedRequest, UnknownFields
from wardstead.inspection.classify import Classifier
from wardstead.inspection.extraction import apart
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.ports import Direction, Flow, ModelClass, Origin
from wardstead.inspection.replay import Excerpt, Recorded, Rejudge, Replayed, Sighting, Skipped, fate, passages
from wardstead.isolation.plan import Mode
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import PUBLIC, Label, join_all
from wardstead.ledger.ports import EntryKind

_PAGE: Final = 200
_LIMITS: Final = Limits(body_bytes=1 << 30, depth=128, max_tokens=1 << 20, choices=16)
_FIELDS: Final = FieldPolicy(UnknownFields.WARN)


Sees = Callable[[str, Label], bool]
"""Whether whoever asks may see of an exchange, which has this label, what would become of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of a model: how far it is trusted, and what it is cleared for."""

    model_class: ModelClass = ModelClass.UNATTESTED
    clearance: Label = PUBLIC


@dataclass(frozen=True)
class Replay:
    """Two policies over the same records."""

    explains: Classifier
    before: Rejudge
    after: Rejudge
    models: Mapping[str, Target]
    people: Mapping[str, Label]
    """Clearances, by subject."""
    sees: Sees

    def one(self, document: Mapping[str, Any] | None) -> Replayed | Skipped:
        """What both policies make of an opened exchange."""
        contents = {entry["kind"]: entry["content"] for entry in (document or {}).get("entries", ())}
        intent, outcome = contents.get("intent"), contents.get("outcome") or {}
        if document is None or not intent:
            return Skipped.ERASED
        labels = [self._label(one["label"]) for one in (intent, outcome) if one.get("label")]
        if not self.sees(str(document["exchange"]), join_all([document.get("label", PUBLIC), *labels])):
            return Skipped.NOT_CLEARED
        target = self.models.get(intent["model"], Target())
        asked, asked_failed = self._asked(intent, Flow(Direction.PROMPT, target.model_class))
        answered, answered_failed = self._answered(intent, outcome, Flow(Direction.ANSWER, target.model_class))
        fates = []
        for policy in (self.before, self.after):
            prompt = policy.verdict(asked, Flow(Direction.PROMPT, target.model_class), failed=asked_failed)
            answer = None
            if answered is not None:
                answer = policy.verdict(answered, Flow(Direction.ANSWER, target.model_class), failed=answered_failed)
            # A changed policy may have other levels: clearances keep their names, and mean there what it says.
            levels, person = policy.policy.levels, self.people.get(str(document["subject"]))
            fates.append(
                fate(
                    prompt,
                    answer,
                    model=levels.reread(target.clearance),
                    person=None if person is None else levels.reread(person),
                )
            )
        time = next(entry["time"] for entry in document["entries"] if entry["kind"] == "intent")
        return Replayed(str(document["exchange"]), time, str(intent["principal"]["name"]), str(intent["model"]), *fates)

    def _label(self, document: Mapping[str, Any]) -> Label:
        return self.before.policy.levels.stored(document["level"], document["compartments"])

    def _asked(self, intent: Mapping[str, Any], flow: Flow) -> tuple[list[Excerpt], bool]:
        recorded: dict[int, list[Recorded]] = {}
        for one in intent["findings"]:
            recorded.setdefault(int(one["text"]), []).append(self._recorded(one))
        texts, origins = recorded_texts(intent)
        out: list[Excerpt] = []
        failed = False
        for number in range(max([len(texts), *(at + 1 for at in recorded)])):
            text = texts[number] if number < len(texts) else ""
            origin = origins[number] if number < len(origins) else None
            seen, broke = self._seen(text, flow, origin)
            failed = failed or broke
            out += passages(text, recorded.get(number, []), seen)
        return out, failed

    def _answered(self, intent: Mapping[str, Any], outcome: Mapping[str, Any], flow: Flow) -> tuple[list[Excerpt] | None, bool]:
        if intent["decision"]["verdict"] != "allow" or "answer" not in outcome:
            return None, False
        recorded = [self._recorded(one) for one in outcome.get("findings") or ()]
        texts = answer_texts(outcome["answer"] or ())
        if len(texts) != 1:
            out, failed = list(passages("", recorded, ())), False
            recorded = []
        else:
            out, failed = [], False
        for text in texts:
            seen, broke = self._seen(text, flow, None)
            failed = failed or broke
            out += passages(text, recorded, seen)
        return out, failed

    def _recorded(self, one: Mapping[str, Any]) -> Recorded:
        kind = str(one["type"])
        seen = Sighting(int(one["start"]), int(one["end"]), kind, float(one.get("score", 1.0)), kind in self.explains.marks)
        return Recorded(seen, Action[str(one["action"]).upper()])

    def _seen(self, text: str, flow: Flow, origin: Origin | None) -> tuple[list[Sighting], bool]:
        """What is found in a text today, on this way; and whether a detector failed."""
        if not text:
            return [], False
        result = self.explains.classify(text)
        found = []
        for one in result.findings:
            if self.explains.looks(one.detector, flow.direction, origin):
                found += [Sighting(one.start, one.end, kind, one.score, one.mark) for kind in (one.type, *one.also)]
        return found, any(self.explains.looks(name, flow.direction, origin) for name in result.failed)


def replay_of(
    deployment: Deployment, explains: Classifier, proposed: ClassificationPolicy, people: Mapping[str, Label],
    sees: Sees, *, in_force: ClassificationPolicy | None = None,
) -> Replay:  # fmt: skip
    """Ready to replay. Raises ``ConfigurationError`` where a policy does not go with the detectors."""
    models = targets(deployment)
    before = Rejudge(explains.kinds, in_force or deployment.classification())
    return Replay(explains, before, Rejudge(explains.kinds, proposed), models, people, sees)


def targets(deployment: Deployment) -> dict[str, Target]:
    """What is known of each model."""
    return {
        one.name: Target(
            ModelClass.UNATTESTED
            if one.upstream.kind != "embedded"
            else ModelClass.EXPOSED
            if deployment.mode is Mode.NONE
            else ModelClass.ISOLATED,
            deployment.clearance(one),
        )
        for one in deployment.settings.models
    }


def replayed(deployment: Deployment, replay: Replay, exchange_ids: Sequence[str]) -> Iterator[Replayed | Skipped]:
    """One after the other; what cannot be read, or is past its retention, is left out with its reason."""
    held = deployment.erasures.held()
    for exchange_id in exchange_ids:
        try:
            document = deployment.ledger.open_exchange(exchange_id, deployment.ring)
            yield replay.one(within_retention(document, now_ms(), held=held) if document is not None else None)
        except KeyGone:
            yield Skipped.ERASED
        except IntegrityError:
            yield Skipped.ALTERED


def counts(results: Sequence[Replayed | Skipped]) -> dict[str, int]:
    """How many of each change, and of each reason why there is none to be seen."""
    return dict(Counter(one.value if isinstance(one, Skipped) else one.change for one in results))


def proposed_policy(deployment: Deployment, explains: Classifier, text: str, where: str) -> ClassificationPolicy:
    """A policy from its text, checked with every detector. Raises ``ConfigurationError`` with its place in ``where``."""
    policy = deployment.folder_classification(text, where)
    explains.under(policy)
    return policy


def recorded_request(intent: Mapping[str, Any]) -> ParsedRequest | None:
    """The request that went on, as it was parsed; ``None`` where it was not kept."""
    if not intent.get("request"):
        return None
    body = orjson.dumps({"model": intent["model"], **intent["request"]})
    try:
        return OpenAIDialect().parse(str(intent["operation"]), body, limits=_LIMITS, fields=_FIELDS)
    except (CallerError, ConfigurationError, ValueError):
        return None


def recorded_texts(intent: Mapping[str, Any]) -> tuple[list[str], list[Origin]]:
    """The texts that went on, in the order in which they were inspected; none where they were not kept."""
    parsed = recorded_request(intent)
    if parsed is None:
        return [], []
    return _with_documents(parsed.texts, parsed.origins) if intent.get("documents") else (parsed.texts, parsed.origins)


def _with_documents(texts: Sequence[str], origins: Sequence[Origin]) -> tuple[list[str], list[Origin]]:
    """The same as they were inspected: a document by itself, and after it what was withheld of it, which is not kept."""
    found: list[str] = []
    whose: list[Origin] = []
    for text, origin in zip(texts, origins, strict=True):
        for is_document, piece in apart(text) if origin in {Origin.USER, Origin.TOOL} else [(False, text)]:
            found += [piece, ""] if is_document else [piece]
            whose += [Origin.DOCUMENT, Origin.DOCUMENT] if is_document else [origin]
    return found, whose


def answer_texts(answer: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a recorded answer said."""
    found = []
    for choice in answer:
        message = choice.get("message")
        text = (message or {}).get("content") if isinstance(message, dict) else choice.get("text")
        if isinstance(text, str) and text:
            found.append(text)
    return found


@dataclass(frozen=True, slots=True)
class Everybodys:
    """A replay on everybody's exchanges: the versions of both policies, and one result after the other."""

    before: str
    after: str
    total: int
    results: Iterator[Replayed | Skipped]


def replay_everybodys(deployment: Deployment, file: Path, last: int) -> Everybodys:
    """For whoever has the deployment's keys. It is recorded before any exchange is opened. Raises ``ConfigurationError``."""
    explains = classifier(deployment, scan=False)
    proposed = proposed_policy(deployment, explains, read_text(file), str(file))
    people = {one.subject: one.clearance for one in deployment.directory.list_principals()}
    ready = replay_of(deployment, explains, proposed, people, lambda _id, _label: True)
    ids = newest(deployment, last)
    told = {"policy": proposed.version, "exchanges": len(ids)}
    deployment.admin_record.record_admin(COMMAND_LINE, "policy.replay", told)
    return Everybodys(ready.before.policy.version, proposed.version, len(ids), replayed(deployment, ready, ids))


def newest(deployment: Deployment, last: int) -> list[str]:
    """The newest exchanges; acts of administration are none."""
    ids: list[str] = []
    before: int | None = None
    while len(ids) < last and (page := deployment.ledger.recent(_PAGE, before)):
        ids += [one.id for one in page if one.kind != EntryKind.ADMIN.value]
        before = page[-1].entry_id
    return ids[:last]
