"""What a list of exchanges costs whose labels are sealed: ``python -m bench.access.exchanges [EXCHANGES]``.

Exchanges of a thousand people, one in ten in a conversation; one person has their own, some that were shared, two conversations.
The page that the database gives, and deciding each row, must be the same. Beside it: what it costs to open a sealed entry for its
label, which a list by labels would need once for each person and label.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import Engine, insert

from bench.access.lists import NOW, PRODUCT, SCHEMA, STARTER, timed
from bench.ledger import ledger
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import CedarDecisionPoint
from wardstead.access.ports import (
    AccessRequest,
    Container,
    Credential,
    CredentialId,
    CredentialKind,
    Directory,
    GranteeKind,
    Identity,
    Principal,
    PrincipalId,
    Resource,
    ResourceRef,
    Right,
    Share,
)
from wardstead.access.rules import AccessRules
from wardstead.adapters.store.content.situations import Known
from wardstead.adapters.store.ledger.exchanges import Exchanges
from wardstead.adapters.store.tables.conversations import said_in
from wardstead.adapters.store.tables.directory import principal
from wardstead.adapters.store.tables.ledger import entry
from wardstead.kernel.ids import ExchangeId
from wardstead.kernel.labels import STANDARD, Label
from wardstead.ledger.sealing import Sealer, open_entry

OWNERS, SHARED, SEALED = 1000, 200, 2000


def owner_of(number: int) -> str:
    return f"p{number * 7 % OWNERS}"


def fill(engine: Engine, many: int) -> None:
    """The rows."""
    people = [
        {"id": f"p{one}", "name": f"p{one}", "kind": "person", "active": True, "level": "internal", "compartments": "",
         "subject": f"s{one}", "created_ms": 1}
        for one in range(OWNERS)
    ]  # fmt: skip
    common = {"header": b"", "body": bytes(1000), "time_ms": 1}
    with engine.begin() as connection:
        connection.execute(insert(principal), people)
        for at in range(0, many, 10_000):
            ids = range(at, min(many, at + 10_000))
            rows = [
                {**common, "exchange": f"e{one:07}", "kind": kind, "subject": f"s{owner_of(one)[1:]}", "outcome": ended}
                for one in ids
                for kind, ended in (("intent", ""), ("outcome", "completed"))
            ]
            connection.execute(insert(entry), rows)
            placed = [{"exchange": f"e{one:07}", "conversation": conversation_of(one)} for one in ids if one % 10 == 0]
            connection.execute(insert(said_in), placed)
        connection.exec_driver_sql("ANALYZE")


def conversation_of(number: int) -> str:
    return f"c{owner_of(number)}"


def directory(many: int) -> Directory:
    """An ordinary person with shares, and an auditor."""
    who = Principal(PrincipalId("p1"), "p1", frozenset({"user"}), STANDARD.label("internal"), "s1")
    auditor = Principal(PrincipalId("a"), "a", frozenset({"auditor"}), STANDARD.label("internal"), "a")
    given = [("Exchange", f"e{one:07}", owner_of(one)) for one in range(3, min(many, SHARED * 40), 40)]
    given += [("Conversation", conversation_of(one), owner_of(one)) for one in (10, 20)]
    shares = {
        f"s{number}": Share(
            f"s{number}", ResourceRef(kind, item), GranteeKind.PRINCIPAL, "p1", frozenset({Right.READ}), 0, PrincipalId(owner)
        )
        for number, (kind, item, owner) in enumerate(given)
    }
    return Directory(1, {who.id: who, auditor.id: auditor}, {}, shares)


def resource_of(number: int) -> Resource:
    whose = PrincipalId(owner_of(number))
    within = (Container("Conversation", conversation_of(number), whose),) if number % 10 == 0 else ()
    return Resource("Exchange", f"e{number:07}", owner=whose, within=within)


def opening_us(sealer: Sealer) -> float:
    """Microseconds for opening one sealed entry of 3 KB."""
    made = []
    for one in range(SEALED):
        seal = sealer.begin(f"s{one % 50}", ExchangeId(f"x{one}"))
        made.append(seal.intent(os.urandom(3000), NOW, STANDARD.label("confidential")))
    began = time.process_time()
    for draft in made:
        open_entry(sealer._ring, draft.subject, draft.header, draft.body)
    return (time.process_time() - began) / SEALED * 1e6


def main() -> int:
    """Fill, compare, tell."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as folder, ledger(Path(folder)) as (engine, sealer):
        fill(engine, many)
        known_people, lists = directory(many), Exchanges(engine)
        point = MemoisedDecisionPoint(CedarDecisionPoint(STARTER, SCHEMA, AccessRules(""), product=PRODUCT), known_people)
        for name in ("p1", "a"):
            who = known_people.principals[PrincipalId(name)]
            identity = Identity(who, Credential(CredentialId("c"), CredentialKind.SESSION, b"", who.id))

            def may(one: Resource, label: Label, identity: Identity = identity) -> bool:
                return point.decide(AccessRequest(identity, "readReceipt", one, label, NOW)).allow

            def known(who: Principal = who, may: object = may) -> Known:
                rows = point.rows_of(who)
                return Known(rows.names, rows.permitted(lists.samples(rows.names), NOW, may))  # type: ignore[arg-type]

            def page(limit: int, known: object = known, who: Principal = who) -> list[str]:
                return [one.id for one in lists.page(known(), who.subject, before=None, limit=limit)]  # type: ignore[operator]

            def one_by_one(may: object = may) -> list[str]:
                return [f"e{one:07}" for one in range(many - 1, -1, -1) if may(resource_of(one), STANDARD.label("public"))]  # type: ignore[operator]

            page_s, _ = timed(lambda page=page: page(50))  # type: ignore[misc]
            all_s, found = timed(lambda page=page: page(many))  # type: ignore[misc]
            count_s, _ = timed(lambda known=known, who=who: [str(lists.count(known(), who.subject))])  # type: ignore[misc]
            loop_s, expected = timed(one_by_one)
            if found != expected:
                raise SystemExit("the lists differ")
            print(f"{name}: {many:,} exchanges, of which they may know of {len(found):,}")
            print(f"  page of 50: {page_s * 1000:.0f} ms; all: {all_s * 1000:.0f} ms; counted: {count_s * 1000:.0f} ms")
            print(f"  decided one by one, without reading them: {loop_s * 1000:.0f} ms")
        each = opening_us(sealer)
        print(f"opening one sealed entry for its label: {each:.0f} µs; of 10,000 people with 4 labels each: {each * 0.04:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
