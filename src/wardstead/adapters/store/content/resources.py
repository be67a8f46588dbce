"""What people keep here, in the database: rows by which policies decide, and sealed parts. Blocking.

Every change is recorded in its own transaction. One that can change a decision (a document moves, or goes) raises the directory's
version, so that no exchange goes on that was decided before it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.sql import tuple_

from wardstead.access.filtering import Sample, Situation
from wardstead.access.ports import Container, Principal
from wardstead.adapters.store.content.marks import columns_of, enter, label_of
from wardstead.adapters.store.content.situations import TOGETHER, Names
from wardstead.adapters.store.directory.directory import Actor, Audit, DirectoryStore
from wardstead.adapters.store.engine.dialect import driver_of
from wardstead.adapters.store.tables.access import share
from wardstead.adapters.store.tables.directory import principal
from wardstead.adapters.store.tables.resources import resource, resource_part
from wardstead.assurance.library.kept import ItemErased, Kept, Kind, NoSuchItem, TooMuchKept
from wardstead.crypto.keyring import KeyGone
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.ids import PrincipalId, uuid7
from wardstead.kernel.labels import Label, Levels
from wardstead.ledger.ports import Passage
from wardstead.ledger.sealing import Sealer

_collection = resource.alias("collection")
_KEPT: Final = select(resource, principal.c.subject, _collection.c.owner.label("collection_owner")).join(
    principal, principal.c.id == resource.c.owner
).outerjoin(_collection, _collection.c.id == resource.c.parent)  # fmt: skip


class ResourceStore:
    """Over the directory's store."""

    def __init__(
        self, directory: DirectoryStore, sealer: Sealer, *, clock: Clock, entropy: Entropy, audit: Audit,
        levels: Callable[[], Levels],
    ) -> None:  # fmt: skip
        """``audit`` records an act in the transaction that carries it out."""
        self._directory, self._sealer, self._clock, self._entropy = directory, sealer, clock, entropy
        self._audit, self._levels = audit, levels

    # -- reading -----------------------------------------------------------------------------------------------------

    def find(self, kind: Kind, item: str) -> Kept | None:
        """One of them; ``None`` where there is none."""
        return next(iter(self.several(kind, [item])), None)

    def several(self, kind: Kind, items: Collection[str]) -> list[Kept]:
        """Those of these that there are."""
        query = _KEPT.where(resource.c.type == kind.value, resource.c.id.in_(items))
        return self._all(query)

    def samples(self, kind: Kind, names: Collection[str], collection: str = "") -> list[Sample]:
        """The situations that there are, each with one resource that is in it."""
        columns = _situation(names)
        grouped = _of(select(*columns, func.min(resource.c.id).label("sample")), kind, collection).group_by(*columns)
        with self._directory.reading() as connection:
            rows = connection.execute(grouped).all()
        by_id: dict[str, Kept] = {}
        for at in range(0, len(rows), TOGETHER):
            by_id |= {one.id: one for one in self.several(kind, [row.sample for row in rows[at : at + TOGETHER]])}
        found = [(Situation(*row[:6]), by_id.get(row.sample)) for row in rows]
        return [Sample(said, one.resource, one.label) for said, one in found if one is not None]

    def page(
        self, kind: Kind, names: Collection[str], situations: Sequence[Situation], *, collection: str = "", limit: int,
        after: str = "", oldest_first: bool = False,
    ) -> list[Kept]:  # fmt: skip
        """Those in these situations, the newest first, behind the one with the id ``after``."""
        order = resource.c.id.asc() if oldest_first else resource.c.id.desc()
        found: list[Kept] = []
        for at in range(0, len(situations), TOGETHER):
            chosen = tuple_(*_situation(names)).in_(situations[at : at + TOGETHER])
            query = _KEPT.where(resource.c.type == kind.value, chosen)
            query = query.where(resource.c.parent == collection) if collection else query
            if after:
                query = query.where(resource.c.id > after if oldest_first else resource.c.id < after)
            found += self._all(query.order_by(order).limit(limit))
        return sorted(found, key=lambda one: one.id, reverse=not oldest_first)[:limit]

    def count(self, kind: Kind, names: Collection[str], situations: Sequence[Situation], collection: str) -> int:
        """How many are in these situations."""
        many, columns = 0, _situation(names)
        with self._directory.reading() as connection:
            for at in range(0, len(situations), TOGETHER):
                query = _of(select(func.count()), kind, collection)
                chosen = tuple_(*columns).in_(situations[at : at + TOGETHER])
                many += connection.execute(query.where(chosen)).scalar_one()
        return many

    def inside(self, collection: str) -> list[Kept]:
        """Every document in a collection."""
        return self._all(_KEPT.where(resource.c.parent == collection))

    def part(self, kept: Kept, part: str) -> bytes:
        """One part of it. Raises ``ItemErased``, ``IntegrityError`` where it was altered, ``NoSuchItem`` where it is gone."""
        query = select(resource_part.c.sealed).where(resource_part.c.resource == kept.id, resource_part.c.part == part)
        with self._directory.reading() as connection:
            sealed = connection.execute(query).scalar_one_or_none()
        if sealed is None:
            raise NoSuchItem(kept.kind)
        try:
            return self._sealer.open_kept(kept.subject, part_name(kept.kind, kept.id, part, kept.label), sealed)
        except KeyGone:
            raise ItemErased("the key of its owner was destroyed: nobody can read it any more") from None

    def _all(self, query: Select[Any]) -> list[Kept]:
        levels = self._levels()
        with self._directory.reading() as connection:
            return [_kept(row, levels) for row in connection.execute(query)]

    # -- changing ----------------------------------------------------------------------------------------------------

    def add(
        self, kind: Kind, owner: Principal, label: Label, parts: Mapping[str, bytes], *, collection: str | None, most_bytes: int,
        passage: Passage | None, actor: str, action: str, details: Mapping[str, object],
    ) -> Kept:  # fmt: skip
        """Keep something new; nothing is decided by what was not there. ``most_bytes``: what one person may keep in all.

        Raises ``TooMuchKept``, ``KeyGone``, and ``NoSuchItem`` where the collection is gone by now.
        """
        now = self._clock()
        made, size = uuid7(now, self._entropy(10)), sum(len(one) for one in parts.values())
        sealed = {
            part: self._sealer.seal_kept(owner.subject, part_name(kind, made, part, label), data) for part, data in parts.items()
        }
        level, compartments = columns_of(label)
        row = {
            "id": made, "type": kind.value, "owner": owner.id, "parent": collection, "level": level,
            "compartments": compartments, "size_bytes": size, "created_ms": now,
        }  # fmt: skip
        with self._directory.writing("it cannot be kept") as connection:
            _require_room(connection, owner, size, most_bytes)
            if collection is not None:
                _require(connection, Kind.COLLECTION, collection)
            connection.execute(insert(resource), row)
            connection.execute(
                insert(resource_part), [{"resource": made, "part": part, "sealed": one} for part, one in sealed.items()]
            )
            if passage is not None:
                enter(driver_of(connection), passage, now, checked=False, levels=self._levels())
            self._audit(connection, actor, action, {**details, "id": made, "label": str(label), "bytes": size})
        return Kept(made, kind, owner.id, owner.subject, label, now, size)

    def move(self, kept: Kept, collection: str | None, *, actor: Actor, details: Mapping[str, object]) -> None:
        """Into a collection, or out of any."""

        def change(connection: Connection) -> None:
            if collection is not None:
                _require(connection, Kind.COLLECTION, collection)
            row = (resource.c.id == kept.id) & (resource.c.type == kept.kind.value)
            if not connection.execute(update(resource).where(row).values(parent=collection)).rowcount:
                raise NoSuchItem(kept.kind)

        told = {**details, "id": kept.id, "collection": collection or ""}
        self._directory.carry_out(change, actor, "document.move", told)

    def remove(self, kept: Kept, *, actor: Actor, details: Mapping[str, object]) -> None:
        """For good, with all that was shared of it. The documents of a collection stay, in none."""

        def change(connection: Connection) -> None:
            shared = (share.c.resource_type == kept.kind.value) & (share.c.resource_id == kept.id)
            connection.execute(delete(share).where(shared))
            row = (resource.c.id == kept.id) & (resource.c.type == kept.kind.value)
            if not connection.execute(delete(resource).where(row)).rowcount:
                raise NoSuchItem(kept.kind)

        self._directory.carry_out(change, actor, f"{kept.kind.value.lower()}.delete", {**details, "id": kept.id})


