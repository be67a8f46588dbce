"""How well and how fast names are found: ``python -m bench.names [LABELLED.json]``.

Without a file: time and memory alone. With one in the form of presidio-research (MIT): precision and recall by type, patterns
included, over the documents of templates with even numbers (on which thresholds and rules were tuned) and odd ones. A span counts
where it overlaps one of the same type; addresses and places are one type, since the set labels the same towns as either.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import Counter
from importlib.resources import files
from pathlib import Path

from wardstead.bootstrap.detectors import names
from wardstead.config import NamesSection
from wardstead.inspection.catalogue import load_catalogues
from wardstead.inspection.matching import Matcher, opened
from wardstead.inspection.medical import medical_terms

EXPECTED = {
    "PERSON": "person",
    "ADDRESS": "place",
    "LOCATION": "place",
    "ORGANIZATION": "organisation",
    "CREDIT_CARD": "payment-card",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "US_SSN": "us-ssn",
    "IBAN_CODE": "iban",
    "US_DRIVER_LICENSE": "driving-licence",
    "IP_ADDRESS": "ip-address",
}
"""What is not here (dates, job titles, web addresses) is neither expected nor held against a finding."""
PLACES = {"postal-address", "postal-code", "location", "country"}
ELSEWHERE = {"date-of-birth"}
PROSE = (
    "My colleague Sarah Connor moved to 12 Oak Street, Portland last year, and talked with Hans Schmidt about the budget. "
    "The report was late because nobody had read the draft in time, and the meeting was moved to the next week; everybody "
    "agreed that it was better so. "
)

Found = list[tuple[str, int, int]]


def patterns() -> tuple[Matcher, list[str]]:
    """The product's patterns, and the type of each."""
    folder = files("wardstead.catalogues") / "detectors"
    detectors = load_catalogues({one.name: one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".yaml")})
    return Matcher(detectors), [one.type for one in detectors]


def by_patterns(matcher: Matcher, types: list[str], text: str) -> Found:
    """What they find, in characters."""
    data = text.encode()
    view = opened(data)
    matches = [
        one
        for number in matcher.candidates(view, 0, matcher.lent(view, 0))
        for one in matcher.matches(number, view, 0, len(view)).matches
    ]
    return [(types[one.detector], len(data[: one.start].decode()), len(data[: one.end].decode())) for one in matches]


def merged(certain: Found, names_found: Found) -> Found:
    """A place that a pattern is sure of is no name."""
    kept = [
        (kind, start, end)
        for kind, start, end in names_found
        if not any(start < to and at < end and place(one) != place(kind) for one, at, to in certain)
    ]
    return [*certain, *kept]


def place(kind: str) -> str:
    """Places of every kind are one type."""
    return "place" if kind in PLACES else kind


def over(one: tuple[str, int, int], others: Found) -> bool:
    """Whether one of the same type overlaps it."""
    kind, start, end = one
    return any(kind == other and start < to and at < end for other, at, to in others)


def score(documents: list[tuple[Found, Found]]) -> None:
    """Print precision and recall by type. ``documents``: expected, found."""
    right, wrong, hit, missed = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for expected, found in documents:
        for one in found:
            (right if over(one, expected) else wrong)[one[0]] += 1
        for one in expected:
            (hit if over(one, found) else missed)[one[0]] += 1
    print("| type | precision | recall | spans |\n|---|---|---|---|")
    for kind in [*sorted({*EXPECTED.values()}), "all"]:
        counts = [counter.total() if kind == "all" else counter[kind] for counter in (right, wrong, hit, missed)]
        if counts[2] + counts[3]:
            print(
                f"| {kind} | {counts[0] / max(1, sum(counts[:2])):.3f} | {counts[2] / sum(counts[2:]):.3f} | {sum(counts[2:])} |"
            )


def main() -> None:
    """Measure."""
    detector = names(NamesSection(timeout_s=300, max_chars=1 << 26))
    began = time.perf_counter()
    detector.detect(["Ada"])
    print(f"start: {(time.perf_counter() - began) * 1000:.0f} ms")
    text = (PROSE * 10)[:2040]
    taken = []
    for turn in range(60):
        began = time.perf_counter()
        detector.detect([f"{turn:04d} {text}"])
        taken.append((time.perf_counter() - began) * 1000)
    quick = statistics.quantiles(taken, n=20)
    began = time.perf_counter()
    detector.detect([f"{turn:04d} {text}"])
    again = (time.perf_counter() - began) * 1000
    print(f"2 KB: p50 {statistics.median(taken):.1f} ms, p95 {quick[-1]:.1f} ms; the same again {again:.2f} ms")
    status = Path(f"/proc/{detector.pool._idle[0]._process.pid}/status").read_text().splitlines()
    print("memory of the process:", *(line for line in status if line.startswith("VmHWM")))
    began = time.perf_counter()
    for _ in range(100):
        medical_terms(text)
    print(f"medical terms, 2 KB: {(time.perf_counter() - began) * 10:.2f} ms")
    if len(sys.argv) > 1:
        quality(Path(sys.argv[1]))
    detector.close()


def quality(path: Path) -> None:
    """Precision and recall on labelled documents."""
    detector = names(NamesSection(timeout_s=300, max_chars=1 << 26))
    matcher, types = patterns()
    halves: dict[str, list[tuple[Found, Found]]] = {"even": [], "odd": []}
    for document in json.loads(path.read_text()):
        text = document["full_text"]
        said = [(span.type, span.start, span.end) for span in detector.detect([text])[0]]
        found = [(place(kind), *at) for kind, *at in merged(by_patterns(matcher, types, text), said) if kind not in ELSEWHERE]
        spans = [(EXPECTED.get(one["entity_type"], ""), one["start_position"], one["end_position"]) for one in document["spans"]]
        halves["odd" if document["template_id"] % 2 else "even"].append(([one for one in spans if one[0]], found))
    for name, documents in (*halves.items(), ("all", [*halves["even"], *halves["odd"]])):
        print(f"\n{name}, {len(documents)} documents")
        score(documents)
    detector.close()


if __name__ == "__main__":
    main()
