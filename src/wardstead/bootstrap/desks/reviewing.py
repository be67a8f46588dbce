"""Review, wired: who may look at what is held, and what releasing or refusing it does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wardstead.access.filtering import Filter
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.ports import AccessRequest, Decision, Identity, Principal, Resource
from wardstead.assurance.review.held import (
    DAY_MS,
    AlreadyReviewed,
    Held,
    HeldErased,
    MayNotReview,
    NoSuchHeld,
    NotForItsOwner,
    ReviewExpired,
    Said,
    Status,
    StillStopped,
    Subject,
    Verdict,
    Waiting,
    choices_of,
    held_of,
    request_of,
    texts_in,
)
from wardstead.bootstrap.acting import Acting, as_if_signed_in
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.detection.inspection import inspector
from wardstead.bootstrap.forgetting.retention import as_classified
from wardstead.bootstrap.kept.library import decision_point
from wardstead.bootstrap.policy.replaying import Target, recorded_request, targets
from wardstead.gateway.pipeline import steps
from wardstead.gateway.pipeline.answer import AnswerGuard, Cut
from wardstead.gateway.pipeline.fingerprints import Fingerprints
from wardstead.gateway.pipeline.past import Past
from wardstead.gateway.protocol.types import ParsedRequest
from wardstead.gateway.server.worlds import WorldHolder
from wardstead.inspection.ports import Direction, Flow, Inspector
from wardstead.inspection.pseudonyms import Vault
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError, IntegrityError
from wardstead.kernel.labels import PUBLIC, Label
from wardstead.kernel.labels import label as label_of_document
from wardstead.ledger.ports import Passage

_REASON: Final = 2000
MOST_LISTED: Final = 200
_MOST_OPENED: Final = 1000
"""So many are opened for one page: it may hold fewer than there are, and say where the next one goes on."""
Decide = Callable[[Identity, str, Resource, Label], Decision]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where held exchanges are reviewed, and where the people who asked hear what became of them."""

    deployment: Deployment
    decide: Decide
    inspector: Callable[[], Inspector]
    people: Callable[[], Mapping[str, Principal]]
    """By subject."""
    rows: Callable[[Principal], Filter]

    # -- for reviewers -----------------------------------------------------------------------------------------------

    def waiting(self, reader: Identity | None = None, *, after: str = "", limit: int = MOST_LISTED) -> Waiting:
        """A page of what waits, the oldest first: what ``reader`` may review, or (``None``) everything. Without its texts.

        Labels are sealed, so what waits is opened until the page is full; of those that are alike, one is decided about.
        """
        now, found, last = now_ms(), list[Held](), after
        may = self._reviewable(reader, now) if reader is not None else None
        for opened, (exchange_id, held) in enumerate(self._waiting(after)):
            if opened == _MOST_OPENED:
                return Waiting(tuple(found), last)
            if held is not None and not held.expired(now) and (may is None or may(_resource(held), held.label)):
                if len(found) == limit:
                    return Waiting(tuple(found), found[-1].id)
                found.append(held)
            last = exchange_id
        return Waiting(tuple(found))

    def _reviewable(self, reader: Identity, now: int) -> Callable[[Resource, Label], bool]:
        rows = self.rows(reader.principal)
        return rows.alike(now, lambda resource, label: self.decide(reader, "reviewHeld", resource, label).allow)

    def show(self, exchange_id: str, reader: Identity | None = None) -> Held:
        """One of them, also when it is decided. Raises ``NoSuchHeld``, ``MayNotReview``, ``HeldErased``."""
        return self._find(exchange_id, reader)[1]

    def reveal(self, exchange_id: str, by: Acting) -> list[Said]:
        """The texts that are held. That they were looked at is recorded before anything is returned."""
        opened, held = self._find(exchange_id, by.identity)
        if held.retained_ms is not None and now_ms() >= held.retained_ms:
            raise ReviewExpired("its retention is over: what was said is not shown any more")
        told = {**by.told, "exchange": held.id, "held": held.subject.value, "label": str(held.label)}
        self.deployment.admin_record.record_admin(by.actor, "held.reveal", told)
        return texts_in(opened)

    def refuse(self, exchange_id: str, by: Acting, reason: str) -> Verdict:
        """It stays held. Raises what ``release`` raises."""
        opened, held = self._undecided(exchange_id, by, reason)
        verdict = self._verdict(Status.REFUSED, held, by, reason)
        self._record(opened["subject"], held, held.label, verdict, by)
        return verdict

    def release(self, exchange_id: str, by: Acting, reason: str) -> Verdict:
        """Let a held answer be fetched, or a held request be sent once more.

        Raises ``NoSuchHeld``, ``MayNotReview``, ``AlreadyReviewed``, ``ReviewExpired``, ``HeldErased``, ``NotForItsOwner``,
        ``StillStopped``.
        """
        opened, held = self._undecided(exchange_id, by, reason)
        owner = self.people().get(opened["subject"])
        if owner is None:
            raise HeldErased("whose it was is no longer known: there is nobody to release it to")
        if held.subject is Subject.REQUEST:
            intent, body = request_of(opened)
            digest = self._fingerprints.request(owner.subject, intent["operation"], intent["model"], body)
            verdict = self._verdict(Status.RELEASED, held, by, reason)
            self._record(owner.subject, held, held.label, verdict, by, digest=digest)
            return verdict
        answer, label = self._as_policy_lets_it_go(opened, held, owner)
        verdict = self._verdict(Status.RELEASED, held, by, reason, answer)
        passage = self._past(owner, held).answer(label, answer, self._vault(owner, held))
        self._record(owner.subject, held, label, verdict, by, passage=passage)
        return verdict

    # -- for whoever asked -------------------------------------------------------------------------------------------

    def own(self, reader: Identity) -> list[dict[str, Any]]:
        """What of theirs was held, the newest first, without answers."""
        found = self.deployment.ledger.held_of(reader.principal.subject)
        return [self._status(self._find_own(one.id, reader)[1]) for one in found]

    def fetch(self, exchange_id: str, reader: Identity) -> dict[str, Any]:
        """What became of something of theirs, with the answer where it was released.

        Raises ``NoSuchHeld`` for everybody else, and ``NotForItsOwner`` where their clearance is no longer enough.
        """
        opened, held = self._find_own(exchange_id, reader)
        said = self._status(held)
        verdict = self.deployment.reviews.find(held.id)
        if said["status"] != Status.RELEASED or verdict is None or held.subject is Subject.REQUEST:
            return said
        if not self.decide(reader, "readHeld", _resource(held), verdict.label).allow:
            raise NotForItsOwner("what was released is labelled above your clearance", next_step="Ask for the clearance")
        who, asked = reader.principal, recorded_request(opened["entries"][0]["content"])
        guard = self._guard(self.inspector(), held, who, self._vault(who, held), asked)
        return {**said, "choices": guard.restored([dict(one) for one in verdict.answer])}

    # -- from time to time -------------------------------------------------------------------------------------------

    def _waiting(self, after: str = "") -> Iterator[tuple[str, Held | None]]:
        """Every exchange that waits; ``None`` beside one whose person was erased. What was altered is left to verification."""
        while page := self.deployment.reviews.waiting(after=after):
            for exchange_id in page:
                try:
                    yield exchange_id, self._open(exchange_id)[1]
                except HeldErased:
                    yield exchange_id, None
                except (IntegrityError, NoSuchHeld):
                    continue
            after = page[-1]

    def expire(self) -> int:
        """What nobody has reviewed in time is refused, and the record says so; how many."""
        now, gone = now_ms(), 0
        for exchange_id, held in self._waiting():
            if held is not None and not held.expired(now):
                continue
            subject = self.deployment.ledger.subject(exchange_id) or ""
            told = {"exchange": exchange_id, "before": Status.WAITING.value, "after": Status.EXPIRED.value}
            gone += self.deployment.reviews.expire(exchange_id, subject, told)
        return gone

    # -- inside ------------------------------------------------------------------------------------------------------

    def _open(self, exchange_id: str) -> tuple[Mapping[str, Any], Held]:
        found = self.deployment.ledger.summary(exchange_id[:64])
        if found is None or found.outcome != "held":
            raise NoSuchHeld
        opened = self.deployment.ledger.open_exchange(found.id, self.deployment.ring)
        owner = self.people().get(found.subject)
        wait_ms = self.deployment.settings.review.wait_days * DAY_MS
        if opened is None:
            raise NoSuchHeld
        held = held_of(opened, owner=owner.id if owner else None, person=owner.name if owner else "", wait_ms=wait_ms)
        if held is None:
            raise NoSuchHeld
        return opened, held

    def _find(self, exchange_id: str, reader: Identity | None) -> tuple[Mapping[str, Any], Held]:
        opened, held = self._open(exchange_id)
        decision = self._may_review(reader, held) if reader is not None else None
        if decision is not None and not decision.allow:
            raise MayNotReview(f"{reader.principal.name if reader else ''} may not review it", why=decision.reason)
        return opened, held

    def _find_own(self, exchange_id: str, reader: Identity) -> tuple[Mapping[str, Any], Held]:
        try:
            opened, held = self._open(exchange_id)
        except HeldErased:
            raise NoSuchHeld from None
        if opened["subject"] != reader.principal.subject or not self.decide(reader, "readHeld", _resource(held), PUBLIC).allow:
            raise NoSuchHeld
        return opened, held

    def _may_review(self, reader: Identity, held: Held) -> Decision:
        return self.decide(reader, "reviewHeld", _resource(held), held.label)

    def _undecided(self, exchange_id: str, by: Acting, reason: str) -> tuple[Mapping[str, Any], Held]:
        if not reason.strip():
            raise CallerError("a review has a reason", where="reason", next_step="say why: the person who asked reads it")
        opened, held = self._find(exchange_id, by.identity)
        decided = self.deployment.reviews.of([held.id]).get(held.id)
        if decided is not None:
            raise AlreadyReviewed(f"it was {decided} already", where=held.id)
        if held.expired(now_ms()):
            raise ReviewExpired("nobody reviewed it in time, so it counts as refused", where=held.id)
        return opened, held

    def _verdict(self, status: Status, held: Held, by: Acting, reason: str, answer: Sequence[Mapping[str, Any]] = ()) -> Verdict:
        now = now_ms()
        until = held.until(now, self.deployment.settings.review.release_days * DAY_MS)
        return Verdict(status, by.identity.principal.name, reason.strip()[:_REASON], now, until, answer=answer)

    def _record(
        self, owner: str, held: Held, label: Label, verdict: Verdict, by: Acting, *,
        digest: bytes | None = None, passage: Passage | None = None,
    ) -> None:  # fmt: skip
        action = "held.release" if verdict.status is Status.RELEASED else "held.refuse"
        told = {
            **by.told,
            "exchange": held.id,
            "held": held.subject.value,
            "reason": verdict.reason,
            "label": str(label),
            "before": Status.WAITING.value,
            "after": verdict.status.value,
            "until": rfc3339(verdict.until_ms),
        }
        self.deployment.reviews.decide(
            held.id, owner, label, verdict, digest=digest, passage=passage,
            actor=by.actor, action=action, details=told,
        )  # fmt: skip

    def _as_policy_lets_it_go(
        self, opened: Mapping[str, Any], held: Held, owner: Principal
    ) -> tuple[list[dict[str, Any]], Label]:
        """A held answer: what policy holds goes on, what it takes out is taken out, what it blocks stays blocked."""
        contents = {entry["kind"]: entry["content"] for entry in opened["entries"]}
        asked = recorded_request(contents["intent"])
        whose = as_if_signed_in(owner)

        def permit(label: Label) -> str:
            decision = self.decide(whose, "readHeld", _resource(held), contents_label.join(label))
            return "" if decision.allow else decision.reason

        contents_label = _label(contents["intent"]["label"])
        reviewed = self.inspector().reviewed()
        told = steps.told(reviewed, asked) if asked is not None else reviewed
        guard = self._guard(told, held, owner, Vault(os.urandom, lambda _text: True), asked, permit=permit)
        completion = {"choices": choices_of(contents["outcome"]["held"])}
        try:
            guard.inspect_completion(completion)
        except Cut as cut:
            if cut.code != "access.clearance":
                raise StillStopped("policy blocks it, reviewed or not", why=cut.reason) from None
            raise NotForItsOwner("whoever asked is not cleared for it", why=cut.reason) from None
        if permit(guard.label):
            raise NotForItsOwner("whoever asked is not cleared for it", why=permit(guard.label))
        answer = [{name: value for name, value in one.items() if name != "logprobs"} for one in completion["choices"]]
        return answer, contents_label.join(guard.label)

    def _guard(
        self, inspects: Inspector, held: Held, owner: Principal, vault: Vault, asked: ParsedRequest | None, *,
        permit: Callable[[Label], str] = lambda _label: "",
    ) -> AnswerGuard:  # fmt: skip
        flow = Flow(Direction.ANSWER, targets(self.deployment).get(held.model, Target()).model_class)
        return AnswerGuard(
            inspects, flow, permit, structured=asked is not None and asked.structured, wants_logprobs=False, stand_ins=vault,
            clearance=owner.clearance, limit_bytes=self.deployment.settings.gateway.answer_bytes,
        )  # fmt: skip

    @property
    def _fingerprints(self) -> Fingerprints:
        return Fingerprints(self.deployment.fingerprint_key)

    def _past(self, owner: Principal, held: Held) -> Past:
        past = Past(self.deployment.sealer, self._fingerprints, owner, held.conversation, (), levels=self.deployment.levels)
        if past.claim is not None:
            past.remember(self.deployment.conversations.look(past.claim))
        return past

    def _vault(self, owner: Principal, held: Held) -> Vault:
        """The stand-ins that the conversation still has; without a conversation there are none to put back."""
        return Vault(os.urandom, lambda _text: True, self._past(owner, held).stand_ins())

    def _status(self, held: Held) -> dict[str, Any]:
        verdict, now = self.deployment.reviews.find(held.id), now_ms()
        said: dict[str, Any] = {
            "id": held.id,
            "object": "held",
            "held": held.subject.value,
            "model": held.model,
            "held_at": rfc3339(held.held_ms),
        }
        if verdict is None:
            status = Status.EXPIRED if held.expired(now) else Status.WAITING
            return {**said, "status": status.value, "until": rfc3339(held.deadline_ms)}
        said["decided_at"] = rfc3339(verdict.decided_ms)
        if verdict.status is not Status.RELEASED:
            return {**said, "status": verdict.status.value, "reason": verdict.reason}
        over = now >= verdict.until_ms and not verdict.used
        said |= {"status": (Status.EXPIRED if over else Status.RELEASED).value, "until": rfc3339(verdict.until_ms)}
        if held.subject is Subject.REQUEST:
            said["sent_again"] = verdict.used
        return {**said, "reason": verdict.reason}


