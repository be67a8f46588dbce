"""Time stamps: authorities elsewhere sign when a checkpoint was there at the latest (RFC 3161).

What is stamped is the checkpoint as the ledger signed it: the text, an empty line, and the ledger's own signature line.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy.exc import DatabaseError

from wardstead.adapters.store.base import explain
from wardstead.adapters.store.ledger.timestamps import StoredStamp, all_stamps, keep_stamp
from wardstead.adapters.store.ledger.tree_store import latest_note
from wardstead.adapters.store.transactions import write_transaction
from wardstead.adapters.timestamps import Authority, Stamped, ask_authority, roots_of, token_time_ms
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.ledger.elsewhere import Stand, is_due, standing_check, stands, tell
from wardstead.config.sections import TimestampSection
from wardstead.isolation.posture import Check
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.succession import LedgerKeys
from wardstead.ledger.verify import Kept, Problem

KIND = "timestamps"
Ask = Callable[[Authority, bytes], Stamped]


def stamp_round(deployment: Deployment, *, now: bool = False, ask: Ask = ask_authority) -> list[Stand]:
    """Have the newest checkpoint stamped by each authority that is due, or (``now``) has not stamped it yet."""
    before = stamp_stands(deployment)
    with deployment.engine.connect() as connection:
        note = latest_note(connection)
    if note is None:
        return before
    return tell(deployment, KIND, before, partial(_stamped, deployment, note, 0 if now else _interval_s(deployment), ask))


def _stamped(deployment: Deployment, note: str, interval_s: float, ask: Ask, before: Stand) -> Stand:
    size = open_checkpoint(note, deployment.ledger.keys).size
    if not is_due(before, size, interval_s):
        return before
    stamped = ask(authorities(deployment)[before.name], note.encode())
    with write_transaction(deployment.engine, deployment.turn) as connection:
        keep_stamp(connection, StoredStamp(size, before.name, note, stamped.response, stamped.time_ms))
    return Stand(before.name, size, stamped.time_ms)


def authorities(deployment: Deployment) -> dict[str, Authority]:
    """The authorities that are configured, by name. Raises ``ConfigurationError`` where certificates are missing."""
    return {one.name: _authority(deployment, one) for one in deployment.settings.ledger.timestamps}


def _authority(deployment: Deployment, one: TimestampSection) -> Authority:
    directory, timeout_s = deployment.places.directory, deployment.settings.ledger.timestamp_timeout_s
    ca_file = str(directory / one.ca_file) if one.ca_file else ""
    return Authority(one.name, one.url, roots_of(directory / one.certificates), ca_file, timeout_s)


def stamp_stands(deployment: Deployment) -> list[Stand]:
    """How it stands with each authority."""
    return stands(deployment, KIND, [one.name for one in deployment.settings.ledger.timestamps])


def stamped_checkpoints(deployment: Deployment) -> tuple[list[str], list[Problem]]:
    """Every stamped checkpoint that is kept, for the ledger to be held against; and those whose stamp does not hold.

    A stamp of an authority that is not configured any more cannot be verified: its checkpoint is held against the ledger all the
    same, for the ledger's own signature.
    """
    known = authorities(deployment)
    try:
        with deployment.engine.connect() as connection:
            kept = all_stamps(connection)
    except DatabaseError as error:
        explained = explain(error)
        if not isinstance(explained, IntegrityError):
            raise explained from None
        return [], [Problem("unreadable", "time stamps", explained.what)]
    notes, problems = list[str](), list[Problem]()
    keys = deployment.ledger.keys  # read after them: each checkpoint is signed with one of these
    for one in kept:
        where = f"time stamp {one.size} of {one.authority}"
        try:
            _require_stamp(keys, one, known.get(one.authority))
            notes.append(Kept(one.note, f"time stamp {one.authority}"))
        except IntegrityError as error:
            problems.append(Problem("timestamp-altered", where, error.what))
    there = {(one.authority, one.size) for one in kept}
    for stand in stamp_stands(deployment):
        if stand.size and (stand.name, stand.size) not in there:
            problems.append(Problem("timestamp-missing", f"time stamp {stand.size} of {stand.name}", "it was taken away"))
    return notes, problems


def _require_stamp(keys: LedgerKeys, one: StoredStamp, authority: Authority | None) -> None:
    if not isinstance(one.note, str) or not isinstance(one.response, bytes):
        raise IntegrityError("a value of the wrong type is stored")
    if open_checkpoint(one.note, keys).size != one.size:
        raise IntegrityError("it is of another checkpoint")
    if authority is not None and token_time_ms(authority, one.response, one.note.encode()) != one.time_ms:
        raise IntegrityError("it says another time than its row")


def stamp_checks(deployment: Deployment) -> list[Check]:
    """For the posture: nothing where no authority is named."""
    found = stamp_stands(deployment)
    if not found:
        return []
    title = "Authorities elsewhere have stamped when the ledger was so"
    return [standing_check("ledger.timestamps", title, found, signed_size(deployment), _interval_s(deployment))]


def signed_size(deployment: Deployment) -> int:
    """How many entries the newest checkpoint has."""
    with deployment.engine.connect() as connection:
        note = latest_note(connection)
    return open_checkpoint(note, deployment.ledger.keys).size if note else 0


def _interval_s(deployment: Deployment) -> float:
    return deployment.settings.ledger.anchor_interval_s
