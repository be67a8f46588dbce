"""Two gateways over one PostgreSQL database, as their operators start them: one record, one recorder, and a server that fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from tests import postgres
from tests.e2e.deployment import WARDSTEAD, Deployment
from tests.ports import free_port

from wardstead.auditor import verify

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not postgres.INSTALLED, reason="PostgreSQL is not installed")]
WITHIN_S = 20.0


class Pair:
    """Two folders, each with its gateway and its recorder; the second is a copy of the first."""

    def __init__(self, server: postgres.Server, url: str, first: Deployment, second: Deployment) -> None:
        self.server, self.url, self.first, self.second = server, url, first, second
        self.key = ""

    def ask(self, which: Deployment, key: str = "", said: str = "Say yes.") -> httpx.Response:
        body = {"model": "smollm2", "max_tokens": 4, "messages": [{"role": "user", "content": said}]}
        with httpx.Client(verify=which.tls, timeout=60) as client:
            return client.post(
                f"{which.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key or self.key}"}
            )

    def recorder(self) -> int:
        """The process that is elected; 0 while none is."""
        elected = (
            "SELECT split_part(application_name, ' ', 2)::int FROM pg_stat_activity JOIN pg_locks USING (pid) "
            "WHERE locktype = 'advisory' AND objid = 2 AND objsubid = 2 AND granted AND datname = current_database()"
        )
        with psycopg.connect(self.url) as connection:
            found = connection.execute(elected).fetchone()
        return int(found[0]) if found else 0

    def counts(self) -> tuple[int, int, int]:
        """Entries, how many of them have their place, and how many are signed."""
        with psycopg.connect(self.url) as connection:
            found = connection.execute(
                "SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM leaf), "
                "(SELECT coalesce(max(size), 0) FROM checkpoint)"
            ).fetchone()
        assert found is not None
        return int(found[0]), int(found[1]), int(found[2])

    def all_signed(self) -> bool:
        entries, leaves, signed = self.counts()
        return entries == leaves == signed


def within(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    server = postgres.Server()
    url = server.database()
    folder = tmp_path_factory.mktemp("pair")
    command = [str(WARDSTEAD), "init", str(folder / "one"), "--database", url, "--yes", "--json"]
    made = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, stdin=subprocess.DEVNULL)
    assert made.returncode == 0, made.stderr
    # As docs/how-to/use-postgresql.md says.
    shutil.copytree(folder / "one", folder / "two", ignore=shutil.ignore_patterns("state", "run", "logs"), copy_function=_linked)
    secret = json.loads(made.stdout)["admin"]["secret"]
    first, second = (Deployment(folder / name, free_port(), secret, "smollm2") for name in ("one", "two"))
    both = Pair(server, url, first, second)
    try:
        first.up()
        second.up()
        first.run("user", "add", "alice", "--role", "user")
        both.key = first.key("alice")
        yield both
    finally:
        first.down()
        second.down()
        server.close()


def _linked(source: str, target: str) -> str:
    """Weights are not copied for a test."""
    if source.endswith(".gguf"):
        os.link(source, target)
        return target
    return shutil.copy2(source, target)


def test_either_answers_and_what_it_recorded_is_in_one_ledger(pair: Pair) -> None:
    for which in (pair.first, pair.second):
        answered = pair.ask(which)
        assert answered.status_code == 200, answered.text
    within(pair.all_signed, "every entry has its place")
    for which in (pair.first, pair.second):
        assert which.json("ledger", "verify")["ok"] is True
    checks = {one["id"]: one for one in pair.second.json("status")["posture"]["checks"]}
    assert "PostgreSQL" in checks["database"]["evidence"]
    assert checks["database"]["state"] == "amber", "the tests' role rules its server"


def test_the_recorder_is_killed_and_another_goes_on_with_the_same_tree(pair: Pair) -> None:
    killed = pair.recorder()
    assert killed
    os.kill(killed, signal.SIGKILL)
    assert pair.ask(pair.first).status_code == 200
    within(lambda: pair.recorder() not in {0, killed}, "another is elected")
    within(pair.all_signed, "what was acknowledged meanwhile has its place")
    assert pair.second.json("ledger", "verify")["ok"] is True


def test_a_worker_that_is_killed_comes_back_and_so_does_a_gateway(pair: Pair) -> None:
    os.kill(_of(pair.first, "worker"), signal.SIGKILL)
    assert pair.ask(pair.second).status_code == 200, "the other gateway does not notice"
    within(lambda: _answers(pair, pair.first), "another worker answers")
    os.kill(json.loads((pair.first.directory / "run" / "supervisor.pid").read_text())["pid"], signal.SIGKILL)
    within(lambda: not _processes(pair.first), "it leaves nothing behind")
    pair.first.up()
    assert pair.ask(pair.first).status_code == 200
    within(pair.all_signed, "every entry has its place")
    assert pair.first.json("ledger", "verify")["ok"] is True


def _answers(pair: Pair, which: Deployment) -> bool:
    try:
        return pair.ask(which).status_code == 200
    except httpx.TransportError:
        return False


def _of(which: Deployment, role: str) -> int:
    return next(pid for pid, line in _processes(which).items() if f"wardstead.bootstrap {role} " in line)


def _processes(which: Deployment) -> dict[int, str]:
    """Those of a folder, each with its command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended
            continue
        if f"{which.directory} " in line:
            found[int(folder.name)] = line
    return found


