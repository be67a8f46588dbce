"""Keeps the seals of rows up to date within each write transaction, and says which rows are not what was written.

What a transaction changed is noted by triggers of its own connection (``Driver.changed``). Before its commit each changed row is
held against its seal as it was before, so that nobody's alteration is sealed by an honest change of the same row, and is sealed
as it is now. Whoever holds no key can change rows, not seals: an edit, an addition and a removal are named. Rows and seals put
back together do not fit the head; a head put back as well is older than the one that is kept among the keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Engine

from wardstead.adapters.store.base import metadata
from wardstead.adapters.store.engine.dialect import Driver, dialect_of, driven, driver_of
from wardstead.adapters.store.sealed_tables import SealedTable, key_text, sealed_tables
from wardstead.crypto.row_seals import TAG_SIZE, Head, Known, Row, RowSealKey, TableSum
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.verify import Problem

_OPTION: Final = "wardstead_row_seals"
_MANY: Final = 1000
"""So many problems are named; there may be more."""
NEXT_STEP: Final = (
    "'wardstead ledger verify' names everything; restore the database from a backup, or, if it was you, "
    "'wardstead ledger accept-rows' takes it as it is, and records that"
)
_HEAD: Final = "SELECT body, tag FROM row_seal_head WHERE id = 1"
_PUT_HEAD: Final = (
    "INSERT INTO row_seal_head (id, body, tag) VALUES (1, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET body = excluded.body, tag = excluded.tag"
)
_SEAL: Final = "SELECT seal FROM row_seal WHERE tab = ? AND key = ?"
_PUT_SEAL: Final = (
    "INSERT INTO row_seal (tab, key, seal) VALUES (?, ?, ?) ON CONFLICT (tab, key) DO UPDATE SET seal = excluded.seal"
)
_DROP_SEAL: Final = "DELETE FROM row_seal WHERE tab = ? AND key = ?"
_SEALS: Final = "SELECT key, seal FROM row_seal WHERE tab = ?"


_Numbered = tuple[str, bytes, int]
"""A row's key, the tag over it, and what it gives to its table's sum."""


class RowsAltered(IntegrityError):
    """A row is not what was written there, or is not there any more."""

    code = "rows_altered"


class RowSeals:
    """The seals of one database. Safe for threads."""

    def __init__(self, key: Callable[[], bytes], *, at_hand: Callable[[], bool] = lambda: True) -> None:
        """``key``: 32 bytes, asked for when the first row is sealed or looked at.

        ``at_hand``: whether nobody has to be asked for it. Where somebody would, a command that only looks decides without.
        """
        self._given, self._at_hand = key, at_hand
        self._opened: RowSealKey | None = None
        self._seen: dict[str, Mapping[Row, _Numbered]] = {}

    @property
    def _key(self) -> RowSealKey:
        if self._opened is None:
            self._opened = RowSealKey(self._given())
        return self._opened

    # -- writing -----------------------------------------------------------------------------------------------------

    @staticmethod
    def watch(connection: Connection) -> None:
        """Before a write transaction begins on it. Raises ``ConfigurationError`` for a database of an earlier version."""
        tables = sealed_tables()
        try:
            if not driver_of(connection).watch(tables.values()):
                connection.exec_driver_sql("SELECT id FROM row_seal_head")
        except dialect_of(connection.engine).errors:
            for name in tables:  # what is missing is told as what an earlier version lacks
                connection.exec_driver_sql(f"SELECT 1 FROM {name} LIMIT 0")  # noqa: S608 -- a name of our own
            raise

    def keep(self, driver: Driver) -> None:
        """Before a write transaction commits: seal what it changed. Raises ``RowsAltered`` for a row that was altered before."""
        changed = driver.changed(sealed_tables())
        if not changed:
            return
        before: dict[tuple[str, str], Row | None] = {}
        keys: dict[tuple[str, str], Row] = {}
        for one in changed:
            table = sealed_tables()[one.table]
            if one.before is not None:
                key = [one.before[place] for place in table.at]
                place = (table.name, key_text(key))
                before.setdefault(place, one.before)
                keys.setdefault(place, key)
            if one.key is not None:
                place = (table.name, key_text(one.key))
                before.setdefault(place, None)
                keys.setdefault(place, one.key)
        head = self._require_head(driver)
        if unlike := _declared_otherwise(driver, head):
            raise altered(unlike)
        sums = dict(head.tables)
        for place, row in before.items():
            table = sealed_tables()[place[0]]
            self._require_sealed(driver, table, place, row)
            now = driver.execute(table.one_row, keys[place]).fetchone()
            many, by = self._move(driver, place, row, now)
            sums[table.name] = (sums.get(table.name) or _nothing_of(table)).moved(many, by)
        self._put_head(driver, Head(head.version + 1, sums, head.declared))

    def seal_all(self, driver: Driver, above: int = 0) -> Head:
        """Within a write transaction that changes no sealed row: take every row as it is.

        The head's number is above ``above``, and that of the last. Raises ``RowsAltered`` where something acts in the database
        that is none of ours: it would be taken for us from then on.
        """
        declared, strange = _declared(driver)
        if strange:
            raise altered(strange)
        last = self.head(driver)
        driver.execute("DELETE FROM row_seal")
        sums = {}
        for table in sealed_tables().values():
            rows, total, seals = list(driver.execute(table.all_rows)), 0, []
            for row in rows:
                key = table.key_of(row)
                total += self._key.number(table.name, table.columns, row)[1]
                seals.append((table.name, key, self._key.seal(table.name, table.columns, key, row)))
            driver.executemany(_PUT_SEAL, seals)
            sums[table.name] = _nothing_of(table).moved(len(rows), total)
        head = Head(max(above, last.version if last else 0) + 1, sums, declared)
        self._put_head(driver, head)
        return head

    def _move(self, driver: Driver, place: tuple[str, str], before: Row | None, now: Row | None) -> tuple[int, int]:
        """Seal a row as it is ``now``; how many rows its table has more, and how much more its sum is."""
        table = sealed_tables()[place[0]]
        rows = by = 0
        if before is not None:
            rows, by = -1, -self._key.number(table.name, table.columns, before)[1]
        if now is not None:
            rows, by = rows + 1, by + self._key.number(table.name, table.columns, now)[1]
            driver.execute(_PUT_SEAL, (*place, self._key.seal(table.name, table.columns, place[1], now)))
        elif before is not None:
            driver.execute(_DROP_SEAL, place)
        return rows, by

    def _require_head(self, driver: Driver) -> Head:
        head = self.head(driver)
        if head is None:
            raise altered([Problem("row-seals-altered", "row_seal_head", "the head of the seals is gone, or none of ours")])
        return head

    def _put_head(self, driver: Driver, head: Head) -> None:
        driver.execute(_PUT_HEAD, self._key.close(head))

    def _require_sealed(self, driver: Driver, table: SealedTable, place: tuple[str, str], row: Row | None) -> None:
        """The row was sealed as it was before the transaction; one that is new had no seal."""
        found = driver.execute(_SEAL, place).fetchone()
        problem = self._row_problem(table, place[1], row, found[0] if found is not None else None)
        if problem is not None:
            raise altered([problem])

    # -- looking -----------------------------------------------------------------------------------------------------

    def head(self, driver: Driver) -> Head | None:
        """What is known of all tables; ``None`` where nothing is, or not by us."""
        row = driver.execute(_HEAD).fetchone()
        return None if row is None else self._key.open(row[0], row[1])

    def known(self, head: Head) -> Known:
        """What to keep of a head elsewhere."""
        return self._key.known(head)

    def begun(self, driver: Driver) -> bool:
        """Whether there are any seals."""
        return driver.execute(_HEAD).fetchone() is not None

    def require_row(self, driver: Driver, name: str, *key: Any) -> None:
        """Raises ``RowsAltered`` where the row with this key is not what was written."""
        table, text = sealed_tables()[name], key_text(key)
        row = driver.execute(table.one_row, key).fetchone()
        self._require_sealed(driver, table, (name, text), row)

    def require(self, driver: Driver, names: Collection[str] | None = None) -> None:
        """Raises ``RowsAltered`` where any row of these tables, or of all, is not what was written, or is missing."""
        if self._opened is None and not self._at_hand():
            return
        problems = self.check(driver, names)
        if problems:
            raise altered(problems)

    def check(self, driver: Driver, names: Collection[str] | None = None) -> list[Problem]:
        """What is not as it was written, in these tables or in all. Within a transaction that sees one moment."""
        head = self.head(driver)
        if head is None:
            return [Problem("row-seals-altered", "row_seal_head", "the head of the seals is gone, or none of ours")]
        found = _declared_otherwise(driver, head)
        for table in sealed_tables().values():
            known = head.tables.get(table.name)  # none of one that the next upgrade brings
            if known is not None and (names is None or table.name in names):
                found += self._check(driver, table.as_of(known.columns), known, remember=names is not None)
        if names is None:
            for (name,) in driver.execute("SELECT DISTINCT tab FROM row_seal"):
                if name not in sealed_tables():
                    found.append(Problem("row-seals-altered", str(name), "there are seals of a table that there is not"))
        return found[:_MANY]

    def _check(self, driver: Driver, table: SealedTable, known: TableSum, *, remember: bool) -> list[Problem]:
        """``remember``: what was computed of each row, for the next time: a worker looks at the same rows after each act."""
        seals: dict[Any, Any] = {key: seal for key, seal in driver.execute(_SEALS, (table.name,))}  # noqa: C416 -- rows are no pairs
        before, now = self._seen.get(table.name, {}) if remember else {}, dict[Row, _Numbered]()
        found, total, rows = [], 0, 0
        for row in driver.execute(table.all_rows):
            numbered = before.get(row) or (table.key_of(row), *self._key.number(table.name, table.columns, row))
            if remember:
                now[row] = numbered
            key, tag, number = numbered
            total, rows = total + number, rows + 1
            seal = seals.pop(key, None)
            if not isinstance(seal, bytes) or seal[:TAG_SIZE] != tag:
                problem = self._row_problem(table, key, row, seal)
                found += [problem] if problem is not None else []
        if remember:
            self._seen[table.name] = now
        found += [Problem("row-deleted", _place(table, key), "a row that was written is gone") for key in seals]
        if not found and known.moved(-rows, -total) != _nothing_of(table):
            what = (
                f"there are {rows} rows, {known.rows} were written" if rows != known.rows else "rows of an earlier time are back"
            )
            found.append(Problem("rows-rolled-back", table.name, f"each row fits its seal, all together do not: {what}"))
        return found

    def _row_problem(self, table: SealedTable, key: str, row: Row | None, seal: Any) -> Problem | None:
        """What is wrong with a row, or with one that is not there."""
        where = _place(table, key)
        if row is None:
            return Problem("row-deleted", where, "a row that was written is gone") if seal is not None else None
        if not isinstance(seal, bytes):
            return Problem("row-inserted", where, "a row that was not written here")
        if seal[:TAG_SIZE] == self._key.number(table.name, table.columns, row)[0]:
            return None
        columns = self._key.altered(table.name, table.columns, key, row, seal)
        return Problem("row-altered", where, f"another value than was written: {', '.join(columns) or 'its seal'}")


def sealing(engine: Engine) -> RowSeals | None:
    """Who keeps the seals of this engine's database; ``None`` where nobody does."""
    found = engine.get_execution_options().get(_OPTION)
    return found if isinstance(found, RowSeals) else None


