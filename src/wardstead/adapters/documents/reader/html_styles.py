"""What a style of HTML does to the sight of a text: what hides it, what makes it seen again, and what lies behind it.

By the declarations alone, as CSS 2.2, Color 4 and Transforms 1 have them: no cascade, no layout, no sheets from elsewhere. What
is inherited as a value (size and colour) ends where a style below sets another one: mail programs lay out in a size of nought,
and set the size in each cell. What applies to a whole element (``display``, ``opacity``) ends nowhere below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

WHITE: Final = "white text"
TINY: Final = "tiny text"
_STOP: Final = r"(?:;|$|!)"
_COLOUR: Final = r"(?:^|;)color:"
_WHITE: Final = re.compile(
    _COLOUR + r"(?:#f[4-9a-f]f[4-9a-f]f[4-9a-f](?:ff)?|#ffff?|white|whitesmoke|ghostwhite|snow|ivory"
    r"|rgba?\(25[0-5],?25[0-5],?25[0-5](?:[,/][^)]*)?\)|hsla?\([\d.]+(?:deg)?,?[\d.]+%,?(?:9[6-9]|100)%[^)]*\))" + _STOP
)
_TINY: Final = (
    r"(?:^|;)font-size:(?:0+(?:\.0*)?(?:[a-z]{2,4}|%)?|(?:[01](?:\.\d+)?|0?\.\d+)(?:px|pt)|0?\.[01]\d*r?em|1?\d(?:\.\d+)?%)"
    rf"{_STOP}|(?:^|;)font:0"
)
_NOUGHT: Final = r"0?(?:\.0\d*)?%?\)"
_HIDING: Final = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"display:none|visibility:(?:hidden|collapse)|content-visibility:hidden", "not displayed"),
        (rf"opacity:(?:0+(?:\.0*)?|0?\.0\d*|\d(?:\.\d+)?%){_STOP}|opacity[(=]{_NOUGHT}", "transparent text"),
        (rf"{_COLOUR}(?:transparent|#[0-9a-f]{{3}}0|#[0-9a-f]{{6}}00){_STOP}", "transparent text"),
        (rf"{_COLOUR}(?:(?:rgb|hsl)a\([^)]*,|\w{{3,4}}\([^)]*/){_NOUGHT}{_STOP}", "transparent text"),
        (_TINY, TINY),
        (r"(?:left|top|right|bottom|text-indent|margin-left|margin-top):(?:-\d{3,}|\d{5,})", "outside the page"),
        (r"translate\w*\([^)]*-\d{4,}", "outside the page"),
        (rf"(?:^|;)(?:(?:max-)?(?:height|width):0(?:px)?|(?:zoom|scale):0+){_STOP}|scale\w*\(0[,)]", "without a size"),
        (r"clip:rect\((?:0(?:px)?|1px)[, ]|clip-path:(?:inset\((?:[5-9]\d|100)%|(?:circle|ellipse)\(0)", "clipped"),
    )
)
_BACKGROUND: Final = re.compile(
    r"(?:^|;)background(?:-color|-image)?:(?!(?:none|transparent|white|#fff(?:fff)?|inherit|initial)" + _STOP + ")"
)
_BEHIND: Final = re.compile(r"(?:^|;)background(?:-color)?:([^;!]+)")
_IN_FRONT: Final = re.compile(_COLOUR + r"(?!inherit|unset|initial|currentcolor)([^;!]+)")
_SIZE: Final = re.compile(
    r"(?:^|;)font-size:(?:[\d.]+(?:px|p[tc]|rem|[cm]m|in|v[wh])|(?:x{1,3}-)?(?:small|large)|medium)"
    r"|(?:^|;)font:[^;]*?(?:[2-9]|\d{2,})(?:\.\d+)?(?:px|pt|rem)"
)
_RULE: Final = re.compile(r"([^{}@]{1,400})\{([^{}]{1,2000})\}")
_COMMENT: Final = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_PRINT: Final = re.compile(r"@media\s+print[^{},]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", re.IGNORECASE)
MAX_RULES: Final = 500
"""Of one page; with more of them the rest is passed over."""
_MAX_STYLE: Final = 8_192


@dataclass(frozen=True, slots=True)
class Style:
    """What a style does. ``hides``: why a text with it is not seen; ``ends``: which of those reasons end with it; ``shades``:
    something lies behind it."""

    hides: tuple[str, ...] = ()
    ends: frozenset[str] = frozenset()
    shades: bool = False

    def over(self, other: Style) -> Style:
        """Both, where this one wins."""
        hides = (*self.hides, *(one for one in other.hides if one not in self.ends))
        return Style(tuple(dict.fromkeys(hides)), self.ends | other.ends - frozenset(self.hides), self.shades or other.shades)


NONE: Final = Style()


@lru_cache(maxsize=1024)
def style_of(declarations: str) -> Style:
    """What the declarations of a ``style`` attribute, or of one rule, do."""
    if len(declarations) > _MAX_STYLE:
        return Style(("a style that is too long to be read",))
    css = re.sub(r"\s+", "", _COMMENT.sub("", declarations.lower()))
    shades = _BACKGROUND.search(css) is not None
    hides = [reason for pattern, reason in _HIDING if pattern.search(css)]
    behind, in_front = _BEHIND.search(css), _IN_FRONT.search(css)
    if behind and in_front and behind[1] == in_front[1]:
        hides.append("text in the colour of what is behind it")
    elif _WHITE.search(css) and not shades:
        hides.append(WHITE)
    ends = {WHITE} if WHITE not in hides and (shades or in_front) else set()
    if TINY not in hides and _SIZE.search(css):
        ends.add(TINY)
    return Style(tuple(dict.fromkeys(hides)), frozenset(ends), shades)


def rules_of(sheets: Iterable[str]) -> list[tuple[str, Style]]:
    """The selectors, in the style sheets of a page for the screen, whose rules do anything to the sight of a text."""
    plain = (_PRINT.sub("", _COMMENT.sub("", sheet)) for sheet in sheets)
    rules = islice((found for sheet in plain for found in _RULE.finditer(sheet)), MAX_RULES)
    found = [(rule[1].strip(), style_of(rule[2])) for rule in rules]
    return [(selector, style) for selector, style in found if style != NONE]
