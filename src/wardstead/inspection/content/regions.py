"""Where a text is code and where prose: fenced and inline code of Markdown (CommonMark 0.31 sections 4.5 and 6.1).

One pass over the lines, one over each paragraph: linear. Indented code counts as prose: in answers an indent is mostly a list's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec


class Region(msgspec.Struct, frozen=True):
    """``text[start:end]`` is ``code`` (in a ``language``, where the fence names one) or prose."""

    start: int
    end: int
    code: bool
    language: str = ""


def regions(text: str) -> list[Region]:
    """The regions of ``text``, in order, fences and backticks left out. A fence that is still open reaches to the end."""
    if "`" not in text and "~~~" not in text:
        return [Region(0, len(text), code=False)] if text else []
    out: list[Region] = []
    prose = body = 0
    fence, language = "", ""
    for line in _LINE.finditer(text):
        found = _FENCE.match(line[0])
        if not fence and found and not (found[1][0] == "`" and "`" in found[2]):
            _inline(text, prose, line.start(), out)
            fence, language, body = found[1], _language(found[2]), line.end()
        elif fence and found and found[1].startswith(fence) and not found[2].strip():
            _add(out, Region(body, line.start(), code=True, language=language))
            fence, prose = "", line.end()
    if fence:
        _add(out, Region(body, len(text), code=True, language=language))
    else:
        _inline(text, prose, len(text), out)
    return out


def code_of(text: str) -> Sequence[Region]:
    """The code of ``text``."""
    return [one for one in regions(text) if one.code]


def _inline(text: str, begin: int, end: int, out: list[Region]) -> None:
    """Prose with its inline code: a run of backticks up to the next run of the same length."""
    runs = [run.span() for run in _BACKTICKS.finditer(text, begin, end)]
    later: dict[int, list[int]] = {}
    for number in range(len(runs) - 1, -1, -1):
        later.setdefault(runs[number][1] - runs[number][0], []).append(number)
    number, done = 0, begin
    while number < len(runs):
        start, after = runs[number]
        same = later[after - start]
        while same and same[-1] <= number:
            same.pop()
        if same:
            closing = same[-1]
            _add(out, Region(done, start, code=False))
            _add(out, Region(after, runs[closing][0], code=True))
            done, number = runs[closing][1], closing
        number += 1
    _add(out, Region(done, end, code=False))


def _add(out: list[Region], region: Region) -> None:
    if region.end > region.start:
        out.append(region)


def _language(info: str) -> str:
    word = info.strip().lstrip("{.").split(None, 1)
    return re.split(r"[,{}:]", word[0].lower())[0] if word else ""


_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE: Final = re.compile(r"[ >]{0,8}(?:[-*+] |[0-9]{1,9}[.)] )?[ ]{0,8}(`{3,}|~{3,})([^\n]*)\n?\Z")
_BACKTICKS: Final = re.compile("`+")
