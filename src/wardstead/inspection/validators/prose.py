"""What stands in prose: addresses, dates, people, pages, accounts."""

from __future__ import annotations

import re
from typing import Final

from wardstead.inspection.validators.personal import date, phone_in_context


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MONTH: Final = (
    r"(?:jan|feb|fév|mar|mär|apr|avr|abr|may|mai|maj|mei|jun|jui|giu|jul|lug|aug|aoû|ago|sep|set|oct|okt|ott|out|nov|dec|déc|dez"
    r"|dic|gen|ene)\w{0,7}\.?"
)
_DATE_IN_WORDS: Final = re.compile(
    rf"(?i)\b[0-9]{{1,2}}(?:st|nd|rd|th|er)?\.? (?:of |de )?{_MONTH},?(?: de)? (?:19|20)[0-9]{{2}}"
    rf"|\b{_MONTH} [0-9]{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)[0-9]{{2}}"
)
_NUMBERS: Final = re.compile(r"[0-9]+")
_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}")


def address(match: bytes) -> bool:
    """Names and numbers that are no date: some number is no year, and none is a day beside its month."""
    text = match.decode("utf-8")
    years = all(_YEAR.fullmatch(number) for number in _NUMBERS.findall(text))
    return not years and not _YEAR.match(text) and _DATE_IN_WORDS.search(text) is None


def dwelling(match: bytes) -> bool:
    """A flat or an office by its number. In small letters ("test suite 12") it is none, unless a street is with it."""
    text = match.decode("utf-8")
    if re.search("[,\n]", text) is None and text[:1].islower():
        return text.startswith("apt.")
    return not re.fullmatch("(?i)suite #?[0-9]", text) and _DATE_IN_WORDS.search(text) is None


def address_rarer(match: bytes) -> bool:
    """An address whose street is of a rarer kind ("97 Lynda Bridge"): with its town and postcode, or a number of three digits."""
    return address(match) and (b"\n" in match or b"," in match or re.match(rb"[0-9]{3}", match) is not None)


def date_prefix(match: bytes) -> bool:
    """A day that can exist, perhaps with a time of day after it."""
    day = re.match(rb"[0-9]{1,4}[-/.] ?[0-9]{1,2}[-/.] ?[0-9]{1,4}", match)
    return day is not None and date(day.group())


_NO_PERSON: Final = _words(
    """
    then on in reviewer reviewers cathedral pizzeria
    sir madam sirs ma'am team all everyone everybody folks friend friends colleague colleagues customer customers user
    users support service services manager hiring committee editor reader readers admin administrator world there guys
    ladies gentlemen president minister chairman chair secretary engineer software developer senior junior analyst
    architect director sales customer's student students parent parents member members guest subscriber applicant
    candidate recruiter valued account department office staff hr it human resources santa diary god lord the this that
    these those a an and or not my your our his her their its is are was required optional string null none true false
    unknown n/a age name date dob id yes no male female new york los angeles san francisco united states page section
    chapter overview table figure coli january february march april may june july august september october november
    december monday tuesday wednesday thursday friday saturday sunday herren damen frau herr monsieur madame kunde kunden
    kundin client clients cliente equipo todos amigo amigos team's company inc ltd llc gmbh corp bank university hospital
    school street road avenue i we you he she they please thank thanks hello hi chatgpt claude assistant ai bot system
    model openai google microsoft amazon apple sincerely best regards kind
    """
)


def person(match: bytes) -> bool:
    """A name: none of its words is one that letters and forms have in the place of one."""
    words = [word.strip(".,'’").lower() for word in match.decode("utf-8").split()]
    while len(words) > 1 and words[0] in _TITLES:
        words.pop(0)
    return bool(words) and not any(word in _NO_PERSON for word in words) and len(words[-1]) > 1


_TITLES: Final = _words(
    """
    mr mrs ms miss mx dr prof professor doctor sir dame lord lady rev reverend judge justice capt captain sgt sergeant lt
    lieutenant col gen herr herrn frau fräulein monsieur madame mademoiselle mme mlle maître señor señora señorita sr sra
    srta doña signor signora signorina sig sig.ra sig.na dott dott.ssa avv senhor senhora dhr mevr meneer mevrouw
    dipl.-ing mag pani pana fru hr ing univ.prof bc mgr mudr judr phdr rndr m mm
    """
)


def url(match: bytes) -> bool:
    """A page that others can reach: its host has a dot and a top level."""
    host = re.sub(r"(?i)^(?:[a-z]+://)?(?:www\.)?", "", match.decode("utf-8")).split("/")[0].split(":")[0]
    return "." in host.strip(".") and len(host.rsplit(".", 1)[-1]) >= 2 and host != "localhost"


_NO_USERNAME: Final = _words(
    """
    required optional string null none true false failed success invalid unknown username user name admin root test guest
    password email default value page button form here there e.g i.e is not the settings required. using via http https
    get post screen details credentials id
    """
)


def username(match: bytes) -> bool:
    """The name of an account: no word of a form, no file."""
    text = match.decode("ascii").lower().strip("@")
    return (
        text not in _NO_USERNAME
        and re.search(r"\.(?:py|js|ts|go|rs|java|c|h|md|txt|html?|json|ya?ml|com|org|net|io)$", text) is None
    )


_NO_TOWN: Final = _words(
    """street st avenue ave road rd boulevard lane drive court meeting total users people euro euros dollars usd eur gbp page
    section box suite apt phone tel fax email january february march april may june july august september october november
    december"""
)


def town(match: bytes) -> bool:
    """The name of a place: no word of it is one of streets, months, sums."""
    words = match.decode("utf-8").split()
    return 2 <= len(match) <= 60 and len(words) <= 6 and not any(word.strip(".,").lower() in _NO_TOWN for word in words)


def phone_in_brackets(match: bytes) -> bool:
    """A number of enough digits whose brackets hold no year: "(2019) 123456" is a reference."""
    return phone_in_context(match) and re.match(rb"\((?:19|20)[0-9]{2}\)", match) is None


def order(match: bytes) -> bool:
    """An order, not a prohibition: but for what hushes a deed up ("do not mention it"), nothing in it is forbidden."""
    return _FORBIDS.search(_HUSHES.sub(b"", match)) is None


_HUSHES: Final = re.compile(
    rb"(?i)(?:do not|don't|never|without|no need to|need not)\s+(?:mention|tell|inform|notif|ask|flag|report|bother"
    rb"|approv|know|confirm|run )|not for humans"
)
_FORBIDS: Final = re.compile(rb"(?i)\b(?:not|never|avoid|refuse|forbidden|rather than|instead of|before any)\b|n't\b")
