"""The list of exchanges that the database gives is what deciding one by one gives: in generated worlds, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert
from tests import postgres
from tests.access.reference import Gift, Mark, Question, Thing, World
from tests.access.worlds import (
    ENDS,
    EXTRA,
    NAMES,
    PRODUCT,
    RIGHTS,
    RULES,
    SCHEMA,
    STARTER,
    TIMES,
    directory_of,
    people,
    request_of,
)  # fmt: skip
from tests.adapters.store.conftest import STORES

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import CedarDecisionPoint
from wardstead.access.ports import Container, Resource
from wardstead.access.rules import load_rules
from wardstead.adapters.store.base import metadata, open_engine
from wardstead.adapters.store.content.situations import Known
from wardstead.adapters.store.ledger.exchanges import Exchanges
from wardstead.adapters.store.tables.conversations import said_in
from wardstead.adapters.store.tables.directory import principal
from wardstead.adapters.store.tables.ledger import entry
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import PUBLIC, Label

NAMING = """
@id("one-exchange-is-nobody's")
forbid (principal, action == Action::"readReceipt", resource == Exchange::"e3");
@id("one-conversation-is-everybody's")
permit (principal, action == Action::"readReceipt", resource in Conversation::"c1");
@id("leads-see-all-but-one-person's")
permit (principal in Role::"lead", action == Action::"readReceipt", resource)
unless { resource has owner && resource.owner == User::"dee" };
@id("what-is-nobody's-any-more-is-not-seen-by-auditors")
forbid (principal in Role::"auditor", action == Action::"readReceipt", resource) unless { resource has owner };
"""
PLAIN = CedarDecisionPoint(STARTER | {"90": EXTRA}, SCHEMA, load_rules(RULES, "access.yaml"), product=PRODUCT)
POINT = CedarDecisionPoint(STARTER | {"90": EXTRA, "95": NAMING}, SCHEMA, load_rules(RULES, "access.yaml"), product=PRODUCT)
CONVERSATIONS, EXCHANGES, ERASED = ("c0", "c1", "c2"), tuple(f"e{one}" for one in range(9)), "erased"
Rows = dict[str, tuple[str, str]]
"""By id: the owner (``erased``: whose it was is not known any more) and the conversation, if any."""


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, Rows]:
    owners = {one: draw(st.sampled_from([*NAMES, ERASED])) for one in CONVERSATIONS}
    rows: Rows = {}
    for one in draw(st.lists(st.sampled_from(EXCHANGES), unique=True, min_size=1)):
        inside = draw(st.sampled_from(["", *CONVERSATIONS]))
        rows[one] = (owners[inside] if inside else draw(st.sampled_from([*NAMES, ERASED])), inside)
    given: dict[str, Gift] = {}
    for number in range(draw(st.integers(0, 6))):
        item = draw(st.sampled_from(sorted(rows)))
        owner, inside = rows[item]
        what = ("Conversation", inside) if inside and draw(st.booleans()) else ("Exchange", item)
        by = owner if draw(st.integers(0, 3)) and owner != ERASED else draw(st.sampled_from(NAMES))
        parent = draw(st.none() | st.sampled_from([*given, "gone"]))
        if parent in given:
            what, by = given[parent].what, given[parent].to if not given[parent].group else by
        group = draw(st.booleans())
        to, rights = draw(st.sampled_from(["g1", "g2"] if group else NAMES)), draw(RIGHTS | st.just(frozenset({"read", "share"})))
        given[f"s{number}"] = Gift(f"s{number}", what, group, to, rights, draw(st.integers(0, 4)), by, parent, draw(ENDS))
    return World(draw(people()), given, {"chief": ("lead",), "lead": ("user", "data-steward")}, 0, 0, 0), rows


@pytest.fixture(scope="module", params=STORES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    file: Path = tmp_path_factory.mktemp("rows") / "rows.db"
    made = open_engine(f"sqlite:///{file}" if request.param == "sqlite" else postgres.shared().database())
    metadata.create_all(made)
    yield made
    made.dispose()


def fill(engine: Engine, rows: Rows) -> None:
    """The exchanges with their outcomes, and an act of administration of everybody."""
    common = {"header": b"", "body": b"", "time_ms": 1, "outcome": ""}
    said = [
        {**common, "exchange": one, "kind": kind, "subject": f"s-{owner}"}
        for one, (owner, _) in rows.items()
        for kind in ("intent", "outcome")
    ]
    acts = [{**common, "exchange": f"act-{name}", "kind": "admin", "subject": f"s-{name}"} for name in NAMES]
    with engine.begin() as connection:
        for table in (entry, said_in, principal):
            connection.execute(delete(table))
        connection.execute(insert(principal), [
            {"id": name, "name": name, "kind": "person", "active": True, "level": "public", "compartments": "",
             "subject": f"s-{name}", "created_ms": 1} for name in NAMES
        ])  # fmt: skip
        connection.execute(insert(entry), [*said, *acts])
        if placed := [{"exchange": one, "conversation": inside} for one, (_, inside) in rows.items() if inside]:
            connection.execute(insert(said_in), placed)


@given(worlds(), st.sampled_from(NAMES), TIMES)
@settings(
    max_examples=min(settings.default.max_examples, 3000), deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_a_list_of_exchanges_is_what_deciding_one_by_one_gives(
    engine: Engine, given: tuple[World, Rows], who: str, now: int
) -> None:
    world, rows = given
    fill(engine, rows)
    directory, lists = directory_of(world), Exchanges(engine)
    template = request_of(directory, Question(who, "readReceipt", Thing("Exchange", "e0"), Mark(0), now))
    reader = template.identity.principal
    for cedar in (PLAIN, POINT):
        point = MemoisedDecisionPoint(cedar, directory)

        def may(resource: Resource, label: Label, point: MemoisedDecisionPoint = point) -> bool:
            return point.decide(msgspec.structs.replace(template, resource=resource, label=label)).allow

        filtered = point.rows_of(reader)
        known = Known(filtered.names, filtered.permitted(lists.samples(filtered.names), now, may))
        listed: list[str] = []
        before = None
        while page := lists.page(known, f"s-{who}", before=before, limit=2):
            listed += [one.id for one in page]
            before = page[-1].entry_id
        expected = {one for one, (owner, inside) in rows.items() if may(resource_of(one, owner, inside), PUBLIC)}
        assert sorted(listed) == sorted([*expected, f"act-{who}"])
        assert lists.count(known, f"s-{who}") == len(listed)


def resource_of(exchange: str, owner: str, inside: str) -> Resource:
    whose = None if owner == ERASED else PrincipalId(owner)
    return Resource("Exchange", exchange, owner=whose, within=(Container("Conversation", inside, whose),) if inside else ())
