"""Whether advisories concern what serves a model: looked at when they, or what was decided of them, change."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.models import advisories
from wardstead.bootstrap.models.packages import own_environment, statements, take_inventory
from wardstead.isolation.posture import Check, State
from wardstead.kernel.errors import ConfigurationError, WardsteadError
from wardstead.supply.admission import Admission
from wardstead.supply.advisories.audit import STALE_DAYS, Knowledge, Weakness, audit
from wardstead.supply.bom.kept import packages
from wardstead.supply.packages.package import Package
from wardstead.supply.packages.servers import servers
from wardstead.supply.ports import Severity

_SUSPEND: Final = "suspend"
_OURS: Final = "PyPI"
"""What Wardstead's own environment is of."""
_Seen = tuple[date, tuple[tuple[int, int], ...]]
"""The day, for statements end by it, and how both files look."""


class AdvisoryWatch:
    """What one process knows of the software that serves: its own environment, read once, and what bills name."""

    def __init__(self, deployment: Deployment) -> None:
        """Nothing is read before policy asks for it."""
        self._deployment = deployment
        self._answers: dict[str, tuple[_Seen, str]] = {}

    def why_not(self, one: Admission) -> str:
        """Why it may serve no more; empty where policy does not ask, or nothing grave is known.

        Where policy asks, and what is known cannot be read, it serves no more either.
        """
        try:
            if one.override or not self._asked(one):
                return ""
            seen = self._now()
            before = self._answers.get(one.candidate.id)
            if before is None or before[0] != seen:
                before = self._answers[one.candidate.id] = seen, self._look(one, seen[0])
            return before[1]
        except WardsteadError as error:
            return f"what is known of what serves it cannot be read ({error})"
        except OSError as error:
            return f"what is known of what serves it cannot be read ({error.strerror})"

    def _now(self) -> _Seen:
        files = (self._deployment.places.advisories, self._deployment.places.policies / "vex.yaml")
        return datetime.now(UTC).date(), tuple(_stamp(path) for path in files)

    def _asked(self, one: Admission) -> bool:
        policy = self._deployment.admission_policy()
        try:
            rule = policy.requirement(one.candidate.ceiling, self._deployment.levels)
        except ConfigurationError:
            return False  # no rule speaks of its level: it was admitted by its digest, or by rules of before
        return rule.advisories == _SUSPEND

    def _look(self, one: Admission, today: date) -> str:
        every = (*self._environment, *_billed(self._deployment.admissions.bom(one.candidate.id)))
        with advisories.opened(self._deployment.places.advisories) as store:
            known = Knowledge(store, statements(self._deployment.places.directory, None))
            found = audit(every, known, today).weaknesses
        grave = next((each for each in found if each.gravity is Severity.BLOCK and not each.undecided), None)
        return _said(grave) if grave is not None else ""

    @cached_property
    def _environment(self) -> tuple[Package, ...]:
        return take_inventory(own_environment()).packages


def advisories_check(deployment: Deployment) -> list[Check]:
    """How old is what is known, where policy lets it stop models; nothing where it does not."""
    try:
        asked = any(rule.advisories == _SUSPEND for rule in deployment.admission_policy().rules)
    except ConfigurationError:
        return []  # the check of the policies says so
    if not asked:
        return []
    title, bring = "Advisories that stop models are recent", "'wardstead advisories import'"
    try:
        with advisories.opened(deployment.places.advisories) as store:
            day = store.as_of().get(_OURS)
    except WardsteadError as error:
        return [Check("advisories", title, State.RED, str(error), bring)]
    if day is None:
        return [Check("advisories", title, State.RED, f"none were imported for {_OURS}: nothing stops a model", bring)]
    age = (datetime.now(UTC).date() - day).days
    state = State.GREEN if age <= STALE_DAYS else State.AMBER
    return [Check("advisories", title, state, f"those for {_OURS} are {age} days old", "" if state is State.GREEN else bring)]


def _billed(bill: bytes) -> list[Package]:
    """The packages that a kept bill names, and the servers that they bring."""
    found = packages(json.loads(bill or b"{}"))
    return [*found, *servers(found)]


def _said(one: Weakness) -> str:
    what = "is malicious" if one.malicious else "is used by attackers" if one.exploited is not None else "is critical"
    return f"{one.id} {what} and concerns {one.package.name} {one.package.version}, which serves it"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
