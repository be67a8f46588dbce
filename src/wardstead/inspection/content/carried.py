"""Whether an image in an answer asks a stranger's server for something that was said in the conversation.

Patterns see addresses that carry sentences or encoded text. One identifier in an address (a customer's number, a key) looks like
any other; that it was said before, in a text that is not an address, tells. Source: OWASP LLM05 and LLM01, MITRE ATLAS AML.T0077.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final
from urllib.parse import unquote_plus

from wardstead.inspection.validators.active_content import decodings, host_of, is_near, trusts

LEAST: Final = 6
"""So many letters and digits, one of each kind at least or digits alone, are an identifier."""


class Carried:
    """Finds, in images of an answer, identifiers that stand in the texts of its request. Safe for threads."""

    def __init__(self, texts: Sequence[str], trusted_hosts: frozenset[str] = frozenset()) -> None:
        """``texts``: the conversation so far, results of tools included. They are read when there is an image to look at."""
        self._texts = tuple(texts)
        self._trusted = trusted_hosts

    @cached_property
    def _said(self) -> frozenset[str]:
        return frozenset(word for text in self._texts for word in _identifiers(_ADDRESS.sub(" ", text)))

    @cached_property
    def _addresses(self) -> frozenset[str]:
        return frozenset(found[0] for text in self._texts for found in _ADDRESS.finditer(text))

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """The addresses that carry one."""
        if not self._texts or "//" not in text:
            return
        for found in _IMAGE.finditer(text):
            address = found["address"]
            host = host_of(address.encode("utf-8", "replace"))
            if address in self._addresses or is_near(host) or trusts(host, self._trusted):
                continue
            if not self._said.isdisjoint(_in_address(address)):
                yield found.span("address")


def _identifiers(text: str) -> Iterator[str]:
    """Words with a digit, and numbers, that are long enough; what hyphens and dots join, too, as one."""
    for found in _WORD.finditer(text):
        joined = "".join(filter(str.isalnum, found[0])).casefold()
        if len(joined) >= LEAST and any(map(str.isdigit, joined)):
            yield joined


def _in_address(address: str) -> Iterator[str]:
    """Identifiers in an address, decoded where it is encoded."""
    after = address.partition("//")[2]
    plain = unquote_plus(after)
    yield from _identifiers(plain)
    for part in re.split(r"[/?&=#;,.]", plain):
        yield from _identifiers(part)
        for decoded in decodings(part.encode("utf-8", "replace")):
            yield from _identifiers(decoded.decode("utf-8", "replace"))


_WORD: Final = re.compile(r"[^\W_]+(?:[-._@][^\W_]+){0,8}")
_ADDRESS: Final = re.compile(r"(?:https?:)?//[^\s<>()\"'`]{4,4000}", re.IGNORECASE)
_IMAGE: Final = re.compile(
    r"(?:!\[[^\]\n]{0,300}\]\(|\b(?:src|srcset|poster|background)\s{0,2}=\s{0,2}[\"']?|\burl\([\"']?)\s{0,4}<?"
    r"(?P<address>(?:https?:)?//[^\s<>()\"'`]{4,4000})",
    re.IGNORECASE,
)
