"""The console's services over a deployment."""

from __future__ import annotations

import json
import os
import pwd
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update
from tests.console.fakes import BREAK_GLASS

from wardstead.access.ports import Credential, CredentialKind, Identity
from wardstead.adapters.store.ledger.entry_rows import entry_values
from wardstead.adapters.store.tables.ledger import entry
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks.console import Console
from wardstead.bootstrap.forgetting.retention import within_retention
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.processes.worker import KeyUses, inspectors_of, worlds_of
from wardstead.console.ports import OpenedSession
from wardstead.inspection.ports import Keeping
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.ids import CredentialId, ExchangeId
from wardstead.kernel.labels import label

OLD, NEW = "correct horse battery", "another horse battery"


@pytest.fixture
def console(deployment: Deployment) -> Console:
    people.add(deployment, "eve", ["user"], "public", [])
    deployment.passwords.set_password("eve", OLD, must_change=False)
    return Console(deployment, None)  # type: ignore[arg-type]  # no world is asked


def act(deployment: Deployment, action: str) -> Any:
    """The newest record of such an act: whose it is, and what it says."""
    for one in deployment.ledger.recent(10):
        opened = deployment.ledger.open_exchange(one.id, deployment.ring)
        if opened is not None and opened["entries"][0]["content"].get("action") == action:
            return one.subject, opened["entries"][0]["content"]["details"]
    pytest.fail(f"no {action} was recorded")


def identity(deployment: Deployment, session: OpenedSession) -> Identity:
    world = worlds_of(deployment, KeyUses(deployment.directory.touch), inspectors_of(deployment))()
    return world.authenticate(world.directory, session.token, session.csrf, now_ms())


def test_what_somebody_does_for_themselves_is_recorded_as_theirs(deployment: Deployment, console: Console) -> None:
    eve = deployment.directory.find("eve")
    session = console.change_password("eve", OLD, NEW)
    assert session is not None
    subject, details = act(deployment, "password.set")
    assert (subject, details["by"]) == (eve.subject, "eve")
    console.sign_out(session.token, identity(deployment, session))
    subject, details = act(deployment, "session.close")
    assert (subject, details["by"], details["name"]) == (eve.subject, "eve", "eve")
    assert not deployment.directory.load().credentials


def test_what_the_command_line_does_is_recorded_with_the_operating_system_s_user(
    deployment: Deployment, console: Console
) -> None:
    deployment.directory.set_active("eve", False)
    subject, details = act(deployment, "principal.active")
    assert (subject, details["by"], details["name"]) == ("system", "command line", "eve")
    assert details["os_uid"] == os.getuid()
    assert details["os_user"] == pwd.getpwuid(os.getuid()).pw_name


def test_reading_the_record_of_administration_adds_nothing_to_it(deployment: Deployment, console: Console) -> None:
    session = console.change_password("eve", OLD, NEW)
    assert session is not None
    eve = identity(deployment, session)
    newest = deployment.ledger.recent(3)
    made = next(one for one in newest if one.subject == "system")
    opened = console.open_exchange(made.id, eve)
    assert opened is not None
    assert opened["entries"][0]["content"]["details"]["by"] == "command line"
    assert console.glimpses([made.id])[made.id].act == opened["entries"][0]["content"]["action"]
    assert deployment.ledger.recent(3) == newest


def test_an_altered_act_does_not_take_the_list_with_it(deployment: Deployment, console: Console) -> None:
    altered, other = (one.id for one in deployment.ledger.recent(2))
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(update(entry).where(entry.c.exchange == altered).values(body=b"garbage"))
    assert console.glimpses([altered, other]).keys() == {other}


class Asked:
    """An exchange of alice's that was recorded under a label."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.id = ExchangeId("exchange-1")
        seal = deployment.sealer.begin(deployment.directory.find("alice").subject, self.id)
        said = {"model": "m", "label": {"level": "public", "compartments": []}, "decision": {"verdict": "allow"}}
        draft = seal.intent(json.dumps(said).encode(), now_ms(), label("confidential", ["personal"]))
        with write_transaction(deployment.engine, deployment.turn) as connection:
            connection.execute(entry.insert(), entry_values(draft))

    def console(self, seen_by: frozenset[str] | None = None) -> Console:
        """One that decides by the deployment's policies. ``seen_by``: as the classification policy says it."""
        world = SimpleNamespace(
            decisions=self.deployment.decision_point(),
            directory=self.deployment.directory.load(),
            inspector=SimpleNamespace(keeping=lambda _label: Keeping(seen_by=seen_by)),
        )
        return Console(self.deployment, SimpleNamespace(current=world))  # type: ignore[arg-type]

    def opens(self, console: Console, name: str) -> bool:
        who = self.deployment.directory.find(name)
        reader = Identity(who, Credential(CredentialId("c"), CredentialKind.SESSION, b"", who.id))
        return console.open_exchange(self.id, reader) is not None


def test_an_exchange_is_opened_for_who_is_cleared_for_the_label_that_was_sealed_with_it(deployment: Deployment) -> None:
    (deployment.places.policies / "90.cedar").write_text(BREAK_GLASS)
    people.add(deployment, "alice", ["user"], "public", [])
    people.add(deployment, "ines", ["investigator"], "confidential", ["personal"])
    people.add(deployment, "low", ["investigator"], "confidential", [])
    asked = Asked(deployment)
    console = asked.console()
    assert console.label(asked.id) == console.glimpses([asked.id])[asked.id].mark == label("confidential", ["personal"])
    assert asked.opens(console, "alice"), "their own, whatever their clearance is now"
    assert not asked.opens(console, "low")
    assert asked.opens(console, "ines")
    assert act(deployment, "exchange.read")[1]["by"] == "ines"
    others = asked.console(frozenset({"data-protection"}))
    assert not asked.opens(others, "ines"), "the classification policy keeps it for others"
    assert asked.opens(others, "alice")


@pytest.mark.parametrize(("days", "after", "expired"), [(None, 9999, False), (30, 29, False), (30, 31, True)])
def test_what_is_past_its_retention_is_not_shown(days: int | None, after: int, expired: bool) -> None:
    day = 24 * 3600 * 1000
    entries = [
        {"kind": "intent", "time": rfc3339(1_000), "outcome": "", "content": {"retention_days": None, "request": "words"}},
        {
            "kind": "outcome",
            "time": rfc3339(2_000),
            "outcome": "completed",
            "content": {"retention_days": days, "answer": "words"},
        },
    ]
    shown = within_retention({"exchange": "x", "subject": "s", "expired": False, "entries": entries}, 1_000 + after * day)
    assert shown["expired"] == expired
    assert ("words" in json.dumps(shown)) != expired