def desk_of_worker(deployment: Deployment, worlds: WorldHolder) -> Desk:
    """Decides by the worker's snapshot."""

    def decide(identity: Identity, action: str, resource: Resource, label: Label) -> Decision:
        world = worlds.current
        asked = AccessRequest(identity, action, resource, label, now_ms())
        roles = world.decisions.roles_of(identity.principal, asked.now_ms)
        return as_classified(world.decisions.decide(asked), asked, roles, world.inspector.keeping(label))

    def people() -> Mapping[str, Principal]:
        return {one.subject: one for one in worlds.current.directory.principals.values()}

    def rows(who: Principal) -> Filter:
        return decision_point(worlds).rows_of(who)

    return Desk(deployment, decide, lambda: worlds.current.inspector, people, rows)


def desk_of_command_line(deployment: Deployment) -> Desk:
    """Decides by the deployment's files, as a worker that starts now would."""
    point, policy = deployment.decision_point(), deployment.classification()

    def decide(identity: Identity, action: str, resource: Resource, label: Label) -> Decision:
        asked = AccessRequest(identity, action, resource, label, now_ms())
        roles = point.roles_of(identity.principal, asked.now_ms)
        return as_classified(point.decide(asked), asked, roles, policy.keeping(label))

    def people() -> Mapping[str, Principal]:
        return {one.subject: one for one in deployment.directory.list_principals()}

    def rows(who: Principal) -> Filter:
        return MemoisedDecisionPoint(point, deployment.directory.load()).rows_of(who)

    return Desk(deployment, decide, lambda: inspector(deployment), people, rows)


def _resource(held: Held) -> Resource:
    return Resource("Exchange", held.id, owner=held.owner)


def _label(document: Mapping[str, Any]) -> Label:
    return label_of_document(document["level"], document["compartments"])
