"""Nothing is put in force before every worker that lives is ready for it: compiled, and what takes long to load is loaded.

The version before serves meanwhile, and stays where a worker cannot go by what is meant: whoever asked is told why.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from wardstead.access.policyset import AccessPolicies
from wardstead.adapters.store.readiness import READY, Ask, Readiness, Refused
from wardstead.bootstrap.deployment import Deployment
from wardstead.kernel.errors import BackendError, ConfigurationError, WardsteadError

WAIT_S: Final = 120.0
"""So long workers may take: models load for up to a minute each, and a worker that starts is waited for."""
_POLL_S: Final = 0.05


class OtherLevels(ConfigurationError):
    """A policy has other levels than the one that running workers go by."""

    code = "other_levels"


class OtherDetectors(ConfigurationError):
    """A policy does not go with the detectors that run, which are those of the start."""

    code = "other_detectors"


class NotReady(BackendError):
    """A worker could not, or did not, get ready for what was to be put in force."""

    code = "not_ready"


def require_ready(deployment: Deployment, policies: AccessPolicies, *, wait_s: float = WAIT_S) -> None:
    """Have every worker get ready for compiled policies, and wait for it.

    Raises ``OtherLevels``, ``OtherDetectors`` or ``NotReady``: the version in force stays.
    """
    readiness = deployment.readiness
    if not readiness.living():
        return
    ask = readiness.ask(policies)
    try:
        _wait(readiness, ask, time.monotonic() + wait_s)
    finally:
        readiness.take_back(ask)


def _wait(readiness: Readiness, ask: Ask, until_s: float) -> None:
    while True:
        said = readiness.answers(ask)
        for worker, one in sorted(said.items()):
            if one != READY:
                raise _refused(worker, one)
        silent = readiness.living() - said.keys()
        if not silent:
            return
        if time.monotonic() > until_s:
            raise NotReady(
                "a worker did not get ready in time: the version before stays in force", where=", ".join(sorted(silent)),
                next_step="'wardstead status', and the worker's log; policies can be activated while nothing runs",
            )  # fmt: skip
        time.sleep(_POLL_S)


def _refused(worker: str, said: Refused) -> WardsteadError:
    kinds: Mapping[str, type[ConfigurationError]] = {one.code: one for one in (OtherLevels, OtherDetectors)}
    kind = kinds.get(said.code)
    if kind is not None:
        return kind(said.what, where=said.where, why=said.why, next_step=said.next_step)
    return NotReady(
        "a worker cannot get ready for these policies: the version before stays in force", where=f"worker {worker}",
        why="; ".join(filter(None, (said.what, said.why))), next_step=said.next_step or "see the worker's log",
    )  # fmt: skip
