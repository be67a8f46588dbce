"""Cuts by the thousand, strings made to hurt, and texts of a hundred megabytes: what the fast tests only sample."""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Iterator

import pytest
from tests.inspection.patterns.test_guard import ENCODERS, EXAMPLES, WORDS, disguised
from tests.inspection.reference import DETECTORS, INSPECTOR, Verdict, cut, inspect, reference, stream

from wardstead.inspection.patterns.catalogue import Detector
from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.matching import Matcher
from wardstead.inspection.ports import PROMPT

EXAMPLES_EACH = int(os.environ.get("WARDSTEAD_FUZZ_EXAMPLES", "300"))
CUTS = int(os.environ.get("WARDSTEAD_FUZZ_CUTS", "50000"))
SEED = int(os.environ.get("WARDSTEAD_FUZZ_SEED", "20261125"))


def texts(source: random.Random) -> Iterator[str]:
    """Short texts around whole and cut examples, disguised and encoded ones; every twentieth of many glued together."""
    glue = [" ", "", "\n", ", ", "\\n", "\\", ": ", "é", "\u200b", "\u2014", "=", "a" * 70, "1", "/", "да ", *WORDS]
    number = 0
    while True:
        number += 1
        parts = [source.choice(glue)]
        for _ in range(source.randint(4, 9) if number % 20 == 0 else source.choice([1, 1, 1, 2, 3])):
            example = source.choice(EXAMPLES)
            kind = source.randrange(8)
            if kind == 0:
                example = example[: source.randint(1, len(example))]
            elif kind == 1:
                example = example[source.randrange(len(example)) :]
            elif kind == 2:
                example = disguised(example, [source.randrange(10_000) for _ in range(source.randint(1, 6))])
            elif kind == 3:
                example = source.choice(ENCODERS)(example.encode())
            parts += [example, source.choice(glue)]
        yield "".join(parts)


def ways_to_cut(text: str, source: random.Random) -> Iterator[list[int]]:
    """Once at every place (of a long text, at 300 of them), then samples of two cuts, of several, and at every character."""
    inside = range(1, len(text))
    for place in inside if len(inside) <= 300 else sorted(source.sample(inside, 300)):
        yield [place]
    for many, times in ((2, 40), (5, 4), (20, 4)):
        for _ in range(times if len(inside) >= many else 0):
            yield sorted(source.sample(inside, many))
    if len(inside) > 1:
        yield list(inside)


@pytest.mark.timeout(7200)
def test_no_cut_matters(capsys: pytest.CaptureFixture[str]) -> None:
    """Every way of cutting a text gives what the whole gives, and of every 20th text Python's own engine says the same.

    Each stream is a guard of its own, fed as a gateway feeds it. One text is cut in hundreds of ways, one after the other: the
    engine's automata then know it, which is what makes a cut cheap.
    """
    source = random.Random(SEED)
    cuts = streams = once = twice = looked = 0
    began = time.process_time()
    for number, text in enumerate(texts(source)):
        whole = inspect(text)
        if number % 20 == 0:
            assert whole == reference(text), repr(text)
            looked += 1
        for places in ways_to_cut(text, source):
            assert stream(cut(text, places)) == whole, (text, places)
            cuts, streams = cuts + len(places), streams + 1
            once, twice = once + (len(places) == 1), twice + (len(places) == 2)
        if cuts >= CUTS:
            break
    with capsys.disabled():
        took = time.process_time() - began
        print(
            f"\n{cuts:,} cuts in {streams:,} streams of {number + 1:,} texts, {once:,} cut once, {twice:,} twice; "
            f"{looked:,} texts beside the reference; {took:,.0f} s of CPU time (seed {SEED})"
        )


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.id)
def test_no_two_cuts_of_an_example_matter(detector: Detector) -> None:
    source = random.Random(SEED)
    for said in detector.examples:
        text = f"so: {said} and on"
        expected: Verdict = inspect(text)
        for _ in range(EXAMPLES_EACH // 10):
            places = [source.randrange(len(text)), source.randrange(len(text))]
            assert stream(cut(text, places)) == expected, places


UNITS = [
    "a",
    "A",
    "0",
    "1 ",
    "a1",
    "9-",
    "+",
    "/",
    "=",
    "@",
    "a@",
    "a.",
    ".",
    ":",
    "::",
    "f:",
    "<",
    "A<",
    "--",
    '"',
    "'",
    "\\",
    "\\u",
    "%",
    "%41",
    "\\x41",
]
UNITS += [
    "is ",
    "key=",
    "password ",
    "token: ",
    "Via ",
    "the corner of ",
    "Bearer ",
    "eyJ",
    "AKIA",
    "\u200b",
    "\u0430",
    "\uff11",
    "\U000e0041",
    "é",
    "{",
    "(1",
    "1, ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_twice_the_text_takes_twice_the_time(unit: str) -> None:
    """Work, in CPU time, grows no faster than the text: the best of three, with room for noise and for fixed costs."""

    def took(size: int) -> float:
        text = unit * (size // len(unit))
        best = float("inf")
        for _ in range(3):
            before = time.process_time()
            INSPECTOR.inspect(text, PROMPT)
            best = min(best, time.process_time() - before)
        return best

    took(1_000)
    short, long = took(40_000), took(160_000)
    assert long < 4 * short * 2.5 + 0.05, (short, long)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.id)
def test_a_pattern_takes_no_longer_for_strings_of_its_own_letters(detector: Detector) -> None:
    """Each pattern by itself, on its example over and over, with and without its end: linear, as the engines promise."""
    matcher = Matcher([detector], scan=False)
    said = View(detector.examples[0]).data
    for unit in (said, said[:-1], said[: len(said) // 2] or said):

        def took(size: int, unit: bytes = unit) -> float:
            data = unit * (size // len(unit) + 1)
            before = time.process_time()
            matcher.matches(0, data, 0, len(data))
            return time.process_time() - before

        took(500)
        short, long = min(took(10_000) for _ in range(3)), min(took(40_000) for _ in range(3))
        assert long < 4 * short * 3 + 0.05, (unit[:40], short, long)


def test_a_text_of_a_hundred_megabytes_is_inspected_in_bounded_memory() -> None:
    text = "Plain words of no interest, and more of them. " * (100_000_000 // 46)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    guard = INSPECTOR.guard(PROMPT)
    released = 0
    for at in range(0, len(text), 65_536):
        released += len(guard.feed(text[at : at + 65_536]).text)
    released += len(guard.finish().text)
    assert released == len(text)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes
