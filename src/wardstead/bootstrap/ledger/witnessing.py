"""Witnesses: asked for their signature below each newer checkpoint, beside the recorder, which waits for none of them.

How the ledger stands with each is kept among the keys, the checkpoint that it cosigned last with it: whoever can write the
database alone can neither hide that a witness refused, nor how far the others have come.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy.exc import DatabaseError

from wardstead.adapters.store.base import explain
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.ledger.cosignatures import StoredCosignature, all_cosigned, keep_cosigned, unwitnessed_since_ms
from wardstead.adapters.store.ledger.tree_store import latest_note, tile_reader
from wardstead.adapters.store.transactions import write_transaction
from wardstead.adapters.witnesses import ask_witness
from wardstead.bootstrap.attempts import attempt
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.config.sections import WitnessSection
from wardstead.crypto.signing import WitnessKey, cosigned_s
from wardstead.isolation.posture import Check, State
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import ConfigurationError, IntegrityError
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.succession import LedgerKeys
from wardstead.ledger.tiles import node_from
from wardstead.ledger.verify import Kept, Problem
from wardstead.ledger.witnessing import (
    ADD_CHECKPOINT,
    ADD_KEYS,
    UNKNOWN_KEY,
    Again,
    Cosigned,
    Refused,
    Reply,
    Standing,
    judge,
    keys_body,
    request_body,
    witnessed_size,
)

log = logging.getLogger(__name__)
_ATTEMPTS = 3
"""A witness may have moved on between two of them; one that keeps moving is asked in the next round."""
_LATE_MS = 600_000
_TITLE = "Witnesses elsewhere have cosigned the ledger"

Ask = Callable[[WitnessSection, str, bytes], Reply]
"""Asks a witness for something (``ADD_CHECKPOINT``, ``ADD_KEYS``)."""


class Stand(msgspec.Struct, frozen=True):
    """How the ledger stands with a witness since ``time_ms``, and the ``note`` that it cosigned last (empty: none)."""

    name: str
    standing: Standing = Standing.DOWN
    why: str = "it was not asked yet"
    time_ms: int = 0
    size: int = 0
    at_s: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What is witnessed: ``size`` entries by as many as the quorum asks; ``signed`` have a checkpoint.

    ``since_ms``: when the first checkpoint beyond ``size`` was signed; ``None`` where all is witnessed.
    """

    stands: Sequence[Stand]
    quorum: int
    size: int
    signed: int
    since_ms: int | None

    @property
    def ok(self) -> bool:
        """As many witnesses as are asked for have cosigned something, and none saw another history."""
        return bool(self.size) and all(one.standing is not Standing.SPLIT for one in self.stands)

    @property
    def behind(self) -> int:
        """The signed entries that are not witnessed yet."""
        return self.signed - self.size


def asked(deployment: Deployment) -> Ask:
    """Asks over HTTP, with the authority that the settings pin."""

    def ask(section: WitnessSection, what: str, body: bytes) -> Reply:
        ca_file = str(deployment.places.directory / section.ca_file) if section.ca_file else ""
        try:
            return ask_witness(section.url, what, body, ca_file=ca_file)
        except OSError as error:  # the authority's certificate
            log.warning("a witness cannot be asked", extra={"fields": {"witness": section.key, "why": error.strerror}})
            return Reply(0)

    return ask


def keep_witnessing(deployment: Deployment, stop: threading.Event) -> None:
    """For ever, in a thread of its own; ends at once where no witness is named."""
    settings, ask = deployment.settings.ledger, asked(deployment)
    if not settings.witnesses:
        closed_mark(deployment).unlink(missing_ok=True)
        return
    wait_s = 0.0
    while not stop.wait(wait_s):
        wait_s = settings.witness_interval_s
        for step in (lambda: witness_round(deployment, ask), lambda: admit(deployment)):
            attempt(step, "the ledger cannot be witnessed now; trying again")


def witness_round(deployment: Deployment, ask: Ask) -> list[Stand]:
    """Ask each witness to cosign the newest checkpoint; how the ledger stands with each."""
    with deployment.engine.connect() as connection:
        note = latest_note(connection)
    if note is None:
        return []
    before = {one.name: one for one in stands(deployment)}
    found = [_asked(deployment, section, note, before, ask) for section in deployment.settings.ledger.witnesses]
    if found != list(before.values()):
        write_durably(_place(deployment), [msgspec.json.encode(found)])
    for one in found:
        _tell(before[one.name], one)
    return found


