"""Erasing a person: keys first, then who they were, then what is left on the disk; a certificate says what was done.

Each step can be done again: an erasure that was broken off is gone on with at the next one, and at the next start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from wardstead.access.ports import Principal
from wardstead.adapters.store.keys.erasures import Erasure
from wardstead.adapters.store.keys.mentions import entries_of
from wardstead.bootstrap.backup.backups import last_expiry_ms, tell_of_erasures
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.forgetting.mentions import Doomed, doomed, stand_ins
from wardstead.bootstrap.identity.people import require_another_administrator
from wardstead.bootstrap.ordering import Order
from wardstead.bootstrap.scratch import remove_leftovers
from wardstead.crypto.mentions import MARK, SPAN
from wardstead.kernel.clock import DAY_MS, day_of, rfc3339
from wardstead.ledger.certificate import open_certificate, sign_certificate

_FILE_KEYS = "keys are files: a copy of the keys folder that is kept longer than this undoes the erasure"
_STAYS = "entries of administrators that name the person stay sealed under the administrators' keys"
_THAT_IT_WAS = "that it took place stays, with pseudonym, times to the minute and sizes"
_STAND_INS = "stand-ins that others' conversations had for them are in backups until those expire"


def hold(deployment: Deployment, name: str, order: Order) -> None:
    """Nothing of this person's is erased until the hold is released."""
    deployment.erasures.hold(deployment.directory.find(name), order.told(deployment))


def release(deployment: Deployment, name: str, order: Order) -> None:
    """This person may be erased again."""
    deployment.erasures.release(deployment.directory.find(name), order.told(deployment))


def erase(
    deployment: Deployment, name: str, order: Order, *, force: bool = False, identifiers: Sequence[str] = ()
) -> str:  # fmt: skip
    """Erase a person; the signed certificate. Raises ``LegalHold``, ``LastAdministrator`` unless ``force``.

    ``identifiers``: by which others mention them; that is erased too.
    """
    told, who = order.told(deployment), deployment.directory.find(name)
    if not force:
        require_another_administrator(deployment, name)
    return _carry_out(deployment, who, told, doomed(deployment, identifiers) if identifiers else None)


def erase_mentioned(deployment: Deployment, identifiers: Sequence[str], order: Order) -> str:
    """Erase somebody who is only mentioned; the signed certificate. Raises ``NoIdentifier``."""
    return _carry_out(deployment, None, order.told(deployment), doomed(deployment, identifiers))


def _carry_out(deployment: Deployment, who: Principal | None, told: Mapping[str, object], also: Doomed | None) -> str:
    if also is None:
        begun = deployment.erasures.begin(who, told)
    else:
        counts = {"kept_under_legal_hold": also.held, "entries_not_told_apart": also.crowds}
        held = deployment.erasures.held()
        kept = stand_ins(deployment)
        pruned = kept.without(also.wanted, held)

        def prune(connection: Connection) -> dict[str, int]:
            return {**counts, "stand_ins": kept.prune(connection, pruned, also.wanted)}

        begun = deployment.erasures.begin(who, told, marks=also.marks, prune=prune)
    finish_erasures(deployment, alone=deployment.at_rest)
    return next(one.certificate for one in deployment.erasures.all() if one.id == begun.id)


def finish_erasures(deployment: Deployment, *, alone: bool) -> int:
    """Go on with every erasure that was begun; how many there were. ``alone``: nobody runs the deployment."""
    begun = [one for one in deployment.erasures.all() if not one.certificate]
    if begun:
        remove_leftovers(deployment.places)
    for one in begun:
        _finish(deployment, one, alone=alone)
    return len(begun)


def erase_again(deployment: Deployment) -> int:
    """Destroy the keys of people who were erased, where an older copy of the keys brought them back; how many they were.

    Residual: the keys of whom others mentioned are not known any more, and those of days that are over neither.
    """
    gone = deployment.subject_keys.erased()
    back = [one.subject for one in deployment.erasures.all() if one.certificate and one.subject not in gone]
    if back:
        deployment.subject_keys.erase(*back)
        deployment.ring.evict()
        deployment.admin_record.record_admin("system", "erasure.again", {"subjects": back, "why": "an older copy of the keys"})
    return len(back)


def _finish(deployment: Deployment, one: Erasure, *, alone: bool) -> None:
    marks = deployment.erasures.marks(one)
    prefix = SPAN if one.of_days else MARK
    epoch = deployment.subject_keys.erase(one.subject, *(f"{prefix}{mark.hex()}" for mark in marks))
    deployment.ring.evict()
    counts = deployment.erasures.forget(one)
    deployment.erasures.scrub(alone=alone)
    now = now_ms()
    days = deployment.settings.erasure.key_copies_days
    expires = max(now + days * DAY_MS, last_expiry_ms(deployment))
    note = deployment.ledger.checkpoint()
    fields: dict[str, object] = {
        "id": one.id,
        "ledger": deployment.keys.verifying().name,
        "subject": one.subject,
        "ordered": rfc3339(one.begun_ms),
        "act": one.act,
        "erased": rfc3339(now),
        "key_epoch": epoch,
        "deleted": {name: count for name, count in counts.items() if name != "entry"},
        "entries_unreadable": counts["entry"],
        "last_key_copy_expires": day_of(expires),
        "unless": _FILE_KEYS,
        "stays": _STAYS,
        "checkpoint": note.rpartition("\n\n")[0].splitlines()[1:] if note else [],
    }
    if one.counted:
        entries = entries_of(deployment.engine, marks)
        told = {"keys": len(marks), "entries_unreadable": len(entries), "exchanges": len({row.exchange for row in entries})}
        fields["retention" if one.of_days else "mentioned"] = {**told, **one.counted}
        fields["stays"] = _THAT_IT_WAS if one.of_days else f"{_STAYS}; {_STAND_INS}"
    certificate = sign_certificate(deployment.signing_key(), fields)
    deployment.erasures.finish(one, certificate)
    if marks:
        deployment.erasures.scrub(alone=alone)  # the ids of their keys stood there until now
    tell_of_erasures(deployment)  # what is out of reach is named by the posture until it is told


def certificates(deployment: Deployment) -> list[Mapping[str, Any]]:
    """What each certificate says, and itself; one that is not finished says so. Raises ``IntegrityError`` for an altered one."""
    return [
        {**open_certificate(one.certificate, deployment.ledger.keys), "certificate": one.certificate}
        if one.certificate
        else {"id": one.id, "subject": one.subject, "ordered": rfc3339(one.begun_ms), "certificate": ""}
        for one in deployment.erasures.all()
    ]
