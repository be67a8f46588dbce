"""A clock that never goes back: what has ended by time stays ended, and what is to end does."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from wardstead.bootstrap.clock import Ratchet
from wardstead.kernel.clock import APART_MS, KnownTime

HOUR = 3_600_000
START = 1_800_000_000_000
STEPS = st.lists(
    st.tuples(st.sampled_from(["pass", "set", "learn", "restart"]), st.integers(-3 * HOUR, 3 * HOUR)), min_size=1, max_size=30
)


@dataclass
class Machine:
    """Its clock on the wall, and what counts the time that passes."""

    wall: int = START
    monotonic: int = 5

    def clock(self) -> Ratchet:
        return Ratchet(lambda: self.wall, lambda: self.monotonic)

    def passes(self, ms: int) -> None:
        self.wall, self.monotonic = self.wall + ms, self.monotonic + ms


@given(STEPS)
def test_time_neither_goes_back_nor_stands_still(steps: list[tuple[str, int]]) -> None:
    machine = Machine()
    clock, before, recorded = machine.clock(), START, KnownTime(0)
    for what, ms in steps:
        if what == "pass":
            machine.passes(abs(ms))
        elif what == "set":
            machine.wall += ms
        elif what == "learn":
            clock.learn(KnownTime(before + ms))
        else:  # what was recorded last is up to a minute old, and what is less behind than that is not told from clocks apart
            recorded = clock.known()
            clock = machine.clock()
            clock.learn(recorded)
            assert clock() >= before - APART_MS
            before = min(before, clock())
        now = clock()
        assert now >= before
        assert now >= machine.wall
        if what == "pass":
            assert now >= before + abs(ms) - APART_MS, "what is to end ends"
        if what == "learn":
            assert now >= before + ms - APART_MS
        before = now


@given(st.integers(0, HOUR), st.lists(st.integers(-3 * HOUR, 3 * HOUR), max_size=20))
def test_what_has_ended_is_never_open_again(lasts: int, sets: list[int]) -> None:
    machine = Machine()
    clock = machine.clock()
    until = clock() + lasts
    ended = False
    for ms in sets:
        machine.wall += ms
        machine.passes(60_000)
        is_over = clock() >= until
        assert is_over or not ended
        ended = is_over


def test_a_clock_that_is_put_right_again_is_followed() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall -= HOUR
    machine.passes(10_000)
    assert (clock(), clock.behind_ms()) == (START + 10_000, HOUR)
    machine.wall += HOUR + 2_000
    assert (clock(), clock.behind_ms()) == (START + 12_000, 0)


def test_clocks_of_two_gateways_may_be_a_minute_apart() -> None:
    clock = Machine().clock()
    clock.learn(KnownTime(START + APART_MS))
    assert clock() == START
    clock.learn(KnownTime(START + APART_MS + 1))
    assert clock() == START + APART_MS + 1


def test_only_what_was_accepted_takes_time_back() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.learn(KnownTime(START + HOUR, 3))
    clock.learn(KnownTime(START, 3))
    assert clock() == START + HOUR
    clock.learn(KnownTime(START, 4))
    assert clock() == START
    clock.learn(KnownTime(START + 2 * HOUR, 3))  # read before, or an older row that was put back
    assert (clock(), clock.known()) == (START, KnownTime(START, 4))
