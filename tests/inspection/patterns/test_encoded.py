"""What tells of many encoded runs at once that none spells anything never says so of one that does."""

from __future__ import annotations

import base64
import re

from hypothesis import example, given
from hypothesis import strategies as st
from tests.inspection.reference import DETECTORS, INSPECTOR

from wardstead.inspection.patterns.decoding import HEX_THAT_CAN_BE_READ, in_base64, in_hex, may_be_base64, stretches
from wardstead.inspection.patterns.encoded import encodings, spans
from wardstead.inspection.ports import PROMPT

NOISE = st.binary(max_size=40)
READABLE = st.text(st.sampled_from("abc 123-é€\U0001d400\x00\n\x07"), max_size=24).map(str.encode)
DATA = st.lists(NOISE | READABLE, max_size=4).map(b"".join)
ENCODINGS = {one.looks.id: one for one in encodings(DETECTORS)}
CHARACTERS = st.text(st.sampled_from("0123456789abcdefABCDEFghiZ27+/_-=%x\\, \n<~!"), max_size=120)
LONG = st.tuples(CHARACTERS, st.sampled_from(["a", "0f", "A-", "Z"]), st.integers(1400, 3100), CHARACTERS)
TEXTS = CHARACTERS | LONG.map(lambda one: one[0] + one[1] * one[2] + one[3])


def in_a_row(text: str) -> list[list[tuple[int, int]]]:
    """The runs of each encoding but the spaced, as they are found and as Python's own engine finds them."""
    data = text.encode()
    found: list[list[tuple[int, int]]] = []
    for one in ENCODINGS.values():
        if not one.spaced:
            plain = spans(re.compile(one.looks.pattern.encode()))
            for search in (one.search, plain):
                found.append([])
                at = 0
                while (span := search(data, at)) is not None:
                    found[-1].append(span)
                    at = span[1]
    return found


@given(TEXTS)
@example("a" * 3016 + "==" + "b" * 16)
@example("a" * 3017 + "=" + "0" * 3032)
def test_runs_are_found_where_pythons_own_engine_finds_them(text: str) -> None:
    found = in_a_row(text)
    assert found[::2] == found[1::2]


@given(DATA, st.integers(0, 3), st.lists(NOISE, max_size=3), st.integers(0, 3))
def test_base64_that_can_be_read_is_told_among_others(data: bytes, skipped: int, others: list[bytes], at: int) -> None:
    run = b"Abc"[:skipped] + base64.urlsafe_b64encode(data).rstrip(b"=")
    padded = run[skipped:] + b"=" * (-len(run[skipped:]) % 4)
    runs = [base64.b64encode(one) for one in others]
    runs.insert(at, run)
    if stretches(base64.urlsafe_b64decode(padded)):
        assert may_be_base64(runs)
        assert any(in_base64(run))


@given(DATA, st.sampled_from([b"", b"0", b"F"]))
def test_hexadecimal_digits_that_can_be_read_are_looked_at(data: bytes, before: bytes) -> None:
    run = before + data.hex().encode()
    if any(in_hex(run)):
        assert re.search(HEX_THAT_CAN_BE_READ.encode(), run)


def test_runs_that_are_read_together_hold_what_each_holds() -> None:
    """Seventy of them, a secret in every seventh, one of these encoded twice: more than are read at once."""
    secrets = [f"card 4111 1111 1111 1111 of customer {number:03}" for number in range(10)]
    runs = [base64.b64encode(f"nothing is in this one, number {number}".encode()).decode() for number in range(70)]
    for number, secret in enumerate(secrets):
        runs[7 * number] = base64.b64encode(secret.encode()).decode()
    runs[0] = base64.b64encode(runs[0].encode()).decode()
    found = {one.start for one in INSPECTOR.inspect(" ".join(runs), PROMPT).findings}
    assert found == {len(" ".join([*runs[: 7 * number], ""])) for number in range(10)}
    alone = [{one.type for one in INSPECTOR.inspect(run, PROMPT).findings} for run in runs]
    assert alone == [{"payment-card"} if number % 7 == 0 else set() for number in range(70)]