def _require_room(connection: Connection, owner: Principal, size: int, most_bytes: int) -> None:
    kept = connection.execute(
        select(func.coalesce(func.sum(resource.c.size_bytes), 0)).where(resource.c.owner == owner.id)
    ).scalar_one()
    if kept + size > most_bytes:
        raise TooMuchKept(
            f"one person may keep {most_bytes:,} bytes here", why=f"{kept:,} are kept, and this is {size:,}",
            next_step="delete what is not needed, or have the operator raise documents.kept_bytes",
        )  # fmt: skip


def _require(connection: Connection, kind: Kind, item: str) -> None:
    query = select(resource.c.id).where(resource.c.id == item, resource.c.type == kind.value)
    if connection.execute(query).first() is None:
        raise NoSuchItem(kind)


def _kept(row: Row[Any], levels: Levels) -> Kept:
    within = None
    if row.parent is not None and row.collection_owner is not None:
        within = Container(Kind.COLLECTION.value, row.parent, PrincipalId(row.collection_owner))
    return Kept(
        row.id, Kind(row.type), PrincipalId(row.owner), row.subject, label_of(row.level, row.compartments, levels),
        row.created_ms, row.size_bytes, within,
    )  # fmt: skip


def _of(query: Select[Any], kind: Kind, collection: str) -> Select[Any]:
    joined = query.outerjoin_from(resource, _collection, _collection.c.id == resource.c.parent)
    joined = joined.where(resource.c.type == kind.value)
    return joined.where(resource.c.parent == collection) if collection else joined


def _situation(names: Collection[str]) -> tuple[Any, ...]:
    """The columns of ``Situation``: a value that is none of ``names`` is as any other."""
    said = Names(names)
    return (
        said.named(resource.c.id),
        said.named(resource.c.owner),
        said.named_or_none(resource.c.parent),
        said.named_or_none(_collection.c.owner),
        resource.c.level,
        resource.c.compartments,
    )


def part_name(kind: Kind, item: str, part: str, label: Label) -> str:
    """What a part opens under: it can be moved to no other place, and its label cannot be swapped."""
    level, compartments = columns_of(label)
    return f"{kind.value} {item} {part} {level} {compartments}"
