"""What is held is decided by somebody else, once, in time, and never for more than its person may have."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import update
from tests.bootstrap.worlds import inspector

from wardstead.access.ports import Credential, CredentialKind, Decision, Identity, Principal, Resource
from wardstead.adapters.store.content.marks import enter
from wardstead.adapters.store.ledger.entry_rows import entry_values
from wardstead.adapters.store.tables.ledger import entry
from wardstead.adapters.store.tables.reviews import review
from wardstead.adapters.store.transactions import write_transaction
from wardstead.assurance.review.held import (
    AlreadyReviewed,
    HeldErased,
    MayNotReview,
    NoSuchHeld,
    NotForItsOwner,
    ReviewExpired,
    Status,
    StillStopped,
)
from wardstead.bootstrap.acting import Acting, at_the_command_line, at_the_console
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks import reviewing
from wardstead.bootstrap.desks.reviewing import Desk, desk_of_command_line
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.processes.children import prune
from wardstead.gateway.pipeline.fingerprints import Fingerprints
from wardstead.kernel.errors import CallerError, IntegrityError
from wardstead.kernel.ids import CredentialId, ExchangeId, uuid7
from wardstead.kernel.labels import PUBLIC, Label, label
from wardstead.ledger.ports import Claim, Passage

FINANCE = label("restricted", ["payment"])
CARD = "4111 1111 1111 1111"
POLICY = """\
version: 1
extends: general
rules:
  - {type: payment-card, label: {level: restricted, compartments: [payment]}, prompt: hold, answer: hold}
"""
TALE = "and that is the whole of it, told at such length that it is known again when it comes back. "
DAY = 86_400_000


@dataclass
class Bench:
    """A desk, and the people around it."""

    deployment: Deployment
    desk: Desk
    alice: Principal
    rita: Principal

    def hold(self, *, answer: str = "", request: str = f"pay {CARD}", mark: Label = FINANCE, days: int | None = None,
             time: int = 0, conversation: str = "") -> str:  # fmt: skip
        """Something of alice's that is held: a request, or, with ``answer``, that."""
        time = time or now_ms()
        exchange = ExchangeId(uuid7(time, os.urandom(10)))
        body = {"messages": [{"role": "user", "content": request}], "model": "m", "stream": False}
        found = [{"text": 0, "type": "payment-card", "start": 4, "end": 23, "action": "hold"}]
        intent = {
            "model": "smollm2", "operation": "/v1/chat/completions", "retention_days": days,
            "label": {"level": "public", "compartments": []},
            "findings": [] if answer else found, "request": body if answer else None, "context": {"conversation": conversation},
        }  # fmt: skip
        outcome: dict[str, Any] = {"outcome": "held", "retention_days": days, "findings": found if answer else []}
        if answer:
            outcome["held"] = [{"index": 0, "text": answer}]
        else:
            intent["held"] = body
        seal = self.deployment.sealer.begin(self.alice.subject, exchange)
        drafts = [
            seal.intent(json.dumps(intent).encode(), time, mark),
            seal.outcome(json.dumps(outcome).encode(), "held", time, mark),
        ]
        with write_transaction(self.deployment.engine, self.deployment.turn) as connection:
            for draft in drafts:
                connection.execute(entry.insert(), entry_values(draft))
        return str(exchange)

    def digest(self, request: str = f"pay {CARD}") -> bytes:
        made = Fingerprints(self.deployment.fingerprint_key)
        body = {"messages": [{"role": "user", "content": request}], "stream": True}
        return made.request(self.alice.subject, "/v1/chat/completions", "smollm2", body)

    def acts(self) -> list[dict[str, Any]]:
        """The acts of administration, the newest first."""
        reader, ring = self.deployment.ledger, self.deployment.ring
        opened = [reader.open_exchange(one.id, ring) for one in reader.recent(20) if one.kind == "admin"]
        return [one["entries"][0]["content"] for one in opened if one is not None]

    def use(self, exchange: str) -> bool:
        """Whether an intent that rests on this release passes."""
        with write_transaction(self.deployment.engine, self.deployment.turn) as connection:
            raw = connection.connection.driver_connection
            return enter(raw, Passage(self.alice.subject, release=exchange), now_ms(), checked=True)  # type: ignore[arg-type]


