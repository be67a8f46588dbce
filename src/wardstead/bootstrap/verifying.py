"""The ledger verifies itself: some time after the start and once a day, and the posture says what came of it."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wardstead.adapters.store.durable_file import write_durably
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.isolation.posture import Check, State
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import WardsteadError

log = logging.getLogger(__name__)
FIRST_S, EVERY_S = 5.0, 86_400.0
_STALE_MS = 2 * 86_400_000
_TOLD = 3
_TITLE = "The record was recomputed"


def known_checkpoints(deployment: Deployment) -> list[str]:
    """The checkpoints that this deployment keeps beside its database."""
    kept = (deployment.places.state / "checkpoint", deployment.places.signed)
    return [path.read_bytes().decode("utf-8", "replace") for path in kept if path.is_file()]


def verify_now(deployment: Deployment) -> dict[str, Any]:
    """Recompute everything, and keep the result among the keys: whoever can write the database alone cannot write there."""
    report = deployment.ledger.verify(clock=now_ms, known=known_checkpoints(deployment))
    told = [f"{one.code}: {one.where}: {one.what}" for one in report.problems[:_TOLD]]
    result = {"time_ms": now_ms(), "ok": report.ok, "entries": report.entries, "problems": told}
    write_durably(_place(deployment), [json.dumps(result).encode()])
    if not report.ok:
        log.error("the ledger was altered", extra={"fields": {"problems": told}})
    return result


def keep_verifying(deployment: Deployment, stop: threading.Event) -> None:
    """For ever, in a thread that gives way to all others."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
    wait_s = FIRST_S
    while not stop.wait(wait_s):
        try:
            verify_now(deployment)
        except (WardsteadError, OSError) as error:
            log.warning("the ledger could not be verified", extra={"fields": {"error": type(error).__name__}})
        wait_s = EVERY_S


def verified_check(deployment: Deployment) -> Check:
    """What the last verification found."""
    result = _last(_place(deployment))
    if result is None:
        return Check("verified", _TITLE, State.AMBER, "not yet", "'wardstead ledger verify' does it now")
    when = f"{rfc3339(int(result['time_ms']))} over {int(result['entries'])} entries"
    if result["ok"] is not True:
        told = "; ".join(str(one) for one in result["problems"])
        return Check(
            "verified", _TITLE, State.RED, f"altered, as of {when}: {told}", "'wardstead ledger verify' names everything"
        )
    stale = now_ms() - int(result["time_ms"]) > _STALE_MS
    return Check("verified", _TITLE, State.AMBER if stale else State.GREEN, f"clean, as of {when}", "start it" if stale else "")


def _place(deployment: Deployment) -> Path:
    return deployment.places.signed.parent / "verified.json"


def _last(path: Path) -> Mapping[str, Any] | None:
    try:
        result = json.loads(path.read_bytes())
        return result if {"time_ms", "ok", "entries", "problems"} <= result.keys() else None
    except (OSError, ValueError, AttributeError):
        return None
