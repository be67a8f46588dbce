"""Keeps a deployment's processes running: a launcher for each embedded model, one recorder, N gateway workers.

Any of them can die and is started again, with a pause that grows to a few seconds; none is given up. All of them die
with the supervisor, however it dies.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from wardstead.adapters.processes.parent import dying_with_us

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_HEALTHY_AFTER_S = 10.0
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A process to keep running.

    ``stop_timeout_s``: how long it may take to end after SIGTERM. ``drains``: it finishes its work first, and needs the others
    for that. ``environment``, ``descriptors``: what it gets beside what all children get.
    """

    name: str
    arguments: Sequence[str]
    log: Path
    stop_timeout_s: float = 5.0
    drains: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: Sequence[int] = ()


@dataclass(slots=True)
class _Child:
    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    next_start_s: float = 0.0
    pause_s: float = _FIRST_PAUSE_S
    restarts: int = 0
    statuses: list[int] = field(default_factory=list)


class Supervisor:
    """Starts, watches, restarts and stops children. Single-threaded; ``tick`` does all the work."""

    def __init__(self, specs: Sequence[ChildSpec], environment: Mapping[str, str], on_event: Callable[[str, str], None]) -> None:
        """``on_event(name, what)`` is told of starts and ends."""
        self._children = [_Child(spec) for spec in specs]
        self._environment = dict(environment)
        self._on_event = on_event
        self._renewing: deque[_Child] = deque()
        self._successor: _Child | None = None
        self._leaving: list[_Child] = []
        self._ready: Callable[[int], bool] = lambda _pid: True
        self._looked_s = 0.0

    def renew(self, names: Iterable[str], ready: Callable[[int], bool]) -> None:
        """Replace children one after the other: the old one is told to end when ``ready`` says that its successor (a pid) is.

        A successor that ends before that is tried again; until then the old one goes on.
        """
        wanted = set(names)
        self._renewing = deque(child for child in self._children if child.spec.name in wanted)
        self._ready = ready

    def tick(self) -> None:
        """Start what is due; notice what has ended."""
        now = time.monotonic()
        self._pass_on(now)
        for child in self._children:
            if child.process is None:
                if now >= child.next_start_s:
                    self._try_to_start(child, now)
                continue
            status = child.process.poll()
            if status is None:
                if child.pause_s > _FIRST_PAUSE_S and now - child.started_s > _HEALTHY_AFTER_S:
                    child.pause_s = _FIRST_PAUSE_S
                continue
            child.process = None
            child.restarts += 1
            child.statuses.append(status)
            self._on_event(child.spec.name, f"ended with status {status}; it is started again")
            self._pause(child, now)

    def failed_at_start(self) -> str | None:
        """A child that has ended three times by now and is not running: its name. For whoever waits until all are up."""
        for child in self._children:
            if child.restarts >= 3 and child.process is None:
                return child.spec.name
        return None

    def last_status(self, name: str) -> int:
        """The last exit status of a child."""
        return next((child.statuses[-1] for child in self._children if child.spec.name == name and child.statuses), 0)

    def stop(self) -> None:
        """End the children: all that drain at the same time, then those that they needed for it."""
        successor = [self._successor] if self._successor is not None else []
        for drains in (True, False):
            self._end([child for child in (*self._children, *successor, *self._leaving) if child.spec.drains is drains])

    def _pass_on(self, now: float) -> None:
        """The next step of a renewal; and what has left is not waited for longer than it may take."""
        for leaving in list(self._leaving):
            if leaving.process is None or leaving.process.poll() is not None:
                self._leaving.remove(leaving)
            elif now - leaving.started_s > leaving.spec.stop_timeout_s:
                leaving.process.kill()
        if self._successor is None:
            if self._renewing and now >= self._renewing[0].next_start_s:
                self._successor = _Child(self._renewing[0].spec)
                self._try_to_start(self._successor, now)
            return
        successor, child = self._successor, self._renewing[0]
        if successor.process is None or successor.process.poll() is not None:
            self._successor = None
            self._pause(child, now)
        elif now - self._looked_s > _LOOK_S:
            self._looked_s = now
            if self._ready(successor.process.pid):
                self._replace(child, successor, now)

    def _replace(self, child: _Child, successor: _Child, now: float) -> None:
        if child.process is not None:
            child.process.terminate()
            self._leaving.append(_Child(child.spec, child.process, now))
        child.process, child.started_s = successor.process, successor.started_s
        self._successor = None
        self._renewing.popleft()
        self._on_event(child.spec.name, "renewed")

    def _end(self, children: Sequence[_Child]) -> None:
        running = [(child, child.process) for child in children if child.process is not None]
        for _, process in running:
            process.terminate()
        began = time.monotonic()
        for child, process in running:
            try:
                process.wait(max(0.0, began + child.spec.stop_timeout_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            child.process = None

    def _pause(self, child: _Child, now: float) -> None:
        child.next_start_s = now + child.pause_s
        child.pause_s = min(child.pause_s * 2, _LONGEST_PAUSE_S)

    def _try_to_start(self, child: _Child, now: float) -> None:
        try:
            self._start(child, now)
        except (OSError, subprocess.SubprocessError) as error:  # no memory, or no room for another process
            self._on_event(child.spec.name, f"could not be started: {error}; it is tried again")
            self._pause(child, now)

    def _start(self, child: _Child, now: float) -> None:
        with _open_log(child.spec.log) as log:
            child.process = subprocess.Popen(  # noqa: S603 -- our own module, by absolute path
                list(child.spec.arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self._environment, **child.spec.environment},
                pass_fds=child.spec.descriptors,
                preexec_fn=dying_with_us(),  # noqa: PLW1509 -- the supervisor has one thread
                process_group=0,  # Ctrl-C is for the supervisor: a model server must outlive the streams that drain
            )
        child.started_s = now
        self._on_event(child.spec.name, "started")


def _open_log(path: Path) -> BinaryIO:
    """The log; nowhere, where the disk is read-only or has no room: a service without a log is better than none."""
    try:
        return path.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")
