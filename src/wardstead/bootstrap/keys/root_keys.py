"""``keys protect`` and ``keys rotate``. Each is recorded before it is done: what cannot be recorded is not carried out.

Another root key takes the place of the old one while everything runs:

1. it is made, and kept in this folder beside the old one (``root.key.next``); the database says that this is under way;
2. every gateway that runs is given it, and has both from then on;
3. what lies in the database under the old one is moved under the new one;
4. every gateway moves what lies in its folder, and lets go of the old one; whatever does not run, this process moves;
5. the record says so, with the end of it in one transaction.

Whoever is killed in between says it again: each step is done where it is not done yet.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wardstead.adapters.locks import ProcessLock
from wardstead.adapters.store.keys import root_rotations
from wardstead.adapters.store.keys.root_rotations import Gateway, Rotation, Step
from wardstead.adapters.store.keys.subject_keys import Progress
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.ledger.ledger_keys import reseal
from wardstead.adapters.store.transactions import explained, write_transaction
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.keys.root_gateway import who_is
from wardstead.bootstrap.processes.running import running
from wardstead.crypto.roots import NewRoot, hand_to, root_id
from wardstead.crypto.sealed_root import KEYS_OF_ONE_COPY, KeyProvider, SealedRoot, move_secret
from wardstead.kernel.errors import BackendError, ConfigurationError, IntegrityError
from wardstead.kernel.ids import uuid7

_LOOK_S = 0.1
_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Replacing:
    """How far the replacement of the root key is: in step ``number`` so many of ``total`` are done, and these are waited for."""

    number: int
    done: int
    total: int
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rotated:
    """The epoch, how many keys lie under it, and which gateways took part; ``left``: they died, and lack the new root key."""

    epoch: int
    subjects: int
    gateways: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def protect(deployment: Deployment, provider: KeyProvider) -> SealedRoot:
    """Let ``provider`` keep the root key."""
    _record(deployment, "keys.protect", {"provider": provider.name, "before": provider_name(deployment)})
    return deployment.keys.protect(provider)


def unprotect(deployment: Deployment) -> None:
    """Keep the root key as a plain file."""
    _record(deployment, "keys.protect", {"provider": "file", "before": provider_name(deployment)})
    deployment.keys.unprotect()


def rotate(
    deployment: Deployment, *, root: bool, progress: Progress | None = None, replacing: Callable[[Replacing], None] | None = None
) -> Rotated:
    """A new epoch, and with ``root`` a new root key; whoever runs goes on. ``progress`` hears how many keys are wrapped anew.

    A rotation of the root key that was interrupted was recorded when it began: it is ended, and no more.
    """
    if not (root and (deployment.keys.rotating or under_way(deployment) is not None)):
        before = deployment.subject_keys.current_kek().epoch
        told: dict[str, object] = {
            "root": root,
            "subjects": deployment.subject_keys.count(),
            "before": before,
            "after": before + 1,
        }
        _record(deployment, "keys.rotate", told)
        deployment.subject_keys.rotate(progress)
    took_part, left = _Replacement(deployment, replacing or (lambda _: None)).run() if root else ((), ())
    return Rotated(deployment.subject_keys.current_kek().epoch, deployment.subject_keys.count(), took_part, left)


def under_way(deployment: Deployment) -> Rotation | None:
    """The replacement of the root key that is under way, or was interrupted."""
    with explained(), deployment.engine.connect() as connection:
        return root_rotations.under_way(connection)


def gateways(deployment: Deployment) -> list[Gateway]:
    """Those that the database knows."""
    with explained(), deployment.engine.connect() as connection:
        return root_rotations.gateways(connection)


class _Replacement:
    """Of the root key, from wherever it was left."""

    def __init__(self, deployment: Deployment, told: Callable[[Replacing], None]) -> None:
        self._deployment, self._told = deployment, told
        self._old: bytes | None = None
        self._next: NewRoot | None = None

    def run(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who took part, and who did not because they do not run. Raises ``WardsteadError``: it can be said again."""
        deployment = self._deployment
        lock = ProcessLock.only_one(deployment.places.run / "root.lock", "replacement of the root key")
        try:
            rotation = self._begun()
            keys = {root_id(root): root for root in deployment.keys.roots()}
            self._old = keys.get(rotation.old)
            self._next = deployment.keys.pending_root()
            self._wait(rotation, 2, Step.HAS)
            if not rotation.moved:
                self._move(keys[rotation.new])
            took_part = self._wait(rotation, 4, Step.SETTLED)
            return tuple(sorted(took_part)), self._end(rotation, took_part)
        finally:
            lock.release(remove=False)

    def _begun(self) -> Rotation:
        deployment, there = self._deployment, under_way(self._deployment)
        self._told(Replacing(1, 0, 1, ()))
        if there is None:
            new = deployment.keys.next_root().root
            one = str(uuid7(now_ms(), os.urandom(10)))
            there = Rotation(one, root_id(deployment.keys.root), root_id(new), who_is(deployment).place, now_ms())
            with explained(), write_transaction(deployment.engine, deployment.turn) as connection:
                root_rotations.begin(connection, there)
        if there.new not in map(root_id, deployment.keys.roots()):
            raise ConfigurationError(
                "the replacement of the root key was begun elsewhere, and this gateway has not the new one yet",
                where=there.begun_at, next_step="say 'wardstead keys rotate --root' there",
            )  # fmt: skip
        return there

    def _wait(self, rotation: Rotation, number: int, step: Step) -> set[str]:
        """Until everybody who runs is so far; who that is. What does not run here is settled by us."""
        deployment, until_s = self._deployment, time.monotonic() + _WAIT_S
        us = who_is(deployment)
        while True:
            here = running(deployment) is not None
            if step is Step.SETTLED and not here:
                deployment.keys.settle(deployment.keys.roots()[0])
            known = {one.id: one for one in gateways(deployment)}
            self._answer(rotation, known.values())
            wanted = {one.id: one.place for one in known.values() if deployment.shared and one.live}
            wanted.pop(us.id, None)
            if here:
                wanted[us.id] = us.place
            done = {one for one in wanted if one in known and known[one].at(rotation) in {step, Step.SETTLED}}
            waiting = tuple(sorted(place for one, place in wanted.items() if one not in done))
            self._told(Replacing(number, len(done), len(wanted), waiting))
            if not waiting:
                return {*wanted.values(), us.place}
            if time.monotonic() > until_s:
                raise BackendError(
                    "a gateway does not take the new root key", where=", ".join(waiting), why=f"{_WAIT_S:.0f} s were not enough",
                    next_step="see its log; everything goes on with both root keys, and 'wardstead keys rotate --root' ends it",
                )  # fmt: skip
            time.sleep(_LOOK_S)

    def _answer(self, rotation: Rotation, known: Iterable[Gateway]) -> None:
        """Give the new root key to those who ask for it, and have the old one."""
        for one in known:
            if one.at(rotation) is not Step.ASKS or one.request is None or one.answer is not None:
                continue
            if self._old is None or self._next is None:
                raise ConfigurationError(
                    "a gateway came back when the old root key was gone", where=one.place,
                    next_step="stop it, copy the folder keys/ of this one there, start it",
                )  # fmt: skip
            sealed = hand_to(self._old, rotation.id, one.request, self._next)
            with explained(), write_transaction(self._deployment.engine, self._deployment.turn) as connection:
                root_rotations.answer(connection, one, sealed)

    def _move(self, new: bytes) -> None:
        deployment, old = self._deployment, self._old
        if old is None:
            raise IntegrityError(
                "the old root key is gone, and the database lies under it", where=str(deployment.places.keys),
                next_step=KEYS_OF_ONE_COPY,
            )  # fmt: skip
        self._told(Replacing(3, 0, 1, ()))
        deployment.subject_keys.rewrap_root(old, new)
        with explained(), write_transaction(deployment.engine, deployment.turn) as connection:
            reseal(connection, lambda name, sealed: move_secret((old,), new, name, sealed, os.urandom))
            root_rotations.mark_moved(connection)

    def _end(self, rotation: Rotation, took_part: set[str]) -> tuple[str, ...]:
        deployment = self._deployment
        # Whoever had the old root key and the key store of then has everybody's key of then: what comes lies under others.
        era = deployment.subject_keys.begin_era()
        with explained(), write_transaction(deployment.engine, deployment.turn) as connection:
            left = tuple(one for one in root_rotations.end(connection, rotation) if one not in took_part)
            told = {"before": rotation.old, "after": rotation.new, "gateways": sorted(took_part), "left": list(left)}
            deployment.admin_record.append(connection, COMMAND_LINE, "keys.rotated", told)
        deployment.directory.raise_version("keys.era", {"era": era})  # whoever runs looks
        self._told(Replacing(5, 1, 1, ()))
        return left


def provider_name(deployment: Deployment) -> str:
    """Who keeps the root key."""
    sealed = deployment.keys.protection
    return "file" if sealed is None else sealed.provider


def _record(deployment: Deployment, action: str, details: dict[str, object]) -> None:
    deployment.admin_record.record_admin(COMMAND_LINE, action, details)
