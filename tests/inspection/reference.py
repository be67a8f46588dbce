"""The verdict on a whole text by Python's own engine, one pattern after another: slow, plain, and independent."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.patterns.catalogue import CONTEXT_BYTES, WINDOW_BYTES, Detector, canary, load_catalogues
from wardstead.inspection.patterns.encoded import Encoding, encodings, is_row
from wardstead.inspection.patterns.folding import folded
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import ANSWER
from wardstead.inspection.validators import VALIDATORS
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import PUBLIC, Label

CATALOGUES = files("wardstead.catalogues")
FILES = [one for one in (CATALOGUES / "detectors").iterdir() if one.name.endswith(".yaml")]
DETECTORS = load_catalogues({one.name: one.read_text("utf-8") for one in FILES})


def ready_made(name: str) -> tuple[str, str]:
    """A policy that ships, to be extended."""
    return (CATALOGUES / f"classification/{name}.yaml").read_text("utf-8"), name


POLICY = load_policy((CATALOGUES / "policies/classification.yaml").read_text("utf-8"), "classification.yaml", ready_made)
CANARY = "canary-7731-xyzzy"
INSPECTOR = PolicyInspector(DETECTORS, POLICY, (CANARY,))
EVERYTHING = (*DETECTORS, canary(CANARY))


@dataclass(frozen=True)
class Verdict:
    """What a text comes to."""

    text: str
    findings: list[tuple[str, int, int, Action]]
    action: Action
    label: Label


Span = tuple[int, int, int, bool]
"""Start, end, number of the detector, overlong."""


def reference(text: str, detectors: Sequence[Detector] = EVERYTHING, policy: ClassificationPolicy = POLICY) -> Verdict:
    """The verdict on an answer."""
    data = text.encode()
    spans = sorted(spans_in(text, detectors))
    out, findings, worst, label, done = b"", [], Action.ALLOW, PUBLIC, 0
    while spans:
        group = [spans.pop(0)]
        start, end = group[0][:2]
        while spans and spans[0][0] < end and end - start <= WINDOW_BYTES:
            group.append(spans.pop(0))
            end = max(end, group[-1][1])
        if end - start > WINDOW_BYTES:
            group[-1] = (*group[-1][:3], True)
        ranks = []
        for begin, finish, number, overlong in group:
            rule = policy.treatment(detectors[number].type, detectors[number].category)
            action = Action.BLOCK if overlong else rule.action(ANSWER)
            ranks.append((action, finish - begin, -number))
            findings.append((detectors[number].type, len(data[:begin].decode()), len(data[:finish].decode()), action))
        strictest, _, number = max(ranks)
        worst = max(worst, strictest)
        if strictest is Action.ALLOW:
            for _, _, member, _ in group:
                label = label.join(policy.treatment(detectors[member].type, detectors[member].category).label)
            continue
        out += data[done:start]
        if strictest is Action.BLOCK:
            return Verdict(out.decode(), findings, worst, label)
        out += f"[redacted:{detectors[-number].type}]".encode()
        done = end
    return Verdict((out + data[done:]).decode(), findings, worst, label)


def spans_in(text: str, detectors: Sequence[Detector], depth: int = 2) -> list[Span]:
    """The real matches of all detectors, as places in the UTF-8 of the text; also those in runs that decode to a text."""
    seen, places = look_of(text)
    ends = [*places[1:], len(text.encode())]
    spans = spans_seen(seen, detectors, depth)
    return [(places[start], end_of(end, places, ends), number, overlong) for start, end, number, overlong in spans]


def end_of(end: int, places: Sequence[int], ends: Sequence[int]) -> int:
    """Where the next character begins after the one that the byte before ``end`` comes from."""
    last = places[end - 1]
    return next((place for place in places[end:] if place != last), ends[-1])


def runs_of(one: Encoding, seen: bytes, detectors: Sequence[Detector], depth: int) -> Iterator[Span]:
    """The runs of an encoding in which something is found."""
    at = 0
    while (span := one.search(seen, at)) is not None:
        start, at = span
        run = seen[start:at]
        inside: dict[int, bool] = {}
        before = seen[max(0, start - CONTEXT_BYTES) : start] if one.spaced else b""
        for text in one.read(run):
            data = text.encode() if one.spaced else look_of(text)[0]
            for _, end, number, overlong in spans_seen(before + data, detectors, depth - 1):
                if end > len(before) and not (one.spaced and is_row(run, text) and not detectors[number].context):
                    inside[number] = inside.get(number, False) or overlong
        yield from ((start, at, number, overlong) for number, overlong in inside.items())


def spans_seen(seen: bytes, detectors: Sequence[Detector], depth: int) -> list[Span]:
    """The real matches in what a text looks like."""
    documented = tuple(one.pattern for one in detectors if one.category == "documented")
    spans = [span for number, one in enumerate(detectors) for span in spans_of(one, number, seen, documented)]
    return spans + [span for one in encodings_of(tuple(detectors)) if depth for span in runs_of(one, seen, detectors, depth)]


NAMES = "nbsp ensp emsp thinsp shy zwj zwnj lrm rlm commat period hyphen dash ndash mdash minus lowbar colon sol num equals Tab"
NAMES += " NewLine"
REFERENCE = rf"&#0{{0,16}}[0-9]{{1,7}};?|&#[xX]0{{0,16}}[0-9A-Fa-f]{{1,6}};?|&(?:{NAMES.replace(' ', '|')});"


def referred(said: str) -> str:
    """What one of HTML's character references stands for; itself, if that is no character."""
    number = said.strip("&;").lower()
    if not number.startswith("#"):
        return html.unescape(said)
    code = int(number[1:]) if number[1:].isdigit() else int(f"0{number[1:]}", 0)
    return chr(code) if 0 < code <= 0x10FFFF else said


