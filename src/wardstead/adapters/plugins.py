"""Detectors that other packages bring: entry points of the group ``wardstead.detectors``, those alone that are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import entry_points
from threading import Thread
from typing import Final

from wardstead.inspection.contract import Checkup, Held, State, check, declares
from wardstead.inspection.ports import Span, TextDetector
from wardstead.kernel.errors import ConfigurationError, DetectorFailed

GROUP: Final = "wardstead.detectors"
MOST_LATE: Final = 4
"""Threads that one detector may leave behind in a process: each further text has failed at once, until one of them ends."""


def plugin(name: str, settings: Mapping[str, object], where: str, *, timeout_s: float) -> TextDetector:
    """The detector that an installed package calls ``name``: its entry point is called with ``settings``.

    One that takes longer than ``timeout_s`` has failed.
    It runs in our process, with our rights: whoever asks for it trusts its package as they trust ours. Raises
    ``ConfigurationError`` where there is none, it cannot be made, or breaks the contract.
    """
    found = [one for one in entry_points(group=GROUP) if one.name == name]
    if len(found) != 1:
        known = sorted({one.name for one in entry_points(group=GROUP)})
        raise ConfigurationError(
            f"there is no detector {name!r}" if not found else f"several packages bring a detector {name!r}",
            where=where, why=f"installed are: {', '.join(known) or 'none'}", next_step="install its package into our environment",
        )  # fmt: skip
    try:
        detector: TextDetector = found[0].load()(dict(settings))
    except ConfigurationError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever somebody else's code raises while it is loaded
        raise ConfigurationError(
            f"the detector {name!r} cannot be made", where=where, why=f"it raises {type(error).__name__}"
        ) from None
    if declares(detector):
        detector = InTime(detector, timeout_s)
    report = checked(detector, thorough=False)
    if report.state is State.BROKEN:
        raise ConfigurationError(
            f"the detector {name!r} breaks the contract", where=where, why=report.why, next_step="tell those who made it"
        )
    return Held(detector)


class InTime:
    """A ``TextDetector`` that is waited for only so long. Each question has a thread of its own, for Python ends no thread.

    Residual: code that keeps the interpreter to itself (a regular expression that never ends) is not interrupted.
    """

    def __init__(self, detector: TextDetector, timeout_s: float) -> None:
        """``detector`` declares what it has to."""
        self._detector, self._timeout_s = detector, timeout_s
        self._late: list[Thread] = []
        self.id, self.version, self.types = detector.id, detector.version, detector.types
        self.directions, self.origins = detector.directions, detector.origins
        self.marks, self.slow, self.cuts = detector.marks, detector.slow, detector.cuts

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        """See ``TextDetector.detect``. Raises ``DetectorFailed`` where it takes too long, or several before still do."""
        self._late = [one for one in self._late if one.is_alive()]
        if len(self._late) >= MOST_LATE:
            raise DetectorFailed("a detector failed", where=self.id, why="it still looks at texts of before")
        answer: Future[Sequence[Sequence[Span]]] = Future()
        thread = Thread(target=_answer, args=(self._detector, texts, answer), daemon=True)
        thread.start()
        try:
            return answer.result(self._timeout_s)
        except TimeoutError:
            if answer.done():  # its own
                raise
            self._late.append(thread)
            raise DetectorFailed("a detector failed", where=self.id, why=f"it takes longer than {self._timeout_s:g} s") from None


def _answer(detector: TextDetector, texts: Sequence[str], into: Future[Sequence[Sequence[Span]]]) -> None:
    try:
        into.set_result(detector.detect(texts))
    except BaseException as error:  # noqa: BLE001 -- it is raised again in the thread that asks
        into.set_exception(error)


def checked(detector: TextDetector, *, thorough: bool = True) -> Checkup:
    """The contract's check, with this machine's clock and threads."""
    return check(detector, clock_s=time.perf_counter, together=_together, thorough=thorough)


def _together(calls: Sequence[Callable[[], object]]) -> Sequence[object]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(lambda call: call(), calls))
