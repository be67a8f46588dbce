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
from pathlib import Path
from typing import Any

from wardstead.adapters.models.names import NamesDetector
from wardstead.bootstrap.detection.detectors import names
from wardstead.bootstrap.detection.patterns import patterns
from wardstead.config.sections import NamesSection
from wardstead.inspection.classify import Classifier
from wardstead.inspection.entities.medical import medical_terms
from wardstead.inspection.policy_loading import load_policy

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


def classifier(detector: NamesDetector) -> Classifier:
    """The product's patterns and the detector of names, under a policy that lets everything pass."""
    shipped = patterns()
    categories = {"canary", *(one.category for one in shipped), *detector.types.values()}
    rules = [f"  - {{category: {name}, label: {{level: public}}, prompt: allow, answer: allow}}" for name in sorted(categories)]
    policy = load_policy("\n".join(["version: 2", "rules:", *rules]), "everything passes")
    return Classifier(shipped, policy, text_detectors=(detector,))


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
    """Precision and recall on labelled documents: each by itself, and twenty at a time as one long text."""
    documents = json.loads(path.read_text())
    halves = {name: [one for one in documents if one["template_id"] % 2 == rest] for rest, name in enumerate(("even", "odd"))}
    for name, these in (*halves.items(), ("all", documents)):
        print(f"\n{name}, {len(these)} documents")
        measure([(one["full_text"], one["spans"]) for one in these])
    for name, between in (("paragraphs", "\n\n"), ("sentences", " ")):
        print(f"\nall, twenty at a time, as {name}")
        measure([joined(documents[at : at + 20], between) for at in range(0, len(documents), 20)])


def joined(documents: list[dict[str, Any]], between: str) -> tuple[str, list[dict[str, Any]]]:
    """Several documents as one, with their spans."""
    text, spans = "", []
    for one in documents:
        moved = {"start_position": len(text), "end_position": len(text)}
        spans += [span | {name: span[name] + by for name, by in moved.items()} for span in one["spans"]]
        text += one["full_text"] + between
    return text, spans


def measure(documents: list[tuple[str, list[dict[str, Any]]]]) -> None:
    """Print what is found of what is labelled."""
    detector = names(NamesSection(timeout_s=300, max_chars=1 << 26))
    everything = classifier(detector)
    results = []
    for text, spans in documents:
        findings = everything.classify(text).findings
        found = [(place(one.type), one.start, one.end) for one in findings if one.type not in ELSEWHERE]
        expected = [(EXPECTED.get(one["entity_type"], ""), one["start_position"], one["end_position"]) for one in spans]
        results.append(([one for one in expected if one[0]], found))
    detector.close()
    score(results)


if __name__ == "__main__":
    main()