def _asked(deployment: Deployment, section: WitnessSection, note: str, known: dict[str, Stand], ask: Ask) -> Stand:
    witness = WitnessKey.from_text(section.key)
    before = known[witness.name]
    if before.standing is Standing.COSIGNED and before.note.startswith(note):
        return before
    answer = _answer(deployment, section, note, old=before.size, ask=ask)
    if isinstance(answer, Cosigned):
        size = open_checkpoint(note, deployment.ledger.keys).size
        with write_transaction(deployment.engine, deployment.turn) as connection:
            keep_cosigned(connection, witness.name, size, answer.note, answer.at_s)
        return Stand(witness.name, Standing.COSIGNED, "", now_ms(), size, answer.at_s, answer.note)
    since_ms = before.time_ms if before.standing is answer.standing and before.why == answer.why else now_ms()
    return msgspec.structs.replace(before, standing=answer.standing, why=answer.why, time_ms=since_ms)


def _answer(deployment: Deployment, section: WitnessSection, note: str, *, old: int, ask: Ask) -> Cosigned | Refused:
    witness, size = WitnessKey.from_text(section.key), open_checkpoint(note, deployment.ledger.keys).size
    old = old if old <= size else 0  # an older copy of this ledger was put in place: the witness says so
    for _ in range(_ATTEMPTS):
        reply = _reply(deployment, section, ask, old=old, size=size, note=note)
        answer = judge(reply, old=old, size=size, note=note, witness=witness)
        if not isinstance(answer, Again):
            return answer
        old = answer.old
    return Refused(Standing.DOWN, "it cosigns for somebody else at the same time")


def _reply(deployment: Deployment, section: WitnessSection, ask: Ask, *, old: int, size: int, note: str) -> Reply:
    """What it answers; where it does not trust the key, to the changes that lead there from one that it trusts."""
    with deployment.engine.connect() as connection:  # nobody elsewhere is waited for with one
        asked = request_body(old, size, note, node_from(tile_reader(connection)))
    reply = ask(section, ADD_CHECKPOINT, asked)
    changes = deployment.ledger.key_entries(size) if reply.status == UNKNOWN_KEY else []
    if not changes:
        return reply
    with deployment.engine.connect() as connection:
        told = keys_body(old, size, note, node_from(tile_reader(connection)), changes)
    return ask(section, ADD_KEYS, told)


def _tell(before: Stand, now: Stand) -> None:
    """In the log, whatever changed: a split view is shouted."""
    if (before.standing, before.why) == (now.standing, now.why):
        return
    fields = {"fields": {"witness": now.name, "standing": now.standing.value, "why": now.why}}
    if now.standing is Standing.SPLIT:
        log.error("SPLIT VIEW: a witness has cosigned another history than this ledger's", extra=fields)
    elif now.standing is not Standing.COSIGNED:
        log.warning("a witness does not cosign", extra=fields)
    else:
        log.info("a witness cosigns", extra=fields)


def stands(deployment: Deployment) -> list[Stand]:
    """How the ledger stands with each witness that is configured, as was kept; what cannot be read was not kept."""
    try:
        kept = {one.name: one for one in msgspec.json.decode(_place(deployment).read_bytes(), type=list[Stand])}
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
        kept = {}
    names = [WitnessKey.from_text(one.key).name for one in deployment.settings.ledger.witnesses]
    return [kept.get(name, Stand(name)) for name in names]


def witnessed(deployment: Deployment) -> Witnessed | None:
    """What is witnessed; ``None`` where nobody is named. Each cosignature is verified anew."""
    keys = witness_keys(deployment)
    if not keys:
        return None
    found = stands(deployment)
    sizes = [_size(deployment, one, keys[one.name]) for one in found]
    quorum = deployment.settings.ledger.witness_quorum
    size = witnessed_size(sizes, quorum)
    with deployment.engine.connect() as connection:
        note = latest_note(connection)
        since_ms = unwitnessed_since_ms(connection, size)
    signed = open_checkpoint(note, deployment.ledger.keys).size if note else 0
    return Witnessed(found, quorum, size, signed, since_ms)


def _size(deployment: Deployment, stand: Stand, key: WitnessKey) -> int:
    try:
        ours = open_checkpoint(stand.note, deployment.ledger.keys) if stand.note else None
        return ours.size if ours is not None and cosigned_s(stand.note, key) is not None else 0
    except IntegrityError:
        return 0


def witness_keys(deployment: Deployment) -> dict[str, WitnessKey]:
    """The keys of the witnesses that are configured, by name."""
    return {key.name: key for key in (WitnessKey.from_text(one.key) for one in deployment.settings.ledger.witnesses)}


