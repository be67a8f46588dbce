"""Documents that are kept here, through OpenAI's own client and the command line, with the real model."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from tests.adapters.documents import made
from tests.e2e.deployment import Deployment
from tests.e2e.test_sharing import Reader

pytestmark = pytest.mark.e2e
CARD = b"The card of the customer is 4111 1111 1111 1111."


class Person:
    """Somebody with a key."""

    def __init__(self, deployment: Deployment, name: str, *level: str) -> None:
        self.secret = deployment.json("user", "add", name, *level)["secret"]
        self.name, self.key = name, deployment.key(name)
        self.http = httpx.Client(verify=deployment.tls, timeout=120)
        self.openai = openai.OpenAI(base_url=f"{deployment.url}/v1", api_key=self.key, http_client=self.http, max_retries=0)

    def upload(self, name: str, data: bytes, **more: Any) -> Any:
        return self.openai.files.create(file=(name, data), purpose="user_data", **more)

    def ask(self, model: str, document: str) -> Any:
        part: Any = {"type": "file", "file": {"file_id": document}}
        content: Any = [{"type": "text", "text": "Sum it up."}, part]
        return self.openai.chat.completions.with_raw_response.create(
            model=model, messages=[{"role": "user", "content": content}], max_tokens=8
        )

    def sees(self) -> list[str]:
        return [one.id for one in self.openai.files.list()]


@pytest.fixture(scope="module")
def ann(deployment: Deployment) -> Iterator[Person]:
    person = Person(deployment, "ann-keeps", "--level", "restricted", "--compartment", "payment")
    yield person
    person.http.close()


@pytest.fixture(scope="module")
def bob(deployment: Deployment) -> Iterator[Person]:
    person = Person(deployment, "bob-reads")
    yield person
    person.http.close()


def eventually(what: Callable[[], bool]) -> None:
    """Every worker has the present snapshot within a second."""
    for _ in range(50):
        if what():
            return
        time.sleep(0.1)
    raise AssertionError("it did not become so")


def test_a_file_is_kept_listed_fetched_named_in_a_chat_and_deleted(deployment: Deployment, ann: Person) -> None:
    pdf = made.pdf(made.line("The launch is on Tuesday."))
    kept = ann.upload("plan.pdf", pdf)
    assert (kept.filename, kept.bytes, kept.purpose, kept.object) == ("plan.pdf", len(pdf), "user_data", "file")
    assert kept.model_extra["wardstead"]["label"] == "public"
    assert ann.openai.files.retrieve(kept.id).id == kept.id
    assert ann.openai.files.content(kept.id).read() == pdf
    assert kept.id in ann.sees()
    raw = ann.ask(deployment.model, kept.id)
    assert raw.headers["wardstead-decision"] == "allow"
    assert raw.parse().usage.prompt_tokens > 40
    block: Any = {"type": "document", "source": {"type": "file", "file_id": kept.id}}
    with anthropic.DefaultHttpxClient(verify=deployment.tls, timeout=120) as http:
        claude = anthropic.Anthropic(base_url=deployment.url, api_key=ann.key, http_client=http, max_retries=0)
        said = claude.messages.create(model=deployment.model, max_tokens=8, messages=[{"role": "user", "content": [block]}])
    assert said.usage.input_tokens > 30
    assert ann.openai.files.delete(kept.id).deleted
    with pytest.raises(openai.NotFoundError):
        ann.openai.files.retrieve(kept.id)
    with pytest.raises(openai.PermissionDeniedError):
        ann.ask(deployment.model, kept.id)


def test_each_of_the_models_refuses_alone_and_the_record_says_so(
    deployment: Deployment, ann: Person, bob: Person, tmp_path: Path
) -> None:
    plain, secret = ann.upload("plain.txt", b"nothing in particular").id, ann.upload("card.txt", CARD).id
    # DAC: it is nobody's but hers.
    for attempt in (bob.openai.files.retrieve, bob.openai.files.content, bob.openai.files.delete):
        with pytest.raises(openai.NotFoundError) as unknown:
            attempt(plain)
        with pytest.raises(openai.NotFoundError) as nothing:
            attempt("0" * 36)
        assert unknown.value.message == nothing.value.message
    with pytest.raises(openai.PermissionDeniedError):
        bob.ask(deployment.model, plain)
    share = deployment.json("share", "give", "--document", plain, "--with", bob.name, "--by", ann.name)["id"]
    eventually(lambda: bob.sees() == [plain])
    assert bob.ask(deployment.model, plain).headers["wardstead-decision"] == "allow"
    assert bob.openai.files.content(plain).read() == b"nothing in particular"
    with pytest.raises(openai.PermissionDeniedError):
        bob.openai.files.delete(plain)
    # MAC: no share lifts it, nor a collection.
    refused = deployment.run("share", "give", "--document", secret, "--with", bob.name, "--by", ann.name, check=False)
    assert "not cleared" in refused.stderr
    store = ann.openai.vector_stores.create(name="Everything", file_ids=[plain, secret])
    assert (store.name, store.file_counts.total) == ("Everything", 2)
    # RBAC: whoever has no role that may keep data keeps none.
    deployment.json("user", "set-roles", bob.name, "auditor")
    eventually(lambda: refuses(lambda: bob.upload("mine.txt", b"plain"), "keep documents"))
    deployment.json("user", "set-roles", bob.name, "user")
    # Taken back, it is gone.
    deployment.json("share", "take-back", share, "--by", ann.name)
    eventually(lambda: bob.sees() == [])
    with pytest.raises(openai.PermissionDeniedError):
        bob.ask(deployment.model, plain)
    exported = tmp_path / "ledger.json"
    deployment.run("ledger", "export", "--output", str(exported))
    assert b"4111 1111" not in exported.read_bytes()
    assert "4111" not in deployment.logs()
    assert b"4111 1111" not in b"".join(path.read_bytes() for path in (deployment.directory / "state").glob("wardstead.db*"))


def refuses(attempt: Callable[[], Any], why: str) -> bool:
    try:
        attempt()
    except openai.PermissionDeniedError as error:
        return why in error.message
    return False


def test_a_collection_lets_whoever_has_it_have_what_they_are_cleared_for(
    deployment: Deployment, ann: Person, bob: Person
) -> None:
    store = ann.openai.vector_stores.create(name="Plans")
    kept = ann.upload("in.txt", b"in the collection", extra_body={"collection": store.id})
    assert kept.model_extra["wardstead"]["collection"] == store.id
    deployment.json("share", "give", "--collection", store.id, "--with", bob.name, "--by", ann.name)
    secret = ann.upload("card.txt", CARD, extra_body={"collection": store.id}).id
    eventually(lambda: bob.sees() == [kept.id])
    assert [one.id for one in bob.openai.vector_stores.list()] == [store.id]
    assert [one.id for one in bob.openai.vector_stores.files.list(store.id)] == [kept.id]
    assert bob.openai.vector_stores.retrieve(store.id).file_counts.total == 1
    assert ann.openai.vector_stores.retrieve(store.id).file_counts.total == 2
    with pytest.raises(openai.PermissionDeniedError, match="above your clearance"):
        bob.openai.files.content(secret)
    with pytest.raises(openai.PermissionDeniedError, match="above your clearance"):
        bob.ask(deployment.model, secret)
    ann.openai.vector_stores.files.delete(kept.id, vector_store_id=store.id)
    eventually(lambda: bob.sees() == [])
    assert ann.openai.files.retrieve(kept.id).id == kept.id
    attached = ann.openai.vector_stores.files.create(store.id, file_id=kept.id)
    assert (attached.status, attached.vector_store_id) == ("completed", store.id)
    ann.openai.vector_stores.delete(store.id)
    eventually(lambda: bob.sees() == [])
    assert ann.openai.files.retrieve(kept.id).id == kept.id


def test_pages_and_bad_requests(deployment: Deployment, ann: Person) -> None:
    ids = [ann.upload(f"{number}.txt", b"plain").id for number in range(5)]
    first = ann.openai.files.list(limit=2)
    assert [one.id for one in first.data] == ids[:2:-1]
    assert [one.id for one in first][:5] == ids[::-1]  # the client follows the pages
    assert [one.id for one in ann.openai.files.list(limit=1, order="asc").data] != ids[-1:]
    call: Any = ann.http
    headers = {"authorization": f"Bearer {ann.key}"}
    base = f"{deployment.url}/v1"
    for method, path, status in [
        ("PUT", "/files", 405), ("POST", f"/files/{ids[0]}", 405), ("GET", "/files/a/b", 404), ("GET", "/vector_stores/a/b", 404),
        ("GET", "/files?limit=0", 400), ("GET", "/files?surprise=1", 400), ("POST", "/files", 400),
        ("POST", "/vector_stores", 400),
        ("GET", "/files/" + "x" * 500, 404), ("DELETE", "/vector_stores/none", 404),
    ]:  # fmt: skip
        answered = call.request(method, base + path, headers=headers)
        assert (answered.status_code, path) == (status, path), answered.text
        assert answered.json()["error"]["message"]
    assert call.get(f"{base}/files").status_code == 401
    with pytest.raises(openai.APIStatusError) as large:
        ann.upload("large.txt", b"x" * (18 << 20))
    assert large.value.status_code == 413
    with pytest.raises(openai.APIStatusError) as unreadable:
        ann.upload("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert (unreadable.value.status_code, unreadable.value.code) == (415, "unsupported_document")
    with pytest.raises(openai.BadRequestError):
        ann.upload("a.txt", b"plain", extra_body={"label": "cosmic"})
    assert ann.upload("a.txt", b"plain", extra_body={"label": "internal"}).model_extra["wardstead"]["label"] == "internal"


def test_the_command_line_does_the_same(deployment: Deployment, ann: Person, tmp_path: Path) -> None:
    file = tmp_path / "card.txt"
    file.write_bytes(CARD)
    made_ = deployment.json("collection", "create", "From the command line", "--by", ann.name)
    kept = deployment.json("document", "add", str(file), "--collection", made_["id"], "--by", ann.name)
    assert kept["label"] == {"level": "restricted", "compartments": ["payment"]}
    listed = deployment.json("document", "list", "--collection", made_["id"], "--by", ann.name)["documents"]
    assert [one["id"] for one in listed] == [kept["id"]]
    assert deployment.json("document", "show", kept["id"], "--by", ann.name)["text"] == CARD.decode()
    deployment.json("document", "save", kept["id"], str(tmp_path / "out.txt"), "--by", ann.name)
    assert (tmp_path / "out.txt").read_bytes() == CARD
    again = deployment.run("document", "save", kept["id"], str(tmp_path / "out.txt"), "--by", ann.name, "--json", check=False)
    assert (again.returncode, json.loads(again.stdout)["error"]["code"]) == (2, "file_in_the_way")
    told = deployment.run("document", "show", kept["id"], "--by", "admin", "--json", check=False)
    assert (told.returncode, json.loads(told.stdout)["error"]["code"]) == (2, "not_found")
    deployment.json("document", "move", kept["id"], "--by", ann.name)
    assert deployment.json("document", "list", "--collection", made_["id"], "--by", ann.name)["documents"] == []
    assert deployment.json("document", "delete", kept["id"], "--by", ann.name, "--yes")["deleted"]
    assert deployment.json("collection", "delete", made_["id"], "--by", ann.name, "--yes")["deleted"]


def token(page: str) -> str:
    return re.findall(r'name="csrf" value="([^"]+)"', page)[0]


def test_the_console_keeps_shares_and_takes_back(deployment: Deployment) -> None:
    dora, emil = Reader(deployment, "dora-keeps"), Reader(deployment, "emil-reads", "internal")
    csrf = token(dora.http.get("/console/documents").text)
    made = dora.http.post("/console/documents/add", data={"csrf": csrf}, files={"file": ("notes.txt", b"the notes <b>here</b>")})
    assert made.status_code == 303, made.text
    item = made.headers["location"].rpartition("/")[2]
    assert "the notes &lt;b&gt;here&lt;/b&gt;" in dora.http.get(f"/console/documents/{item}").text
    assert emil.http.get(f"/console/documents/{item}").status_code == 404
    assert emil.http.get(f"/console/sharing/document/{item}").status_code == 404
    found = dora.http.get(f"/console/sharing/document/{item}?find=emil").text
    assert 'value="person emil-reads"' in found
    form = {"csrf": csrf, "to": "person emil-reads", "read": "yes", "depth": "0", "until": "8h"}
    assert dora.http.post(f"/console/sharing/document/{item}/give", data=form).status_code == 303
    assert "emil-reads" in dora.http.get(f"/console/sharing/document/{item}").text
    eventually(lambda: emil.http.get(f"/console/documents/{item}").status_code == 200)
    assert emil.http.get(f"/console/documents/{item}/content").content == b"the notes <b>here</b>"
    assert emil.http.get(f"/console/sharing/document/{item}").status_code == 404  # reading it is not seeing who else does
    # MAC: what is above somebody is not shared with them, and the form says why.
    secret = dora.http.post(
        "/console/documents/add", data={"csrf": csrf, "label": "confidential"}, files={"file": ("secret.txt", b"plans")}
    ).headers["location"].rpartition("/")[2]  # fmt: skip
    refused = dora.http.post(f"/console/sharing/document/{secret}/give", data=form)
    assert (refused.status_code, "not cleared" in refused.text) == (403, True)
    share = re.findall(r'name="share" value="([^"]+)"', dora.http.get(f"/console/sharing/document/{item}").text)[0]
    ended = dora.http.post(f"/console/sharing/document/{item}/take-back", data={"csrf": csrf, "share": share})
    assert ended.status_code == 303
    eventually(lambda: emil.http.get(f"/console/documents/{item}").status_code == 404)
    # A conversation, by the same page.
    said = dora.client().chat.completions.with_raw_response.create(
        model=deployment.model, messages=[{"role": "user", "content": "Say hello."}], max_tokens=4,
        extra_headers={"wardstead-conversation": "small talk"},
    )  # fmt: skip
    receipt = said.headers["wardstead-receipt"]
    page = dora.http.get(f"/console/exchanges/{receipt}").text
    where = re.findall(r'href="(/console/sharing/conversation/[0-9a-f]{32})"', page)[0]
    assert dora.http.post(f"{where}/give", data=form).status_code == 303
    eventually(lambda: emil.receipt(receipt) == 200)


def test_a_template_is_made_shared_and_used_with_each_client(
    deployment: Deployment, ann: Person, bob: Person, tmp_path: Path
) -> None:
    def ask(person: Person, template: str, **values: str) -> Any:
        part: Any = {"type": "template", "template_id": template, "variables": values}
        messages: Any = [{"role": "system", "content": [part]}, {"role": "user", "content": "Go on."}]
        return person.openai.chat.completions.with_raw_response.create(model=deployment.model, messages=messages, max_tokens=8)

    there = f"{deployment.url}/v1/templates"
    headers = {"authorization": f"Bearer {ann.key}"}
    made = ann.http.post(there, headers=headers, json={"name": "reply", "text": "Answer {{customer}} in one word."}).json()
    assert (made["name"], made["variables"], made["wardstead"]["label"]) == ("reply", ["customer"], "public")
    assert ask(ann, made["id"], customer="Ms Ames").headers["wardstead-decision"] == "allow"
    with pytest.raises(openai.BadRequestError, match="customer"):
        ask(ann, made["id"])
    part: Any = {"type": "template", "template_id": made["id"], "variables": {"customer": "Ms Ames"}}
    with anthropic.DefaultHttpxClient(verify=deployment.tls, timeout=120) as http:
        claude = anthropic.Anthropic(base_url=deployment.url, api_key=ann.key, http_client=http, max_retries=0)
        messages: Any = [{"role": "user", "content": "Go on."}]
        assert claude.messages.create(model=deployment.model, max_tokens=8, system=[part], messages=messages).usage.input_tokens
    # Nobody else has it, until it is shared; and then to use, not to read.
    with pytest.raises(openai.PermissionDeniedError):
        ask(bob, made["id"], customer="x")
    give = ("share", "give", "--template", made["id"], "--by", ann.name, "--with", bob.name)
    share = deployment.json(*give, "--right", "use")["id"]
    eventually(lambda: not refuses(lambda: ask(bob, made["id"], customer="x"), ""))
    assert bob.http.get(f"{there}/{made['id']}", headers={"authorization": f"Bearer {bob.key}"}).status_code == 403
    deployment.json("share", "take-back", share, "--by", ann.name)
    eventually(lambda: refuses(lambda: ask(bob, made["id"], customer="x"), ""))
    # What fills it is inspected with it: a card is taken out before the model reads it.
    spoken = ask(ann, made["id"], customer="4111 1111 1111 1111").headers
    assert "redacted=1" in spoken["wardstead-decision"]
    # The command line makes one in somebody's name; its label keeps it from whoever is not cleared.
    file = tmp_path / "secret.txt"
    file.write_bytes(CARD)
    secret = deployment.json("template", "create", "secret", str(file), "--by", ann.name)
    assert secret["label"]["level"] == "restricted"
    assert deployment.json("template", "show", secret["id"], "--by", ann.name)["text"] == CARD.decode()
    refused = deployment.run("share", "give", "--template", secret["id"], "--with", bob.name, "--by", ann.name, check=False)
    assert "not cleared" in refused.stderr
    listed = ann.http.get(there, headers=headers).json()["data"]
    assert [one["id"] for one in listed] == [secret["id"], made["id"]]
    assert ann.http.delete(f"{there}/{made['id']}", headers=headers).json()["deleted"]
    deployment.json("template", "delete", secret["id"], "--by", ann.name, "--yes")
    assert deployment.json("template", "list", "--by", ann.name)["templates"] == []
