"""The list that the database gives is what deciding one by one gives: in generated worlds, over generated rows and policies."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert
from tests import postgres
from tests.access.reference import Gift, Mark, Person, Question, Thing, World, decide
from tests.access.worlds import (
    ENDS,
    EXTRA,
    MARKS,
    NAMES,
    PRODUCT,
    RIGHTS,
    RULES,
    SCHEMA,
    START,
    STARTER,
    TIMES,
    directory_of,
    label,
    people,
    request_of,
)  # fmt: skip
from tests.adapters.store.conftest import STORES

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import CedarDecisionPoint
from wardstead.access.ports import AccessRequest, Decision, Resource
from wardstead.access.rules import load_rules
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import metadata, open_engine
from wardstead.adapters.store.content.marks import columns_of
from wardstead.adapters.store.content.resources import ResourceStore
from wardstead.adapters.store.directory.directory import DirectoryStore
from wardstead.adapters.store.tables.directory import principal
from wardstead.adapters.store.tables.resources import resource
from wardstead.assurance.library.kept import Kind
from wardstead.kernel.labels import STANDARD, Label
from wardstead.ledger.sealing import Sealer

NAMING = """
@id("one-document-is-nobody's")
forbid (principal, action == Action::"readData", resource == Document::"\\u{64}3");
@id("one-collection-is-everybody's")
permit (principal, action == Action::"readData", resource in Collection::"k1");
@id("what-one-person-owns-is-not-read")
forbid (principal in Role::"auditor", action == Action::"readData", resource)
when { resource has owner && resource.owner == User::"dee" };
@id("internal-data-is-for-leads")
permit (principal in Role::"lead", action == Action::"readData", resource) when { context.labelLevel <= 1 };
@id("orphans-are-for-auditors")
permit (principal in Role::"auditor", action == Action::"readData", resource is Document)
unless { resource in Collection::"k0" || resource in Collection::"k1" || resource in Collection::"k2" };
"""
PLAIN = CedarDecisionPoint(STARTER | {"90": EXTRA}, SCHEMA, load_rules(RULES, "access.yaml"), product=PRODUCT)
POINT = CedarDecisionPoint(STARTER | {"90": EXTRA, "95": NAMING}, SCHEMA, load_rules(RULES, "access.yaml"), product=PRODUCT)
COLLECTIONS, DOCUMENTS = ("k0", "k1", "k2"), tuple(f"d{one}" for one in range(8))
Rows = list[tuple[str, str, str | None, Mark]]
"""Id, owner, collection, label."""


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    owners = {one: draw(st.sampled_from(NAMES)) for one in COLLECTIONS}
    made: Rows = [(one, owners[one], None, Mark(0)) for one in COLLECTIONS]
    for one in draw(st.lists(st.sampled_from(DOCUMENTS), unique=True, min_size=1)):
        made.append((one, draw(st.sampled_from(NAMES)), draw(st.none() | st.sampled_from(COLLECTIONS)), draw(MARKS)))
    return made


@st.composite
def gifts(draw: st.DrawFn, made: Rows) -> dict[str, Gift]:
    """Mostly of what there is, and mostly by whoever owns it; some are forged, or of what is gone."""
    found: dict[str, Gift] = {}
    for number in range(draw(st.integers(0, 7))):
        item, owner, _, _ = draw(st.sampled_from(made))
        what = ("Collection" if item in COLLECTIONS else "Document", item)
        parent = draw(st.none() | st.sampled_from([*found, "gone"]))
        by = owner if draw(st.integers(0, 3)) else draw(st.sampled_from(NAMES))
        if parent in found:
            what, by = found[parent].what, found[parent].to if not found[parent].group else by
        group = draw(st.booleans())
        rights = draw(RIGHTS | st.just(frozenset({"read", "share"})))
        to = draw(st.sampled_from(["g1", "g2"] if group else NAMES))
        found[f"s{number}"] = Gift(f"s{number}", what, group, to, rights, draw(st.integers(0, 4)), by, parent, draw(ENDS))
    return found


@st.composite
def kept_worlds(draw: st.DrawFn) -> tuple[World, Rows]:
    made = draw(rows())
    return World(draw(people()), draw(gifts(made)), {"chief": ("lead",), "lead": ("user", "data-steward")}, 0, 0, 0), made


@pytest.fixture(scope="module", params=STORES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    file = tmp_path_factory.mktemp("rows") / "rows.db"
    made = open_engine(f"sqlite:///{file}" if request.param == "sqlite" else postgres.shared().database())
    metadata.create_all(made)
    yield made
    made.dispose()


def store_of(engine: Engine, folder: Path) -> ResourceStore:
    directory = DirectoryStore(engine, Turn(folder / "turn"), pepper=lambda: bytes(32), clock=lambda: 1, entropy=os.urandom)
    unused = Sealer(None, os.urandom)  # type: ignore[arg-type]  # nothing is sealed here
    return ResourceStore(directory, unused, clock=lambda: 1, entropy=os.urandom, audit=lambda *_: None, levels=lambda: STANDARD)


def fill(engine: Engine, made: Rows) -> None:
    with engine.begin() as connection:
        connection.execute(delete(resource))
        connection.execute(delete(principal))
        connection.execute(insert(principal), [
            {"id": name, "name": name, "kind": "person", "active": True, "level": "public", "compartments": "",
             "subject": name, "created_ms": 1} for name in NAMES
        ])  # fmt: skip
        for item, owner, inside, mark in made:
            level, compartments = columns_of(label(mark))
            kind = "Collection" if item in COLLECTIONS else "Document"
            connection.execute(insert(resource).values(
                id=item, type=kind, owner=owner, parent=inside, level=level, compartments=compartments, size_bytes=1,
                created_ms=1,
            ))  # fmt: skip


@dataclass(frozen=True)
class Asking:
    """Somebody who asks for lists in one world at one time."""

    store: ResourceStore
    point: MemoisedDecisionPoint
    template: AccessRequest

    def decide(self, one: Resource, of_data: Label) -> Decision:
        return self.point.decide(msgspec.structs.replace(self.template, resource=one, label=of_data))

    def listed(self, kind: Kind) -> set[str]:
        rows = self.point.rows_of(self.template.identity.principal)
        seen = rows.permitted(self.store.samples(kind, rows.names), self.template.now_ms, lambda *one: self.decide(*one).allow)
        found = {one.id for one in self.store.page(kind, rows.names, seen, limit=5000)}
        assert self.store.count(kind, rows.names, seen, "") == len(found)
        return found

    def one_by_one(self, kind: Kind, ids: Iterable[str]) -> set[str]:
        return {one.id for one in self.store.several(kind, list(ids)) if self.decide(one.resource, one.label).allow}


def asking(store: ResourceStore, point: CedarDecisionPoint, world: World, who: str, now: int) -> Asking:
    directory = directory_of(world)
    template = request_of(directory, Question(who, "readData", Thing("Document", "d0"), Mark(0), now))
    return Asking(store, MemoisedDecisionPoint(point, directory), template)


PROPERTY = settings(
    max_examples=min(settings.default.max_examples, 3000), deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@given(kept_worlds(), st.sampled_from(NAMES), TIMES)
@PROPERTY
def test_a_list_is_what_deciding_one_by_one_gives(
    engine: Engine, tmp_path: Path, given: tuple[World, Rows], who: str, now: int
) -> None:
    world, made = given
    fill(engine, made)
    store = store_of(engine, tmp_path)
    for point in (PLAIN, POINT):
        asked = asking(store, point, world, who, now)
        for kind, ids in ((Kind.DOCUMENT, DOCUMENTS), (Kind.COLLECTION, COLLECTIONS)):
            assert asked.listed(kind) == asked.one_by_one(kind, ids)


@given(kept_worlds(), st.sampled_from(NAMES), TIMES)
@PROPERTY
def test_a_list_is_what_the_reference_gives(
    engine: Engine, tmp_path: Path, given: tuple[World, Rows], who: str, now: int
) -> None:
    world, made = given
    fill(engine, made)
    owners = {item: owner for item, owner, _, _ in made}
    expected = set()
    for item, owner, inside, mark in made:
        if item in DOCUMENTS:
            within = (("Collection", inside, owners[inside]),) if inside else ()
            if decide(world, Question(who, "readData", Thing("Document", item, owner, within), mark, now)):
                expected.add(item)
    assert asking(store_of(engine, tmp_path), PLAIN, world, who, now).listed(Kind.DOCUMENT) == expected


def test_cedar_is_asked_for_situations_and_not_for_rows(engine: Engine, tmp_path: Path) -> None:
    made: Rows = [(f"x{one:04}", NAMES[one % 4], None, Mark(one % 3)) for one in range(2000)]
    fill(engine, made)
    everybody = {name: Person(name, Mark(1), roles=(("user", None, None),)) for name in NAMES}
    shared = {
        f"s{one}": Gift(f"s{one}", ("Document", made[one][0]), False, "ann", frozenset({"read"}), 0, made[one][1], None, None)
        for one in range(1, 400)
    }
    world = World(everybody, shared, {}, 0, 0, 0)
    asked = asking(store_of(engine, tmp_path), PLAIN, world, "ann", START)
    calls = Counter[str]()

    class Counting(Asking):
        def decide(self, one: Resource, of_data: Label) -> Decision:
            calls["asked"] += 1
            return super().decide(one, of_data)

    counting = Counting(asked.store, asked.point, asked.template)
    found = counting.listed(Kind.DOCUMENT)
    assert calls["asked"] < 30
    expected = {item for at, (item, owner, _, mark) in enumerate(made) if mark.level <= 1 and (owner == "ann" or 1 <= at < 400)}
    assert found == expected
