"""What a person shares with another: read in the console and by receipt, within a clearance, until it is taken back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from tests.e2e.deployment import Deployment
from tests.e2e.echo import ADDRESS, Echo, ask, before, serving

pytestmark = pytest.mark.e2e
PASSWORD = "three unrelated words"
POLICY = """\
version: 2
extends: general
rules:
  - {type: email, label: {level: confidential, compartments: [personal]}, prompt: allow, answer: allow}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, echo: Echo) -> Iterator[Deployment]:
    models = {"cleared": {"level": "confidential", "compartments": ["personal"]}}
    with serving(before(echo, tmp_path_factory.mktemp("sharing") / "deployment", models, POLICY)) as made:
        yield made


class Reader:
    """Somebody with a key and a session in the console."""

    def __init__(self, made: Deployment, name: str, level: str = "confidential") -> None:
        secret = made.json("user", "add", name, "--level", level)["secret"]
        self.made, self.name, self.key = made, name, made.key(name)
        self.http = httpx.Client(base_url=made.url, verify=made.tls, timeout=60, headers={"origin": made.url})
        form = self.http.get("/console/password").text
        token = re.findall(r'name="csrf" value="([^"]+)"', form)[0]
        sent = {"name": name, "password": secret, "new": PASSWORD, "again": PASSWORD, "csrf": token}
        changed = self.http.post("/console/password", data=sent)
        assert changed.status_code == 303, changed.text

    def client(self) -> openai.OpenAI:
        http = httpx.Client(verify=self.made.tls, timeout=60)
        return openai.OpenAI(base_url=f"{self.made.url}/v1", api_key=self.key, http_client=http, max_retries=0)

    def says(self, text: str, conversation: str) -> str:
        """The receipt of what they asked."""
        raw: Any = ask(self.client(), text, "cleared", conversation)
        return str(raw.headers["wardstead-receipt"])

    def receipt(self, exchange: str) -> int:
        bearer = {"authorization": f"Bearer {self.key}"}
        return httpx.get(f"{self.made.url}/ledger/receipt/{exchange}", verify=self.made.tls, headers=bearer).status_code

    def reads(self, exchange: str, words: str) -> bool:
        """Whether the console shows them what was said there."""
        return words in self.http.get(f"/console/exchanges/{exchange}").text

    def lists(self, exchange: str) -> bool:
        return exchange in self.http.get("/console/exchanges").text


def until(true: Callable[[], bool]) -> float:
    """Seconds until it is so: a worker's snapshot is as old as that."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < 10
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.quiet
def test_a_conversation_is_shared_read_handed_on_and_taken_back(made: Deployment) -> None:
    ann, bob, cem = (Reader(made, name) for name in ("ann", "bob", "cem"))
    first = ann.says("The meeting is at noon.", "plans")
    assert (bob.receipt(first), bob.reads(first, "at noon"), bob.lists(first)) == (404, False, False)
    given = made.json(
        "share", "give", "--conversation", "plans", "--by", "ann", "--with", "bob",
        "--right", "read", "--right", "share", "--depth", "1",
    )  # fmt: skip
    until(lambda: bob.receipt(first) == 200)
    assert bob.reads(first, "at noon")
    assert bob.lists(first)
    later = ann.says("It is at one, in fact.", "plans")
    other = ann.says("This is not for everybody.", "mine alone")
    assert bob.reads(later, "at one, in fact")
    assert (bob.receipt(other), bob.reads(other, "for everybody"), bob.lists(other)) == (404, False, False)

    made.json("share", "give", "--exchange", first, "--by", "bob", "--with", "cem", check=False)
    assert cem.receipt(first) == 404
    conversation = given["resource"][1]
    made.json("share", "give", "--conversation", conversation, "--by", "bob", "--with", "cem")
    until(lambda: cem.receipt(first) == 200)
    refused = made.json("share", "give", "--conversation", conversation, "--by", "cem", "--with", "admin", check=False)
    assert refused["error"]["code"] == "access_denied"

    assert made.json("share", "take-back", given["id"], "--by", "ann")["ended"] == 2
    assert until(lambda: bob.receipt(first) == 404) < 2
    for reader in (bob, cem):
        assert (reader.receipt(first), reader.reads(first, "at noon"), reader.lists(first)) == (404, False, False)
    assert ann.reads(first, "at noon")
    auditor = auditor_of(made)
    until(lambda: acts(auditor) == {"shared something", "took back a share", "read what somebody else said"})


def test_no_share_gives_what_the_reader_is_not_cleared_for(made: Deployment) -> None:
    dee, low = Reader(made, "dee"), Reader(made, "low", "internal")
    plain = dee.says("A word about the weather, nothing else at all.", "notes")
    given = made.json("share", "give", "--conversation", "notes", "--by", "dee", "--with", "low")
    until(lambda: low.reads(plain, "the weather"))
    marked = dee.says(f"Her address is {ADDRESS}, please remember it.", "notes")
    assert low.receipt(marked) == 200
    assert not low.reads(marked, ADDRESS)
    assert "You see that this took place, not what was said" in low.http.get(f"/console/exchanges/{marked}").text
    again = made.json("share", "give", "--conversation", "notes", "--by", "dee", "--with", "low", check=False)
    assert "not cleared" in again["error"]["why"]
    assert made.json("share", "list", "--with", "low")["shares"][0]["id"] == given["id"]


def test_a_group_reads_what_is_shared_with_it_while_somebody_is_in_it(made: Deployment) -> None:
    eve, fay = Reader(made, "eve"), Reader(made, "fay")
    said = eve.says("The budget is settled, at last.", "money")
    made.run("group", "create", "finance")
    made.run("group", "add", "finance", "fay")
    made.run("share", "give", "--exchange", said, "--by", "eve", "--with-group", "finance")
    until(lambda: fay.reads(said, "budget is settled"))
    made.run("group", "take", "finance", "fay")
    until(lambda: not fay.reads(said, "budget is settled"))


def auditor_of(made: Deployment) -> Reader:
    """Somebody who reads the record of administration."""
    auditor = Reader(made, "aud")
    made.run("user", "set-roles", "aud", "auditor")
    return auditor


def acts(auditor: Reader) -> set[str]:
    """What the record of administration says was done, as an auditor reads it."""
    page = auditor.http.get("/console/exchanges").text
    return set(re.findall(r"shared something|took back a share|read what somebody else said", page))