def seal_with(engine: Engine, seals: RowSeals) -> None:
    """From now on every write transaction of this engine keeps them."""
    engine.update_execution_options(**{_OPTION: seals})


def require_rows(connection: Connection, *names: str) -> None:
    """Where the rows of a database are sealed: raises ``RowsAltered`` unless all of these tables are what was written."""
    seals = sealing(connection.engine)
    if seals is not None:
        with driven(connection) as driver:
            seals.require(driver, names)


def require_row(connection: Connection, name: str, *key: Any) -> None:
    """The same of one row."""
    seals = sealing(connection.engine)
    if seals is not None:
        with driven(connection) as driver:
            seals.require_row(driver, name, *key)


def _declared(driver: Driver) -> tuple[dict[str, str], list[Problem]]:
    """A digest of how each table is declared; and what acts on one that no version of ours brings."""
    lines, strange = defaultdict[str, list[str]](list), list[Problem]()
    for one in driver.declared(metadata.tables):
        if one.ours:
            lines[one.table].append(f"{one.what} {one.text}")
        else:
            what = f"somebody else's {one.what}: it acts whenever we write; drop it"
            strange.append(Problem("schema-altered", one.table, what))
    return {name: sha256("\n".join(sorted(ones)).encode()).hexdigest()[:32] for name, ones in lines.items()}, strange


def _declared_otherwise(driver: Driver, head: Head) -> list[Problem]:
    """What would act, or decide, beside us where we write: a trigger's changes would be sealed as ours."""
    declared, found = _declared(driver)
    for name, digest in head.declared.items():
        if declared.get(name) != digest:
            found.append(Problem("schema-altered", name, "its columns, constraints, indexes or triggers are others than we made"))
    return found


def altered(problems: Sequence[Problem]) -> RowsAltered:
    """The error for what was found."""
    first = problems[0]
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return RowsAltered(
        f"the database was altered beside Wardstead: {first.what}{more}", where=first.where, next_step=NEXT_STEP
    )  # fmt: skip


def _place(table: SealedTable, key: str) -> str:
    return f"{table.name} {key}"


def _nothing_of(table: SealedTable) -> TableSum:
    return TableSum(0, "0", list(table.columns))