def cosigned_checkpoints(deployment: Deployment) -> tuple[list[str], list[Problem]]:
    """Every cosigned checkpoint that is kept, for the ledger to be held against; and those that were altered.

    A cosignature of somebody who is no witness any more cannot be verified: its checkpoint is held against the ledger all the
    same, for the ledger's own signature.
    """
    witnesses, problems, notes = witness_keys(deployment), list[Problem](), list[str]()
    kept = [StoredCosignature(one.size, one.name, one.note, one.at_s * 1000) for one in stands(deployment) if one.note]
    try:
        with deployment.engine.connect() as connection:
            kept += all_cosigned(connection)
    except DatabaseError as error:
        explained = explain(error)
        if not isinstance(explained, IntegrityError):
            raise explained from None
        problems.append(Problem("unreadable", "cosignatures", explained.what))
    keys = deployment.ledger.keys  # read after them: each is signed with one of these
    for one in kept:
        if _is_whole(keys, one, witnesses.get(one.witness)):
            notes.append(Kept(one.note, f"witness {one.witness}"))
        else:
            where = f"cosignature {one.size} of {one.witness}"
            problems.append(Problem("cosignature-altered", where, "it is not what the witness cosigned"))
    return notes, problems


def _is_whole(keys: LedgerKeys, one: StoredCosignature, witness: WitnessKey | None) -> bool:
    if not isinstance(one.note, str):
        return False
    try:
        size = open_checkpoint(one.note, keys).size
        at_s = cosigned_s(one.note, witness) if witness is not None else None
    except IntegrityError:
        return False
    return size == one.size and (witness is None or (at_s is not None and at_s * 1000 == one.time_ms))


def overdue(deployment: Deployment) -> bool:
    """Whether entries have waited longer for the witnesses than the settings let new exchanges begin."""
    limit_s, found = deployment.settings.ledger.unwitnessed_limit_s, witnessed(deployment)
    if not limit_s or found is None or found.since_ms is None:
        return False
    return now_ms() - found.since_ms > limit_s * 1000


def admit(deployment: Deployment) -> None:
    """Tell every worker whether new exchanges may begin."""
    mark = closed_mark(deployment)
    if not overdue(deployment):
        mark.unlink(missing_ok=True)
    elif not mark.exists():
        log.error("new exchanges are refused: the ledger is not witnessed in time")
        mark.touch(mode=0o600)


def closed_mark(deployment: Deployment) -> Path:
    """The file that is there while no new exchange may begin."""
    return deployment.places.run / "unwitnessed"


def witnessed_check(deployment: Deployment) -> Check:
    """For the posture."""
    found = witnessed(deployment)
    if found is None:
        evidence = "unwitnessed: whoever holds the keys could rewrite it unseen by outsiders"
        return Check("ledger.witnessed", _TITLE, State.AMBER, evidence, "name one in ledger.witnesses, run by somebody else")
    split = [f"{one.name}: {one.why}, since {rfc3339(one.time_ms)}" for one in found.stands if one.standing is Standing.SPLIT]
    if split:
        next_step = "keep everything as it is; compare with the evidence that the witness keeps, and with backups"
        return Check("ledger.witnessed", _TITLE, State.RED, f"SPLIT VIEW: {'; '.join(split)}", next_step)
    told = [f"{one.name} up to {one.size}" + (f" ({one.why})" if one.why else "") for one in found.stands]
    evidence = f"{found.size} of {found.signed} signed entries by {found.quorum} of {len(found.stands)}: {', '.join(told)}"
    late = found.since_ms is not None and now_ms() - found.since_ms > _LATE_MS
    if found.ok and not late:
        return Check("ledger.witnessed", _TITLE, State.GREEN, evidence)
    return Check("ledger.witnessed", _TITLE, State.AMBER, evidence, "see to the witnesses that do not cosign")


def require_witnesses(deployment: Deployment) -> None:
    """Raises ``ConfigurationError`` where a witness's key is none, two have one name, or a pinned authority is missing."""
    where = f"{deployment.places.config}: ledger.witnesses"
    sections = deployment.settings.ledger.witnesses
    try:
        names = [WitnessKey.from_text(one.key).name for one in sections]
    except ConfigurationError as error:
        raise ConfigurationError(error.what, where=where, next_step="'wardstead-witness status DIR' shows it") from None
    if len(set(names)) != len(names):
        raise ConfigurationError("two witnesses have the same name", where=where)
    if deployment.keys.verifying().name in names:
        raise ConfigurationError("a ledger is no witness of its own", where=where)
    for one in sections:
        if one.ca_file and not (deployment.places.directory / one.ca_file).is_file():
            raise ConfigurationError("the authority's certificate is missing", where=f"{where}: {one.ca_file}")


def _place(deployment: Deployment) -> Path:
    return deployment.places.signed.parent / "witnesses.json"
