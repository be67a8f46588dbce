"""Active content that no windowed pattern can tell: it depends on whether it stands in code, or on more than one place.

HTML in an answer is code for a page to some, and a page to others: it counts outside fences and backticks alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from wardstead.inspection.content.regions import regions
from wardstead.inspection.content.rules import Rule, RuleSet, places, types_of, version_of, without_surrogates
from wardstead.inspection.ports import Direction, Origin, Span
from wardstead.inspection.validators.active_content import host_of, image_carries_data, link_carries_data, script_url, trusts

_MANY: Final = 8
"""So many images of one host whose names have at most ``_SHORT`` characters spell something."""
_SHORT: Final = 3


class ActiveContent:
    """A ``TextDetector``. Its rules are those for prose, and the methods ``addresses``, ``scripts`` and ``many-images``."""

    def __init__(self, rules: Sequence[Rule], trusted_hosts: frozenset[str] = frozenset()) -> None:
        """``trusted_hosts``: addresses there carry nothing away. Raises ``ConfigurationError``."""
        self.id = "active-content"
        self.version = version_of(rules)
        self.types: Mapping[str, str] = types_of(rules)
        self.directions = frozenset({Direction.ANSWER})
        self.origins: frozenset[Origin] = frozenset()
        self.marks = False
        self.slow = False
        self.cuts = True
        self._prose = RuleSet([one for one in rules if one.pattern])
        self._methods = {one.method: one.type for one in rules if one.method}
        self._trusted = trusted_hosts

    def detect(self, texts: Sequence[str]) -> list[list[Span]]:
        """See ``TextDetector.detect``."""
        return [places(self._spans(without_surrogates(text))) for text in texts]

    def _spans(self, text: str) -> Iterator[Span]:
        if "<" in text:
            for region in regions(text):
                if not region.code:
                    yield from self._prose.spans(text[region.start : region.end], region.start)
                    yield from self._scripts(text, region.start, region.end)
        if "//" in text:
            yield from self._addresses(text)
            yield from self._images(text)
            yield from self._spelled(text)

    def _addresses(self, text: str) -> Iterator[Span]:
        """Addresses with other than ASCII characters: browsers fetch them, and no windowed pattern sees their end."""
        kind = self._methods.get("addresses")
        if kind is None or text.isascii():
            return
        for found in _ADDRESS.finditer(text):
            if found["address"].isascii():
                continue
            plain = quote(found["address"], safe="".join(map(chr, range(33, 127)))).encode("ascii")
            carries = image_carries_data if found["image"] else link_carries_data
            if not trusts(host_of(plain), self._trusted) and carries(plain):
                yield Span(kind, *found.span("address"))

    def _images(self, text: str) -> Iterator[Span]:
        """Images whose alternative text holds brackets, as deep as they go, or letters of any script."""
        kind = self._methods.get("addresses")
        if kind is None or "![" not in text:
            return
        opened: list[str] = []
        for token in _BRACKET.finditer(text):
            if token[0] in ("[", "!["):
                opened.append(token[0])
            elif token[0] == "]" and opened and opened.pop() == "![":
                found = _DESTINATION.match(text, token.end())
                if found is None:
                    continue
                plain = quote(found["address"], safe="".join(map(chr, range(33, 127)))).encode("ascii")
                if not trusts(host_of(plain), self._trusted) and image_carries_data(plain):
                    yield Span(kind, *found.span("address"))

    def _scripts(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Addresses of elements, and in angle brackets, that are scripts once they are read as a browser does."""
        kind = self._methods.get("scripts")
        if kind is None:
            return
        for found in _ATTRIBUTE.finditer(text, start, end):
            name = "address" if found["address"] is not None else "link"
            if script_url(found[name].encode("utf-8", "replace")):
                yield Span(kind, *found.span(name))

    def _spelled(self, text: str) -> Iterator[Span]:
        """A message spelled by many images of one host, each a letter or two."""
        kind = self._methods.get("many-images")
        if kind is None:
            return
        by_host: dict[str, list[re.Match[str]]] = {}
        for found in _SMALL_IMAGE.finditer(text):
            host = host_of(found["address"].encode("utf-8"))
            if not trusts(host, self._trusted):
                by_host.setdefault(host, []).append(found)
        for images in by_host.values():
            if len(images) >= _MANY:
                yield from (Span(kind, *one.span()) for one in images)


_ADDRESS: Final = re.compile(
    r"(?:(?P<image>!\[[^\]\n]{0,300}\]\(|\b(?:src|srcset|poster)\s{0,2}=\s{0,2}[\"']?|\burl\([\"']?)|\](?:\(|:))\s{0,4}<?"
    r"(?P<address>(?:https?:)?//[^\s<>()\"'`]{4,4000})",
    re.IGNORECASE,
)
_BRACKET: Final = re.compile(r"\\.|!\[|[\[\]]", re.DOTALL)
_DESTINATION: Final = re.compile(r"\(\s{0,8}<?\s{0,4}(?P<address>[^\s<>()]{4,4000}(?:\([^\s<>()]{0,200}\))?[^\s<>()]{0,4000})")
_ATTRIBUTE: Final = re.compile(
    r"\b(?:href|src|action|formaction|data|to|from|values)\s{0,8}=\s{0,8}[\"']?(?P<address>[^\"'<>]{5,900})"
    r"|<(?P<link>(?:javascript|vbscript|data):[^<>\s]{1,900})>",
    re.IGNORECASE,
)
_SMALL_IMAGE: Final = re.compile(
    rf"!\[[^\]\n]{{0,100}}\]\(\s{{0,4}}<?(?P<address>(?:https?:)?//[^\s<>()/?#]{{1,253}}(?:/[^\s<>()?#]{{0,60}})?[/?#=])[^\s<>()/?#=]{{1,{_SHORT}}}"
    r"(?:\.[a-z]{3,4})?>?\s{0,2}\)",
    re.IGNORECASE,
)
