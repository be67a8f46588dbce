"""People, places, postal addresses and organisations, from what a model says of each word and how it is written.

A small model is sure of words, not of entities: here words become spans. It sees a text in windows, each by itself, so that
what it says of a window depends on that window alone: nothing changes when more text follows, and an answer that comes again
as history need not be looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from wardstead.inspection.entities.countries import COUNTRY, countries
from wardstead.inspection.entities.organisations import ORGANISATION, SURE, organisations
from wardstead.inspection.entities.programs import is_program
from wardstead.inspection.ports import Span

PERSON: Final = "person"
LOCATION: Final = "location"
ADDRESS: Final = "postal-address"
TYPES: Final[Mapping[str, str]] = {
    PERSON: "personal",
    LOCATION: "location",
    ADDRESS: "location",
    COUNTRY: "location",
    ORGANISATION: "personal",
}

WINDOW: Final = 448
"""Characters that the model sees at once, at most. It was made for messages: among other sentences, it finds less in each."""
MARGIN: Final = 40
"""Characters of context where a cut had to be made in the middle of a sentence."""
_SENTENCE: Final = 80
_PARAGRAPH: Final = 24
"""From so many characters on, a window ends with a sentence, or a paragraph: shorter ones cost more than they tell."""
_SENTENCE_END: Final = re.compile(
    r"(?:(?:\b[a-z]\w*|\b[^\W\d_a-z]\w{3,}(?<!\bProf)(?<!\bCapt)(?<!\bDott)|[0-9)\]\"'])\.|[!?])[\"'’)\]]{0,3}\s{1,9}(?=[^\sa-z])"
)
"""Not after *Dr.*, *J.* and the like: a capital with fewer than four letters."""
_PARAGRAPH_END: Final = re.compile(r"\n[ \t]*\n\s*")
_WIDEST: Final = 1000
"""Characters of one span, at most: four bytes each fit the guards' window."""
_LONGEST_WORD: Final = 64
"""A cut is moved to the next gap between words, unless there is none for so long."""

_NAMES: Final = frozenset({"GIVEN_NAME", "SURNAME"})
_STREET: Final = frozenset({"STREET_NAME", "SECONDARY_ADDRESS"})
_TOWN: Final = frozenset({"CITY", "STATE"})
_NAMED: Final = frozenset({"STREET_NAME"})
_NUMBERS: Final = frozenset({"BUILDING_NUMBER", "ZIP_CODE"})
_PLACE: Final = _STREET | _TOWN | _NUMBERS
LABELS: Final = _NAMES | _PLACE
"""What the model says that is used here. Numbers of every other kind are the patterns' business: they check their digits."""


class Word(NamedTuple):
    """``text[start:end]`` is one word; ``labels`` are the model's probabilities for what it is, those of ``LABELS`` alone."""

    start: int
    end: int
    labels: Mapping[str, float]

    def share(self, labels: frozenset[str]) -> float:
        """How sure the model is that it is one of ``labels``."""
        return sum(self.labels.get(label, 0.0) for label in labels)


class Thresholds(NamedTuple):
    """How sure the model has to be of a word. ``small`` is for one in small letters, in a text that has capitals."""

    person: float = 0.5
    place: float = 0.5
    small: float = 0.9


class Window(NamedTuple):
    """``text[start:end]`` is to be looked at, of which ``first`` to ``last`` counts: the rest is context."""

    start: int
    end: int
    first: int
    last: int


def windows(text: str) -> Iterator[Window]:
    """The windows of a text: what counts of each is told once, and all of them together are the text.

    They end with paragraphs and sentences, so that the same sentences make the same windows wherever they stand.

    INVARIANT: more text changes no window but the last three.
    """
    first, hard = 0, False
    while first < len(text) or first == 0:
        soft = _end(text, first)
        last = soft or (len(text) if len(text) - first <= WINDOW else _gap(text, first + WINDOW))
        broken = not soft and last < len(text)
        start = min(_gap(text, first - MARGIN) if first > MARGIN else 0, first) if hard else first
        yield Window(start, min(_gap(text, last + MARGIN), len(text)) if broken else last, first, last)
        if last == len(text):
            return
        first, hard = last, broken


