"""Stand-ins, marks, holds: a running deployment, the ``openai`` client, and a model server that repeats what it reads."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import openai
import pytest
from tests.e2e.deployment import Deployment
from tests.e2e.echo import ADDRESS, DEVICE, EVERYTHING, IBAN, TALE, Echo, ask, before, serving

pytestmark = pytest.mark.e2e

POLICY = """\
version: 2
extends: general
rules:
  - {type: email, label: {level: confidential, compartments: [personal]}, prompt: pseudonymise, answer: allow}
  - {type: iban, label: {level: restricted, compartments: [finance]}, prompt: hold, answer: hold}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, echo: Echo) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("flow") / "deployment"
    with serving(before(echo, folder, {"cleared": EVERYTHING, "public": None}, POLICY)) as made:
        yield made


@pytest.fixture(scope="module")
def client(made: Deployment) -> openai.OpenAI:
    key = made.key("alice", "--role", "user")
    http = httpx.Client(verify=made.tls, timeout=60)
    return openai.OpenAI(base_url=f"{made.url}/v1", api_key=key, http_client=http, max_retries=0)


def stand_in(echo: Echo) -> str:
    """What the model read in the place of the address, the last time."""
    text: str = echo.requests[-1]["messages"][0]["content"]
    return text.removeprefix("Write to ").removesuffix(", please.")


def test_the_model_reads_stand_ins_and_its_person_the_originals(client: openai.OpenAI, echo: Echo, made: Deployment) -> None:
    question = {"role": "user", "content": f"Write to {ADDRESS}, please."}
    streamed = client.chat.completions.create(model="public", messages=[question], stream=True)  # type: ignore[call-overload]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed if chunk.choices)
    assert text == f"You said: Write to {ADDRESS}, please. {TALE}"
    raw = ask(client, [question], "public")
    assert raw.parse().choices[0].message.content == text
    assert raw.headers["wardstead-decision"] == "allow; pseudonymised=1"
    assert raw.headers["wardstead-label"] == "public"
    assert not echo.read(ADDRESS)


def test_a_conversation_keeps_its_stand_ins_over_a_restart(client: openai.OpenAI, echo: Echo, made: Deployment) -> None:
    messages = [{"role": "user", "content": f"Write to {ADDRESS}, please."}]
    said = ask(client, messages, "public", "letters").parse().choices[0].message.content
    first = stand_in(echo)
    assert first.startswith("Email-")
    made.down()
    made.up()
    messages += [{"role": "assistant", "content": said}, {"role": "user", "content": f"Ask {first.lower()} for tea."}]
    again = ask(client, messages, "public", "letters").parse().choices[0].message.content
    assert stand_in(echo) == first
    assert again == f"You said: Ask {ADDRESS} for tea. {TALE}"
    assert not echo.read(ADDRESS)
    (known,) = (one for one in made.json("conversation", "list", "--user", "alice")["conversations"] if one["stand_ins"])
    assert known["label"] == {"level": "public", "compartments": []}


def test_a_mark_stays_until_it_is_declassified(client: openai.OpenAI, echo: Echo, made: Deployment) -> None:
    first = ask(client, f"My laptop is {DEVICE}.", "cleared", "calls")
    assert first.headers["wardstead-label"] == "confidential; personal"
    assert first.headers["wardstead-conversation"] == "calls"
    with pytest.raises(openai.PermissionDeniedError):
        ask(client, "hello", "public", "calls")
    assert ask(client, "hello", "public", "other").headers["wardstead-label"] == "public"
    made.down()
    made.up()
    with pytest.raises(openai.PermissionDeniedError):
        ask(client, "hello", "public", "calls")
    made.run("user", "add", "ada", "--role", "data-steward", "--json")
    (marked,) = (one for one in made.json("conversation", "list")["conversations"] if one["label"]["level"] != "public")
    refused = made.run(
        "conversation", "declassify", marked["id"], "--level", "public", "--reason", "mine", "--by", "alice", "--yes", check=False
    )
    assert refused.returncode == 2
    order = ["--level", "public", "--reason", "a public line", "--by", "ada", "--yes"]
    done = made.json("conversation", "declassify", marked["id"], *order)
    assert done["after"] == {"level": "public", "compartments": []}
    assert ask(client, "hello", "public", "calls").headers["wardstead-label"] == "public"


def test_an_answer_that_is_pasted_elsewhere_carries_its_label(client: openai.OpenAI, echo: Echo) -> None:
    asked = [{"role": "user", "content": f"My laptop is {DEVICE}."}, {"role": "user", "content": "Say something else."}]
    answer = ask(client, asked, "cleared").parse().choices[0].message.content
    assert DEVICE not in answer
    with pytest.raises(openai.PermissionDeniedError):
        ask(client, answer, "public")
    with pytest.raises(openai.PermissionDeniedError):
        ask(client, f"Shorten this:\n{answer}", "public")
    assert ask(client, answer, "cleared").headers["wardstead-label"] == "confidential; personal"


def test_what_is_held_waits_for_review(client: openai.OpenAI, echo: Echo, made: Deployment) -> None:
    raw = ask(client, f"Pay to {IBAN} now.", "cleared")
    assert raw.headers["wardstead-decision"] == "hold"
    choice = raw.parse().choices[0]
    assert choice.finish_reason == "content_filter"
    receipt = raw.headers["wardstead-receipt"]
    assert receipt in choice.message.content
    assert not echo.read(IBAN)
    assert [(one["id"], one["user"], one["held"]) for one in made.json("review", "list")["held"]] == [
        (receipt, "alice", "request")
    ]
    report = made.json("ledger", "verify", "--contents")
    assert report["ok"]
    # What is kept for the reviewer is sealed under the label of what was found in it.
    assert sum("finance" in name for name in report["contents"]["labels"]) == 1, report["contents"]["labels"]
