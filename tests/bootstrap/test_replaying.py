"""A changed policy replayed on a deployment's own records: who may, what is recorded, and what comes of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.bootstrap.worlds import Worlds, inspector
from tests.console.fakes import intent, outcome
from typer.testing import CliRunner

from wardstead.access.ports import Credential, CredentialKind, Identity
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.adapters.store.ledger.entry_rows import entry_values
from wardstead.adapters.store.tables.ledger import entry
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks.console import Console
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.policy import replaying
from wardstead.cli.main import app
from wardstead.crypto.roots import only
from wardstead.inspection.extraction import enclosed
from wardstead.inspection.ports import Origin
from wardstead.inspection.replay import Replayed, Skipped
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.ids import CredentialId, ExchangeId

CARD = {"text": 0, "type": "payment-card", "start": 7, "end": 26, "action": "redact"}
FLAGS = "version: 3\nextends: general\nrules:\n  - {category: payment, label: {level: internal}, prompt: flag, answer: allow}\n"


BREAK_GLASS = """
@id("users-read-exchanges")
permit (principal in Role::"user", action == Action::"viewExchange", resource);
"""


@pytest.fixture
def console(deployment: Deployment) -> Console:
    for name in ("ann", "bob"):
        people.add(deployment, name, ["user"], "confidential", ["personal"])
    return Console(deployment, Worlds(inspector(), deployment.directory.load(), deployment.decision_point()))  # type: ignore[arg-type]


def exchange(deployment: Deployment, name: str, number: int, **more: Any) -> ExchangeId:
    """A recorded exchange of somebody."""
    exchange_id = ExchangeId(f"0193a5b0-0000-7000-8000-{number:012d}")
    seal = deployment.sealer.begin(deployment.directory.find(name).subject, exchange_id)
    asked = intent("charge [redacted:payment-card] now", findings=[CARD], principal={"id": "p", "name": name}, **more)
    answered = outcome("completed", "It is done.", label={"level": "public", "compartments": []})
    drafts = [
        seal.intent(json.dumps(asked).encode(), now_ms()),
        seal.outcome(json.dumps(answered).encode(), "completed", now_ms()),
    ]
    with write_transaction(deployment.engine, deployment.turn) as connection:
        for draft in drafts:
            connection.execute(entry.insert(), entry_values(draft))
    return exchange_id


def identity(deployment: Deployment, name: str) -> Identity:
    who = deployment.directory.find(name)
    return Identity(who, Credential(CredentialId("c"), CredentialKind.SESSION, b"", who.id))


def acts(deployment: Deployment) -> list[Any]:
    opened = [
        deployment.ledger.open_exchange(one.id, deployment.ring) for one in deployment.ledger.recent(5) if one.kind == "admin"
    ]
    return [one["entries"][0]["content"] for one in opened if one is not None]


def test_what_the_reader_may_not_read_is_left_out_whoever_asks_for_it(deployment: Deployment, console: Console) -> None:
    mine, theirs = exchange(deployment, "ann", 1), exchange(deployment, "bob", 2)
    own, other = console.replay(FLAGS, [mine, theirs], identity(deployment, "ann"))
    assert isinstance(own, Replayed)
    assert other is Skipped.NOT_CLEARED


def test_a_replay_is_recorded_before_anything_is_opened(deployment: Deployment) -> None:
    (deployment.places.policies / "90-break-glass.cedar").write_text(BREAK_GLASS)
    for name in ("ann", "bob"):
        people.add(deployment, name, ["user"], "confidential", ["personal"])
    worlds = Worlds(inspector(), deployment.directory.load(), deployment.decision_point())
    console = Console(deployment, worlds)  # type: ignore[arg-type]
    mine, theirs = exchange(deployment, "ann", 1), exchange(deployment, "bob", 2)
    results = console.replay(FLAGS, [mine, theirs], identity(deployment, "ann"))
    told = acts(deployment)[0]
    assert told["action"] == "policy.replay"
    assert told["details"]["of_others"] == [theirs]
    assert (told["details"]["by"], told["details"]["exchanges"]) == ("ann", 2)
    assert told["details"]["policy"] == console.check_policy(FLAGS)
    found = list(results)
    assert [one.id for one in found if isinstance(one, Replayed)] == [mine, theirs]
    first = found[0]
    assert isinstance(first, Replayed)
    assert (first.before.word, first.after.word, first.change) == ("redact", "flag", "milder")
    assert (str(first.before.label), str(first.after.label)) == ("public", "internal")
    assert first.differences == (("payment-card", "redact", "flag"),)


def test_the_policy_in_force_changes_nothing(deployment: Deployment, console: Console) -> None:
    (one,) = console.replay("version: 1\nextends: general\n", [exchange(deployment, "ann", 1)], identity(deployment, "ann"))
    assert isinstance(one, Replayed)
    assert one.change == "same"


def test_what_is_above_the_reader_s_clearance_or_gone_is_left_out(deployment: Deployment, console: Console) -> None:
    secret = exchange(deployment, "ann", 1, label={"level": "restricted", "compartments": ["payment"]})
    gone = exchange(deployment, "bob", 2)
    root = deployment.keys.root
    SubjectKeys(deployment.places.keys / "keys.db", only(root), os.urandom).erase(deployment.directory.find("bob").subject)
    deployment.ring.evict()
    found = list(console.replay(FLAGS, [secret, gone, "none"], identity(deployment, "ann")))
    assert found == [Skipped.NOT_CLEARED, Skipped.ERASED, Skipped.ERASED]


def test_a_wrong_policy_names_its_line_and_is_not_recorded(deployment: Deployment, console: Console) -> None:
    before = acts(deployment)
    for text, where in (("version: 1\nextends: general\nrules: [{}]\n", ":3"), ("version: 1\nextends: nobody\n", "extends")):
        with pytest.raises(ConfigurationError) as caught:
            console.replay(text, [], identity(deployment, "ann"))
        assert where in caught.value.where
    with pytest.raises(ConfigurationError, match="no rule covers"):
        console.check_policy("version: 1\n")
    assert acts(deployment) == before


def test_the_command_replays_everybody_s(deployment: Deployment, console: Console, tmp_path: Path) -> None:
    exchange(deployment, "ann", 1)
    exchange(deployment, "bob", 2, label={"level": "restricted", "compartments": ["payment"]})
    file = tmp_path / "changed.yaml"
    file.write_text(FLAGS)
    folder = str(deployment.places.directory)
    said = CliRunner().invoke(app, ["-C", folder, "classify", "what-if", str(file), "--json"])
    assert said.exit_code == 0, said.output
    document = json.loads(said.stdout)
    assert document["counts"] == {"milder": 2}
    assert {one["user"] for one in document["changed"]} == {"ann", "bob"}
    assert document["changed"][0]["findings"] == [{"type": "payment-card", "before": "redact", "after": "flag"}]
    told = acts(deployment)[0]
    assert (told["action"], told["details"]["by"], told["details"]["exchanges"]) == ("policy.replay", "command line", 2)
    file.write_text("version: 1\nrules: 3\n")
    wrong = CliRunner().invoke(app, ["-C", folder, "classify", "what-if", str(file), "--json"])
    assert wrong.exit_code == 3
    assert json.loads(wrong.stdout)["error"]["where"].startswith(f"{file}:2")


def test_a_document_stands_by_itself_again_as_it_was_inspected() -> None:
    data = b"%PDF"
    content = "\n".join(["Sum up", enclosed("the words", "a.pdf", data), "in one line"])
    intent = {
        "model": "m",
        "operation": "/v1/chat/completions",
        "request": {"messages": [{"role": "user", "content": content}]},
        "documents": [{"text": 1}],
    }
    texts, origins = replaying.recorded_texts(intent)
    assert texts == ["Sum up", enclosed("the words", "a.pdf", data), "", "in one line"]
    assert origins == [Origin.USER, Origin.DOCUMENT, Origin.DOCUMENT, Origin.USER]