def look_of(text: str) -> tuple[bytes, list[int]]:
    """What a text looks like, and for each byte of that the place of what it comes from: one character after the other."""
    seen, at, unseen = bytearray(), 0, 0
    places: list[int] = []
    for said in re.findall(rf"{REFERENCE}|\\u[0-9A-Fa-f]{{4}}|\\u\{{[0-9A-Fa-f]{{1,6}}\}}|\\[nrt_-]|.", text, re.DOTALL):
        raw = said.encode()
        char = said[1:] if said in {"\\_", "\\-"} else said
        if said[:2] == "\\u" and len(said) > 2:
            code = int(said[2:].strip("{}"), 16)
            char = chr(code) if code <= 0x10FFFF else said
        if said[0] == "&" and len(said) > 1:
            char = referred(said)
        look = raw if "\ud800" <= char <= "\udfff" else folded(char).encode()
        where = [at] * len(look)
        if look == raw:
            where = [at + more for more in range(len(raw))]
        if said in {"\\n", "\\r", "\\t"}:
            look = {"n": b"\n ", "r": b"\r ", "t": b"\t "}[said[1]]
        unseen = 0 if look else unseen + len(said)
        if unseen > 64:
            look, where = raw, [at + more for more in range(len(raw))]
        seen += look
        places += where
        at += len(raw)
    return bytes(seen), [*places, at]


# Python keeps fewer compiled patterns than there are detectors: compiling them for each text took nearly all the time.
@cache
def compiled(pattern: str) -> re.Pattern[bytes]:
    """Python's own."""
    return re.compile(pattern.encode())


@cache
def encodings_of(detectors: tuple[Detector, ...]) -> tuple[Encoding, ...]:
    """Of each set of detectors the same, whatever the text."""
    return tuple(encodings(detectors))


def spans_of(detector: Detector, number: int, data: bytes, documented: Sequence[str] = ()) -> list[Span]:
    """The real matches of one detector. ``documented``: what matches keys that manuals print."""
    pattern, at, spans = compiled(detector.pattern), 0, []
    while (match := pattern.search(data, at)) is not None:
        start, end = match.span(pattern.groups)
        real = real_width(detector, data, match.start(), start, end)
        if detector.category == "credentials" and is_documented(data[start : start + real], documented):
            real = 0
        if not real:
            at = match.start() + 1
            continue
        whole = real == end - start
        follows = data[match.end() : match.end() + 1]
        overlong = whole and bool(detector.overlong) and compiled(detector.overlong).fullmatch(follows) is not None
        spans.append((start, start + real, number, overlong))
        at = match.end() if whole else start + real
    return spans


def real_width(detector: Detector, data: bytes, begin: int, start: int, end: int) -> int:
    """How many bytes of a candidate are real."""
    left = data[max(0, begin - CONTEXT_BYTES) : begin]
    if detector.context and not any(stands_in(form.encode(), left) for word in detector.context for form in forms(word)):
        return 0
    if detector.not_behind and any(compiled(detector.not_behind).fullmatch(left, at) for at in range(len(left))):
        return 0
    return VALIDATORS[detector.validator](data[start:end]) if detector.validator else end - start


def is_documented(secret: bytes, documented: Sequence[str]) -> bool:
    """Whether a secret is a key that a manual prints, and fewer than eight characters more."""
    value = re.split(rb"&[A-Za-z_]+=", secret)[0]
    found = (match for pattern in documented for match in [compiled(pattern).search(value)] if match)
    return any(len(value) - len(match[0]) < 8 for match in found)


@cache
def forms(word: str) -> tuple[str, ...]:
    """How words that belong together are written in data."""
    first, *others = word.split(" ")
    written = [first]
    for other in others:
        written = [f"{one}{between}{other}" for one in written for between in (" ", "_", "-", "")]
    return tuple(written)


def stands_in(word: bytes, text: bytes) -> bool:
    """Whether the word stands in the text by itself, or as a part of a name in camelCase."""
    at = text.lower().find(word)
    while at >= 0:
        end = at + len(word)
        if parted(text[max(0, at - 1) : at], text[at : at + 1]) and parted(text[end - 1 : end], text[end : end + 1]):
            return True
        at = text.lower().find(word, at + 1)
    return False


def parted(left: bytes, right: bytes) -> bool:
    """Whether a word can end after ``left`` and another begin with ``right``."""
    if any(not side or not side.isalnum() for side in (left, right)):
        return True
    return right.isupper() and not left.isupper()


def inspect(text: str, inspector: PolicyInspector = INSPECTOR) -> Verdict:
    """The same by the inspector."""
    verdict = inspector.inspect(text, ANSWER)
    findings = [(one.type, one.start, one.end, one.action) for one in verdict.findings]
    return Verdict(verdict.text, findings, verdict.action, verdict.label)


def stream(pieces: Sequence[str], inspector: PolicyInspector = INSPECTOR) -> Verdict:
    """The same by a guard that is fed piece by piece."""
    guard = inspector.guard(ANSWER)
    released = [guard.feed(piece) for piece in pieces] + [guard.finish()]
    findings = [(f.type, f.start, f.end, f.action) for one in released for f in one.findings]
    return Verdict("".join(one.text for one in released), findings, max(one.action for one in released), guard.label)


def cut(text: str, cuts: Sequence[int]) -> list[str]:
    """The text in pieces."""
    places = sorted({min(place, len(text)) for place in cuts})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
