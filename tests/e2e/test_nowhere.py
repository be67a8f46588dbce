"""A hundred planted strings, in all that people put in: no file holds one of them in any form, before and after an erasure."""

from __future__ import annotations

import json
import os
import resource
import signal
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import ahocorasick
import httpx
import openai
import pytest
from tests.e2e import echo as module
from tests.e2e.deployment import Deployment
from tests.e2e.echo import EVERYTHING, IBAN, Echo, ask, before, serving
from tests.e2e.faulty import Faulty, until

from wardstead.bootstrap.deployment import Deployment as Opened
from wardstead.bootstrap.forgetting.erasing import erase
from wardstead.bootstrap.ordering import Order

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
HOLD = "\n  - {type: iban, label: {level: restricted, compartments: [finance]}, prompt: hold, answer: hold}\n"
CLEARED = ("restricted", "personal", "finance")


def forms(planted: str) -> set[bytes]:
    """How it could stand in a file: as text, as wide characters, in hexadecimal digits, in base64 wherever it begins."""
    plain = planted.encode()
    shifted = {b64encode(bytes(at) + plain)[4:-4] for at in range(3)}
    return {plain, planted.encode("utf-16-le"), planted.encode("utf-16-be"), plain.hex().encode(), *shifted}


class Planted:
    """What was planted, by where."""

    def __init__(self) -> None:
        self.made: dict[str, list[str]] = {}

    def __call__(self, where: str) -> str:
        new = f"planted{uuid4().hex}"
        self.made.setdefault(where, []).append(new)
        return new

    @property
    def many(self) -> int:
        return sum(len(ones) for ones in self.made.values())


def found(planted: dict[str, list[str]], *places: Path) -> set[tuple[str, str]]:
    """Where something planted is: what it was, and in which file. All forms are looked for at once."""
    wanted = ahocorasick.Automaton()
    for where, ones in planted.items():
        for form in (form for one in ones for form in forms(one)):
            wanted.add_word(form.decode("latin-1"), where)
    wanted.make_automaton()
    seen = set()
    for path in (path for place in places for path in place.rglob("*") if path.is_file() and path.suffix != ".gguf"):
        seen |= {(where, path.name) for _, where in wanted.iter(path.read_bytes().decode("latin-1"))}
    return seen


