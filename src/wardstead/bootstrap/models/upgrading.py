"""Comparing a model with one that is to take its place: both are scanned, and asked what they say of themselves."""

from __future__ import annotations

from pathlib import Path

from wardstead import __version__
from wardstead.adapters.artifacts.files import Entry
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.models.bom import read
from wardstead.bootstrap.models.scanning import Progress, to_scan
from wardstead.supply.admission import Candidate, current
from wardstead.supply.admission_policy import Requirement
from wardstead.supply.bom.bill import Bill
from wardstead.supply.upgrade import Upgrade, upgrade


def candidate_of(deployment: Deployment, model: str) -> Candidate | None:
    """The model of that name that is admitted; ``None`` where none is: then it is a path."""
    found = current(deployment.admissions.of(model), now_ms())
    return found.candidate if found is not None else None


def checked(deployment: Deployment | None, old: Candidate | Path, new: Path, progress: Progress) -> Upgrade:
    """What would change; ``progress`` is told of bytes as they are read. Raises ``NothingToScan``, ``ScannerUnavailable``."""
    before = to_scan(old) if isinstance(old, Path) else _files(deployment, old)
    return upgrade(*(_bill(found, progress) for found in (before, to_scan(new))))


def asked_of(deployment: Deployment, level: str) -> Requirement:
    """What policy asks of a model for data of a level; the lowest where none is given. Raises ``ConfigurationError``."""
    return deployment.admission_policy().requirement(level or deployment.levels.names[0], deployment.levels)


def _files(deployment: Deployment | None, old: Candidate) -> list[Entry]:
    inside = deployment.places.directory if deployment is not None else Path()
    return [Entry(inside / one.path, Path(one.path).name, one.size_bytes) for one in old.files]


def _bill(found: list[Entry], progress: Progress) -> Bill:
    files, said = read(found, progress)
    return Bill(said, files, "", ("wardstead", __version__))
