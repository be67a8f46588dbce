"""Whether a place in a text is inside an address, told from what stands before it: as far as a stream has come.

When in doubt it is. An address begins with ``//``, a scheme, ``](`` or an attribute that loads, and ends

- in quotes (``src="…"``, ``{"url":"…"}``) with the quote: browsers take blanks in it, and leave lines and tabs out;
- in angle brackets (``](<…>)``) with the bracket or the line;
- else with the blank: quotes, brackets and parentheses may all stand in an address.
"""

from __future__ import annotations

import re
from typing import Final


class Place:
    """Where what has been read ends. It is the same however that was cut."""

    __slots__ = ("_angle", "_bare", "_quote", "_quoted", "_recent")

    def __init__(self) -> None:
        """At the beginning of a text."""
        self._recent = ""
        self._bare = self._quoted = self._angle = False
        self._quote = ""

    @property
    def inside(self) -> bool:
        """Whether what is read next is part of an address."""
        return self._bare or self._quoted or self._angle

    def read(self, text: str) -> None:
        """The text goes on."""
        done = 0
        for found in _TELLING.finditer(text):
            before = (self._recent + text[max(done, found.start() - _RECENT) : found.start()])[-_RECENT:]
            done = found.end()
            mark = found[0]
            if mark[0] <= " ":
                self._bare = False
                self._angle = self._angle and "\n" not in mark and "\r" not in mark
                self._recent = before  # without the blank: browsers leave some of them out
                continue
            self._recent = before + mark
            if mark in "\"'":
                self._at_quote(mark, before[-1:])
            elif mark == "<":
                self._angle = self._angle or before.endswith(("](", "]:"))
            elif mark == ">":
                self._angle = self._angle and before.endswith("\\")
            elif self._recent.lower().endswith(_BEGINS):
                self._quoted = bool(self._quote)
                self._bare = self._bare or not self._quote or _AT_QUOTE.search(self._recent) is None
        self._recent = (self._recent + text[max(done, len(text) - _RECENT) :])[-_RECENT:]

    def _at_quote(self, mark: str, before: str) -> None:
        if before == "=" or (not self._quote and before and before in ":([{,"):
            # The quote of an attribute always begins one, so that no quote further up closes it early.
            self._quoted = self._quoted or self._recent[:-1].lower().endswith(_BEGINS)
            self._quote = mark
        elif mark == self._quote and before != "\\":
            self._quote, self._quoted = "", False


_RECENT: Final = 24
"""No mark of a beginning is longer."""
_TELLING: Final = re.compile(r"[\x00-\x20]+|[\"'<>/\\:;#=(]")
_AT_QUOTE: Final = re.compile(r"(?i)[\"'](?:[a-z]{1,10}:)?[/\\]{0,2}\Z")
"""The address begins with the quote, so it ends with it. One further on may stand in a quote that no reader sees as one."""
_BEGINS: Final = (
    *("//", "/\\", "\\/", "\\\\", "](", "url("),
    *("&#", "&sol;", "&bsol;", "&colon;", "&tab;", "&newline;"),
    *("http:", "https:", "ws:", "wss:", "ftp:", "ftps:", "file:", "data:", "javascript:", "vbscript:", "mailto:"),
    *("src=", "srcset=", "href=", "action=", "poster=", "background=", "ping=", "url="),
)
