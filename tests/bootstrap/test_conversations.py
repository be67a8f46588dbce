"""A mark is lowered in the name of somebody who may, and the record says so."""

from __future__ import annotations

import pytest

from wardstead.access.pdp import CedarDecisionPoint
from wardstead.access.ports import AccessRequest, Resource
from wardstead.adapters.store.content.conversations import MarkRose
from wardstead.adapters.store.tables.conversations import conversation as conversations
from wardstead.adapters.store.tables.conversations import fingerprint
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap.acting import as_if_signed_in
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.kept.conversations import MayNotDeclassify, conversation, declassify, id_of
from wardstead.bootstrap.kept.conversations import conversations as listed
from wardstead.bootstrap.processes.children import prune
from wardstead.gateway.pipeline.fingerprints import Fingerprints
from wardstead.kernel.errors import CallerError
from wardstead.kernel.labels import label


def begin(deployment: Deployment, owner: str) -> None:
    values = {
        "id": "c1", "owner": owner, "level": "confidential", "compartments": "personal", "version": 5,
        "created_ms": 1, "changed_ms": 1,
    }  # fmt: skip
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(conversations.insert().values(values))


def test_a_data_steward_who_is_cleared_may_and_nobody_else(deployment: Deployment) -> None:
    alice = people.add(deployment, "alice", ["user", "data-steward"], "confidential", ["personal"])
    people.add(deployment, "ada", ["data-steward"], "confidential", ["personal"])
    people.add(deployment, "low", ["data-steward"], "internal", [])
    people.add(deployment, "eve", ["user"], "restricted", ["personal"])
    begin(deployment, alice.subject)
    assert [(one.person, str(one.summary.mark)) for one in listed(deployment, "alice")] == [("alice", "confidential; personal")]
    assert listed(deployment, "eve") == []
    for by in ("alice", "low", "eve"):
        with pytest.raises(MayNotDeclassify):
            declassify(deployment, "c1", "public", [], by=by, reason="why not")
    with pytest.raises(CallerError, match="has a reason"):
        declassify(deployment, "c1", "public", [], by="ada", reason=" ")
    assert declassify(deployment, "c1", "internal", [], by="ada", reason="published")[1] == label("internal")
    assert conversation(deployment, "c1").summary.mark == label("internal")
    act = deployment.ledger.open_exchange(deployment.ledger.recent(1)[0].id, deployment.ring)
    assert act is not None
    said = act["entries"][0]["content"]
    assert said["action"] == "conversation.declassify"
    assert said["details"]["reason"] == "published"
    assert said["details"]["ordered_by"] == "ada"


def test_the_conversations_that_somebody_may_lower_are_those_that_deciding_one_by_one_permits(deployment: Deployment) -> None:
    everybody = [
        people.add(deployment, name, ["user", *roles], level, compartments)
        for name, roles, level, compartments in (
            ("alice", [], "internal", []),
            ("ada", ["data-steward"], "confidential", ["personal"]),
            ("low", ["data-steward"], "internal", []),
            ("eve", [], "restricted", ["personal"]),
        )
    ]
    (deployment.places.policies / "90.cedar").write_text(
        '@id("one") forbid (principal, action == Action::"declassify", resource == Conversation::"c03");'
    )
    marks = [("public", ""), ("internal", ""), ("confidential", "personal"), ("restricted", "health")]
    owners = [*(one.subject for one in everybody), "somebody erased"]
    rows = [
        {"id": f"c{one:02}", "owner": owners[one % 5], "level": marks[one // 2 % 4][0], "compartments": marks[one // 2 % 4][1],
         "version": 5, "created_ms": 1, "changed_ms": one // 3}
        for one in range(20)
    ]  # fmt: skip
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(conversations.insert(), rows)
    for who in everybody:
        expected = []
        for row in sorted(rows, key=lambda row: (row["changed_ms"], row["id"]), reverse=True):
            resource = Resource(
                "Conversation", str(row["id"]), owner=next((p.id for p in everybody if p.subject == row["owner"]), None)
            )
            mark = label(str(row["level"]), [one for one in str(row["compartments"]).split(",") if one])
            asked = AccessRequest(as_if_signed_in(who), "declassify", resource, mark, now_ms())
            if deployment.decision_point().decide(asked).allow:
                expected.append(row["id"])
        found: list[str] = []
        while page := listed(deployment, by=who.name, after=found[-1] if found else "", limit=3):
            found += [one.summary.id for one in page]
        assert found == expected, who.name
        assert bool(found) == (who.name in {"ada", "low"})


def test_the_recorder_forgets_what_is_old(deployment: Deployment) -> None:
    row = {"mark": b"m" * 32, "owner": "o", "conversation": "", "level": "confidential", "compartments": "", "long": True}
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(fingerprint.insert(), [{**row, "time_ms": 1}, {**row, "level": "restricted", "time_ms": now_ms()}])
    assert prune(deployment) == 1
    assert prune(deployment) == 0


def test_a_conversation_is_found_by_the_name_that_its_client_gave(deployment: Deployment) -> None:
    alice = people.add(deployment, "alice", ["user"], "public", [])
    people.add(deployment, "bob", ["user"], "public", [])
    found = id_of(deployment, "my chat", "alice")
    assert found == Fingerprints(deployment.fingerprint_key).conversation(alice.subject, "my chat")
    assert found != id_of(deployment, "my chat", "bob")


def test_a_mark_that_rises_while_it_is_decided_is_not_lowered(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = people.add(deployment, "alice", ["user"], "confidential", ["personal"])
    people.add(deployment, "ada", ["data-steward"], "confidential", ["personal"])
    begin(deployment, alice.subject)
    point = deployment.decision_point()

    def rising() -> CedarDecisionPoint:
        with write_transaction(deployment.engine, deployment.turn) as connection:
            connection.execute(conversations.update().values(level="restricted", version=6))
        return point

    monkeypatch.setattr(deployment, "decision_point", rising)
    with pytest.raises(MarkRose, match="rose to restricted; personal"):
        declassify(deployment, "c1", "public", [], by="ada", reason="published")
    assert conversation(deployment, "c1").summary.mark == label("restricted", ["personal"])