def _end(text: str, first: int) -> int:
    """Where the window that begins at ``first`` ends with a paragraph or a sentence; 0 where none does in time."""
    limit = first + WINDOW
    ends = (_PARAGRAPH_END.search(text, first + _PARAGRAPH, limit), _SENTENCE_END.search(text, first + _SENTENCE, limit + 1))
    return min((one.end() for one in ends if one and one.end() < len(text)), default=0)


def _gap(text: str, at: int) -> int:
    """The next place from ``at`` on where a word begins after a space."""
    for place in range(at, min(at + _LONGEST_WORD, len(text))):
        if text[place - 1].isspace() and not text[place].isspace():
            return place
    return min(at, len(text))


def within(found: Sequence[Span], window: Window) -> list[Span]:
    """What reaches into the part of the window that counts, with its places in the whole text."""
    moved = [Span(one.type, one.start + window.start, one.end + window.start, one.score) for one in found]
    return [one for one in moved if one.start < window.last and one.end > window.first]


def joined(found: Sequence[Span]) -> list[Span]:
    """What several windows saw of a text, in order and none over another.

    What lies across a border is seen by both, and each may know of one end alone. The pieces of a very long one are told apart,
    because a place that is wider than the guards' window cannot be taken out.
    """
    out: list[Span] = []
    for span in sorted(found, key=lambda one: (one.start, -one.end)):
        last = out[-1] if out else None
        if last is None or span.start >= last.end:
            out.append(span)
        elif span.end > last.end and span.type == last.type and span.end - last.start <= _WIDEST:
            out[-1] = Span(last.type, last.start, span.end, max(last.score, span.score))
        elif span.end > last.end:
            out.append(Span(span.type, last.end, span.end, span.score))
    return out


class _Run(NamedTuple):
    family: str
    start: int
    end: int
    words: tuple[Word, ...]


_LETTERS: Final = re.compile(r"[^\W\d_]{3}")
_WITHIN_NAME: Final = re.compile(r"[ \t]{0,3}|[-'’]|\.[ \t]{0,2}|[ \t]{1,2}[A-Z]\.[ \t]{1,2}")
_WITHIN_ADDRESS: Final = re.compile(r"[ \t]*[,.;]?[ \t]*(?:\r?\n)?[ \t]*,?[ \t]*|[-/'’]|[ \t]*\([ \t]*|\)[ \t]*")
_STATE_AND_CODE: Final = re.compile(r"\b(?:[A-Z]{2},? \d{5}|(?:ACT|NSW|NT|QLD|SA|TAS|VIC|WA),? \d{4}|[A-Z]{2} [A-Z]\d[A-Z])\b")
"""``IL 62704``, ``VIC 3000``, ``ON M5V``."""
_IN_A_HOUSE: Final = re.compile(r"\b(?:apt|apartment|flat|suite|unit|box|[afd]po)\b", re.IGNORECASE)
_TITLE: Final = re.compile(
    r"\b(?:mr|mrs|ms|miss|mx|dr|prof|professor|sir|dame|lady|lord|rev|fr|herr|frau|mme|mlle|señor|señora|sra|sr|dott|ing|capt)"
    r"\.?[ \t]{1,2}$",
    re.IGNORECASE,
)
_BEFORE_AT: Final = re.compile(r"[\w.%+-]@[\w.-]*\Z")
_AFTER_AT: Final = re.compile(r"[\w.%+-]*@[\w-]+\.\w")
_ADDRESS: Final = re.compile(r"[\w.%+-]+@[\w.-]+")
_TITLED: Final = re.compile(
    r"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof|Rev|Herr|Frau|Mme|Mlle|Sra|Dott)\.?[ \t]{1,2}"
    r"([A-ZÀ-ÞŁŚŠŽĆČĐΑ-Ω][^\W\d_]+(?:[-'’][^\W\d_]+)?)"
)


