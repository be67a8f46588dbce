"""The words near a match, at the edges of what counts as near."""

from __future__ import annotations

import pytest
from tests.inspection.reference import DETECTORS

from wardstead.inspection.patterns.catalogue import CONTEXT_BYTES, Detector
from wardstead.inspection.patterns.context import Context
from wardstead.inspection.patterns.matching import Matcher

SCANNING, SIMPLE = Matcher(DETECTORS), Matcher(DETECTORS, scan=False)
BOUND = [one for one in DETECTORS if one.context and one.examples]


def found(matcher: Matcher, data: bytes) -> list[tuple[int, int, int]]:
    numbers = matcher.candidates(data, 0, len(data))
    matches = [match for number in numbers for match in matcher.matches(number, data, 0, len(data)).matches]
    return sorted((one.start, one.end, one.detector) for one in matches)


@pytest.mark.parametrize("detector", BOUND, ids=lambda one: one.id)
def test_a_word_at_the_edge_counts_with_a_scan_as_without(detector: Detector) -> None:
    example = detector.examples[0].encode()
    values = [example[one[0] : one[1]] for one in found(SIMPLE, example) if SIMPLE.detectors[one[2]].id == detector.id]
    for word in sorted(detector.context, key=len)[:2]:
        for value in values[:1]:
            for gap in range(CONTEXT_BYTES - len(word) - 2, CONTEXT_BYTES - len(word) + 2):
                text = b"x" + word.encode() + b" " * gap + value
                assert found(SCANNING, text) == found(SIMPLE, text), text


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        (b"novu: 1", True), (b"my_novu=1", True), (b"myNovu=1", True), (b"novuKey1", True), (b"novu1", False),
        (b"novupass1", False), (b"supernovu 1", False), (b"nov 1", False), (b"", False),
    ],
)  # fmt: skip
def test_a_word_stands_by_itself_wherever_the_match_begins(text: bytes, stands: bool) -> None:
    word = Context(["novu"])
    starts = range(text.find(b"novu" if b"novu" in text else b"Novu") + 4, len(text))
    assert {word.stands_before(text, start) for start in starts} <= {stands}
    assert word.stands_before(text, len(text) - 1 if text else 0) is stands


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        (b"account no: 1", True), (b"account_no=1", True), (b"account-no: 1", True), (b"accountNo: 1", True),
        (b"homeAccountNo=1", True), (b"ACCOUNT_NO=1", True), (b"accountno 1", True),
        (b"account  no 1", False), (b"account.no 1", False), (b"accountNot 1", False), (b"subaccount no 1", False),
    ],
)  # fmt: skip
def test_two_words_are_a_name_of_data_as_well(text: bytes, stands: bool) -> None:
    assert Context(["account no"]).stands_before(text, len(text) - 1) is stands
