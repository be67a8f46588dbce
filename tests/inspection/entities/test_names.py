"""Words become people, places and addresses; windows are the text, and change nothing that was seen before."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.entities.countries import countries
from wardstead.inspection.entities.names import LABELS, MARGIN, TYPES, WINDOW, Word, joined, spans, windows, within
from wardstead.inspection.entities.organisations import organisations
from wardstead.inspection.entities.programs import is_program
from wardstead.inspection.ports import Span

TEXTS = st.text(alphabet=st.sampled_from("ab Cé\n.,'-😀\ud800"), max_size=3000) | st.text(max_size=200)


def words(text: str, **labels: str) -> list[Word]:
    """The words named, each as sure as can be: ``words(text, Ada="GIVEN_NAME")``."""
    out = []
    for written, label in labels.items():
        at = text.index(written)
        out.append(Word(at, at + len(written), {label: 0.95}))
    return sorted(out)


def found(text: str, **labels: str) -> list[tuple[str, str]]:
    return [(span.type, text[span.start : span.end]) for span in spans(text, words(text, **labels))]


def test_names_that_stand_together_are_one_person() -> None:
    text = "I met Ada Lovelace, Charles and O'Neil"
    assert found(text, Ada="GIVEN_NAME", Lovelace="SURNAME", Charles="GIVEN_NAME", O="SURNAME", Neil="SURNAME") == [
        ("person", "Ada Lovelace"),
        ("person", "Charles"),
        ("person", "O'Neil"),
    ]


def test_an_initial_belongs_to_the_name() -> None:
    assert found("ask John F. Kennedy", John="GIVEN_NAME", Kennedy="SURNAME") == [("person", "John F. Kennedy")]


def test_a_title_belongs_to_the_name_and_makes_one() -> None:
    assert found("ask Dr. Kent again", Kent="SURNAME") == [("person", "Dr. Kent")]
    assert found("ask Mrs. Ferreira again") == [("person", "Mrs. Ferreira")]


def test_a_street_with_its_town_is_one_address() -> None:
    text = "at 12 Oak Street, Portland 97201."
    labels = {"12": "BUILDING_NUMBER", "Oak": "STREET_NAME", "Street": "STREET_NAME", "Portland": "CITY", "97201": "ZIP_CODE"}
    assert found(text, **labels) == [("postal-address", "12 Oak Street, Portland 97201")]


def test_a_town_alone_is_a_location_and_a_number_alone_nothing() -> None:
    assert found("born in Graz in 1980", Graz="CITY", **{"1980": "ZIP_CODE"}) == [("location", "Graz")]


@pytest.mark.parametrize(
    ("text", "labels", "address"),
    [
        ("Flight on 12 May, gate B22, seat 14C", {"gate": "SECONDARY_ADDRESS", "B22": "SECONDARY_ADDRESS"}, False),
        ("A book with ISSN 2049", {"ISSN": "CITY", "2049": "ZIP_CODE"}, False),
        ("Error with errno 104", {"errno": "CITY", "104": "ZIP_CODE"}, False),
        ("Send it to Springfield 62704", {"Springfield": "CITY", "62704": "ZIP_CODE"}, True),
        ("Send it to IL 62704", {"IL": "STATE", "62704": "ZIP_CODE"}, True),
        ("send it to springfield 62704", {"springfield": "CITY", "62704": "ZIP_CODE"}, True),
        ("Ask Unit 8464 Box 4410", {"Unit": "SECONDARY_ADDRESS", "8464": "SECONDARY_ADDRESS"}, True),
        ("Come to flat 3, Oak Street", {"flat": "SECONDARY_ADDRESS", "3": "SECONDARY_ADDRESS", "Oak": "STREET_NAME"}, True),
    ],
)
def test_what_has_no_street_needs_a_town_that_is_written_as_one(text: str, labels: dict[str, str], address: bool) -> None:
    assert [kind for kind, _ in found(text, **labels)] == ["postal-address"] * address


def test_small_letters_in_a_text_with_capitals_take_more() -> None:
    text = "Use cron for it"
    at = text.index("cron")
    assert spans(text, [Word(at, at + 4, {"GIVEN_NAME": 0.8})]) == []
    assert spans(text.lower(), [Word(at, at + 4, {"GIVEN_NAME": 0.8})]) != []


def test_a_name_within_an_address_of_mail_is_no_name_beside_it() -> None:
    text = "Ask Rudi at rudi.conradi@kanzlei-nord.de or Jane"
    labels = {"Rudi": "GIVEN_NAME", "conradi": "SURNAME", "kanzlei": "CITY", "nord": "CITY", "Jane": "GIVEN_NAME"}
    assert found(text, **labels) == [("person", "Rudi"), ("person", "Jane")]


def test_countries_are_a_type_of_their_own_and_take_what_is_exactly_theirs() -> None:
    assert found("She lives in Slovenia now", Slovenia="GIVEN_NAME") == [("country", "Slovenia")]
    assert found("Brandy Greece sang", Brandy="GIVEN_NAME", Greece="SURNAME") == [("person", "Brandy Greece")]
    assert [text for text in ("a china cup from Turkey",) for span in countries(text) if text[span.start] == "c"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a contract with Mclaughlin Ltd. of today", ["Mclaughlin Ltd."]),
        ("Davis, Reynolds and Williamson GmbH pays", ["Davis, Reynolds and Williamson GmbH"]),
        ("She works at Citigroup as an analyst", ["Citigroup"]),
        ("the University of Leeds and the Bank of Ireland", ["University of Leeds", "Bank of Ireland"]),
        ("He joined Liquid Robotics in 1965", ["Liquid Robotics"]),
        ("the bill of smith ltd. came", ["smith ltd."]),
        ("The Equifax office is at the corner", ["Equifax"]),
        ("We met on Monday at the office. The Company pays", []),
        ("Keller, Braun and Weiss is a law firm; Tom, Anna and Peter are not", ["Keller, Braun and Weiss"]),
        ("She spent two years at Billguard, which later became Programmable", ["Billguard", "Programmable"]),
        ("Jane\nNorthwind Traders\n12 Main Street\nSpringfield", ["Northwind Traders"]),
        ("Argentina\n083 445 2424 office", []),
        ("Lavora presso Rossi Impianti, prima alla Banca Popolare di Milano", ["Rossi Impianti", "Banca Popolare di Milano"]),
        ("Elle travaille chez Dupont Frères, lui à l’Hôpital de la Pitié", ["Dupont Frères", "Hôpital de la Pitié"]),
        ("It was founded in 1962", []),
        ("print(x) if y else None  # Inc by one", []),
    ],
)
def test_organisations_by_form_by_name_and_by_what_is_said(text: str, expected: list[str]) -> None:
    assert [text[span.start : span.end] for span in organisations(text)] == expected


def test_an_organisation_takes_the_people_in_its_name() -> None:
    assert found("paid by Smith Ltd.", Smith="SURNAME") == [("organisation", "Smith Ltd.")]


@given(TEXTS)
def test_windows_are_the_text_each_part_counted_once(text: str) -> None:
    at = 0
    for one in windows(text):
        assert one.first == at
        assert one.start <= one.first <= one.last <= one.end <= len(text)
        assert one.end - one.start < WINDOW + 2 * MARGIN + 200
        at = one.last
    assert at == len(text)


@given(TEXTS, TEXTS)
def test_more_text_changes_no_earlier_window(text: str, more: str) -> None:
    before, after = list(windows(text)), list(windows(text + more))
    assert before[:-3] == after[: max(0, len(before) - 3)]


def test_what_goes_on_across_many_windows_is_covered_without_a_gap() -> None:
    text = "Ada Lovelace " * 400
    seen = []
    for window in windows(text):
        shown = text[window.start : window.end]
        words = [Word(at, at + 3, {"GIVEN_NAME": 1.0}) for at in range(len(shown)) if shown.startswith("Ada", at)]
        words += [Word(at, at + 8, {"SURNAME": 1.0}) for at in range(len(shown)) if shown.startswith("Lovelace", at)]
        seen += within(spans(shown, sorted(words)), window)
    covered = joined(seen)
    assert covered[0].start == 0
    assert covered[-1].end == len(text) - 1
    assert all(before.end == after.start for before, after in pairwise(covered))
    assert all(span.end - span.start <= 1000 for span in covered)


KINDS, STARTS, LENGTHS = st.sampled_from("ab"), st.integers(0, 60), st.integers(1, 30)
SPANS = st.builds(lambda kind, start, length: Span(kind, start, start + length), KINDS, STARTS, LENGTHS)


@given(st.lists(SPANS))
def test_joined_spans_cover_the_same_and_lie_apart(found: list[Span]) -> None:
    out = joined(found)
    assert {at for one in out for at in range(one.start, one.end)} == {at for one in found for at in range(one.start, one.end)}
    assert all(before.end <= after.start for before, after in pairwise(out))


@given(
    st.text(alphabet="aB .,'-\n1é", max_size=200),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 12), st.sampled_from(sorted(LABELS)), st.floats(0, 1)), max_size=20),
)
def test_spans_lie_in_the_text_in_order_and_apart(text: str, given_words: list[tuple[int, int, str, float]]) -> None:
    at, seen = 0, []
    for gap, length, label, share in given_words:
        start = at + gap % 5
        if start + length > len(text):
            break
        seen.append(Word(start, start + length, {label: share}))
        at = start + length
    end = 0
    for span in spans(text, seen):
        assert end <= span.start < span.end <= len(text)
        assert span.type in TYPES
        assert 0 <= span.score <= 1
        end = span.end


@pytest.mark.parametrize(
    "evil", ["A " * 400, "A & " * 200, "Aa-" * 250, "9" * 800, "A of " * 150, "A, " * 250, "Dr. " * 200, "x" * 800]
)
def test_no_text_takes_long(evil: str) -> None:
    import time

    began = time.process_time()
    spans((evil * 800)[:800], [])
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("Ansible deploys to Postgres", {"Ansible", "Postgres"}),
        ("Jenkins builds the image for Kubernetes", {"Jenkins", "Kubernetes"}),
        ("Jenkins is on holiday", set()),
        ("Install Ruby, Perl and make", {"Ruby", "Perl"}),
        ("Ruby merged the Perl branch", {"Perl"}),
        ("Ada Lovelace", set()),
    ],
)
def test_a_program_is_nobody_and_a_name_that_people_bear_only_where_programs_are_listed(text: str, programs: set[str]) -> None:
    words = {word.strip(",") for word in text.split()}
    assert {word for word in words if is_program(text, text.index(word), text.index(word) + len(word))} == programs