def identity(who: Principal) -> Identity:
    return Identity(who, Credential(CredentialId("session"), CredentialKind.SESSION, b"", who.id))


@pytest.fixture
def bench(deployment: Deployment) -> Bench:
    alice = people.add(deployment, "alice", ["user", "reviewer"], "restricted", ["payment"])
    rita = people.add(deployment, "rita", ["reviewer"], "restricted", ["payment"])
    people.add(deployment, "low", ["reviewer"], "confidential", ["payment"])
    people.add(deployment, "eve", ["user"], "restricted", ["payment"])
    made, inspects = desk_of_command_line(deployment), inspector(POLICY)
    return Bench(deployment, Desk(deployment, made.decide, lambda: inspects, made.people, made.rows), alice, rita)


def test_pages_of_what_waits_are_what_deciding_one_by_one_gives(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else waits between, and however few are opened for a page."""
    marks = [
        label("restricted", ["payment"]),
        label("confidential", ["payment"]),
        label("public"),
        label("restricted", ["health"]),
    ]
    made = [bench.hold(mark=marks[one % 4], time=now_ms() - DAY + one * 1000) for one in range(12)]
    asked: list[tuple[str, Label]] = []

    def counting(who: Identity, action: str, resource: Resource, of_data: Label) -> Decision:
        asked.append((resource.id, of_data))
        return bench.desk.decide(who, action, resource, of_data)

    desk = replace(bench.desk, decide=counting)
    for name in ("rita", "low", "alice", "eve"):
        who = by(bench, name).identity
        expected = []
        for one in made:
            with suppress(MayNotReview):
                expected.append(bench.desk.show(one, who).id)
        for most_opened in (1000, 5):
            monkeypatch.setattr(reviewing, "_MOST_OPENED", most_opened)
            listed, after = [], ""
            while True:
                asked.clear()
                page = desk.waiting(who, after=after, limit=2)
                assert len(asked) <= len(marks), "of those that are alike, one is decided about"
                listed += [one.id for one in page.held]
                after = page.after
                if not after:
                    break
            assert listed == expected, (name, most_opened)


def by(bench: Bench, name: str) -> Acting:
    return at_the_command_line(bench.deployment.directory.find(name))


def test_only_somebody_else_who_is_cleared_reviews(bench: Bench) -> None:
    held = bench.hold()
    assert [one.id for one in bench.desk.waiting().held] == [held]
    for name in ("alice", "low", "eve"):
        assert bench.desk.waiting(by(bench, name).identity).held == ()
        for act in (bench.desk.release, bench.desk.refuse):
            with pytest.raises(MayNotReview):
                act(held, by(bench, name), "because")
        with pytest.raises(MayNotReview):
            bench.desk.reveal(held, by(bench, name))
    (found,) = bench.desk.waiting(identity(bench.rita)).held
    assert (found.person, found.subject, found.label) == ("alice", "request", FINANCE)
    assert [(one.type, one.action, one.count) for one in found.found] == [("payment-card", "hold", 1)]


def test_the_text_is_shown_once_it_is_recorded_that_somebody_looks(bench: Bench) -> None:
    held = bench.hold()
    (said,) = bench.desk.reveal(held, at_the_console(identity(bench.rita)))
    assert (said.who, said.text) == ("user", f"pay {CARD}")
    (act,) = [one for one in bench.acts() if one["action"] == "held.reveal"]
    assert (act["actor"], act["details"]["by"], act["details"]["exchange"]) == (bench.rita.subject, "rita", held)
    assert CARD not in json.dumps(bench.acts())


def test_a_released_request_passes_once_for_its_person(bench: Bench) -> None:
    held, reviews = bench.hold(), bench.deployment.reviews
    assert reviews.released(bench.alice.subject, bench.digest()) == ""
    assert not bench.use(held)
    with pytest.raises(CallerError, match="has a reason"):
        bench.desk.release(held, by(bench, "rita"), "  ")
    bench.desk.release(held, by(bench, "rita"), "the supplier's own account")
    assert reviews.released(bench.alice.subject, bench.digest()) == held
    assert reviews.released(bench.rita.subject, bench.digest()) == ""
    assert reviews.released(bench.alice.subject, bench.digest(f"pay {CARD} twice")) == ""
    said = bench.desk.fetch(held, identity(bench.alice))
    assert (said["status"], said["reason"], said["sent_again"]) == ("released", "the supplier's own account", False)
    assert bench.use(held)
    assert not bench.use(held)
    assert reviews.released(bench.alice.subject, bench.digest()) == ""
    assert bench.desk.fetch(held, identity(bench.alice))["sent_again"] is True
    act = bench.acts()[0]
    assert act["action"] == "held.release"
    details = act["details"]
    assert (details["ordered_by"], details["before"], details["after"]) == ("rita", "waiting", "released")
    assert details["reason"] == "the supplier's own account"


def test_a_released_answer_is_its_person_s_and_carries_its_label_from_then_on(bench: Bench) -> None:
    text = f"The number is {CARD}, {TALE}"
    held = bench.hold(answer=text, conversation="calls")
    assert bench.desk.fetch(held, identity(bench.alice))["status"] == "waiting"
    bench.desk.release(held, by(bench, "rita"), "it is hers")
    said = bench.desk.fetch(held, identity(bench.alice))
    assert said["choices"][0]["message"]["content"] == text
    with pytest.raises(NoSuchHeld):
        bench.desk.fetch(held, identity(bench.rita))
    made = Fingerprints(bench.deployment.fingerprint_key)
    conversation = made.conversation(bench.alice.subject, "calls")
    known = bench.deployment.conversations.look(Claim(bench.alice.subject, conversation, made.cited([text])))
    assert (known.mark, known.cited) == (FINANCE, FINANCE)
    people.clear(bench.deployment, "alice", "confidential", ["payment"])
    with pytest.raises(NotForItsOwner):
        bench.desk.fetch(held, identity(bench.deployment.directory.find("alice")))


def test_an_answer_is_released_as_policy_lets_it_go(bench: Bench) -> None:
    strict = inspector(
        POLICY + "  - {type: iban, label: {level: restricted, compartments: [payment]}, answer: block, prompt: block}\n"
    )
    desk = Desk(bench.deployment, bench.desk.decide, lambda: strict, bench.desk.people, bench.desk.rows)
    held = bench.hold(answer=f"{CARD} or DE89 3704 0044 0532 0130 00")
    with pytest.raises(StillStopped):
        desk.release(held, by(bench, "rita"), "why not")
    people.clear(bench.deployment, "alice", "internal", [])
    with pytest.raises(NotForItsOwner):
        bench.desk.release(bench.hold(answer=CARD), by(bench, "rita"), "why not")


def test_a_refusal_says_why_and_nothing_passes(bench: Bench) -> None:
    held = bench.hold()
    bench.desk.refuse(held, by(bench, "rita"), "use the payments system")
    said = bench.desk.fetch(held, identity(bench.alice))
    assert (said["status"], said["reason"]) == ("refused", "use the payments system")
    assert "rita" not in json.dumps(said)
    assert not bench.use(held)
    with pytest.raises(AlreadyReviewed):
        bench.desk.release(held, by(bench, "rita"), "second thoughts")
    assert bench.desk.waiting().held == ()


def test_of_two_reviewers_at_once_one_wins(bench: Bench) -> None:
    people.add(bench.deployment, "rob", ["reviewer"], "restricted", ["payment"])
    for _ in range(4):
        held = bench.hold()
        ends: list[str] = []
        start = threading.Barrier(4)

        def decide(name: str, act: Any, *, held: str = held, ends: list[str] = ends, start: Any = start) -> None:
            reviewer = by(bench, name)
            start.wait()
            try:
                ends.append(act(held, reviewer, "I was first").status)
            except AlreadyReviewed as error:
                ends.append(error.code)

        desk = bench.desk
        asked = [("rita", desk.release), ("rita", desk.release), ("rob", desk.refuse), ("rob", desk.release)]
        threads = [threading.Thread(target=decide, args=one) for one in asked]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sorted(ends).count("already_reviewed") == 3, ends
        assert sum(one["details"].get("exchange") == held for one in bench.acts()) == 1


def test_nothing_is_released_after_an_erasure(bench: Bench) -> None:
    held, released = bench.hold(), bench.hold(answer=CARD)
    bench.desk.release(released, by(bench, "rita"), "hers")
    bench.deployment.ring._store.erase(bench.alice.subject)  # type: ignore[attr-defined]
    bench.deployment.ring.evict()
    for act in (bench.desk.release, bench.desk.refuse):
        with pytest.raises(HeldErased):
            act(held, by(bench, "rita"), "too late")
    with pytest.raises(HeldErased):
        bench.desk.reveal(held, by(bench, "rita"))
    with pytest.raises(NoSuchHeld):
        bench.desk.fetch(released, identity(bench.alice))
    assert bench.desk.waiting().held == ()
    assert prune(bench.deployment) == 1
    assert bench.deployment.reviews.of([held]) == {held: Status.EXPIRED}


def test_what_nobody_reviews_in_time_is_refused(bench: Bench) -> None:
    old = bench.hold(time=now_ms() - 7 * DAY)
    young = bench.hold(time=now_ms() - 6 * DAY)
    short = bench.hold(time=now_ms() - 2 * DAY, days=2)
    assert [one.id for one in bench.desk.waiting().held] == [young]
    for held in (old, short):
        with pytest.raises(ReviewExpired):
            bench.desk.release(held, by(bench, "rita"), "too late")
        assert bench.desk.fetch(held, identity(bench.alice))["status"] == "expired"
    with pytest.raises(ReviewExpired):
        bench.desk.reveal(short, by(bench, "rita"))
    assert prune(bench.deployment) == 2
    assert {one["details"]["exchange"] for one in bench.acts() if one["action"] == "held.expire"} == {old, short}
    assert prune(bench.deployment) == 0
    with pytest.raises(AlreadyReviewed):
        bench.desk.release(old, by(bench, "rita"), "too late")


def test_a_release_ends_and_what_was_released_is_forgotten(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    held = bench.hold(answer=f"{CARD} {TALE}", days=3)
    until = bench.desk.release(held, by(bench, "rita"), "hers").until_ms
    assert until < now_ms() + 3 * DAY
    request = bench.hold()
    bench.desk.release(request, by(bench, "rita"), "hers")
    later = now_ms() + 8 * DAY
    monkeypatch.setattr(reviewing, "now_ms", lambda: later)
    monkeypatch.setattr(bench.deployment.reviews, "_clock", lambda: later)
    said = bench.desk.fetch(held, identity(bench.alice))
    assert (said["status"], "choices" in said) == ("expired", False)
    assert bench.deployment.reviews.released(bench.alice.subject, bench.digest()) == ""
    assert bench.deployment.reviews.forget() == 2
    assert bench.desk.fetch(held, identity(bench.alice))["status"] == "expired"


@pytest.mark.parametrize("change", [{"verdict": "released"}, {"until_ms": 1 << 50}, {"level": 0}, {"digest": b"x" * 32}])
def test_whoever_can_write_the_table_alone_releases_nothing(bench: Bench, change: dict[str, Any]) -> None:
    held = bench.hold()
    bench.desk.refuse(held, by(bench, "rita"), "no")
    with write_transaction(bench.deployment.engine, bench.deployment.turn) as connection:
        connection.execute(update(review).where(review.c.exchange == held).values(change))
    with pytest.raises(IntegrityError):
        bench.desk.fetch(held, identity(bench.alice))
    values = {"digest": bench.digest(), "verdict": "released", "until_ms": 1 << 50}
    with write_transaction(bench.deployment.engine, bench.deployment.turn) as connection:
        connection.execute(update(review).where(review.c.exchange == held).values(values))
    with pytest.raises(IntegrityError):
        bench.deployment.reviews.released(bench.alice.subject, bench.digest())


def test_own_lists_what_was_held_of_ones_own(bench: Bench) -> None:
    first, second = bench.hold(), bench.hold(answer=CARD)
    assert [(one["id"], one["held"]) for one in bench.desk.own(identity(bench.alice))] == [(second, "answer"), (first, "request")]
    assert bench.desk.own(identity(bench.rita)) == []
    for nothing in ("", "x", "x" * 500):
        with pytest.raises(NoSuchHeld):
            bench.desk.fetch(nothing, identity(bench.alice))
    assert bench.desk.fetch(first, identity(bench.alice))["until"]
    assert PUBLIC != FINANCE
