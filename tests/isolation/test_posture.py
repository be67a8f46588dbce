"""What the probes' answers come to. A sandbox is not trusted: what it leaves out counts as open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.adapters.sandbox.probe import PROBES
from wardstead.isolation.plan import Mode
from wardstead.isolation.posture import Kept, State, isolation_check, overall
from wardstead.isolation.probes import CATALOGUE, Severity, results

CLOSED = [{"id": name, "open": False, "detail": ""} for name in CATALOGUE]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


def test_each_probe_is_in_the_catalogue_and_the_other_way_round() -> None:
    assert set(PROBES) == set(CATALOGUE)
    assert len(CATALOGUE) >= 30


def test_everything_closed_and_sealed_is_green() -> None:
    assert isolation_check("m", Mode.BUBBLEWRAP, results(CLOSED), Kept.COPY).state is State.GREEN


def test_weights_that_the_kernel_keeps_are_green() -> None:
    check = isolation_check("m", Mode.BUBBLEWRAP, results(CLOSED), Kept.VERITY)
    assert check.state is State.GREEN
    assert "fs-verity" in check.evidence


def test_weights_that_could_change_after_they_were_hashed_are_amber_and_it_is_said_why() -> None:
    check = isolation_check("m", Mode.BUBBLEWRAP, results(CLOSED), Kept.HASHED, "no fs-verity here")
    assert check.state is State.AMBER
    assert check.evidence.endswith("that could change after it was hashed (no fs-verity here)")


@pytest.mark.parametrize("name", CATALOGUE)
def test_one_open_probe_colours_the_posture(name: str) -> None:
    said = [{**one, "open": one["id"] == name} for one in CLOSED]
    expected = State.RED if CATALOGUE[name].severity is Severity.RED else State.AMBER
    assert isolation_check("m", Mode.BUBBLEWRAP, results(said), Kept.COPY).state is expected


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_probe_that_does_not_answer_counts_as_open(name: str) -> None:
    (missing,) = [one for one in results([one for one in CLOSED if one["id"] != name]) if one.open]
    assert missing.id == name


@given(JSON)
def test_whatever_a_sandbox_says_is_results_and_never_green(said: object) -> None:
    answers = results(said)
    assert [one.id for one in answers] == list(CATALOGUE)
    assert isolation_check("m", Mode.BUBBLEWRAP, answers, Kept.COPY).state is State.RED


def test_no_isolation_is_red_whatever_the_probes_say() -> None:
    assert isolation_check("m", Mode.NONE, results(CLOSED), Kept.COPY).state is State.RED


def test_no_checks_are_red() -> None:
    assert overall([]) is State.RED


@pytest.mark.parametrize("steers", ["\x1b[2K\x1b[1A FORGED", "\x1b]0;title\x07", "\u202egnp.exe", "\x9b2J", "a\nb", "\ud800"])
def test_what_a_sandbox_says_does_not_steer_the_terminal_that_shows_it(steers: str) -> None:
    (first, *_) = results([{"id": next(iter(CATALOGUE)), "open": True, "detail": f"before {steers} after"}])
    assert first.detail.isprintable()
    assert first.detail.startswith("before ")
    first.detail.encode()


def test_a_detail_that_is_no_text_is_not_shown() -> None:
    (first, *_) = results([{"id": next(iter(CATALOGUE)), "open": False, "detail": [["x"]]}])
    assert (first.open, first.detail) == (False, "")
