"""Looks, for as long as a deployment runs, whether what serves is still what was admitted; what is not is suspended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from msgspec import structs

from wardstead.bootstrap.attempts import attempt
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.models.admitting import Stamps, changed_file, standing
from wardstead.bootstrap.models.advisory_watch import AdvisoryWatch
from wardstead.config.sections import ModelSection
from wardstead.kernel.errors import WardsteadError
from wardstead.supply.admission import Admission, State, current, lapsed, waits_for_agreement

log = logging.getLogger(__name__)
EVERY_S: Final = 2.0
_HOUR_S: Final = 3600.0


class Cause(StrEnum):
    """By what a model was suspended that nobody suspended by hand."""

    APPROVAL = "approval-over"
    FILE = "file"
    ADVISORY = "advisory"
    SCAN = "scan"


class Guard:
    """What one process knows of the files of the models that serve."""

    def __init__(self, deployment: Deployment) -> None:
        """Nothing is known yet: the first look reads everything."""
        self._deployment = deployment
        self._stamps: Stamps = {}
        self._advisories = AdvisoryWatch(deployment)
        self._read_s = time.monotonic()

    def look(self) -> None:
        """Suspend every model of which a file changed, whose approval is over, or which policy lets no advisory concern.

        One that cannot be looked at keeps nobody from looking at the others. Raises ``WardsteadError``.
        """
        if time.monotonic() - self._read_s > self._deployment.admission_policy().recheck_hours * _HOUR_S:
            self._stamps.clear()
            self._read_s = time.monotonic()
        failed: WardsteadError | None = None
        for section in self._deployment.settings.models:
            try:
                if section.upstream.kind == "embedded":
                    self._look_at(section)
            except WardsteadError as error:
                failed = error
        if failed is not None:
            raise failed

    def _look_at(self, section: ModelSection) -> None:
        known = self._deployment.admissions.of(section.name)
        for one in known:
            if one.override and one.state in {State.ADMITTED, State.SUSPENDED} and _expired(one):
                end_override(self._deployment, one, "its hours are over")
            elif waits_for_agreement(one) and lapsed(one.candidate, now_ms()):
                end_override(self._deployment, one, "nobody agreed to it within a day")
        found = current(known, now_ms())
        if found is None or found.state is State.SUSPENDED:
            return
        stands = standing(self._deployment, section)
        looks: tuple[tuple[Cause, Callable[[], str]], ...] = (
            (Cause.APPROVAL, lambda: _expired(found)),
            (Cause.FILE, lambda: changed_file(self._deployment, stands, self._stamps)),
            (Cause.ADVISORY, lambda: self._advisories.why_not(found)),
        )
        for cause, look in looks:
            if why := look():
                suspend(self._deployment, found, why, cause)
                break


def keep_guarding(deployment: Deployment, stop: threading.Event) -> None:
    """Look every ``EVERY_S`` until told to stop."""
    guard = Guard(deployment)
    while not stop.wait(EVERY_S):
        # What serves was verified by whoever serves it.
        attempt(guard.look, "the models' files could not be looked at; trying again")


def suspend(deployment: Deployment, found: Admission, why: str, cause: Cause) -> None:
    """Let it serve no more, record why, and say so in the log."""

    def revise(one: Admission) -> Admission:
        return structs.replace(one, state=State.SUSPENDED, why=why) if one.state is State.ADMITTED else one

    model = found.candidate.model
    deployment.admissions.revise(found.candidate.id, revise, "model.suspend", {"model": model, "why": why, "cause": cause.value})
    log.error("a model is suspended", extra={"fields": {"model": model, "why": why}})


def end_override(deployment: Deployment, over: Admission, why: str) -> None:
    """What was before counts again, or goes on; that it does is recorded, and every process learns it."""

    def revise(one: Admission) -> Admission:
        return structs.replace(one, state=State.WITHDRAWN, why=why) if one.state is over.state else one

    deployment.admissions.revise(over.candidate.id, revise, "model.override-over", {"model": over.candidate.model, "why": why})


def _expired(found: Admission) -> str:
    return "its approval is over" if found.expires_ms is not None and now_ms() >= found.expires_ms else ""