def raw(secret: dict[str, list[str]], *places: Path) -> set[tuple[str, str]]:
    """The same for what is no text."""
    wanted = [(where, one.encode("latin-1")) for where, ones in secret.items() for one in ones]
    files = [path for place in places for path in place.rglob("*") if path.is_file() and path.suffix != ".gguf"]
    return {(where, path.name) for path in files for where, one in wanted if one in path.read_bytes()}


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where temporary files go, and core files would."""
    return tmp_path_factory.mktemp("away")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, away: Path, echo: Echo) -> Iterator[Deployment]:
    folder, policy = tmp_path_factory.mktemp("nowhere") / "deployment", f"version: 2\nextends: general\nrules:{HOLD}"
    made = before(echo, folder, {"cleared": EVERYTHING}, policy, logging={"level": "debug"})
    made.environment["TMPDIR"] = str(away)
    core, here = resource.getrlimit(resource.RLIMIT_CORE), Path.cwd()
    resource.setrlimit(resource.RLIMIT_CORE, (core[1], core[1]))
    os.chdir(away)
    try:
        with serving(made):
            yield made
    finally:
        os.chdir(here)
        resource.setrlimit(resource.RLIMIT_CORE, core)


def put_in(made: Deployment, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """Everywhere where people put something in. Acts of administration by this process: it is what a command does."""
    planted, opened = Planted(), Opened(made.directory)
    people, held = [planted("name") for _ in range(3)], ""
    for name in people:
        clearance = opened.levels.label(CLEARED[0], CLEARED[1:])
        who = opened.directory.create_principal(name, roles=("user", "reviewer"), clearance=clearance)
        key, password = opened.directory.create_api_key(name).key, planted("password")
        planted.made.setdefault("key", []).append(key)
        opened.passwords.set_password(name, password, must_change=False)
        with httpx.Client(verify=made.tls, timeout=60) as http:
            client = openai.OpenAI(base_url=f"{made.url}/v1", api_key=key, http_client=http, max_retries=0)
            for _ in range(3):
                monkeypatch.setattr(module, "TALE", planted("answer"))
                told = [{"role": role, "content": f"It is {planted(role)}."} for role in ("system", "user", "assistant", "user")]
                ask(client, told, "cleared", conversation=planted("conversation"))
            held = ask(client, f"Pay {planted('held')} to {IBAN}.", "cleared").headers["wardstead-receipt"]
            for _ in range(5):
                data = f"Chapter {planted('document')}".encode()
                client.files.create(file=(f"{planted('file name')}.txt", data), purpose="user_data")
        for act in (opened.erasures.hold, opened.erasures.release):
            act(who, Order("admin", planted("reason")).told(opened))
    made.run("review", "release", held, "--by", people[0], "--reason", planted("review"), "--yes")
    made.run("collection", "create", planted("collection"), "--by", people[0])
    opened.engine.dispose()
    return planted


def mentioned_by(made: Deployment, key: str, address: str) -> None:
    """Somebody who stays says something of somebody who is nobody here, and the answer repeats it."""
    with httpx.Client(verify=made.tls, timeout=60) as http:
        client = openai.OpenAI(base_url=f"{made.url}/v1", api_key=key, http_client=http, max_retries=0)
        for _ in range(2):
            ask(client, f"Write to {address} that it is over.", "cleared")


def tokens_of(made: Deployment, address: str) -> dict[str, list[str]]:
    """By what they are found, and what opens what was said of them; as hexadecimal digits, and as bytes that read like text."""
    opened = Opened(made.directory)
    keys, ring = opened.subject_keys, opened.ring
    rows = keys.mentions(list(ring.mentioned([("email", address)])))
    secret = [
        *(row.token for row in rows),
        *(row.wrapped for row in rows),
        *(row.id for row in rows),
        *ring.tokens([("email", address)]),
    ]
    opened.engine.dispose()
    keys.close()
    assert len(secret) == 4
    return {"token": [one.decode("latin-1") for one in secret]}


def test_a_hundred_planted_strings_are_nowhere(
    made: Deployment, away: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = put_in(made, monkeypatch)
    assert planted.many >= 100
    backups, opens = tmp_path / "backups", tmp_path / "backup.key"
    backups.mkdir()
    stays, address = made.key("stays", "--role", "user"), f"{planted('mentioned')}@example.org"
    mentioned_by(made, stays, address)
    asked = ("user", "mentions", "--by", "admin", "--reason", planted("reason of a search"))
    seen = made.json(*asked, address.upper())
    assert (seen["exchanges"], seen["entries"], seen["people"]) == (2, 4, 1)
    tokens = tokens_of(made, address)
    recipient = made.json("backup", "key", "--output", str(opens))["public_key"]
    made.run("backup", "create", "--output", str(backups), "--recipient", recipient)
    (worker, *_) = Faulty(made, 0).processes("worker")
    os.kill(worker, signal.SIGABRT)
    until("another worker serves", lambda: bool(Faulty(made, 0).processes("worker") - {worker}))
    assert not list(away.rglob("core*"))
    names = {"name": planted.made["name"]}
    contents = {where: ones for where, ones in planted.made.items() if where != "name"}
    assert found(names, made.directory), "the search finds what is there: who somebody is, is no secret while they are here"
    assert found(contents, made.directory, backups, away) == set()
    assert found(names, made.directory / "logs", backups, away) == set()
    opened = Opened(made.directory)
    for name in planted.made["name"]:
        erase(opened, name, Order("admin", planted("reason of an erasure")))
    opened.engine.dispose()
    assert found(planted.made, made.directory, backups, away) == set()
    assert raw(tokens, made.directory), "the search finds what is there"
    order = ("--by", "admin", "--reason", planted("reason of an erasure"))
    said = made.json("user", "erase-mentioned", address, *order, "--yes")
    assert said["mentioned"] == said["mentioned"] | {"keys": 1, "exchanges": 2, "entries_unreadable": 4}
    assert made.json(*asked, address)["exchanges"] == 0
    assert raw(tokens, made.directory, away) == set()
    assert found(planted.made, made.directory, backups, away) == set()
    mentioned_by(made, stays, address)
    assert made.json(*asked, address)["exchanges"] == 2, "what is said later is said anew"
    assert made.json("ledger", "verify", "--contents")["ok"] is True
    told = made.json("backup", "drill", str(backups), "--key", str(opens), "--by", "admin")
    assert len(told["erased_again"]) == len(planted.made["name"])
    assert found(planted.made, made.directory, backups, away) == set()
    assert json.loads((made.directory / "keys" / "ledger" / "backups.json").read_text())[0]["drilled_ms"]
