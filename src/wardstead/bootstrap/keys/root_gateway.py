"""Beside the recorder of each gateway: takes part where another root key takes the place of this one.

It asks for the new root key, lays it where all processes of this gateway find it, and when the database lies under it moves what
lies in this folder and lets go of the old one. Each step can be done again: whoever is killed goes on from what is there.
"""

from __future__ import annotations

import socket
import threading
import time
from hashlib import sha256

from wardstead.adapters.store.keys.root_rotations import BEAT_S, Gateway, Rotation, Step, Who, gateways, leave, tell, under_way
from wardstead.adapters.store.transactions import explained, write_transaction
from wardstead.bootstrap.attempts import attempt
from wardstead.bootstrap.deployment import Deployment
from wardstead.crypto.keyring import open_kek
from wardstead.crypto.roots import Receiver, root_id
from wardstead.kernel.errors import IntegrityError

_EVERY_S = 1.0


def who_is(deployment: Deployment) -> Who:
    """This gateway."""
    place = f"{socket.gethostname()}:{deployment.places.directory}"
    return Who(sha256(place.encode()).hexdigest()[:32], place)


class RootGateway:
    """This gateway, for one process of it."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment, self._who = deployment, who_is(deployment)
        self._receiver: tuple[str, Receiver] | None = None
        self._told: object = None
        self._told_s = 0.0

    def look(self) -> None:
        """See what there is to do, and do it. Raises ``WardsteadError``."""
        with explained(), self._deployment.engine.connect() as connection:
            rotation = under_way(connection)
            mine = next((one for one in gateways(connection) if one.id == self._who.id), None) if rotation is not None else None
        if rotation is None:
            self._receiver = None
            self._rest()
        else:
            self._take_part(rotation, mine)

    def leave(self) -> None:
        """This gateway stops."""
        with explained(), write_transaction(self._deployment.engine, self._deployment.turn) as connection:
            leave(connection, self._who)

    def _rest(self) -> None:
        keys = self._deployment.keys
        if keys.rotating and len(keys.roots()) > 1:  # we were away when it ended, or it has just begun
            present, held = self._deployment.subject_keys.current_kek(), keys.roots()
            if open_kek(held, present).root == held[0]:
                keys.settle(held[0])
        if self._deployment.shared:
            self._tell("", Step.RUNS)

    def _take_part(self, rotation: Rotation, mine: Gateway | None) -> None:
        keys = self._deployment.keys
        held = {root_id(root): root for root in keys.roots()}
        if rotation.new not in held:
            new = self._asked(rotation, held.get(rotation.old), mine)
            if new is None:
                return
            held[rotation.new] = new
        if not rotation.moved:
            self._tell(rotation.id, Step.HAS)
            return
        keys.settle(held[rotation.new])
        self._tell(rotation.id, Step.SETTLED)

    def _asked(self, rotation: Rotation, old: bytes | None, mine: Gateway | None) -> bytes | None:
        """The new root key; ``None`` while nobody has given it."""
        if old is None:
            raise IntegrityError(
                "this gateway has neither the old root key nor the new one", where=self._who.place,
                next_step="stop it, copy the folder keys/ of one that runs, start it",
            )  # fmt: skip
        if self._receiver is None or self._receiver[0] != rotation.id:
            self._receiver = rotation.id, Receiver(old, rotation.id)
        receiver = self._receiver[1]
        if mine is None or mine.answer is None or mine.request != receiver.request:
            self._tell(rotation.id, Step.ASKS, receiver.request)
            return None
        new = receiver.take(mine.answer)
        if root_id(new.root) != rotation.new:
            raise IntegrityError("the new root key is another than the rotation names", where=self._who.place)
        self._deployment.keys.take_next(new, old)
        return new.root

    def _tell(self, rotation: str, step: Step, request: bytes | None = None) -> None:
        """Where it is news, or was said long ago."""
        told = rotation, step, request
        if self._told == told and time.monotonic() - self._told_s < BEAT_S:
            return
        with explained(), write_transaction(self._deployment.engine, self._deployment.turn) as connection:
            tell(connection, self._who, rotation, step, request)
        self._told, self._told_s = told, time.monotonic()


def keep_root(deployment: Deployment, stop: threading.Event) -> None:
    """For ever, in a thread of its own."""
    gateway = RootGateway(deployment)
    while not stop.wait(_EVERY_S):
        attempt(gateway.look, "the new root key was not taken; trying again")
    if deployment.shared:
        attempt(gateway.leave, "the others were not told that this gateway stops")
