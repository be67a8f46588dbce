"""From probe results and settings to one answer: what protects this deployment, and what does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from wardstead.isolation.plan import Mode
from wardstead.isolation.probes import ProbeResult, Severity


class State(StrEnum):
    """Green: it holds. Amber: it holds less than it could. Red: it does not hold."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class Kept(StrEnum):
    """What keeps the weights that serve as they were hashed."""

    COPY = "copy"
    """They are a sealed copy in memory."""
    VERITY = "verity"
    """The kernel refuses writes to their file, and checks each page of it by its digest (fs-verity)."""
    HASHED = "hashed"
    """Nothing: their file could be changed after it was hashed."""


_KEPT = {
    Kept.COPY: "the weights are a sealed copy of what was hashed",
    Kept.VERITY: "the weights' file cannot be changed: fs-verity, by the admitted digest",
    Kept.HASHED: "the weights are served from a file that could change after it was hashed",
}
_ORDER = (State.GREEN, State.AMBER, State.RED)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the posture: what, how it stands, by what evidence, and what to do."""

    id: str
    title: str
    state: State
    evidence: str
    next_step: str = ""


def overall(checks: Iterable[Check]) -> State:
    """The worst of them; red when there are none."""
    states = [check.state for check in checks]
    return max(states, key=_ORDER.index) if states else State.RED


def isolation_check(model: str, mode: Mode, probes: Iterable[ProbeResult], kept: Kept, why: str = "") -> Check:
    """How well one model server is isolated. ``why`` its weights are not kept better."""
    name, title = f"isolation.{model}", f"The model server of {model} is isolated"
    if mode is Mode.NONE:
        return Check(name, title, State.RED, "isolation is switched off", "set isolation.mode to bubblewrap")
    results = tuple(probes)
    if not results:
        return Check(name, title, State.RED, "the probes could not run inside", "run 'wardstead doctor'")
    open_red = [one.id for one in results if one.open and one.severity is Severity.RED]
    open_amber = [one.id for one in results if one.open and one.severity is Severity.AMBER]
    if open_red:
        return Check(name, title, State.RED, f"open: {', '.join(open_red)}", "run 'wardstead doctor' and close them")
    closed = f"{len(results) - len(open_amber)} of {len(results)} probes closed"
    if open_amber:
        return Check(name, title, State.AMBER, f"{closed}; open: {', '.join(open_amber)}", "run 'wardstead doctor'")
    evidence = f"{closed}; {_KEPT[kept]}{f' ({why})' if why else ''}"
    return Check(name, title, State.AMBER if kept is Kept.HASHED else State.GREEN, evidence)
