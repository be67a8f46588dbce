"""Rows that the ledger's tree does not commit to: held against their seals before anything starts, and by every verification.

How far the seals have come is kept among the keys, as the newest checkpoint is: whoever can write the database alone can put
rows, seals and head back together, and is betrayed by the number that is kept there, or in the newest act of administration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import msgspec
from sqlalchemy import Connection, inspect, select

from wardstead.adapters.store.engine.dialect import driven
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE, rows_in
from wardstead.adapters.store.ledger.continuity import read_copy
from wardstead.adapters.store.row_seals import altered
from wardstead.adapters.store.tables.ledger import IS_ACT, entry
from wardstead.adapters.store.tables.row_seals import row_seal_head
from wardstead.adapters.store.transactions import explained, read_transaction, write_transaction
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.ordering import Order
from wardstead.crypto.keyring import KeyGone
from wardstead.crypto.row_seals import Head, Known
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.sealing import open_entry
from wardstead.ledger.verify import Problem

_LOOKED_AT = 100
"""Of so many acts the newest that opens says how far the seals had come: those of people who were erased do not."""
_RECORDED = 20


def require_sealed_rows(deployment: Deployment) -> None:
    """Raises ``RowsAltered`` where a row of the database is not what was written. One of an earlier version has no seals."""
    problems = row_problems(deployment)
    if problems:
        raise altered(problems)


def row_problems(deployment: Deployment) -> list[Problem]:
    """Every row that is not what was written, and whether older ones are back."""
    with explained(), read_transaction(deployment.engine) as connection:
        known = _known(deployment)
        if not _begun(connection, deployment):
            gone = Problem("row-seals-altered", "row_seal_head", "the seals of all rows are gone")
            return [gone] if known is not None else []
        with driven(connection) as driver:
            problems = deployment.row_seals.check(driver)
            head = deployment.row_seals.head(driver)
        told = [("keys/ledger/rows", known), ("the newest act of administration", _recorded(connection, deployment))]
    if head is not None:
        problems += [found for where, one in told if one is not None and (found := _behind(deployment, head, one, where))]
    return problems


def begin_rows(deployment: Deployment, *, anew: bool = False) -> None:
    """Seal what has no seals yet, or (``anew``) what an upgrade has just changed."""
    with explained(), write_transaction(deployment.engine, deployment.turn) as connection:
        if anew or not _begun(connection, deployment) or not _declarations(connection, deployment):
            _seal_all(connection, deployment)
    keep_known_rows(deployment)


def keep_known_rows(deployment: Deployment) -> None:
    """Keep among the keys how far the seals have come."""
    with explained(), read_transaction(deployment.engine) as connection, driven(connection) as driver:
        head = deployment.row_seals.head(driver)
    known = _known(deployment)
    if head is not None and (known is None or known.version < head.version):
        deployment.places.rows.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(deployment.places.rows, [msgspec.json.encode(deployment.row_seals.known(head))])


def accept_rows(deployment: Deployment, order: Order) -> Sequence[Problem]:
    """Take every row as it is for what was written; what was wrong with them. Recorded in the same transaction."""
    problems = row_problems(deployment)
    told = order.told(deployment)
    said = {"problems": len(problems), "first": [asdict(one) for one in problems[:_RECORDED]]}
    with explained(), write_transaction(deployment.engine, deployment.turn) as connection:
        _seal_all(connection, deployment)
        deployment.admin_record.append(connection, COMMAND_LINE, "rows.accept", {**told, **said})
    keep_known_rows(deployment)
    deployment.directory.raise_version("deployment.rows", told)
    return problems


def _seal_all(connection: Connection, deployment: Deployment) -> None:
    """As a change behind all that anybody knows of."""
    known = [one.version for one in (_known(deployment), _recorded(connection, deployment)) if one is not None]
    with driven(connection) as driver:
        deployment.row_seals.seal_all(driver, max(known, default=0))


def _begun(connection: Connection, deployment: Deployment) -> bool:
    if not inspect(connection).has_table(row_seal_head.name):
        return False
    with driven(connection) as driver:
        return deployment.row_seals.begun(driver)


def _declarations(connection: Connection, deployment: Deployment) -> bool:
    """Whether the seals cover how the tables are declared: those of earlier versions do not."""
    with driven(connection) as driver:
        head = deployment.row_seals.head(driver)
    return head is not None and bool(head.declared)


def _known(deployment: Deployment) -> Known | None:
    """What is kept among the keys; ``None`` where nothing is: then the database is believed once."""
    text = read_copy(deployment.places.rows)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Known)
    except (UnicodeEncodeError, msgspec.MsgspecError):
        raise IntegrityError(
            "what is kept of the database's rows cannot be read", where=str(deployment.places.rows),
            next_step="restore it from a backup of the keys; without it the rows are believed once",
        ) from None  # fmt: skip


def _behind(deployment: Deployment, head: Head, known: Known, where: str) -> Problem | None:
    if head.version < known.version:
        what = f"they are those of change {head.version}, and {where} knows of {known.version}"
    elif head.version == known.version and deployment.row_seals.known(head) != known:
        what = f"after change {head.version} they were others, says {where}"
    else:
        return None
    return Problem("rows-rolled-back", "all tables", f"rows of an earlier time are back with their seals: {what}")


def _recorded(connection: Connection, deployment: Deployment) -> Known | None:
    """What the newest act of administration that opens says of the rows before it."""
    query = select(entry.c.subject, entry.c.header, entry.c.body).where(IS_ACT).order_by(entry.c.id.desc()).limit(_LOOKED_AT)
    for row in connection.execute(query):
        try:
            known = rows_in(open_entry(deployment.ring, row.subject, row.header, row.body).content)
        except (KeyGone, IntegrityError):
            continue  # what was altered is told by verification of the tree
        if known is not None:
            return known
    return None
