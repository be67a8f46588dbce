"""Whether a classification policy can come into force: whether it goes with what looks at texts, and with what runs.

What a worker's detectors find is noted in the run folder: a policy that does not go with them, or has other levels, would
make every request of the running workers stale.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wardstead.access.policyset import AccessPolicies
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.processes.running import running
from wardstead.inspection.combining import Kind
from wardstead.kernel.errors import ConfigurationError

if TYPE_CHECKING:
    from wardstead.inspection.inspector import PolicyInspector

_PREFIX: Final = "detects."
_STOPPED: Final = "'wardstead down', activate it, then 'wardstead up'"


class OtherLevels(ConfigurationError):
    """A policy has other levels than the one that running workers go by."""

    code = "other_levels"


class OtherDetectors(ConfigurationError):
    """A policy does not go with the detectors that run, which are those of the start."""

    code = "other_detectors"


def note(deployment: Deployment, inspector: PolicyInspector) -> None:
    """Say what this worker's detectors find, and which of them need a whole text."""
    said = {
        "kinds": [[one.type, one.category] for one in inspector.kinds],
        "text_detectors": [one.id for one in inspector.text_detectors],
    }
    with contextlib.suppress(OSError):  # a full disk: a policy that does not fit makes requests stale, and is in force nowhere
        write_durably(deployment.places.run / f"{_PREFIX}{os.getpid()}", [json.dumps(said).encode()])


def require_fitting(deployment: Deployment, policies: AccessPolicies, over: str) -> None:
    """Raises ``ConfigurationError`` where the classification policy does not go with what looks at texts.

    That is what is configured now, and, where it runs, what it began with. Nothing is asked of one that is in force already
    (in version ``over``).
    """
    policy = deployment.classification(policies)
    if over and deployment.classification(deployment.policies_of(over)).version == policy.version:
        return
    from wardstead.bootstrap.detection.inspection import detected  # what looks at texts takes long to import
    from wardstead.inspection.fitting import fit

    found = detected(deployment)
    fit(found.places, found.text_detectors, policy)


def require_running(deployment: Deployment, policies: AccessPolicies) -> None:
    """Raises ``OtherLevels`` or ``OtherDetectors`` where running workers could not go by it: they would answer nobody."""
    if running(deployment) is None:
        return
    policy = deployment.classification(policies)
    if policy.levels != deployment.levels:
        raise OtherLevels(
            "its levels are not those in force", where=str(deployment.classification_file),
            why="labels in the database, and of what is under way, would change their meaning; "
            f"in force are {', '.join(deployment.levels.names)}", next_step=_STOPPED,
        )  # fmt: skip
    from wardstead.inspection.verdict import Judge  # as much

    try:
        for one in _noted(deployment):
            policy.check_slow_detectors(one.text_detectors)
            Judge(one.kinds, policy)
    except ConfigurationError as error:
        why = "; ".join(filter(None, (error.what, error.why)))
        raise OtherDetectors(
            "it does not go with the detectors that run", where=error.where, why=why, next_step=_STOPPED
        ) from None


@dataclass(frozen=True, slots=True)
class _Noted:
    kinds: tuple[Kind, ...]
    text_detectors: frozenset[str]


def _noted(deployment: Deployment) -> Iterator[_Noted]:
    """What each worker that lives said. What cannot be read tells nothing: the worker looks for itself."""
    for path in deployment.places.run.glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX)
        if not pid.isdecimal() or not Path(f"/proc/{pid}").exists():
            path.unlink(missing_ok=True)
            continue
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            said = json.loads(path.read_bytes())
            kinds = tuple(Kind(kind, category) for kind, category in said["kinds"])
            yield _Noted(kinds, frozenset(said["text_detectors"]))
