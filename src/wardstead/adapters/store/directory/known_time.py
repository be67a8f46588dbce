"""How late it is at least, in the database: written by recorders, followed by every process, taken back by a person alone."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, Table, Update, delete, select, update

from wardstead.adapters.identity.codes import STEP_MS
from wardstead.adapters.store.directory.directory import DirectoryStore
from wardstead.adapters.store.row_seals import require_row
from wardstead.adapters.store.tables.access import elevation, share, timed_role
from wardstead.adapters.store.tables.break_glass import opening
from wardstead.adapters.store.tables.directory import credential, sign_in
from wardstead.adapters.store.tables.known_time import known_time
from wardstead.adapters.store.tables.reviews import review
from wardstead.adapters.store.tables.second_factors import authenticator, factor_attempts, sign_in_step
from wardstead.kernel.clock import KnownTime


class KnownTimeStore:
    """The one row. Blocking."""

    def __init__(self, directory: DirectoryStore) -> None:
        """``directory``: whose transactions it shares."""
        self._directory = directory

    def read(self) -> KnownTime:
        """What is recorded. Raises ``RowsAltered`` where it is not what was written."""
        with self._directory.reading() as connection:
            require_row(connection, known_time.name, 1)
            return _read(connection)

    def keep(self, known: KnownTime) -> None:
        """Record that it is so late, unless it is known to be later, or somebody has taken another time for the right one."""
        with self._directory.writing("how late it is cannot be recorded", durable=False) as connection:
            held = _read(connection)
            if held.accepted == known.accepted and held.latest_ms < known.latest_ms:
                connection.execute(update(known_time).values(latest_ms=known.latest_ms))


def take_back(connection: Connection, now_ms: int) -> tuple[KnownTime, Mapping[str, int]]:
    """Within an act's transaction: it is no later than ``now_ms``, whatever is recorded. What was ended with it, by kind.

    What was begun at a later time would last as long as the clock was ahead: it ends. What was used at one could not be used
    again for as long: that is forgotten.
    """
    found = KnownTime(now_ms, _read(connection).accepted + 1)
    connection.execute(update(known_time).values(latest_ms=found.latest_ms, accepted=found.accepted))
    meanwhile = {
        "keys and sessions": delete(credential).where(credential.c.created_ms > now_ms),
        "roles for a time": delete(timed_role).where(timed_role.c.id > _first_id(now_ms)),
        "shares with an end": delete(share).where(share.c.created_ms > now_ms, share.c.expires_ms.is_not(None)),
        "emergency accounts": _of(opening, opening.c.requested_ms, now_ms, "open").values(state="closed", until_ms=now_ms),
        "released requests": update(review).where(review.c.decided_ms > now_ms).values(until_ms=now_ms),
        "requests": _of(elevation, elevation.c.requested_ms, now_ms, "open").values(state="refused"),
        "requests for emergency accounts": _of(opening, opening.c.requested_ms, now_ms, "asked").values(state="refused"),
    }
    ended = {what: connection.execute(one).rowcount for what, one in meanwhile.items()}
    connection.execute(delete(sign_in_step))
    connection.execute(delete(sign_in).where(sign_in.c.last_ms > now_ms))
    connection.execute(update(factor_attempts).where(factor_attempts.c.blocked_until_ms > now_ms).values(blocked_until_ms=now_ms))
    step = now_ms // STEP_MS
    connection.execute(update(authenticator).where(authenticator.c.last_step > step).values(last_step=step))
    return found, {what: many for what, many in ended.items() if many}


def _read(connection: Connection) -> KnownTime:
    row = connection.execute(select(known_time)).one()
    return KnownTime(row.latest_ms, row.accepted)


def _of(table: Table, began_ms: ColumnElement[int], now_ms: int, state: str) -> Update:
    return update(table).where(table.c.state == state, began_ms > now_ms)


def _first_id(time_ms: int) -> str:
    """Below every id that was made after this millisecond: an id begins with its time (RFC 9562, section 5.7)."""
    text = f"{time_ms + 1:012x}"
    return f"{text[:8]}-{text[8:]}"
