"""The ledger verifies itself: some time after each start and once a day, and the posture says what came of it.

It is read page by page, on a connection of its own that cannot write and waits for nobody, by a thread that gives way to all
others and rests as long as it works.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from wardstead.adapters.store.base import reading_engine
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.ledger.ledger_reader import LedgerReader
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.ledger.anchoring import anchored_checkpoints
from wardstead.bootstrap.ledger.row_seals import row_problems
from wardstead.bootstrap.ledger.timestamping import stamped_checkpoints
from wardstead.bootstrap.ledger.witnessing import cosigned_checkpoints
from wardstead.bootstrap.processes.running import running
from wardstead.isolation.posture import Check, State
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import BackendError
from wardstead.kernel.text import harmless
from wardstead.ledger.verify import Kept, Problem, Report

log = logging.getLogger(__name__)
FIRST_S, AGAIN_S, EVERY_S = 5.0, 60.0, 86_400.0
_STALE_MS = 2 * 86_400_000
_TOLD, _TOLD_CHARACTERS = 3, 200
_PAGE = 50
"""How many entries are held at once: bodies may be large."""
_GIVES_WAY = 19
_TITLE = "The record was recomputed"
_SOON = "wait: it is recomputed after each start; 'wardstead ledger verify' does it now"
_LOOK = "'wardstead ledger verify' names everything; keep the folder as it is, and restore from a backup"


class Result(msgspec.Struct, frozen=True):
    """What a verification found that began at ``time_ms``: the first ``problems`` of ``found``."""

    time_ms: int
    entries: int
    found: int
    problems: list[str]

    @property
    def ok(self) -> bool:
        """Nothing was altered."""
        return not self.found


class _Stopped(Exception):
    """It is time to stop."""


def known_checkpoints(deployment: Deployment) -> list[str]:
    """The checkpoints that this deployment keeps beside its database."""
    kept = (deployment.places.state / "checkpoint", deployment.places.signed)
    return [Kept(path.read_bytes().decode("utf-8", "replace"), str(path)) for path in kept if path.is_file()]


def verify(
    deployment: Deployment, reader: LedgerReader, *, known: Sequence[str] = (), progress: Callable[[int], None] | None = None
) -> Report:
    """Recompute everything, and hold it against every checkpoint that is kept, cosigned, stamped, published or ``known``."""
    kept, problems = [*known, *known_checkpoints(deployment)], list[Problem]()
    for elsewhere in (cosigned_checkpoints, stamped_checkpoints, anchored_checkpoints):
        notes, wrong = elsewhere(deployment)
        kept += notes
        problems += wrong
    report = reader.verify(clock=now_ms, known=kept, progress=progress)
    report.problems += problems
    if deployment.keys.open:  # who holds no key can recompute the tree alone
        report.problems += row_problems(deployment)
        report.rows_checked = True
    return report


def verify_now(deployment: Deployment, stop: threading.Event | None = None) -> Result:
    """Recompute everything, and keep the result among the keys: whoever can write the database alone cannot write there.

    Raises ``BackendError`` and ``OSError`` when the machine is at fault; the last result stays then.
    """
    began_ms = now_ms()
    report = _report(deployment, stop or threading.Event())
    told = [harmless(f"{one.code}: {one.where}: {one.what}")[:_TOLD_CHARACTERS] for one in report.problems[:_TOLD]]
    result = Result(began_ms, report.entries, len(report.problems), told)
    write_durably(_place(deployment), [msgspec.json.encode(result)])
    if not result.ok:
        log.error("the ledger was altered", extra={"fields": {"problems": told}})
    return result


def _report(deployment: Deployment, stop: threading.Event) -> Report:
    with _reader(deployment) as reader:
        try:
            return verify(deployment, reader, progress=_resting(stop))
        except (BackendError, OSError, _Stopped):
            raise
        except Exception as error:  # noqa: BLE001 -- what cannot even be digested is not what was written
            return Report(problems=[Problem("unreadable", "ledger", f"verification ended with {type(error).__name__}")])


@contextmanager
def _reader(deployment: Deployment) -> Iterator[LedgerReader]:
    engine = reading_engine(deployment.database_url)
    try:
        yield LedgerReader(engine, deployment.keys.verifying(), page=_PAGE)
    finally:
        engine.dispose()


def _resting(stop: threading.Event) -> Callable[[int], None]:
    """Rests as long as it has worked, each time that it hears of progress; raises ``_Stopped`` when it is time to."""
    began_s = time.monotonic()

    def progress(_done: int) -> None:
        nonlocal began_s
        if stop.wait(time.monotonic() - began_s):
            raise _Stopped
        began_s = time.monotonic()

    return progress


def keep_verifying(deployment: Deployment, stop: threading.Event) -> None:
    """For ever, in a thread of its own."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _GIVES_WAY)  # of this thread alone: sched(7)
    wait_s = FIRST_S
    while not stop.wait(wait_s):
        wait_s = EVERY_S
        try:
            verify_now(deployment, stop)
        except _Stopped:
            return
        except (BackendError, OSError) as error:
            log.warning("the ledger could not be verified; trying again", extra={"fields": {"error": type(error).__name__}})
            wait_s = AGAIN_S


def verified(deployment: Deployment) -> bool | None:
    """Whether the ledger was found to be what was recorded; ``None`` while nobody has looked since the start."""
    return {State.GREEN: True, State.AMBER: None, State.RED: False}[verified_check(deployment).state]


def verified_check(deployment: Deployment) -> Check:
    """What the last verification found. What was found altered stays so until it is found whole."""
    result = _last(_place(deployment))
    state, evidence, next_step = State.AMBER, "not verified yet", _SOON
    if result is not None:
        when = f"verified at {rfc3339(result.time_ms)}, {result.entries} entries"
        if not result.ok:
            more = f"; {result.found - len(result.problems)} more" if result.found > len(result.problems) else ""
            state, evidence, next_step = State.RED, f"altered: {'; '.join(result.problems)}{more}; {when}", _LOOK
        elif result.time_ms < _started_ms(deployment):
            evidence = f"not verified yet since the start; last {when}"
        elif now_ms() - result.time_ms > _STALE_MS:
            evidence, next_step = f"not verified for two days; last {when}", "'wardstead ledger verify' does it now"
        else:
            state, evidence, next_step = State.GREEN, when, ""
    return Check("ledger.verified", _TITLE, state, evidence, next_step)


def _started_ms(deployment: Deployment) -> int:
    """When the running deployment was started; 0 when none runs."""
    if running(deployment) is None:
        return 0
    return (deployment.places.run / "supervisor.pid").stat().st_mtime_ns // 1_000_000


def _place(deployment: Deployment) -> Path:
    return deployment.places.signed.parent / "verified.json"


def _last(path: Path) -> Result | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
        return None
