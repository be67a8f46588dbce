"""What ``doctor`` looks at: sandboxes from inside, detectors at work, admissions, every way, the key service, the backup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import msgspec

from wardstead.bootstrap.backup.backups import backup_check
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.detectors import reports
from wardstead.bootstrap.detection.known import windowed
from wardstead.bootstrap.keys.unsealing import key_service_check
from wardstead.bootstrap.models.admitting import Standing, admission_check, standing
from wardstead.bootstrap.processes import condition, running
from wardstead.bootstrap.processes.transit import Transit, transits
from wardstead.inspection.contract import Checkup
from wardstead.inspection.contract import State as Readiness
from wardstead.isolation.plan import Mode
from wardstead.isolation.posture import Check, State
from wardstead.isolation.probes import ProbeResult
from wardstead.kernel.errors import ConfigurationError, IntegrityError, PeerError


@dataclass(frozen=True)
class Sandboxes:
    """What a hostile model server could do: probes from inside of each that serves, by the name of its model."""

    mode: Mode
    probes: Mapping[str, tuple[ProbeResult, ...]]
    silent: list[Check]
    """The models whose servers do not answer, though they should run."""

    @property
    def closed(self) -> bool:
        """Whether all answer, and nothing is open that should not be."""
        return not self.silent and not any(one.open for found in self.probes.values() for one in found)

    def document(self) -> dict[str, object]:
        """As JSON has it."""
        rows = [{"model": name, **asdict(one)} for name, found in self.probes.items() for one in found]
        return {"mode": self.mode.value, "probes": rows, "faults": [asdict(one) for one in self.silent]}


@dataclass(frozen=True)
class Examination:
    """All that was looked at."""

    sandboxes: Sandboxes
    admission: list[Check]
    detectors: list[Checkup]
    detectors_fault: Check | None
    """What keeps detectors from being tried at all, or from working where they serve."""
    transit: list[Transit]
    backup: Check
    key_service: Check | None
    """Nothing where the root key is kept here."""

    @property
    def sound(self) -> bool:
        """Whether nothing is open, all detectors work, and nothing is red. A backup that is missing or old harms nobody yet."""
        states = [*(one.state for one in self.admission), *(one.state for one in self.transit)]
        if self.key_service is not None:
            states.append(self.key_service.state)
        working = self.detectors_fault is None and all(one.state is Readiness.READY for one in self.detectors)
        return self.sandboxes.closed and working and State.RED not in states

    def document(self) -> dict[str, object]:
        """As JSON has it."""
        service = {} if self.key_service is None else {"key_service": asdict(self.key_service)}
        faults = [*self.sandboxes.silent, *([] if self.detectors_fault is None else [self.detectors_fault])]
        return {
            **self.sandboxes.document(),
            "faults": [asdict(one) for one in faults],
            "admission": [asdict(one) for one in self.admission],
            "detectors": [msgspec.to_builtins(one) for one in self.detectors],
            "backup": asdict(self.backup),
            "transit": [one.document() for one in self.transit],
            **service,
        }


def look_inside(deployment: Deployment) -> Sandboxes:
    """Tries every probe in every sandbox. A model that does not serve has none."""
    return _inside(deployment, _standings(deployment))


def examine(deployment: Deployment) -> Examination:
    """Looks at all of it."""
    standings = _standings(deployment)
    sandboxes = _inside(deployment, standings)
    return Examination(
        sandboxes,
        [admission_check(one) for one in standings],
        *_tried(deployment),
        transits(deployment),
        backup_check(deployment),
        key_service_check(deployment.keys, deployment.environment),
    )


def _standings(deployment: Deployment) -> list[Standing]:
    return [standing(deployment, model) for model in deployment.settings.models if model.upstream.kind == "embedded"]


def _inside(deployment: Deployment, standings: list[Standing]) -> Sandboxes:
    """Raises ``PeerError`` where nothing runs."""
    probes: dict[str, tuple[ProbeResult, ...]] = {}
    silent = []
    for model in (one.model for one in standings if not one.refused):
        try:
            probes[model] = condition.probes(deployment, model)
        except PeerError as error:
            if running.running(deployment) is None:
                raise
            said = f"{error.what} ({error.why})"
            silent.append(Check(f"isolation.{model}", f"The model server of {model} is isolated", State.RED, said, "see its log"))
    return Sandboxes(deployment.mode, probes, silent)


def _tried(deployment: Deployment) -> tuple[list[Checkup], Check | None]:
    """What came of trying each detector anew; what keeps them from that, or from working where they serve."""
    try:
        windowed(deployment)
        found = reports(deployment, thorough=False)
    except (ConfigurationError, IntegrityError):
        return [], condition.detectors_check(deployment)
    serving = condition.detectors_check(deployment)
    return found, serving if serving.state is State.RED else None
