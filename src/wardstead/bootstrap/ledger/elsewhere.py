"""How it stands with each place or authority elsewhere that is told of the ledger now and then: kept among the keys."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.isolation.posture import Check, State
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import ConfigurationError, IntegrityError, PeerError
from wardstead.kernel.text import harmless

log = logging.getLogger(__name__)
RETRY_S = 60.0
_SAID_CHARACTERS = 300


class Stand(msgspec.Struct, frozen=True):
    """What somebody elsewhere was told last: ``size`` entries, at ``at_ms``; ``why`` it could not be told since ``since_ms``."""

    name: str
    size: int = 0
    at_ms: int = 0
    why: str = ""
    since_ms: int = 0


def stands(deployment: Deployment, kind: str, names: Sequence[str]) -> list[Stand]:
    """How it stands with each of ``names``, as was kept; what cannot be read was not kept."""
    try:
        kept = {one.name: one for one in msgspec.json.decode(_place(deployment, kind).read_bytes(), type=list[Stand])}
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
        kept = {}
    return [kept.get(name, Stand(name)) for name in names]


def tell(deployment: Deployment, kind: str, before: Sequence[Stand], each: Callable[[Stand], Stand]) -> list[Stand]:
    """Tell each; how it stands then is kept. Who cannot be told stops nobody else, and is told again later."""
    found = [_told(kind, one, each) for one in before]
    if found != list(before):
        write_durably(_place(deployment, kind), [msgspec.json.encode(found)])
    return found


def _told(kind: str, before: Stand, each: Callable[[Stand], Stand]) -> Stand:
    try:
        return each(before)
    except (PeerError, IntegrityError, ConfigurationError) as error:
        why = harmless(": ".join(part for part in (error.what, error.why) if part))[:_SAID_CHARACTERS]
    if why == before.why:
        return before
    log.warning("the ledger cannot be told of elsewhere", extra={"fields": {"kind": kind, "name": before.name, "why": why}})
    return msgspec.structs.replace(before, why=why, since_ms=before.since_ms or now_ms())


def is_due(stand: Stand, size: int, interval_s: float) -> bool:
    """Whether there is something new to tell, and it is time."""
    return size > stand.size and (bool(stand.why) or now_ms() - stand.at_ms >= interval_s * 1000)


def is_late(one: Stand, size: int, interval_s: float) -> bool:
    """Whether it cannot be told, or was not within two intervals and does not know all that there is."""
    return bool(one.why) or (size > one.size and now_ms() - one.at_ms > 2 * interval_s * 1000)


def standing_check(check: str, title: str, found: Sequence[Stand], size: int, interval_s: float) -> Check:
    """For the posture: green where each was told within two intervals, or knows all that there is."""
    said, late = [], False
    for one in found:
        when = f"{one.name}: {one.size} entries at {rfc3339(one.at_ms)}" if one.at_ms else f"{one.name}: nothing yet"
        said.append(f"{when}, {one.why} since {rfc3339(one.since_ms)}" if one.why else when)
        late |= is_late(one, size, interval_s)
    evidence = f"{'; '.join(said)}; signed: {size}"
    if late:
        return Check(check, title, State.AMBER, evidence, "'wardstead ledger anchor' tries it now, and says what is wrong")
    return Check(check, title, State.GREEN, evidence)


def _place(deployment: Deployment, kind: str) -> Path:
    return deployment.places.signed.parent / f"{kind}.json"
