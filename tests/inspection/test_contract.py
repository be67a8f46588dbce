"""The contract's check finds what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from wardstead.inspection.contract import QUICK_MS, TEXTS, Held, State, check
from wardstead.inspection.ports import Direction, Origin, Span
from wardstead.kernel.errors import DetectorFailed


def together(calls: Sequence[Callable[[], object]]) -> list[object]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(lambda call: call(), calls))


class Clock:
    """Goes on by so many milliseconds each time it is looked at."""

    def __init__(self, step_ms: float) -> None:
        self.now_s, self.step_s = 0.0, step_ms / 1000

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


class Good:
    """Finds each ``e``."""

    id, version = "letters", "1"
    types: Mapping[str, str] = {"letter": "alphabet"}
    directions, origins = frozenset(Direction), frozenset(Origin)
    marks, slow, cuts = False, False, False

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        return [[Span("letter", at, at + 1) for at, one in enumerate(text) if one == "e"] for text in texts]


def report(detector: Any, *, step_ms: float = 0.1, thorough: bool = True) -> tuple[State, str]:
    result = check(detector, clock_s=Clock(step_ms), together=together, thorough=thorough)
    return result.state, result.why


def broken(**changes: Any) -> Any:
    return type("Broken", (Good,), changes)()


def test_what_keeps_the_contract_is_ready() -> None:
    assert report(Good()) == (State.READY, "")


def test_its_time_is_told() -> None:
    assert check(Good(), clock_s=Clock(0.25), together=together).ms == 0.25


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"id": "Big Letters"}, "id"),
        ({"version": 3}, "version"),
        ({"types": {}}, "no types"),
        ({"types": {"letter": "The Alphabet"}}, "category"),
        ({"directions": ["prompt"]}, "directions"),
        ({"directions": frozenset({"sideways"})}, "direction"),
        ({"marks": "no"}, "marks"),
        ({"cuts": None}, "cuts"),
        ({"detect": lambda self, texts: []}, "each text"),
        ({"detect": lambda self, texts: None}, "form"),
        ({"detect": lambda self, texts: [[("letter", 0, 1)] for _ in texts]}, "form"),
        ({"detect": lambda self, texts: [[Span("letter", 0, 1)] for _ in texts]}, "nothing: a span lies outside"),
        ({"detect": lambda self, texts: [[Span("letter", 0, 0)] for _ in texts]}, "empty"),
        ({"detect": lambda self, texts: [[Span("number", 0, 1)] if text else [] for text in texts]}, "declare"),
        ({"detect": lambda self, texts: [[Span("letter", 0, 1, 1.5)] if text else [] for text in texts]}, "surer"),
        ({"detect": lambda self, texts: [list(reversed(one)) for one in Good.detect(self, texts)]}, "order"),
        (
            {"detect": lambda self, texts: [[] for text in texts if text.encode() is not None]},
            "half of a pair: it raises",
        ),
    ],
)
def test_what_breaks_it_is_named(changes: dict[str, Any], why: str) -> None:
    state, said = report(broken(**changes))
    assert state is State.BROKEN
    assert why in said


def test_one_that_says_something_else_each_time_is_found() -> None:
    class Moody(Good):
        calls = 0

        def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
            self.calls += 1
            return Good.detect(self, texts) if self.calls % 2 else [[] for _ in texts]

    assert report(Moody())[0] is State.BROKEN


def test_one_that_mixes_up_its_callers_is_found() -> None:
    class Shared(Good):
        def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
            import threading

            if threading.current_thread() is not threading.main_thread():
                return [[] for _ in texts]
            return Good.detect(self, texts)

    assert "threads" in report(Shared())[1]


def test_one_that_is_slow_has_to_say_so() -> None:
    assert report(Good(), step_ms=2 * QUICK_MS)[0] is State.BROKEN
    assert report(broken(slow=True), step_ms=2 * QUICK_MS)[0] is State.READY


def test_one_that_says_that_it_cannot_work_is_degraded() -> None:
    class Lacking(Good):
        def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
            raise DetectorFailed("a detector failed", why="its model is gone")

    for thorough in (True, False):
        assert report(Lacking(), thorough=thorough) == (State.DEGRADED, "its model is gone")


def test_the_texts_hold_what_detectors_stumble_over() -> None:
    assert "" in TEXTS.values()
    assert any(not text.isascii() for text in TEXTS.values())
    assert max(map(len, TEXTS.values())) > 10_000


def test_one_that_is_held_to_it_fails_instead_of_breaking_it() -> None:
    held = Held(Good())
    assert held.detect(["yes"]) == [[Span("letter", 1, 2)]]
    for wrong in ({"detect": lambda self, texts: [[Span("letter", 5, 99)]]}, {"detect": lambda self, texts: 1 / 0}):
        with pytest.raises(DetectorFailed) as failed:
            Held(broken(**wrong)).detect(["my secret"])
        assert "secret" not in str(failed.value)
