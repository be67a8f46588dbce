"""What recorded exchanges said, for whoever the policies permit to read each of them: a score is calibrated on it.

Only what went through counts: what was denied, blocked or held is no example of benign traffic. What was redacted was redacted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.ports import AccessRequest, Container, Resource
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.bootstrap.acting import as_if_signed_in
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.forgetting.retention import as_classified, within_retention
from wardstead.bootstrap.policy.replaying import answer_texts, newest, recorded_texts
from wardstead.crypto.keyring import KeyGone
from wardstead.inspection.ports import Direction, Origin
from wardstead.inspection.scoring.detectors import ScoreDetector
from wardstead.kernel.errors import CallerError, IntegrityError
from wardstead.kernel.labels import Label, join_all, label

SOURCE: Final = "recorded"
_REASON_CHARACTERS: Final = 2000


@dataclass(frozen=True, slots=True)
class Order:
    """Who answers for it that recorded exchanges are read, and why."""

    by: str
    reason: str

    def told(self) -> dict[str, object]:
        """For the record. Raises ``CallerError`` where one of them is missing."""
        if not self.by or not self.reason.strip():
            raise CallerError("recorded exchanges are read in somebody's name and for a reason", where="--by, --reason")
        return {"ordered_by": self.by, "reason": self.reason.strip()[:_REASON_CHARACTERS]}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Each different text once, by who wrote it; ``None``: a model's answer. ``left_out``: exchanges, by why."""

    texts: Mapping[str, Origin | None] = field(default_factory=dict)
    exchanges: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    def read_by(self, detector: ScoreDetector) -> list[str]:
        """What this detector would look at."""
        return [
            text
            for text, origin in self.texts.items()
            if (Direction.ANSWER in detector.directions if origin is None else self._asked(detector, origin))
        ]

    @staticmethod
    def _asked(detector: ScoreDetector, origin: Origin) -> bool:
        return Direction.PROMPT in detector.directions and origin in detector.origins


def traffic(deployment: Deployment, last: int, order: Order) -> Traffic:
    """The texts of the newest exchanges. It is recorded before any is opened; nothing of them is kept, logged or shown.

    Raises ``UnknownPerson``, ``CallerError``.
    """
    told = order.told()
    who = deployment.directory.find(order.by)
    ids = newest(deployment, last)
    deployment.admin_record.record_admin(COMMAND_LINE, "calibrate.read", {**told, "exchanges": len(ids)})
    identity = as_if_signed_in(who)
    point = MemoisedDecisionPoint(deployment.decision_point(), deployment.directory.load())
    policy = deployment.classification()
    owners = {one.subject: one.id for one in deployment.directory.list_principals()}

    def sees(exchange_id: str, mark: Label) -> bool:
        summary = deployment.ledger.summary(exchange_id)
        if summary is None:
            return False
        owner = owners.get(summary.subject)
        within = (Container("Conversation", summary.conversation, owner),) if summary.conversation else ()
        asked = AccessRequest(
            identity, "viewExchange", Resource("Exchange", exchange_id, owner=owner, within=within), mark, now_ms()
        )
        decision = as_classified(point.decide(asked), asked, point.roles_of(who, asked.now_ms), policy.keeping(mark))
        return who.clearance.dominates(mark) and decision.allow

    texts: dict[str, Origin | None] = {}
    left_out: Counter[str] = Counter()
    held = deployment.erasures.held()
    for exchange_id in ids:
        try:
            opened = deployment.ledger.open_exchange(exchange_id, deployment.ring)
        except KeyGone:
            opened = None
        except IntegrityError:
            left_out["altered"] += 1
            continue
        if opened is None or opened["erased"] or (shown := within_retention(opened, now_ms(), held=held))["expired"]:
            left_out["erased"] += 1
        elif not sees(exchange_id, opened["label"].join(_labels_in(opened))):
            left_out["not_cleared"] += 1
        elif not (found := _said(shown)):
            left_out["no_text"] += 1
        else:
            texts = {**found, **texts}
    return Traffic(texts, len(ids) - left_out.total(), dict(left_out))


def _labels_in(opened: Mapping[str, Any]) -> Label:
    contents = [one["content"] for one in opened["entries"] if one["content"]]
    return join_all([label(one["label"]["level"], one["label"]["compartments"]) for one in contents if one.get("label")])


def _said(opened: Mapping[str, Any]) -> dict[str, Origin | None]:
    contents = {one["kind"]: one["content"] or {} for one in opened["entries"]}
    intent, outcome = contents.get("intent", {}), contents.get("outcome", {})
    if not intent or intent["decision"]["verdict"] != "allow":
        return {}
    texts, origins = recorded_texts(intent)
    said: dict[str, Origin | None] = dict.fromkeys(answer_texts(outcome.get("answer") or ()))
    return {**said, **{text: origin for text, origin in zip(texts, origins, strict=True) if text.strip()}}
