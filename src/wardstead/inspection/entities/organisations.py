"""Organisations, by how they are written and what is said of them: a legal form, a word that organisations bear, a job at one.

The model of names knows none. These rules are English for the most part; the legal forms are those of some thirty countries, and
what banks, schools, hospitals and offices are called and how one says where one works is there in seven languages. They run over
one window at a time, so their patterns are short and bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from wardstead.inspection.ports import Span

ORGANISATION: Final = "organisation"
SURE: Final = 0.85
"""From here on, what the model takes for a person or a place in it is a part of its name."""

_CAPITAL: Final = r"[A-Z0-9ÀÁÂÄÅÆÇÉÈÊËÍÎÏÑÓÔÖØÚÜÝČĐŁŚŠŽ][\w&'’+-]{0,40}"
_WORD: Final = rf"(?:{_CAPITAL}|[A-Z]\.)"
_JOINT: Final = r"(?:,? (?:and|und|et|y|&) |, | & |[ ](?:of|de|des|du|del|della|di|for|the|für|van|von) (?:the )?| )"
_NAME: Final = rf"{_WORD}(?:{_JOINT}{_WORD}){{0,5}}"
_FEW: Final = rf"{_WORD}(?:(?: & | of | and | ){_WORD}){{0,3}}"

_FORM: Final = (
    r"(?:Inc|Incorporated|Ltd|Limited|LLC|L\.L\.C|LLP|LP|PLC|plc|Corp|Corporation|Co|Company|Companies|GmbH|mbH|AG|KG|KGaA|OHG|e\.V|"
    r"SA|S\.A|SAS|SARL|S\.à r\.l|SRL|S\.r\.l|S\.p\.A|SpA|SL|S\.L|SE|BV|B\.V|NV|N\.V|AB|A/S|ApS|ASA|AS|Oy|Oyj|"
    r"Pty|Pty Ltd|Pte|Pte Ltd|Pvt|Pvt Ltd|Bhd|KK|Ltda|LTDA|S\.A\. de C\.V|Sp\. z o\.o|s\.r\.o|a\.s|d\.o\.o|Kft|Zrt|Nyrt|ehf|hf|"
    r"& Sons|and Sons|& Co|& Company|and Company|& Partners|and Partners)"
)
_BEARS: Final = (
    r"(?:Bank|Banking|University|College|Institute|Academy|Hospital|Clinic|Foundation|Association|Society|Federation|Union|Council|"
    r"Committee|Commission|Agency|Ministry|Authority|Group|Holdings|Holding|Partners|Partnership|Associates|Systems|Technologies|"
    r"Technology|Solutions|Industries|Laboratories|Labs|Laboratory|Airlines|Airways|Insurance|Energy|Motors|Pharmaceuticals|"
    r"Pharma|Therapeutics|Biosciences|Consulting|Consultants|Ventures|Capital|Investments|Securities|Financial|Media|Networks|"
    r"Broadcasting|Publishing|Software|Robotics|Analytics|Electronics|Semiconductor|Semiconductors|Telecom|Logistics|Enterprises|"
    r"International|Worldwide|Studios|Stores|Services|Chamber|Trust|Orchestra)"
)
_OF: Final = (
    r"(?:University|Bank|Ministry|Department|Institute|College|Academy|Bureau|Office|Board|Church|Society|House|Chamber) "
    r"(?:of|for) (?:the )?"
)
_LEADS: Final = (
    r"(?:Universität|Hochschule|Klinikum|Krankenhaus|Stiftung|Sparkasse|Volksbank|Raiffeisenbank|Stadtwerke|Bundesamt|Finanzamt|"
    r"Landratsamt|Ministerium|Amtsgericht|Université|Hôpital|Clinique|Banque|Caisse|Ministère|Mairie|Fondation|Lycée|Préfecture|"
    r"Universidad|Clínica|Banco|Caja|Ministerio|Ayuntamiento|Fundación|Università|Ospedale|Banca|Cassa|Ministero|Fondazione|"
    r"Azienda|Universidade|Ministério|Fundação|Câmara|Universiteit|Ziekenhuis|Gemeente|Stichting|Uniwersytet|Szpital|"
    r"Ministerstwo|Instituto|Istituto|Institut|Asociación|Associazione|Associação|Hospital)"
)
"""What the names of such bodies begin with, where it is not English."""
_LEADS_ON: Final = (
    r"(?: (?:de|des|du|del|della|dell|di|da|do|dos|das|der|für|van|voor|la|las|los|le|les|el|im|in|w)){0,2}(?: ?[ld]['’])?"
)

_HERE: Final = r"(?:Apt|Suite|Unit|P\.? ?O\.? Box|PSC|Box|No|Floor)"
_STREET: Final = rf"(?:[0-9]{{1,5}},? [^\W\d_]|[0-9]{{1,5}} [0-9]{{1,4}},? [^\W\d_]|{_HERE}\b)"
"""What the line of an address begins with."""
_QUOTE: Final = r"[>|*•?: \t]{0,6}"
_LETTERS: Final = r"(?:[A-ZÀ-ÞŁŚŠŽČĐ][^\W\d_]{0,40}(?:[&'’+-][^\W\d_]{1,40}){0,2}|[A-Z]\.)"
_LETTERED: Final = rf"(?!{_HERE}\b){_LETTERS}(?:{_JOINT}{_LETTERS}){{0,5}}"
_SURNAMES: Final = rf"{_WORD}, {_WORD},? (?:and|&) {_WORD}|[A-ZÀ-Þ][^\W\d_]+-[A-ZÀ-Þ][^\W\d_]+"
"""As partners call their firm; only where it stands alone in a line, or something is said of it that is said of a firm."""

_ALONE: Final = (
    r"is an? (?:\w+ ){0,2}(?:company|firm|start-?up|bank|charity|non-?profit|supplier|vendor|provider|manufacturer|retailer|"
    r"agency|subsidiary|501\(c\))|is (?:the brainchild|headquartered|hiring)|was (?:founded|established|incorporated) (?:in|by)|"
    r"invested (?:heavily )?in|went bankrupt|filed for bankruptcy|(?:was|is) (?:acquired|listed)|"
    r", an? (?:\w+ )?(?:company|firm|start-?up)"
)
"""What is said of an organisation, and of nothing else that has a name."""


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    score: float
    words: int = 1
    """At least so many are left when what leads to it is taken off."""
    small: bool = False
    """It is about names in small letters."""


_RULES: Final = (
    _Rule(re.compile(rf"({_NAME},? {_FORM}\b\.?)"), 0.95, words=2),
    _Rule(
        re.compile(r"((?:[\w&'’-]{2,30},? (?:and |& )?){1,3}(?:inc|ltd|llc|llp|plc|corp|gmbh)\b\.?)"), 0.7, words=2, small=True
    ),
    _Rule(re.compile(rf"({_OF}{_FEW})"), 0.9),
    _Rule(re.compile(rf"({_FEW} {_BEARS})\b(?! of the\b)"), 0.9, words=2),
    _Rule(
        re.compile(
            r"\b(?:(?:work|works|worked|working|job|career|interned|internship|employed|employment|position|role|engineer|manager|"
            r"director|analyst|consultant|intern|colleagues?|account|spent \w+ \w+) (?:at|for|with|by|from)|"
            r"(?:CEO|CTO|CFO|president|chairman|founder|co-founder|owner|head|employees?|customers?|clients?|subsidiary|"
            r"headquarters|offices?|shares|shareholders|representative|director) (?:of|at|from)|joined|acquired|employer is|"
            r"works? here at|on behalf of|invoice from|contract with|company called|firm called|startup called|start-up called) "
            rf"({_FEW})"
        ),
        0.7,
    ),
    _Rule(
        re.compile(
            rf"\b({_FEW})(?:'s|’s)? (?:is hiring|employees|headquarters|shareholders|spokes\w{{3,6}}|recruiters?|"
            r"offices? (?:is|are|in|at)|shares (?:rose|fell)|stock|CEO|customers)\b"
        ),
        0.9,
    ),
    _Rule(re.compile(rf"\b({_FEW}) (?:announced|acquired|hired|invested|manufactures|sells)\b"), 0.7),
    _Rule(re.compile(rf"({_LEADS}{_LEADS_ON} ?{_WORD}(?:{_JOINT}{_WORD}){{0,3}})"), 0.9, words=2),
    _Rule(re.compile(rf"\b({_SURNAMES})(?=,? (?:{_ALONE})\b)"), 0.9),
    _Rule(re.compile(rf"\b({_FEW}),? (?:{_ALONE})\b"), 0.7),
    _Rule(
        re.compile(rf"\b[Tt]he ({_FEW}) (?:offices?|headquarters|branch|campus|subsidiary|warehouse|helpdesk|spokes\w{{3,6}})\b"),
        0.7,
    ),
    _Rule(
        re.compile(
            r"\b(?:(?:which|later|then) became|renamed(?: to)?|merged with|merger with|acquired by|owned by|bought by|"
            r"(?:subsidiary|supplier|partner|address) of|partnership with|"
            r"(?:years?|months|time|stint|now|previously|formerly|later) at|"
            r"recorded for|published by|manufactured by|insured (?:with|by)|account at|branch of|division of|"
            r"[Aa]rbeitet? (?:jetzt )?(?:bei|für)|(?:angestellt|beschäftigt) bei|[Tt]ravaille (?:chez|pour)|"
            r"(?:employ|salari)ée? (?:chez|par|de)|[Tt]rabaj[ao] (?:en|para)|[Ee]mplead[ao] (?:de|en)|"
            r"[Ll]avor[ao] (?:presso|per|in)|[Dd]ipendente di|[Tt]rabalh[ao] (?:na|no|para)|[Ww]erkt? bij|"
            r"[Pp]racuje w|(?:[Jj]obb|[Aa]rbet)ar (?:på|hos)) "
            rf"({_FEW})"
        ),
        0.7,
    ),
    _Rule(re.compile(rf"\b(?:at|from) ({_LETTERED}),? (?={_STREET})"), 0.7),
    _Rule(re.compile(rf"(?:^|\n){_QUOTE}({_LETTERED})[ \t]*(?=\n{{1,2}}{_QUOTE}{_STREET})"), 0.7),
    _Rule(re.compile(rf"(?:^|\n){_QUOTE}({_SURNAMES})[ \t]*(?=\n{{1,2}}{_QUOTE}{_STREET})"), 0.86),
)
_LEADING: Final = re.compile(
    r"(?:The|A|An|In|At|On|For|With|By|From|And|But|Or|If|When|While|As|My|Our|Your|His|Her|Their|This|That|These|Those|We|I|You|He|"
    r"She|They|It|What|Where|Who|How|Why|Is|Are|Was|Does|Did|Do|Can|Please|Dear|Hello|Hi|Celebrating|During|Since|Every|Each|Both|"
    r"Most|Some|All|Many|New|Mr|Mrs|Ms|Dr|To|Of|About|Also) "
)
_COMMON: Final = re.compile(
    r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January|February|March|April|May|June|July|August|September|"
    r"October|November|December|Christmas|Easter|English|God|Internet|I|It|He|She|They|We|You|This|That|There|Who|AI|IT|HR|PC|TV|CEO|USD|EUR|[0-9].*)"
)
_SMALL_WORDS: Final = re.compile(
    r"\b(?:the|a|an|of|in|at|by|for|with|to|is|was|and|from|our|my|your|their|his|her|this|that|like|as) "
)


_NEXT: Final = re.compile(rf"(?:,? (?:and|&|or) ({_LETTERED})|, ({_LETTERED})(?=,? (?:and|&|or) |, ))(?![\w.]*[’'(])")
_LAST: Final = re.compile(rf"(?:^|[:,(] |\b(?!(?:at|from|in|near|of|to) )[a-z]{{2,20}} )({_LETTERED})(?:, | and | & | or )$")
_LISTED: Final = 0.65
_NEAR: Final = 90


def organisations(text: str) -> list[Span]:
    """The organisations in a window of text, in order, none over another; of those that overlap, the surest."""
    out: list[Span] = []
    for span in sorted(_found(text), key=lambda one: (-one.score, one.start - one.end)):
        if _is_free(span, out):
            out.append(span)
    return sorted(_with_lists(text, out), key=lambda one: one.start)


def _is_free(span: Span, taken: Sequence[Span]) -> bool:
    return not any(span.start < one.end and one.start < span.end for one in taken)


def _with_lists(text: str, found: Sequence[Span]) -> list[Span]:
    """With what is named in one list with them."""
    out, new = list(found), list(found)
    while new:
        one = new.pop()
        before = max(0, one.start - _NEAR)
        for match, shift in ((_NEXT.match(text, one.end), 0), (_LAST.search(text[before : one.start]), before)):
            if match is None:
                continue
            start, end = match.span(match.lastindex or 0)
            span = Span(ORGANISATION, start + shift, end + shift, _LISTED)
            if (
                _is_free(span, out)
                and not _COMMON.fullmatch(text[span.start : span.end])
                and not _LEADING.match(text, span.start)
            ):
                out.append(span)
                new.append(span)
    return out


def _found(text: str) -> Iterator[Span]:
    for rule in _RULES:
        for match in rule.pattern.finditer(text):
            start, end = match.span(1)
            if rule.small:
                start = max((one.end() for one in _SMALL_WORDS.finditer(text, start, end)), default=start)
            while leading := _LEADING.match(text, start, end):
                start = leading.end()
            name = text[start:end]
            if len(name.split()) >= rule.words and not _COMMON.fullmatch(name):
                yield Span(ORGANISATION, start, end, rule.score)