def test_another_key_signs_the_ledger_and_both_go_on(pair: Pair, tmp_path: Path) -> None:
    before = pair.first.json("ledger", "export", "--output", str(tmp_path / "before.jsonl"))
    stop, statuses = threading.Event(), list[int]()

    def ask() -> None:
        while not stop.is_set():
            statuses.extend(pair.ask(one).status_code for one in (pair.first, pair.second))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        rotated = pair.second.json("keys", "rotate", "--ledger")
        within(lambda: pair.first.json("ledger", "keys")["keys"][-1]["since"] is not None, "the new key is in force")
        for one in (pair.first, pair.second):
            within(lambda one=one: not (one.directory / "keys" / "ledger.key").exists(), "the old key is destroyed")  # type: ignore[misc]
        receipt = pair.ask(pair.first).headers["wardstead-receipt"]
    finally:
        stop.set()
        asking.join()
    assert set(statuses) == {200}
    within(pair.all_signed, "every entry has its place")
    for one in (pair.first, pair.second):
        assert one.json("ledger", "verify")["ok"] is True
        assert one.json("ledger", "checkpoint")["verifier_key"] == rotated["after"]
    pair.first.json("ledger", "export", "--output", str(tmp_path / "after.jsonl"))
    pair.first.json("ledger", "keys", "--output", str(tmp_path / "keys.json"))
    (tmp_path / "receipt.json").write_text(json.dumps(pair.second.json("ledger", "receipt", receipt)))
    old, new = (("--key", rotated[which]) for which in ("before", "after"))
    history = ("--keys", str(tmp_path / "keys.json"))
    files = {"before": (old, history, (*new, *history)), "after": (old, new, history)}
    for name, trusted in files.items():
        for known in trusted:
            assert auditor(tmp_path / f"{name}.jsonl", *known) == 0, (name, known)
    for known in (old, new, history):
        assert auditor(tmp_path / "receipt.json", *known) == 0
    assert auditor(tmp_path / "before.jsonl", *new) == 5, "it says nothing of a later key"
    assert before["entries"] > 0


def auditor(path: Path, *known: str) -> int:
    """What the single file says, with nothing of ours to import."""
    command = [sys.executable, "-I", verify.__file__, str(path), *known]
    return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode


