"""What is kept no longer than the classification policy says: the keys of days that are over are destroyed.

All that one asker said, and that is kept until the same day, takes a key of that asker and day beside the exchange's own. Its
end is an erasure like any other: recorded, gone on with after a crash, told to backups, and certified. A legal hold outranks it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import select

from wardstead.adapters.store.keys.erasures import RETENTIONS
from wardstead.adapters.store.keys.mentions import entries_of
from wardstead.adapters.store.tables.ledger import entry
from wardstead.bootstrap.attempts import attempt
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.forgetting.erasing import finish_erasures
from wardstead.crypto.mentions import SPAN_KIND
from wardstead.isolation.posture import Check, State
from wardstead.kernel.clock import DAY_MS, day_of

log = logging.getLogger(__name__)
FIRST_S, EVERY_S = 20.0, 3600.0
_AFTER_MS: Final = 3_600_000
"""A day is over an hour after its end: what was received before midnight may have been recorded after it."""
_LATE_MS: Final = 2 * DAY_MS
_TOGETHER: Final = 500
_TITLE: Final = "What is kept no longer is destroyed"
_NOW: Final = "'wardstead retention run' does it now, and says what is in the way"


@dataclass(frozen=True, slots=True)
class Due:
    """The ids of keys of days that are over, and whose they are; ``held``: those that a legal hold keeps."""

    keys: Mapping[bytes, str]
    held: Mapping[bytes, str]


@dataclass(frozen=True, slots=True)
class Amount:
    """So much: exchanges, entries of them, and people who asked."""

    exchanges: int = 0
    entries: int = 0
    people: int = 0


def due(deployment: Deployment, now: int) -> Due:
    """What is to be destroyed at the moment ``now``, in milliseconds."""
    found: dict[bytes, str] = {}
    days = list(_days_over(_first_ms(deployment), now))
    for at in range(0, len(days), _TOGETHER):
        found |= deployment.ring.mentioned([(SPAN_KIND, day) for day in days[at : at + _TOGETHER]])
    held = deployment.erasures.held()
    return Due(
        {one: owner for one, owner in found.items() if owner not in held},
        {one: owner for one, owner in found.items() if owner in held},
    )


def amount(deployment: Deployment, keys: Mapping[bytes, str]) -> Amount:
    """How much takes these keys."""
    entries = entries_of(deployment.engine, keys)
    return Amount(len({one.exchange for one in entries}), len(entries), len({one.subject for one in entries}))


def expire(deployment: Deployment, now: int) -> str:
    """Destroy what is due at the moment ``now``; the signed certificate, empty where nothing was."""
    found = due(deployment, now)
    if not found.keys:
        return ""
    told: dict[str, int] = {"days_of_people": len(found.keys), "kept_under_legal_hold": amount(deployment, found.held).entries}
    begun = deployment.erasures.begin(
        None, {**told, "reason": "the classification policy keeps it no longer"},
        marks=found.keys.keys(), prune=lambda _connection: told, kind=RETENTIONS,
    )  # fmt: skip
    finish_erasures(deployment, alone=deployment.at_rest)
    return next(one.certificate for one in deployment.erasures.all() if one.id == begun.id)


def keep_expiring(deployment: Deployment, stop: threading.Event) -> None:
    """Soon after the start and once an hour, until told to stop."""
    wait_s = FIRST_S
    while not stop.wait(wait_s):
        wait_s = EVERY_S
        attempt(partial(_expire_and_tell, deployment), "what is kept no longer could not be destroyed; trying again")


def _expire_and_tell(deployment: Deployment) -> None:
    if expire(deployment, now_ms()):
        log.info("what is kept no longer was destroyed")


def retention_check(deployment: Deployment) -> Check:
    """Whether anything is there for more than a day that should be destroyed."""
    if not deployment.keys.open:
        return Check("retention", _TITLE, State.GREEN, "looked at where the root key is open")
    late = due(deployment, now_ms() - _LATE_MS)
    kept = "; a legal hold keeps some" if late.held else ""
    if late.keys:
        told = amount(deployment, late.keys)
        return Check("retention", _TITLE, State.RED, f"{told.exchanges} exchanges are there after their time{kept}", _NOW)
    return Check("retention", _TITLE, State.GREEN, f"nothing is there after its time{kept}")


def _first_ms(deployment: Deployment) -> int:
    """Of the exchange whose id is the lowest: ids begin with the time. Times themselves stand behind all that was ever said."""
    with deployment.engine.connect() as connection:
        return int(connection.execute(select(entry.c.time_ms).order_by(entry.c.exchange).limit(1)).scalar() or 0)


def _days_over(first_ms: int, now: int) -> Iterator[str]:
    """The days from that of ``first_ms`` on that are over, an hour ago and more."""
    if first_ms:
        for day in range(first_ms // DAY_MS, (now - _AFTER_MS) // DAY_MS):
            yield day_of(day * DAY_MS)
