"""Personal data: what is found in documents whose spans are labelled.

``MAPPING`` says which of our types answers for which label of the set. Where we are finer than the set (a date of birth is a
date there) several types answer for one label.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.quality.engine import Prediction
from bench.quality.scoring import Document, Span

MAPPING: Final = {
    "PERSON": {"person"},
    "ADDRESS": {"postal-address", "postal-code"},
    "LOCATION": {"location", "country"},
    "ORGANIZATION": {"organisation"},
    "CREDIT_CARD": {"payment-card"},
    "PHONE_NUMBER": {"phone"},
    "DATE_TIME": {"date", "date-of-birth"},
    "EMAIL_ADDRESS": {"email"},
    "US_SSN": {"us-ssn", "social-security-number"},
    "IBAN_CODE": {"iban"},
    "DOMAIN_NAME": {"url", "domain-name"},
    "US_DRIVER_LICENSE": {"driving-licence", "uk-driving-licence", "canada-driving-licence"},
    "IP_ADDRESS": {"ip-address"},
    "TITLE": {"job-title"},
}
"""Labels of presidio-research's set to types of ours. Its PREFIX (Dr., Mrs.) counts as PERSON, as our span begins with it."""

STRUCTURED: Final = ("CREDIT_CARD", "EMAIL_ADDRESS", "US_SSN", "IBAN_CODE", "DOMAIN_NAME", "IP_ADDRESS")
"""Labels that have a form of their own: what must hardly ever be missed."""

PEER_MAPPING: Final[dict[str, dict[str, str]]] = {
    "presidio": {
        "NRP": "NRP", "DATE_TIME": "DATE_TIME", "URL": "DOMAIN_NAME", "US_DRIVER_LICENSE": "US_DRIVER_LICENSE",
        "ORGANIZATION": "ORGANIZATION", "ADDRESS": "ADDRESS",
    },
    "llm-guard-anonymize": {
        "CREDIT_CARD_RE": "CREDIT_CARD", "EMAIL_ADDRESS_RE": "EMAIL_ADDRESS", "US_SSN_RE": "US_SSN",
    },
    "datafog": {
        "EMAIL": "EMAIL_ADDRESS", "PHONE": "PHONE_NUMBER", "SSN": "US_SSN", "CREDIT_CARD": "CREDIT_CARD", "IP_ADDRESS": "IP_ADDRESS",
        "DOB": "DATE_TIME", "DATE": "DATE_TIME", "ZIP": "ADDRESS", "ZIP_CODE": "ADDRESS", "PERSON": "PERSON", "ORGANIZATION": "ORGANIZATION",
        "LOCATION": "LOCATION", "ADDRESS": "ADDRESS", "IBAN": "IBAN_CODE",
    },
    "scrubadub": {
        "credit_card": "CREDIT_CARD", "email": "EMAIL_ADDRESS", "phone": "PHONE_NUMBER", "social_security_number": "US_SSN",
        "url": "DOMAIN_NAME", "name": "PERSON", "address": "ADDRESS", "date_of_birth": "DATE_TIME", "drivers_licence": "US_DRIVER_LICENSE",
    },
}  # fmt: skip
PEER_MAPPING["presidio-md"] = PEER_MAPPING["presidio"]
"""Peers' types to labels of the set; what is not named keeps its name."""

PERSONAL_CATEGORIES: Final = frozenset(
    {"personal", "national-id", "location", "payment", "finance", "health", "device", "quasi-identifier"}
)


def presidio_documents(data: Path) -> list[Document]:
    """presidio-research's synthetic documents, under ``data``; empty where they are not."""
    file = data / "pii" / "presidio_generated_large.json"
    if not file.is_file():
        return []
    out = []
    for one in json.loads(file.read_text("utf-8")):
        spans = [
            Span(
                "PERSON" if each["entity_type"] == "PREFIX" else each["entity_type"], each["start_position"], each["end_position"]
            )
            for each in one["spans"]
        ]
        out.append(Document("presidio-research", one["full_text"], tuple(sorted(spans, key=lambda span: span.start))))
    return out


def ours_as_labels(predictions: Sequence[Prediction]) -> list[Span]:
    """Our findings under the labels of the set; of credentials nothing is said here."""
    label_of = {ours: label for label, types in MAPPING.items() for ours in types}
    return [
        Span(label_of.get(one.type, one.type), one.start, one.end)
        for one in predictions
        if one.category in PERSONAL_CATEGORIES or one.type in label_of
    ]


def peers_as_labels(peer: str, predictions: Sequence[Prediction]) -> list[Span]:
    """A peer's findings under the labels of the set."""
    names = PEER_MAPPING.get(peer, {})
    return [Span(names.get(one.type, one.type), one.start, one.end) for one in predictions]


def ours_as_types(predictions: Sequence[Prediction]) -> list[Span]:
    """Our findings under our own names, for the made-up documents, which label an address as a whole: not the town in it."""
    addresses = [one for one in predictions if one.type == "postal-address"]
    return [
        Span(one.type, one.start, one.end)
        for one in predictions
        if one.category in PERSONAL_CATEGORIES
        and not (
            one.type in {"location", "country"} and any(each.start <= one.start and one.end <= each.end for each in addresses)
        )
    ]
