"""Processes that hold the same model, lent one job each. Started when they are needed; replaced when they fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from wardstead.adapters.models.frames import Broken, WireSpan
from wardstead.adapters.models.worker import Worker
from wardstead.kernel.errors import DetectorFailed

BATCH_CHARS: Final = 16 * 1024
_BATCH_TEXTS: Final = 128
"""Of texts in one job, at most: what its time limit is meant for."""
_PAUSE_S: Final = 2.0
"""After a process that could not be started, nobody tries again for so long: each try costs everybody's time."""


class WorkerPool:
    """Safe for threads. Nothing waits longer than its deadline; what fails is ``DetectorFailed``, never an empty answer."""

    def __init__(
        self,
        name: str,
        start: Callable[[], Worker],
        *,
        workers: int = 1,
        timeout_s: float = 5.0,
        queue: int = 64,
        lacks: Callable[[], str] = str,
    ) -> None:
        """``timeout_s`` is for each job, its wait for a process included. At most ``queue`` jobs wait.

        ``lacks`` says what is missing, without starting anything.
        """
        self._name, self._start, self._timeout_s = name, start, timeout_s
        self.lacks = lacks
        self._workers, self._queue = workers, queue
        self._idle: list[Worker] = []
        self._out = 0
        self._waiting = 0
        self._closed = False
        self._refused: tuple[float, str] = (0.0, "")
        self._changed = threading.Condition()

    def ask(self, texts: Sequence[str]) -> list[list[WireSpan]]:
        """What is in each text, in jobs of a bounded size. Raises ``DetectorFailed``."""
        seen: list[list[WireSpan]] = []
        for batch in _batches(texts):
            seen += self._job(batch)
        return seen

    def close(self) -> None:
        """End the processes; those at work end with their job."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for worker in idle:
            worker.close()

    def _job(self, texts: Sequence[str]) -> list[list[WireSpan]]:
        deadline_s = time.monotonic() + self._timeout_s
        worker = self._take(deadline_s)
        sound = False
        try:
            if worker is not None and worker.ended:  # the system took it for its memory, say: nobody's text was lost
                worker.close()
                worker = None
            if worker is None:
                worker = self._new()
                deadline_s = time.monotonic() + self._timeout_s  # loading has a limit of its own
            seen = worker.ask(texts, deadline_s)
            sound = True
        except Broken as error:
            raise self._failed(str(error)) from None
        finally:
            self._done(worker, sound=sound)
        return seen

    def _new(self) -> Worker:
        until_s, why = self._refused
        if time.monotonic() < until_s:
            raise Broken(why)
        try:
            return self._start()
        except Broken as error:
            self._refused = (time.monotonic() + _PAUSE_S, str(error))
            raise

    def _take(self, deadline_s: float) -> Worker | None:
        """An idle process; ``None`` where there is room for a new one."""
        with self._changed:
            if self._waiting >= self._queue:
                raise self._failed("too many wait for it")
            self._waiting += 1
            try:
                while not self._closed and self._out >= self._workers:
                    left_s = deadline_s - time.monotonic()
                    if left_s <= 0 or not self._changed.wait(left_s):
                        raise self._failed("it is too busy")
            finally:
                self._waiting -= 1
            if self._closed:
                raise self._failed("it was closed")
            self._out += 1
            return self._idle.pop() if self._idle else None

    def _done(self, worker: Worker | None, *, sound: bool) -> None:
        """Take it back. One that is in the middle of something, whatever that is, is ended."""
        if worker is not None and not (sound and not self._closed):
            worker.close()
            worker = None
        with self._changed:
            self._out -= 1
            if worker is not None:
                self._idle.append(worker)
            self._changed.notify()

    def _failed(self, why: str) -> DetectorFailed:
        return DetectorFailed("a detector failed", where=self._name, why=why, next_step="see 'wardstead classify detectors'")


def _batches(texts: Sequence[str]) -> list[list[str]]:
    batches: list[list[str]] = []
    chars = BATCH_CHARS
    for text in texts:
        if chars + len(text) > BATCH_CHARS or len(batches[-1]) >= _BATCH_TEXTS:
            batches.append([])
            chars = 0
        batches[-1].append(text)
        chars += len(text)
    return batches
