"""A deployment's own terms and values: what is found, and that it is the same however the text is cut."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardstead.inspection.known.keyed import Index, read_index, write_index
from wardstead.inspection.known.ports import Known, Place, Windowed
from wardstead.inspection.known.terms import Dictionary, TermMatcher, load_dictionaries
from wardstead.inspection.known.values import MOST_WORDS, ValueMatcher, index_values
from wardstead.inspection.patterns.catalogue import WINDOW_BYTES
from wardstead.inspection.patterns.folding import folded
from wardstead.kernel.errors import ConfigurationError, IntegrityError

KEY = bytes(range(32))
TERMS = TermMatcher(
    [
        Dictionary(
            Known("dictionary:a", "project", "own-data"),
            ("Operation Heron", "Heron", "Blue Heron Two", "Größe", "Ünder Öl", "Цапля"),
        ),
        Dictionary(Known("dictionary:b", "codename", "own-data"), ("MANTA", "Manta Ray"), case=True),
        Dictionary(Known("dictionary:c", "part", "own-data"), ("xq7z", "abab", "ab", "Ω-5x"), whole_word=False),
    ]
)  # fmt: skip
IDS = ["AC-104-22", "AC-988-17", "4400 1234", "77123456", "B7-K2-M9"]
NAMES = ["Ann Lee Carter", "José María Núñez", "jane.doe@example.com", "Heronsgate"]
INDEXES = [
    index_values(IDS, "customers", "customer-id", "own-data", KEY).index,
    index_values(NAMES, "names", "customer-name", "own-data", KEY).index,
]
VALUES = ValueMatcher(INDEXES, KEY)
NAMES_ALONE = ValueMatcher(INDEXES[1:], KEY)
NUMBERS_ALONE = ValueMatcher([index_values(["77123456"], "n", "number", "own-data", KEY).index], KEY)
MATCHERS = [TERMS, VALUES, NAMES_ALONE, NUMBERS_ALONE]
WRITTEN = [
    *("Operation Heron", "operation\theron", "HERON", "blue heron", " two", "GRÖSSE", "größe", "ünder öl", "MANTA", "manta"),
    *("Manta Ray", "xq7z", "ababab", "Ω-5x", "ω-5x", "цапля", "ac10422", "AC 104", "-22", "44001234", "4400-1234", "77123456"),
    *("b7k2m9", "Ann", "Lee-Carter", "annleecarter", "jose\u0301 mari\u0301a", "Núñez", "nunez", "jane", ".doe@example", ".com"),
    *("Heronsgate", "Herons", "7", "71", "23456", ",", "e\u0301\u0302\u0303"),
]
PIECES = st.sampled_from(
    [*WRITTEN, " ", " ", " ", "-", ".", ", ", "    ", "\n", "a", "é", "_", "”", "\u0301", "the quick brown fox "]
)
TEXT = st.lists(PIECES, max_size=16).map("".join)


def whole(matcher: Windowed, text: str) -> list[Place]:
    data = text.encode()
    return sorted(matcher.matches(data, 0, len(data)))


def names(matcher: Windowed, text: str) -> list[tuple[str, str]]:
    data = folded(text).encode()
    return [
        (matcher.lists[place.number].type, data[place.start : place.end].decode())
        for place in sorted(matcher.matches(data, 0, len(data)))
    ]


def streamed(matcher: Windowed, pieces: list[str], keep: int) -> list[Place]:
    """As a guard does it: what starts before the first place in progress is decided, and only ``keep`` bytes before that stay."""
    buffer, dropped, decided, found = b"", 0, 0, []
    for number, piece in enumerate(pieces):
        buffer += piece.encode()
        last = number == len(pieces) - 1
        first = len(buffer) if last else matcher.first_pending(buffer, decided)
        assert decided <= first <= len(buffer)
        found += [Place(p.start + dropped, p.end + dropped, p.number) for p in matcher.matches(buffer, decided, first)]
        decided = first
        drop = max(0, decided - keep)
        while drop and buffer[drop] & 0xC0 == 0x80:
            drop -= 1
        buffer, dropped, decided = buffer[drop:], dropped + drop, decided - drop
    return sorted(found)


@given(st.sampled_from(MATCHERS), TEXT, st.lists(st.integers(0, 200), max_size=40))
def test_chunking_does_not_matter(matcher: Windowed, text: str, cuts: list[int]) -> None:
    places = sorted({min(cut, len(text)) for cut in cuts})
    pieces = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    assert streamed(matcher, pieces, 64) == whole(matcher, text)


@settings(max_examples=40)
@given(st.sampled_from(MATCHERS), TEXT)
def test_one_character_at_a_time_does_not_matter(matcher: Windowed, text: str) -> None:
    assert streamed(matcher, list(text) or [""], 64) == whole(matcher, text)


@given(st.sampled_from(MATCHERS), TEXT, TEXT)
def test_what_starts_before_the_first_place_in_progress_is_the_same_whatever_follows(
    matcher: Windowed, text: str, more: str
) -> None:
    data = text.encode()
    first = matcher.first_pending(data, 0)
    longer = (text + more).encode()
    assert matcher.matches(data, 0, first) == matcher.matches(longer, 0, first)


@given(st.sampled_from(MATCHERS), TEXT, st.integers(0, 100), st.integers(0, 100))
def test_a_part_of_the_text_gives_that_part_of_the_places(matcher: Windowed, text: str, begin: int, before: int) -> None:
    data = text.encode()
    found = [place for place in whole(matcher, text) if begin <= place.start < before]
    assert sorted(matcher.matches(data, begin, before)) == found


@given(st.sampled_from(MATCHERS), TEXT)
def test_places_fit_the_window_and_what_is_held_back_is_bounded(matcher: Windowed, text: str) -> None:
    assert all(place.end - place.start < WINDOW_BYTES for place in whole(matcher, text))
    data = (text * 40).encode()
    assert len(data) - matcher.first_pending(data, 0) < WINDOW_BYTES


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("We call it operation  heron.", [("project", "heron")]),
        ("We call it OPERATION\nHeron.", [("project", "OPERATION\nHeron"), ("project", "Heron")]),
        ("HERON_DB and herons", [("project", "HERON")]),
        ("MANTA, manta, Manta Ray, manta ray", [("codename", "MANTA"), ("codename", "Manta Ray")]),
        ("GRÖßE größe", [("project", "GRÖßE"), ("project", "größe")]),
        ("aaxq7zbb", [("part", "xq7z")]),
        ("éHeron Heroné", []),
        ("“Heron”…", [("project", "Heron")]),
        ("ЦАПЛЯ цапля", [("project", folded("ЦАПЛЯ")), ("project", folded("цапля"))]),
    ],
)
def test_terms_are_found_as_they_are_written(text: str, found: list[tuple[str, str]]) -> None:
    assert names(TERMS, text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("for ac 104 22 please", [("customer-id", "ac 104 22")]),
        ("AC10422", [("customer-id", "AC10422")]),
        ("AC-104-23 XAC-104-22", []),
        (
            "44001234 and 4400-1234 and 4400.1234",
            [("customer-id", "44001234"), ("customer-id", "4400-1234"), ("customer-id", "4400.1234")],
        ),
        ("4400, 1234", []),
        ("771 234 56", [("customer-id", "771 234 56")]),
        ("ANN LEE  CARTER", [("customer-name", "ANN LEE  CARTER")]),
        ("Jose Maria Nunez", [("customer-name", "Jose Maria Nunez")]),
        ("mail jane.doe@EXAMPLE.com!", [("customer-name", "jane.doe@EXAMPLE.com")]),
        ("Ann Lee and Carter", []),
        ("４４００ １２３４", [("customer-id", "4400 1234")]),
    ],
)
def test_values_are_found_however_they_are_written(text: str, found: list[tuple[str, str]]) -> None:
    assert names(VALUES, text) == found


@given(st.lists(st.text(st.characters(categories=["L", "Nd"]), min_size=8, max_size=12), min_size=1, max_size=5))
def test_every_value_is_found_as_it_was_given(values: list[str]) -> None:
    made = index_values(values, "index", "value", "own-data", KEY)
    matcher = ValueMatcher([made.index], KEY)
    if not made.short and not made.long:
        assert all(names(matcher, f"so: {value}.") for value in values)


def test_what_is_too_short_or_too_long_is_left_out_and_counted() -> None:
    made = index_values(["12345", "abc", "smith", "x" * 97, "a b c d e f g h i", "123456"], "index", "value", "own-data", KEY)
    assert (made.short, made.long, len(made.index.digests)) == (3, 2, 1)


def test_an_index_holds_no_value_and_shows_nothing_without_its_key() -> None:
    data = write_index(INDEXES[1], KEY)
    assert not any(part.encode() in data for part in ("Ann", "ann", "doe", "Heron", "nunez"))
    other = write_index(index_values(NAMES, "names", "customer-name", "own-data", bytes(32)).index, bytes(32))
    assert not set(INDEXES[1].digests) & set(read_index(other, bytes(32), "x").digests)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_an_altered_index_or_another_key_is_refused(place: int, change: int) -> None:
    data = bytearray(write_index(INDEXES[0], KEY))
    assert same(read_index(bytes(data), KEY, "index"), INDEXES[0])
    data[place % len(data)] ^= change
    for bad, key in ((bytes(data), KEY), (write_index(INDEXES[0], KEY), bytes(32)), (bytes(data[:-1]), KEY), (b"", KEY)):
        with pytest.raises(IntegrityError) as caught:
            read_index(bad, key, "index")
        assert caught.value.where == "index"


def same(one: Index, other: Index) -> bool:
    return (one.header, list(one.digests), list(one.firsts)) == (other.header, list(other.digests), list(other.firsts))


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"aa.txt": "ok term\nab\n"}, "aa.txt:2"),
        ({"A B.txt": "term\n"}, "A B.txt"),
        ({"a.yaml": "version: 1\ntype: t1\nterms: [ab]\n"}, "a.yaml: terms[0]"),
        ({"a.yaml": "version: 1\ntype: t1\nfile: gone.txt\n"}, "a.yaml: file"),
        ({"a.yaml": "version: 1\ntype: t1\nsurprise: 1\n"}, "a.yaml:3: surprise"),
        ({"aa.txt": "x" * 300}, "aa.txt:1"),
    ],
)
def test_a_dictionary_that_does_not_fit_is_refused_without_its_terms(files: dict[str, str], where: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_dictionaries(files)
    assert caught.value.where == where
    assert "ok term" not in str(caught.value)


def test_a_text_file_is_a_dictionary_unless_another_names_it() -> None:
    described = "version: 1\ntype: code-name\ncategory: research\ncase: true\nwhole_word: false\nterms: [Manta]\nfile: more.txt\n"
    found = load_dictionaries({"a.yaml": described, "more.txt": "# a comment\nHeron\n\n", "site.txt": "Northgate\n"})
    assert [(one.known.type, one.known.category, one.terms, one.case, one.whole_word) for one in found] == [
        ("code-name", "research", ("Manta", "Heron"), True, False),
        ("site", "own-data", ("Northgate",), False, True),
    ]


def test_the_version_changes_with_the_terms_and_the_values() -> None:
    versions = {one.version for one in MATCHERS}
    assert len(versions) == len(MATCHERS)
    assert TermMatcher([]).matches(b"Heron", 0, 5) == []
    assert TermMatcher([]).first_pending(b"Heron", 0) == 5
    assert ValueMatcher([], KEY).matches(b"Heron 123456", 0, 12) == []
    assert ValueMatcher([], KEY).first_pending(b"Heron 123456", 0) == 12
    assert MOST_WORDS == 8
    assert msgspec.json.encode(INDEXES[0].header)