def spans(text: str, words: Sequence[Word], at: Thresholds = Thresholds()) -> list[Span]:  # noqa: B008 -- it is frozen
    """What is in a window of text, in order, none over another. ``words``: what the model says of it."""
    cased = any(one.isupper() for one in text)
    found = [span for run in _runs(text, words, at, cased=cased) if (span := _span(text, run, at, cased=cased))]
    found = [span for span in found if not is_program(text, span.start, span.end) and not _in_address(text, span)]
    found += [
        Span(PERSON, titled.start(), titled.end(), 0.9) for titled in _TITLED.finditer(text) if not _over(found, *titled.span())
    ]
    for organisation in organisations(text):
        over = _over(found, organisation.start, organisation.end)
        if not over or organisation.score >= SURE:
            found = [*(one for one in found if one not in over), organisation]
    for country in countries(text):
        over = _over(found, country.start, country.end)
        if all(one.start == country.start and one.end == country.end for one in over):
            found = [*(one for one in found if one not in over), country]
    return sorted(found, key=lambda span: span.start)


def _in_address(text: str, span: Span) -> bool:
    """Whether it is within an e-mail address: that is found as one, and what stands in it is no name beside it."""
    before, after = _BEFORE_AT.search(text, max(0, span.start - _LONGEST_WORD), span.start), _AFTER_AT.match(text, span.end)
    return before is not None or after is not None or (_ADDRESS.fullmatch(text, span.start, span.end) is not None)


def _over(found: Sequence[Span], start: int, end: int) -> list[Span]:
    return [one for one in found if one.start < end and start < one.end]


def _runs(text: str, words: Sequence[Word], at: Thresholds, *, cased: bool) -> Iterator[_Run]:
    run: _Run | None = None
    for word in words:
        family = _family(text, word, at, cased=cased)
        if not family:
            continue
        if run and run.family == family and _goes_on(text, run, word):
            run = _Run(family, run.start, word.end, (*run.words, word))
            continue
        if run:
            yield run
        run = _Run(family, word.start, word.end, (word,))
    if run:
        yield run


def _family(text: str, word: Word, at: Thresholds, *, cased: bool) -> str:
    name, place = word.share(_NAMES), word.share(_PLACE)
    written = text[word.start : word.end]
    small = cased and written.islower()
    if name >= max(place, at.small if small else at.person):
        return PERSON if any(one.isalpha() for one in written) else ""
    if place > name and place >= at.place:
        return ADDRESS
    return ""


def _goes_on(text: str, run: _Run, word: Word) -> bool:
    between = text[run.end : word.start]
    return (_WITHIN_NAME if run.family == PERSON else _WITHIN_ADDRESS).fullmatch(between) is not None


def _span(text: str, run: _Run, at: Thresholds, *, cased: bool) -> Span | None:
    written = text[run.start : run.end]
    if run.family == PERSON:
        if len(written) < 2:
            return None
        score = max(word.share(_NAMES) for word in run.words)
        title = _TITLE.search(text, max(0, run.start - 16), run.start)
        return Span(PERSON, title.start() if title else run.start, run.end, round(score, 3))
    if not any(one.isalpha() for one in written):
        return None  # a number alone is no address
    score = max(word.share(_PLACE) for word in run.words)
    labels = {max(word.labels, key=lambda label: word.labels[label]) for word in run.words}
    if labels <= _TOWN:
        sure = score >= at.small or not (cased and written.islower())
        return Span(LOCATION, run.start, run.end, round(score, 3)) if sure and _LETTERS.search(written) else None
    if len(run.words) < 2 or not (labels & _NAMED or _placed(text, run, labels)):
        return None
    return Span(ADDRESS, run.start, run.end, round(score, 3))


def _placed(text: str, run: _Run, labels: set[str]) -> bool:
    """Whether a place without a street is in a house, or in a town that is written as one, where there are both kinds of letters.

    ``ISSN 2049-3630`` and ``errno 104`` look like a town and its code, ``gate B22, seat 14C`` like rooms of a house.
    """
    written = text[run.start : run.end]
    if _IN_A_HOUSE.search(written) or _STATE_AND_CODE.search(written):
        return True
    if not labels & _TOWN:
        return False
    if not any(one.islower() for one in text) or not any(one.isupper() for one in text):
        return True
    return any(word.istitle() and len(word) > 2 for word in re.findall(r"[^\W\d_]+", written))
