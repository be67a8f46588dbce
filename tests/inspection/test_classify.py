"""A classification explains the same findings that inspection acts on."""

from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter
from importlib.resources import files

from hypothesis import example, given
from hypothesis import strategies as st
from tests.inspection.patterns.test_guard import TEXT
from tests.inspection.reference import DETECTORS, POLICY

from wardstead.inspection.classify import Classifier
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.patterns.catalogue import load_catalogues
from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.matching import Match
from wardstead.inspection.patterns.searching import blocks
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import PROMPT
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import join_all, label

SCANNING = Classifier(DETECTORS, POLICY)
SIMPLE = Classifier(DETECTORS, POLICY, scan=False)
INSPECTOR = PolicyInspector(DETECTORS, POLICY)


@given(TEXT)
@example("novupassword: AVNS_0EOk-lR8XL33nWtHuBr")  # a word is none where a match goes on from it
def test_with_and_without_a_scan_the_same_is_found(text: str) -> None:
    assert SCANNING.classify(text) == SIMPLE.classify(text)


@given(TEXT, st.integers(1, 300))
@example("a&#52;539 1488 0343 6467 x", 3)
def test_by_blocks_the_same_is_found_as_in_the_whole(text: str, size: int) -> None:
    matcher, found, limit = SCANNING._matcher, list[Match](), 0
    for matches, after in blocks(matcher, View(text), size):
        assert all(one.start >= limit for one in matches)
        found, limit = [*found, *matches], after
    ((whole, _),) = blocks(matcher, View(text))
    assert sorted(found) == sorted(whole)


def test_millions_of_findings_are_counted_and_take_no_memory_each() -> None:
    lines = 60_000
    text = "".join(f"customer{at:07d}@mail.example.org\n" for at in range(lines))
    tracemalloc.start()
    found = SCANNING.classify(text, 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.findings) == 100
    assert found.more == {"email": lines - 100}
    assert (found.findings[99].start, found.findings[99].end) == (99 * 33, 99 * 33 + 32)
    assert found.label == label("restricted", ["personal"])  # of more than fifty together
    assert peak < 12 * len(text)  # some 70 before


@given(TEXT, st.integers(0, 3))
def test_the_first_findings_and_the_label_are_the_same_however_many_are_asked_for(text: str, most: int) -> None:
    every, some = SIMPLE.classify(text), SIMPLE.classify(text, most)
    assert (some.label, some.findings) == (every.label, every.findings[:most])
    assert Counter(some.more) == Counter(one.type for one in every.findings[most:])


@given(TEXT)
def test_what_inspection_finds_is_explained_at_its_place(text: str) -> None:
    found = SIMPLE.classify(text)
    spans = [(one.start, one.end) for one in found.findings]
    assert spans == sorted(spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    inspected = INSPECTOR.inspect(text, PROMPT)
    for finding in inspected.findings:
        over = [one for one in found.findings if finding.start < one.end and one.start < finding.end]
        assert any(finding.type in {one.type, *one.also} for one in over)
        assert found.label.dominates(finding.label)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_places_are_characters(text: str) -> None:
    found = SIMPLE.classify(f"{text} jane.doe@example.com {text}").findings
    where = len(text) + 1
    assert ("email", where, where + 20) in [(one.type, one.start, one.end) for one in found] or "@" in text or "." in text


def test_both_directions_and_the_other_readings_are_told() -> None:
    text = "SSN 536-90-4399, tel +44 20 7946 0958, -----BEGIN PRIVATE KEY-----"
    found = {one.type: one for one in SIMPLE.classify(text).findings}
    assert text[found["us-ssn"].start : found["us-ssn"].end] == "536-90-4399"
    assert found["private-key"].prompt is found["private-key"].answer is Action.BLOCK
    assert text[found["phone"].start : found["phone"].end].endswith("44 20 7946 0958")


def test_of_two_words_before_a_number_the_nearer_one_names_it() -> None:
    found = SIMPLE.classify("MRN 00483921, insurance member ID XQH884920113; account number 77123456").findings
    assert [one.type for one in found] == ["medical-record-number", "health-plan-number", "bank-account"]


def test_a_check_digit_names_a_number_whatever_word_is_nearer() -> None:
    found = SIMPLE.classify("ΑΦΜ 090000045 tax number 090000045").findings
    assert [one.type for one in found] == ["gr-afm", "gr-afm"]


def test_neither_a_sum_nor_the_rest_of_a_date_is_a_number_of_somebody() -> None:
    text = "SSN 412-88-1034, hired 2023-05-01, net pay 3,204.18"
    assert [text[one.start : one.end] for one in SIMPLE.classify(text).findings] == ["412-88-1034"]


def test_a_check_digit_beside_its_word_comes_before_a_telephone_number() -> None:
    folder = files("wardstead.catalogues") / "detectors"
    patterns = load_catalogues({one.name: one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".yaml")})
    rules = [
        f"  - {{category: {name}, label: {{level: public}}, prompt: allow, answer: allow}}"
        for name in sorted({"canary", *(one.category for one in patterns)})
    ]
    shown = Classifier(patterns, load_policy("\n".join(["version: 2", "rules:", *rules]), "everything passes"))

    def types(text: str) -> list[str]:
        return [one.type for one in shown.classify(text).findings]

    assert types("NHS number: 943 476 5919") == ["uk-nhs-number"]
    assert types("NHS number, tel. 212 555 0188") == ["phone"]
    assert types("call 943 476 5919") == ["phone"]


@given(TEXT)
def test_what_is_shown_explains_the_label_of_the_text(text: str) -> None:
    found = SIMPLE.classify(text)
    assert join_all(one.label for one in found.findings) == found.label
