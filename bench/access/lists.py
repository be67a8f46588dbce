"""What a list costs: one question to the database, and deciding each row: ``python -m bench.access.lists [ROWS]``.

Rows of a hundred owners with four labels, one in ten in a collection; one person owns some, is given some collections and some
documents. Both ways must give the same list. Times are of the whole way from the database to the ids.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Engine, insert

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import CedarDecisionPoint
from wardstead.access.ports import (
    AccessRequest,
    Credential,
    CredentialId,
    CredentialKind,
    Decision,
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
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import metadata, open_engine
from wardstead.adapters.store.content.resources import ResourceStore
from wardstead.adapters.store.directory.directory import DirectoryStore
from wardstead.adapters.store.tables.directory import principal
from wardstead.adapters.store.tables.resources import resource
from wardstead.assurance.library.kept import Kind
from wardstead.kernel.labels import STANDARD, Label
from wardstead.ledger.sealing import Sealer

_POLICIES, _MANDATORY = (files("wardstead.catalogues") / one for one in ("policies", "mandatory"))
SCHEMA = (_POLICIES / "schema.cedarschema").read_text("utf-8")
STARTER = {one.name: one.read_text("utf-8") for one in (_POLICIES / "10-roles.cedar", _MANDATORY / "mandatory.cedar")}
PRODUCT = {name: (_MANDATORY / f"{name}.cedar").read_text("utf-8") for name in ("sharing", "data")}
OWNERS, COLLECTIONS, SHARED = 100, 50, 200
LABELS = (("public", ""), ("internal", ""), ("confidential", "personal"), ("restricted", "payment"))
NOW = 1_795_000_000_000


def fill(engine: Engine, rows: int) -> None:
    """The rows."""
    people = [
        {"id": f"p{one}", "name": f"p{one}", "kind": "person", "active": True, "level": "internal", "compartments": "",
         "subject": f"s{one}", "created_ms": 1}
        for one in range(OWNERS)
    ]  # fmt: skip
    common = {"size_bytes": 1, "created_ms": 1, "level": "public", "compartments": ""}
    collections = [
        {"id": f"k{one:03}", "type": "Collection", "owner": f"p{one % OWNERS}", "parent": None, **common}
        for one in range(COLLECTIONS)
    ]
    documents = [
        {**common, "id": f"d{one:07}", "type": "Document", "owner": f"p{one * 7 % OWNERS}",
         "parent": f"k{one % COLLECTIONS:03}" if one % 10 == 0 else None,
         "level": LABELS[one // 7 % 4][0], "compartments": LABELS[one // 7 % 4][1]}
        for one in range(rows)
    ]  # fmt: skip
    with engine.begin() as connection:
        for table, made in ((principal, people), (resource, collections), (resource, documents)):
            connection.execute(insert(table), made)


def directory(rows: int) -> Directory:
    """One person with shares of documents and of collections."""
    who = Principal(PrincipalId("p1"), "p1", frozenset({"user"}), STANDARD.label("internal"), "s1")
    given = [("Document", f"d{one:07}", f"p{one * 7 % OWNERS}") for one in range(3, min(rows, SHARED * 40), 40)]
    given += [("Collection", f"k{one:03}", f"p{one}") for one in range(2, COLLECTIONS, 10)]
    shares = {
        f"s{number}": Share(
            f"s{number}", ResourceRef(kind, item), GranteeKind.PRINCIPAL, "p1", frozenset({Right.READ}), 0, PrincipalId(owner)
        )
        for number, (kind, item, owner) in enumerate(given)
    }
    return Directory(1, {who.id: who}, {}, shares)


def timed(work: Callable[[], list[str]]) -> tuple[float, list[str]]:
    """Seconds, and what it gave."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def main() -> int:
    """Fill, compare, tell."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/rows.db")
        metadata.create_all(engine)
        fill(engine, rows)
        people = DirectoryStore(
            engine, Turn(Path(folder) / "turn"), pepper=lambda: bytes(32), clock=lambda: NOW, entropy=os.urandom
        )
        sealer = Sealer(None, os.urandom)  # type: ignore[arg-type]  # nothing is sealed here
        store = ResourceStore(
            people, sealer, clock=lambda: NOW, entropy=os.urandom, audit=lambda *_: None, levels=lambda: STANDARD
        )
        known = directory(rows)
        who = known.principals[PrincipalId("p1")]
        identity = Identity(who, Credential(CredentialId("c"), CredentialKind.SESSION, b"", who.id))
        point = MemoisedDecisionPoint(CedarDecisionPoint(STARTER, SCHEMA, AccessRules(""), product=PRODUCT), known)

        def decide(one: Resource, label: Label) -> Decision:
            return point.decide(AccessRequest(identity, "readData", one, label, NOW))

        def filtered(limit: int) -> list[str]:
            rows_of = point.rows_of(who)
            seen = rows_of.permitted(store.samples(Kind.DOCUMENT, rows_of.names), NOW, lambda *one: decide(*one).allow)
            return [one.id for one in store.page(Kind.DOCUMENT, rows_of.names, seen, limit=limit)]

        def one_by_one() -> list[str]:
            ids = [f"d{one:07}" for one in range(rows)]
            pages = (store.several(Kind.DOCUMENT, ids[at : at + 10_000]) for at in range(0, rows, 10_000))
            return sorted((one.id for page in pages for one in page if decide(one.resource, one.label).allow), reverse=True)

        page_s, _ = timed(lambda: filtered(50))
        all_s, found = timed(lambda: filtered(rows))
        loop_s, expected = timed(one_by_one)
        if found != expected:
            raise SystemExit("the lists differ")
        print(f"{rows:,} documents, of which {len(found):,} may be read; {len(known.shares)} shares reach the person")
        print(f"first page of 50: {page_s * 1000:.0f} ms; all of them: {all_s * 1000:.0f} ms; one by one: {loop_s * 1000:.0f} ms")
        print(
            f"one by one takes {loop_s / page_s:.0f} times as long as the first page, {loop_s / all_s:.1f} times as all of them"
        )
        engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