def test_what_is_revoked_at_one_is_refused_by_the_other_at_once(pair: Pair) -> None:
    key = pair.first.json("key", "create", "--user", "alice")
    assert pair.ask(pair.second, key["key"]).status_code == 200
    pair.first.run("key", "revoke", key["id"], "--yes")
    assert pair.ask(pair.second, key["key"]).status_code == 401


def test_somebody_who_is_mentioned_at_one_is_found_and_erased_at_the_other(pair: Pair) -> None:
    address, order = "anna.example@example.org", ("--by", "admin", "--reason", "letter 4711")
    answered = pair.ask(pair.first, said=f"Who is {address}?")
    assert answered.status_code == 200, answered.text
    found = pair.second.json("user", "mentions", address, *order, "--exchanges")
    receipt = answered.headers["wardstead-receipt"]
    assert {one["exchange"] for one in found["mentions"]} == {receipt}
    said = pair.second.json("user", "erase-mentioned", address, *order, "--yes")
    assert said["mentioned"]["exchanges"] == 1
    assert pair.first.json("user", "mentions", address, *order)["exchanges"] == 0
    contents = pair.first.json("ledger", "verify", "--contents")
    assert (contents["ok"], contents["contents"]["erased"]) == (True, said["mentioned"]["entries_unreadable"])
    with psycopg.connect(pair.url) as connection:
        rows = connection.execute("SELECT (SELECT count(*) FROM mention), (SELECT count(*) FROM wardstead_keys.mention_key)")
        assert rows.fetchone() == (0, 0)


def test_without_its_database_nothing_passes_and_with_it_everything_goes_on(pair: Pair) -> None:
    before = pair.counts()[0]
    pair.server.stop()
    refused = pair.ask(pair.first)
    assert refused.status_code == 503, refused.text
    assert refused.json()["error"]["code"] == "ledger_unavailable"
    pair.server.start()
    within(lambda: pair.ask(pair.first).status_code == 200, "the first goes on")
    within(lambda: pair.ask(pair.second).status_code == 200, "the second goes on")
    within(pair.all_signed, "the record goes on")
    assert pair.counts()[0] >= before + 4
    assert pair.first.json("ledger", "verify")["ok"] is True


def test_another_root_key_takes_the_place_of_the_old_one_while_both_answer(pair: Pair) -> None:
    """Said at one of them, killed, said again; people come and are answered at either, before, meanwhile and after."""
    asked: list[tuple[str, int]] = []
    stop = threading.Event()

    def ask(which: Deployment) -> None:
        while not stop.wait(0.2):
            asked.append((which.directory.name, pair.ask(which).status_code))

    before = [(one.directory / "keys" / "root.key").read_text() for one in (pair.first, pair.second)]
    assert before[0] == before[1]
    threads = [threading.Thread(target=ask, args=(one,)) for one in (pair.first, pair.second)]
    for thread in threads:
        thread.start()
    try:
        killed = subprocess.Popen(
            [str(WARDSTEAD), "-C", str(pair.first.directory), "keys", "rotate", "--root", "--json"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        within((pair.first.directory / "keys" / "root.key.next").exists, "the new one is made")
        killed.kill()
        killed.wait()
        said = pair.first.json("keys", "rotate", "--root")
        new = pair.second.key("carol", "--role", "user")
        assert pair.ask(pair.first, new).status_code == pair.ask(pair.second, new).status_code == 200
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {place.rsplit("/", 1)[-1] for place in said["gateways"]} == {"one", "two"}
    assert said["left"] == []
    assert {name for name, _ in asked} == {"one", "two"}
    assert {status for _, status in asked} == {200}, asked
    after = [(one.directory / "keys" / "root.key").read_text() for one in (pair.first, pair.second)]
    assert after[0] == after[1] != before[0]
    for which in (pair.first, pair.second):
        assert which.json("keys", "status")["rotation"] is None
        assert which.json("ledger", "verify", "--contents")["ok"] is True
    which = pair.second
    which.down()
    which.up()
    assert pair.ask(which).status_code == 200, "it starts with the new one"
