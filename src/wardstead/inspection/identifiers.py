"""What identifies a person, in the one form in which it is compared: so that somebody who is only mentioned can be found.

Names are not among them: two people have one, and one person is called by several.

Residual: a telephone number that is written without its country is another country's, too. What is encoded, or cut in two over
messages, is found by inspection and not compared here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from wardstead.inspection.content.words import words_of
from wardstead.inspection.patterns.folding import folded
from wardstead.kernel.findings import Finding

MOST: Final = 256
"""Of one entry so many are told apart; the rest is one crowd (``CROWD``)."""
_CATEGORIES: Final = frozenset({"national-id", "own-data"})
_TYPES: Final = frozenset(
    {
        "email", "phone", "iban", "payment-card", "bank-account", "au-bank-account", "uk-bank-account", "au-medicare",
        "canada-health-number", "canada-ramq", "de-health-number", "ehic", "health-plan-number", "medical-record-number",
        "nz-nhi", "us-medicare-mbi", "imei", "imsi", "iccid", "vehicle-vin", "vehicle-plate",
    }
)  # fmt: skip
_EXTENSION: Final = re.compile(r"\s*(?:x|ext\.?)\s*[0-9]{1,6}$", re.IGNORECASE)
_PREFIXED: Final = re.compile(r"(?:\+|00)(?=[1-9])")
_COUNTRY: Final = re.compile("1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[0-9]{3}")
"""ITU-T E.164, list of assigned country codes: those of one and two digits; every other has three."""
_SHORTEST_PHONE: Final = 6
_SHORTEST: Final = 4


class Identifier(msgspec.Struct, frozen=True, order=True):
    """``kind`` is ``email``, ``phone`` or ``code`` (any other number or value); ``value`` its one form."""

    kind: str
    value: str


CROWD: Final = Identifier("crowd", "")
"""In the place of all that one entry holds beyond ``MOST``."""


class Kind(Protocol):
    """What a detector calls its findings."""

    @property
    def type(self) -> str:
        """The type of what it finds."""
        ...

    @property
    def category(self) -> str:
        """What kind of thing that is."""
        ...


def identifying(kinds: Iterable[Kind]) -> frozenset[str]:
    """The types of findings that identify a person, of all that there are."""
    return frozenset(one.type for one in kinds if one.category in _CATEGORIES or one.type in _TYPES)


def identifiers_in(text: str, findings: Iterable[Finding], types: frozenset[str]) -> set[Identifier]:
    """Who is identified in ``text``; ``findings`` are places in it."""
    found = (_of(one.type, text[one.start : one.end]) for one in findings if one.type in types)
    return {one for one in found if one is not None}


def told_apart(found: Iterable[Identifier]) -> tuple[Identifier, ...]:
    """``MOST`` of them at most, and the crowd where there are more."""
    ordered = sorted(found)
    return (*ordered[:MOST], CROWD) if len(ordered) > MOST else tuple(ordered)


def readings(said: str) -> tuple[Identifier, ...]:
    """What somebody may mean who supplies an identifier; nothing where it is too short to mean anybody."""
    if "@" in said:
        return tuple(filter(None, (_email(said),)))
    every = [_code(said)]
    if not re.search(r"[^\W\d_]", _EXTENSION.sub("", folded(said))):
        every += _phones(said)
    return tuple(dict.fromkeys(one for one in every if one is not None))


def _of(kind: str, text: str) -> Identifier | None:
    if kind == "email":
        return _email(text)
    return _phone(text) if kind == "phone" else _code(text)


def _email(text: str) -> Identifier | None:
    plain = folded(text).strip().strip("_").casefold()
    return Identifier("email", plain) if "@" in plain[1:-1] else None


def _phone(text: str) -> Identifier | None:
    plain = _EXTENSION.sub("", folded(text).strip())
    prefixed = _PREFIXED.match(plain)
    if prefixed is not None:
        digits = re.sub(r"\D", "", plain[prefixed.end() :].replace("(0)", ""))
        return Identifier("phone", f"+{digits}") if len(digits) >= _SHORTEST_PHONE else None
    digits = re.sub(r"\D", "", plain).lstrip("0")
    return Identifier("phone", digits) if len(digits) >= _SHORTEST_PHONE else None


def _phones(said: str) -> list[Identifier | None]:
    """A number with its country, and as it is written within it."""
    whole = _phone(said)
    if whole is None or not whole.value.startswith("+"):
        return [whole]
    digits = whole.value[1:]
    country = _COUNTRY.match(digits)
    within = digits[country.end() :] if country is not None else ""
    return [whole, Identifier("phone", digits), Identifier("phone", within) if len(within) >= _SHORTEST_PHONE else None]


def _code(text: str) -> Identifier | None:
    plain = "".join(word.text for word in words_of(folded(text)))
    return Identifier("code", plain) if len(plain) >= _SHORTEST else None
