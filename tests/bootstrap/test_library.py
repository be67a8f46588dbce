"""Collections and documents: who may have them, what is stored, what a list shows, and what the record says."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import text, update
from tests.bootstrap.worlds import inspector

from wardstead.access.ports import GranteeKind, ResourceRef, Right
from wardstead.adapters.store.tables.resources import resource, resource_part
from wardstead.adapters.store.transactions import write_transaction
from wardstead.assurance.library.kept import Kept, Kind, MayNotHandle, NoSuchItem, TooMuchKept
from wardstead.bootstrap.acting import Acting, at_the_command_line
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.kept import sharing
from wardstead.bootstrap.kept.library import Library, library_of_command_line
from wardstead.bootstrap.kept.shelf import NamedDocuments
from wardstead.bootstrap.policy.policies import activate
from wardstead.bootstrap.policy.sinks import sink
from wardstead.inspection.extraction import UnsupportedDocument
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError
from wardstead.kernel.labels import PUBLIC

CARD = b"The card of the customer is 4111 1111 1111 1111."


@dataclass
class Bench:
    """A deployment with three people, and its library as it is at the moment."""

    deployment: Deployment

    def __post_init__(self) -> None:
        levels, people = self.deployment.levels, self.deployment.directory
        everything = levels.label("restricted", self.deployment.compartments())
        cleared = {"ann": everything, "bob": everything, "low": PUBLIC}
        self.people = {name: people.create_principal(name, roles=["user"], clearance=cleared[name]) for name in cleared}
        self.inspector = inspector()

    @property
    def library(self) -> Library:
        return replace(library_of_command_line(self.deployment), inspector=lambda: self.inspector)

    def by(self, name: str) -> Acting:
        return at_the_command_line(self.deployment.directory.find(name))

    def share(self, kept: Kept, to: str, *rights: Right, by: str = "ann") -> str:
        granter, grantee = self.deployment.directory.find(by), self.people[to]
        made = self.deployment.entitlements.give(
            granter, kept.resource, (GranteeKind.PRINCIPAL, grantee.id), frozenset(rights), depth=0, expires_ms=None
        )
        return made.id

    def names(self, who: str, kind: Kind = Kind.DOCUMENT, **more: Any) -> list[str]:
        return [one.about.name for one in self.library.items(self.by(who), kind, **more)]

    def acts(self, action: str) -> list[dict[str, Any]]:
        found = []
        for one in self.deployment.ledger.recent(200):
            opened = self.deployment.ledger.open_exchange(one.id, self.deployment.ring)
            content = opened["entries"][0]["content"] if opened else None
            if content and content.get("action") == action:
                found.append(content["details"])
        return found


@pytest.fixture
def bench(deployment: Deployment) -> Bench:
    return Bench(deployment)


def test_a_document_is_labelled_by_what_is_in_it_and_kept_sealed(bench: Bench) -> None:
    added = bench.library.upload(bench.by("ann"), "customer.txt", CARD)
    assert (added.about.name, added.about.form, added.about.size_bytes) == ("customer.txt", "text", len(CARD))
    assert added.kept.label == bench.deployment.levels.label("restricted", {"payment"})
    item, data = bench.library.content(bench.by("ann"), added.kept.id)
    assert (item, data) == (added, CARD)
    assert bench.library.text(bench.by("ann"), added.kept.id)[1].visible() == CARD.decode()
    with bench.deployment.engine.connect() as connection:
        stored = [bytes(row.sealed) for row in connection.execute(text("SELECT sealed FROM resource_part"))]
    assert len(stored) == 3
    assert not any(b"customer" in one or b"4111 1111" in one for one in stored)
    (act,) = bench.acts("document.add")
    assert (act["id"], act["label"], act["ordered_by"]) == (added.kept.id, "restricted; payment", "ann")
    assert "customer.txt" not in json.dumps(act)


def test_a_label_can_be_raised_by_whoever_adds_it_and_not_lowered(bench: Bench) -> None:
    internal = bench.deployment.levels.label("internal", {"health"})
    assert bench.library.upload(bench.by("ann"), "a.txt", b"plain", label=internal).kept.label == internal
    both = bench.library.upload(bench.by("ann"), "b.txt", CARD, label=internal).kept.label
    assert both == bench.deployment.levels.label("restricted", {"health", "payment"})


def test_what_is_known_again_carries_its_label_into_what_is_kept(bench: Bench) -> None:
    secret = bench.deployment.levels.label("restricted", {"finance"})
    line = "The board will announce the merger with the other company on the ninth of May, at noon."
    bench.library.upload(bench.by("ann"), "plan.txt", f"{line * 4}\n{line}".encode(), label=secret)
    again = bench.library.upload(bench.by("ann"), "copy.txt", f"Harmless.\n{line}\nMore.".encode())
    template = bench.library.create_template(bench.by("ann"), "copy", f"Sum up for {{{{whom}}}}:\n{line}")
    assert (again.kept.label, template.kept.label) == (secret, secret)
    # The same short words may be somebody else's by chance; long ones are not.
    assert bench.library.create_template(bench.by("low"), "own", line).kept.label == PUBLIC
    with pytest.raises(MayNotHandle) as refused:
        bench.library.create_template(bench.by("low"), "hers", line * 4)
    assert "finance" not in str(refused.value.diagnostics())


def test_a_collection_is_labelled_by_its_name(bench: Bench) -> None:
    made = bench.library.create_collection(bench.by("ann"), CARD.decode())
    assert made.kept.label == bench.deployment.levels.label("restricted", {"payment"})
    with pytest.raises(MayNotHandle):
        bench.library.create_collection(bench.by("low"), CARD.decode())


def test_what_others_keep_is_as_if_it_were_not_there(bench: Bench) -> None:
    added = bench.library.upload(bench.by("ann"), "a.txt", b"plain")
    attempts = [
        partial(bench.library.item, bench.by("bob"), Kind.DOCUMENT),
        partial(bench.library.content, bench.by("bob")),
        partial(bench.library.text, bench.by("bob")),
        partial(bench.library.delete, bench.by("bob"), Kind.DOCUMENT),
    ]
    for attempt in attempts:
        said = set()
        for known in (added.kept.id, "0" * 36, "../etc", ""):
            with pytest.raises(NoSuchItem) as refused:
                attempt(known)
            said.add(str(refused.value))
        assert len(said) == 1
    assert bench.names("bob") == []
    assert bench.names("ann") == ["a.txt"]


def test_owners_share_documents_and_what_they_take_back_is_gone_at_once(bench: Bench) -> None:
    added = bench.library.upload(bench.by("ann"), "a.txt", b"plain").kept
    share = bench.share(added, "bob", Right.READ)
    assert bench.names("bob") == ["a.txt"]
    assert bench.library.content(bench.by("bob"), added.id)[1] == b"plain"
    assert [one["id"] for one in bench.acts("document.read")] == [added.id]
    with pytest.raises(MayNotHandle):
        bench.library.delete(bench.by("bob"), Kind.DOCUMENT, added.id)
    assert bench.acts("data.refused")[0]["action"] == "changeData"
    bench.deployment.entitlements.take_back(share)
    assert bench.names("bob") == []
    with pytest.raises(NoSuchItem):
        bench.library.content(bench.by("bob"), added.id)


def test_whoever_may_use_it_and_not_read_it_does_not_read_it(bench: Bench) -> None:
    added = bench.library.upload(bench.by("ann"), "a.txt", b"plain").kept
    bench.share(added, "bob", Right.USE)
    with pytest.raises(MayNotHandle):
        bench.library.content(bench.by("bob"), added.id)
    assert bench.library.kept(bench.by("bob"), Kind.DOCUMENT, added.id, "useData") == added


def test_nobody_reads_up_whatever_was_shared_and_is_not_told_the_label(bench: Bench) -> None:
    added = bench.library.upload(bench.by("ann"), "a.txt", CARD).kept
    bench.share(added, "low", Right.READ)
    assert bench.names("low") == []
    with pytest.raises(MayNotHandle) as refused:
        bench.library.content(bench.by("low"), added.id)
    assert "above your clearance" in refused.value.why
    assert "restricted" not in str(refused.value) + refused.value.why
    (act,) = bench.acts("data.refused")
    assert act["policies"] == "nobody-handles-data-above-them"


def test_nobody_keeps_what_is_above_them(bench: Bench) -> None:
    with pytest.raises(MayNotHandle, match="low may not"):
        bench.library.upload(bench.by("low"), "a.txt", CARD)
    assert bench.names("low") == []
    with bench.deployment.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM resource")).scalar_one() == 0


def test_whoever_has_a_collection_has_what_is_in_it(bench: Bench) -> None:
    made = bench.library.create_collection(bench.by("ann"), "Plans").kept
    inside = bench.library.upload(bench.by("ann"), "in.txt", b"plain", collection=made.id).kept
    secret = bench.library.upload(bench.by("ann"), "card.txt", CARD, collection=made.id).kept
    outside = bench.library.upload(bench.by("ann"), "out.txt", b"plain").kept
    bench.share(made, "low", Right.READ)
    assert bench.names("low", Kind.COLLECTION) == ["Plans"]
    assert bench.names("low") == ["in.txt"]  # by the collection; the label keeps the other
    assert bench.names("low", collection=made.id) == ["in.txt"]
    assert bench.library.content(bench.by("low"), inside.id)[1] == b"plain"
    with pytest.raises(MayNotHandle):
        bench.library.content(bench.by("low"), secret.id)
    bench.library.move(bench.by("ann"), outside.id, made.id)
    assert bench.names("low") == ["out.txt", "in.txt"]
    bench.library.move(bench.by("ann"), inside.id, "")
    assert bench.names("low") == ["out.txt"]
    with pytest.raises(MayNotHandle):
        bench.library.upload(bench.by("low"), "theirs.txt", b"plain", collection=made.id)


def test_others_add_to_a_collection_that_they_administer_and_its_owner_has_it(bench: Bench) -> None:
    made = bench.library.create_collection(bench.by("ann"), "Plans").kept
    bench.share(made, "bob", Right.READ, Right.ADMIN)
    added = bench.library.upload(bench.by("bob"), "b.txt", b"plain", collection=made.id)
    assert added.person == "bob"
    assert bench.library.content(bench.by("ann"), added.kept.id)[1] == b"plain"


def test_a_collection_s_end_leaves_its_documents_and_ends_what_was_shared(bench: Bench) -> None:
    made = bench.library.create_collection(bench.by("ann"), "Plans").kept
    bench.library.upload(bench.by("ann"), "in.txt", b"plain", collection=made.id)
    bench.share(made, "bob", Right.READ)
    version = bench.deployment.directory.version()
    bench.library.delete(bench.by("ann"), Kind.COLLECTION, made.id)
    assert bench.deployment.directory.version() == version + 1
    assert bench.names("ann") == ["in.txt"]
    assert bench.names("bob") == []
    assert bench.deployment.directory.load().shares == {}


def test_pages_follow_one_another(bench: Bench) -> None:
    for number in range(7):
        bench.library.upload(bench.by("ann"), f"{number}.txt", b"plain")
    seen, after = [], ""
    while page := bench.library.items(bench.by("ann"), Kind.DOCUMENT, limit=3, after=after):
        seen += [one.about.name for one in page]
        after = page[-1].kept.id
    assert seen == [f"{number}.txt" for number in reversed(range(7))]
    oldest = bench.library.items(bench.by("ann"), Kind.DOCUMENT, limit=3, oldest_first=True)
    assert [one.about.name for one in oldest] == ["0.txt", "1.txt", "2.txt"]


def test_one_person_keeps_no_more_than_the_operator_lets_them(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = bench.deployment.settings
    few = msgspec.structs.replace(settings.documents, kept_bytes=1500)
    monkeypatch.setattr(bench.deployment, "settings", msgspec.structs.replace(settings, documents=few))
    bench.library.upload(bench.by("ann"), "a.txt", b"x" * 500)
    with pytest.raises(TooMuchKept):
        bench.library.upload(bench.by("ann"), "b.txt", b"x" * 500)
    bench.library.upload(bench.by("bob"), "b.txt", b"x" * 500)


@pytest.mark.parametrize(
    "change",
    [{"level": "public", "compartments": ""}, {"level": "internal"}, {"owner": "bob"}, {"type": "Template"}],
    ids="-".join,
)
def test_neither_label_nor_owner_nor_kind_can_be_swapped_in_the_database(bench: Bench, change: dict[str, str]) -> None:
    added = bench.library.upload(bench.by("ann"), "a.txt", CARD).kept
    if "owner" in change:
        change = {"owner": bench.people["bob"].id}
    with write_transaction(bench.deployment.engine, bench.deployment.turn) as connection:
        connection.execute(update(resource).where(resource.c.id == added.id).values(change))
    kind = Kind(change.get("type", "Document"))
    who = "bob" if "owner" in change else "ann"
    with pytest.raises(IntegrityError):
        bench.library.item(bench.by(who), kind, added.id)


def test_parts_cannot_be_moved_to_another_document(bench: Bench) -> None:
    one = bench.library.upload(bench.by("ann"), "a.txt", b"one").kept
    other = bench.library.upload(bench.by("ann"), "b.txt", b"two").kept
    with write_transaction(bench.deployment.engine, bench.deployment.turn) as connection:
        row = (resource_part.c.resource == one.id) & (resource_part.c.part == "data")
        sealed = connection.execute(resource_part.select().where(row)).one().sealed
        other_row = (resource_part.c.resource == other.id) & (resource_part.c.part == "data")
        connection.execute(update(resource_part).where(other_row).values(sealed=sealed))
    with pytest.raises(IntegrityError):
        bench.library.content(bench.by("ann"), other.id)


def test_what_cannot_be_read_is_not_kept(bench: Bench) -> None:
    with pytest.raises(UnsupportedDocument):
        bench.library.upload(bench.by("ann"), "a.png", b"\x89PNG\r\n\x1a\n" + bytes(20))
    with pytest.raises(CallerError, match="no name"):
        bench.library.create_collection(bench.by("ann"), "  ")
    assert bench.names("ann") == []


def test_every_list_is_what_deciding_one_by_one_gives(bench: Bench) -> None:
    """With shares of documents and of collections, by and to several, and labels."""
    made = [bench.library.create_collection(bench.by(who), f"of {who}").kept for who in ("ann", "bob")]
    every: list[Kept] = []
    for who, data, into in itertools.product(("ann", "bob"), (b"plain", CARD), (None, *made)):
        collection = into.id if into is not None and into.owner == bench.people[who].id else ""
        every.append(bench.library.upload(bench.by(who), "d.txt", data, collection=collection).kept)
    bench.share(made[0], "low", Right.READ)
    bench.share(made[1], "ann", Right.USE, by="bob")
    bench.share(every[0], "bob", Right.READ)
    bench.share(every[-1], "ann", Right.READ, by="bob")
    for who in bench.people:
        library, by = bench.library, bench.by(who)
        one_by_one = set()
        for kept in every:
            try:
                one_by_one.add(library.item(by, Kind.DOCUMENT, kept.id).kept.id)
            except (NoSuchItem, MayNotHandle):
                continue
        assert {one.kept.id for one in library.items(by, Kind.DOCUMENT)} == one_by_one


# -- templates -----------------------------------------------------------------------------------------------------------


def test_a_template_is_labelled_kept_sealed_listed_shared_and_deleted(bench: Bench) -> None:
    by = bench.by("ann")
    made = bench.library.create_template(by, "reply", f"Answer {{{{customer}}}}: {CARD.decode()}")
    assert made.kept.label == bench.deployment.levels.label("restricted", {"payment"})
    assert bench.library.text(by, made.kept.id, Kind.TEMPLATE)[1].visible() == f"Answer {{{{customer}}}}: {CARD.decode()}"
    with bench.deployment.engine.connect() as connection:
        stored = [bytes(row.sealed) for row in connection.execute(text("SELECT sealed FROM resource_part"))]
    assert len(stored) == 2
    assert not any(b"reply" in one or b"4111 1111" in one for one in stored)
    assert (bench.names("ann", Kind.TEMPLATE), bench.names("bob", Kind.TEMPLATE)) == (["reply"], [])
    share = bench.share(made.kept, "bob", Right.READ)
    assert bench.names("bob", Kind.TEMPLATE) == ["reply"]
    bench.library.text(bench.by("bob"), made.kept.id, Kind.TEMPLATE)
    assert [one["id"] for one in bench.acts("template.read")] == [made.kept.id]
    bench.deployment.entitlements.take_back(share)
    with pytest.raises(NoSuchItem):
        bench.library.text(bench.by("bob"), made.kept.id, Kind.TEMPLATE)
    bench.library.delete(by, Kind.TEMPLATE, made.kept.id)
    assert bench.names("ann", Kind.TEMPLATE) == []
    assert [one["id"] for one in bench.acts("template.delete")] == [made.kept.id]


def test_nobody_keeps_a_template_above_them_nor_uses_one(bench: Bench) -> None:
    with pytest.raises(MayNotHandle):
        bench.library.create_template(bench.by("low"), "reply", CARD.decode())
    made = bench.library.create_template(bench.by("ann"), "reply", CARD.decode()).kept
    bench.share(made, "low", Right.USE)
    with pytest.raises(MayNotHandle):
        bench.library.kept(bench.by("low"), Kind.TEMPLATE, made.id, "useData")


def test_a_document_is_no_template_nor_a_template_a_document(bench: Bench) -> None:
    by, named = bench.by("ann"), NamedDocuments(bench.library)
    template = bench.library.create_template(by, "reply", "Answer {{customer}}.").kept
    document = bench.library.upload(by, "a.txt", b"plain").kept
    assert named.find([ResourceRef("Document", template.id), ResourceRef("Template", document.id)]) == [None, None]
    found = named.open([template.resource.ref, document.resource.ref])
    assert [(one.document.name, one.document.data) for one in found] == [("reply", b"Answer {{customer}}."), ("a.txt", b"plain")]
    with pytest.raises(CallerError):
        bench.library.create_template(by, "reply", "")


# -- what leaves ---------------------------------------------------------------------------------------------------------


def test_a_download_goes_where_it_may_and_is_recorded(bench: Bench) -> None:
    secret = bench.library.upload(bench.by("ann"), "a.txt", CARD).kept
    assert bench.library.content(bench.by("ann"), secret.id)[1] == CARD
    (act,) = bench.acts("data.export")
    assert (act["id"], act["sink"], act["label"]) == (secret.id, "download", "restricted; payment")
    # Policy lets less go: what may still be read is not let go.
    path = bench.deployment.places.policies / "access.yaml"
    said = path.read_text().replace("download: {everything: true,", "download: {level: confidential, compartments: [payment],")
    path.write_text(said)
    activate(bench.deployment)
    with pytest.raises(MayNotHandle, match="not do this") as refused:
        bench.library.content(bench.by("ann"), secret.id)
    assert "what may go there" in refused.value.why
    assert bench.acts("data.refused")[0]["policies"] == "sinks-get-only-what-they-are-cleared-for"
    assert bench.library.text(bench.by("ann"), secret.id)[1].visible() == CARD.decode()
    with pytest.raises(MayNotHandle, match="not do this"):  # nor what was said of it
        bench.library.export(bench.by("ann"), "an-exchange", secret.label)
    bench.library.export(bench.by("ann"), "an-exchange", PUBLIC)
    assert [one["id"] for one in bench.acts("data.export")] == ["an-exchange", secret.id]
    plain = bench.library.upload(bench.by("ann"), "b.txt", b"plain").kept
    assert bench.library.content(bench.by("ann"), plain.id)[1] == b"plain"
    assert sink(bench.deployment, bench.deployment.access_rules(), "webhook").clearance == PUBLIC
    path.write_text(said.replace("level: confidential", "level: tremendous"))
    with pytest.raises(ConfigurationError, match="tremendous") as wrong:
        activate(bench.deployment)
    assert "sinks.download.level" in wrong.value.why


def test_the_command_line_shares_a_template_and_takes_it_back(bench: Bench) -> None:
    made = bench.library.create_template(bench.by("ann"), "reply", "Answer {{customer}}.").kept
    share = sharing.give(bench.deployment, by="ann", template=made.id, person="bob", rights=["use"])
    assert bench.library.kept(bench.by("bob"), Kind.TEMPLATE, made.id, "useData") == made
    assert sharing.take_back(bench.deployment, share.id, by="ann") == 1
    with pytest.raises(NoSuchItem):
        bench.library.kept(bench.by("bob"), Kind.TEMPLATE, made.id, "useData")
