"""How late it is, however the machine's clock is set: kept up in every process, recorded by the recorder.

What has ended by time (a role, a share, a key, a session) must not hold again because somebody, or a flat battery, set the clock
back. So no process goes behind what is recorded (``bootstrap.clock``). A clock that had been ahead is put right by a person:
``accept_clock``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from wardstead.adapters.store.directory.known_time import take_back
from wardstead.bootstrap.attempts import attempt
from wardstead.bootstrap.clock import CLOCK
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.ordering import Order
from wardstead.kernel.clock import APART_MS, rfc3339
from wardstead.kernel.errors import CallerError

_EVERY_S = 1.0


class ClockNotBehind(CallerError):
    """There is nothing to accept."""

    code = "clock_not_behind"


@dataclass(frozen=True, slots=True)
class AcceptedClock:
    """How late it is, how late it was taken to be, and how much that began in between was ended, by kind."""

    now_ms: int
    was_ms: int
    ended: Mapping[str, int]


def follow_time(deployment: Deployment) -> None:
    """Learn how late it is at least; also that somebody took another time for the right one."""
    attempt(lambda: CLOCK.learn(deployment.known_time.read()), "how late it is could not be read; time goes on as it was known")


def record_time(deployment: Deployment) -> None:
    """So that whoever starts later knows how late it is at least."""
    attempt(lambda: deployment.known_time.keep(CLOCK.known()), "how late it is was not recorded; trying again")


def keep_following(deployment: Deployment) -> threading.Event:
    """Follow it from now on in a thread of its own. Set what is returned, and it ends."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(_EVERY_S):
            follow_time(deployment)

    threading.Thread(target=follow, name="time", daemon=True).start()
    return stop


def keep_recording(deployment: Deployment, stop: threading.Event) -> None:
    """Follow it, and record it every minute: in a thread of its own, beside the recorder of each gateway."""
    recorded_ms = 0
    while not stop.wait(_EVERY_S):
        follow_time(deployment)
        if abs(CLOCK() - recorded_ms) >= APART_MS:
            recorded_ms = CLOCK()
            record_time(deployment)
    record_time(deployment)


def accept_clock(deployment: Deployment, order: Order) -> AcceptedClock:
    """Take the machine's clock for right, though it is behind what is recorded: it had been ahead. Recorded.

    What was begun while it was ahead would last for as long as it was: it ends. Raises ``ClockNotBehind``.
    """
    told, behind_ms = order.told(deployment), CLOCK.behind_ms()
    if behind_ms <= APART_MS:
        raise ClockNotBehind("the clock is not behind what is recorded", next_step="there is nothing to accept")
    was_ms, now_ms = CLOCK(), CLOCK.wall_ms()
    said: dict[str, object] = {**told, "was": rfc3339(was_ms), "clock": rfc3339(now_ms)}

    def change(connection: Connection) -> Mapping[str, int]:
        known, ended = take_back(connection, now_ms)
        CLOCK.learn(known)  # so that the act's own time is the right one
        said["ended"] = ended
        return ended

    return AcceptedClock(now_ms, was_ms, deployment.directory.carry_out(change, None, "clock.accept", said))
