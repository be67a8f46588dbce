"""What a record's findings come to, in words."""

from __future__ import annotations

from wardstead.console.timeline import FoundKind, _found


def test_a_place_that_two_detectors_of_a_type_find_counts_once() -> None:
    one = {"text": 0, "type": "payment-card", "start": 8, "end": 27, "action": "allow"}
    assert _found([one, dict(one)]) == (FoundKind("payment-card", "allow", 1),)
    assert _found([one, {**one, "text": 1}, {**one, "start": 40, "end": 59}]) == (FoundKind("payment-card", "allow", 3),)
