"""What a text looks like, and where each byte of that stands in the text: the view that patterns are searched in.

``４１１１ 1111`` in full-width digits with an invisible character in it reads like a card number, and so it is one. Folding is by
character: compatibility forms (full-width, mathematical, superscript, circled), every decimal digit, spaces, dashes,
quotation marks and look-alike letters become ASCII; what cannot be seen vanishes (NUL, too), and so do marks that combine
with the character before them; tag characters, ``\\uXXXX`` and ``\\u{X}`` escapes, Markdown's ``\\_`` and ``\\-``, and HTML's
character references (``&#52;``, ``&#x34;``, ``&nbsp;``) become what they spell; a C1 control character becomes ESC and its
letter, as which terminals obey it (U+009B is ``ESC [``). Accented letters stay. The view of an ASCII text is the text, but
for these, and for the escapes ``\\n``, ``\\r`` and ``\\t``, which become white space of the same length: JSON, source code
and logs stand in texts escaped, and the letter of an escape would else be the beginning of a word (``\\nAKIA…``).

Sources: the Unicode Character Database as Python has it (general category, decimal value, decomposition, name), and the idea of
a skeleton from UTS #39, by which look-alikes are those that print alike in common fonts; ECMA-48 5.3 for C1 in 7 bits; HTML
Living Standard 13.2.5.72-80 (a reference by number needs no semicolon).
"""

from __future__ import annotations

import codecs
import re
import sys
import unicodedata
from bisect import bisect_right
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

INVISIBLE_CHARACTERS: Final = 64
"""So many that cannot be seen, in a row, vanish; the next stay in the view. Else what is held back would have no bound."""

_SPANS: Final = ((0x80, 0x3400), (0xA000, 0xAC00), (0xF900, 0x10000), (0x10000, 0x12000), (0x16A00, 0x1FC00), (0xE0000, 0xE0200))
"""Where characters stand that are folded: the ideographs and syllables between are what they are."""
_LOOK_ALIKES: Final = {
    # Cyrillic and Greek capitals and small letters, Armenian, Latin of phonetics
    "АВЕЅІЈКМНОРСТУХԌԚԜЗӀ": "ABESIJKMHOPCTYXGQW3I",
    "асеорхуіјѕһԁԛԝӏ": "aceopxyijshdqwl",
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϳϲ": "ABEZHIKMNOPTYXCjc",
    "αικνορυχγ": "aikvopuxy",
    "օոսհցզյ": "onuhgqj",
    "ɑɡıȷɩʋɪƽ": "agijivi5",
    # punctuation
    "‘’‚‛ʼʹʻ′´ˈ＇": "'''''''''''",
    "“”„‟″〃": '""""""',
    "⁄∕⧸": "///",
    "∶ː꞉։": "::::",
    "。｡․": "...",
    "∗⁎": "**",
    "−⁃˗➖": "----",
    "＿ˍ": "__",
    "꞊᐀": "==",
    "∣ǀ": "||",
}
_NOT_A_DASH: Final = "〜〰゠᐀"
_SEEN: Final = frozenset((*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)))
"""Format characters that print something."""
_UNSEEN: Final = frozenset(
    (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0x20D0, 0x20F1))
)
"""Joiners, fillers and marks around a letter that no category tells."""
_NEXT_LINE: Final = 0x85
_CONTROLS: Final = bytes((*range(0x07), *range(0x10, 0x1B), *range(0x1C, 0x20)))
"""Control characters that nothing shows or obeys. Those that a terminal obeys stay: they are looked for."""
_COMBINING: Final = (
    range(0x300, 0x370), range(0x483, 0x48A), range(0x1AB0, 0x1B00), range(0x1DC0, 0x1E00), range(0xFE20, 0xFE30),
)  # fmt: skip
"""Marks on the character before them: accents, when they are written apart. Those of scripts that need them stay."""
GO_ON: Final = bytes(range(0x80, 0xC0))
"""The bytes of a character but its first."""
_RUN_CHARACTERS: Final = 512
"""So many are folded at once: to find a place among them takes no longer."""
_OFTEN: Final = (
    "".join(map(chr, [*range(0x80), *range(0x410, 0x450)]))
    + "ЁёІіЇїЄєҐґЎў"
    + "äöüßÄÖÜéèêëàâçñóíáúôîûùïœÉÀÇãõåøæ"
    + "\u00a0“”„‘’«»–—…€£§°·•→№"
)
"""Characters of which most European texts are made: together they fit a byte, by which they are looked up soonest."""
_FEW_CHARACTERS: Final = 48
"""So many are translated one by one in less time than an array takes for any number."""
_UNEVEN: Final = "\uffff"
"""No character: it stands for those that are folded by themselves."""
_KEPT: Final = "ªº"
"""The ordinals of "nº" and "1ª" are no letters of words."""
_SMALL_CAPITAL = re.compile(r"LATIN LETTER SMALL CAPITAL ([A-Z])")
_DARK_LETTER = re.compile(r"NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER ([A-Z])")
_NAMED: Final = {
    "nbsp": "\u00a0", "ensp": " ", "emsp": " ", "thinsp": " ", "shy": "\u00ad", "zwj": "\u200d", "zwnj": "\u200c",
    "lrm": "\u200e", "rlm": "\u200f",
    "commat": "@", "period": ".", "hyphen": "-", "dash": "-", "ndash": "-", "mdash": "-", "minus": "-",
    "lowbar": "_", "colon": ":", "sol": "/", "num": "#", "equals": "=", "Tab": "\t", "NewLine": "\n",
}  # fmt: skip
"""Those that stand between and inside of groups. Quotation marks and brackets stay escaped: they show that code is quoted."""
_ZEROS: Final = 16
"""A number may begin with so many: browsers take any."""
_HALF_CHARACTERS: Final = 10 + _ZEROS
"""So long is an escape that is not over, at most."""
_REFERENCE = re.compile(
    rf"&(?:\#(?:0{{0,{_ZEROS}}}[0-9]{{1,7}}|[xX]0{{0,{_ZEROS}}}[0-9A-Fa-f]{{1,6}});?|(?:{'|'.join(_NAMED)});)"
)
_HALF = re.compile(
    r"\\(?:u(?:[0-9A-Fa-f]{0,3}|\{[0-9A-Fa-f]{0,6}))?\Z"
    rf"|&(?:\#(?:0{{0,{_ZEROS}}}[0-9]{{0,7}}|[xX]0{{0,{_ZEROS}}}[0-9A-Fa-f]{{0,6}})|[A-Za-z]{{0,7}})?\Z"
)
_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_SPELT = re.compile(r"\\(?:u(?:[0-9A-Fa-f]{4}|\{[0-9A-Fa-f]{1,6}\})|[_-])")
"""What models and editors escape in Markdown stands in the middle of keys (``ghp\\_…``, ``xoxb\\-…``), and is not shown."""
_ESCAPES = re.compile(rf"[{re.escape(_CONTROLS.decode())}]|{_SPELT.pattern}|{_REFERENCE.pattern}")


def folded(text: str) -> str:
    """What ``text`` looks like, escapes aside."""
    return text if text.isascii() and not _has_controls(text.encode()) else text.translate(_table())


def _has_controls(data: bytes) -> bool:
    return len(data.translate(None, _CONTROLS)) < len(data)


def opened(data: bytes) -> bytes:
    """``data`` with the escapes ``\\n``, ``\\r`` and ``\\t`` as white space of the same length."""
    if b"\\" not in data:
        return data
    return data.replace(b"\\n", b"\n ").replace(b"\\r", b"\r ").replace(b"\\t", b"\t ")


class View:
    """A text that arrives in pieces, as ``text`` (its UTF-8) and ``data`` (what is searched), both since the last ``drop``.

    INVARIANT: after ``close`` both are the same however the text was cut.
    """

    __slots__ = ("_ends", "_half", "_runs", "_starts", "_text_ends", "_text_starts", "_unseen", "data", "text")

    def __init__(self, text: str = "") -> None:
        """With ``text`` it is whole: nothing is to be added."""
        self.text = self.data = b""
        self._half = ""
        self._unseen = 0
        # Where the view differs: data[start:end] stands for text[text_start:text_end]. Between these both run in step.
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._text_starts: list[int] = []
        self._text_ends: list[int] = []
        self._runs: list[bool] = []  # character by character, or as a whole
        if text:
            self.add(text)
            self.close()

    def add(self, piece: str) -> None:
        """Take the next piece. An escape that is cut waits for the rest."""
        if self._half:
            piece = self._half + piece
            self._half = ""
        plain, escaped = piece.isascii(), "\\" in piece
        if escaped or "&" in piece:
            half = _HALF.search(piece, max(0, len(piece) - _HALF_CHARACTERS))
            if half is not None:
                self._half, piece = half[0], piece[: half.start()]
            plain = plain and not ((escaped and _SPELT.search(piece)) or ("&" in piece and _REFERENCE.search(piece)))
        raw = piece.encode() if plain else b""
        if plain and not _has_controls(raw):
            self.text += raw
            self.data += opened(raw) if escaped else raw
            self._unseen = 0 if raw else self._unseen
        else:
            self._fold(piece)

    def close(self) -> None:
        """The text is over."""
        half, self._half = self._half, ""
        if _ESCAPES.fullmatch(half):  # a reference needs no semicolon
            self._fold(half)
            return
        raw = half.encode()
        self.text += raw
        self.data += raw

    def place(self, at: int) -> int:
        """Where ``data[at]`` stands in the text: where the character begins that it comes from.

        Characters that vanished belong to the one before them.
        """
        if not self._starts:
            return at
        found = bisect_right(self._starts, at) - 1
        if found < 0:
            return at
        over = at - self._ends[found]
        if over >= 0:
            return self._text_ends[found] + over
        return self._inside(found, at) if self._runs[found] else self._text_starts[found]

    def end(self, at: int) -> int:
        """Where a match ends in the text that ends before ``data[at]``: at the end of its last character."""
        if not self._starts:
            return at
        found = bisect_right(self._starts, at - 1) - 1
        inside = found >= 0 and at < self._ends[found] and not self._runs[found]
        return self.place(self._ends[found] if inside else at)

    def drop(self, at: int) -> tuple[int, int]:
        """Forget what comes before ``data[at]`` or the beginning of its character: how much of the view, and of the text."""
        while at and self._is_inside(at):
            at -= 1
        place = self.place(at)
        self.data, self.text = self.data[at:], self.text[place:]
        if self._starts:
            past = bisect_right(self._text_ends, place)
            # Of a run, the beginning may be forgotten.
            self._starts = [max(one - at, 0) for one in self._starts[past:]]
            self._ends = [one - at for one in self._ends[past:]]
            self._text_starts = [max(one - place, 0) for one in self._text_starts[past:]]
            self._text_ends = [one - place for one in self._text_ends[past:]]
            self._runs = self._runs[past:]
        return at, place

    def _is_inside(self, at: int) -> bool:
        """Whether the byte goes on with the character of the one before it."""
        place = self.place(at)
        return self.place(at - 1) == place or (place < len(self.text) and self.text[place] & 0xC0 == 0x80)

    def _fold(self, piece: str) -> None:
        try:
            raw = piece.encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            raw = piece.encode("utf-8", "replace")
            piece = raw.decode()
        at, place = len(self.data), len(self.text)
        self.text += raw
        if "\\" in piece or "&" in piece:
            self._fold_tokens(piece, at, place)
            return
        for begin in range(0, len(piece), _RUN_CHARACTERS):
            part = piece[begin : begin + _RUN_CHARACTERS]
            seen = _as_seen(part)
            if _UNEVEN in seen:
                at, place = self._fold_tokens(part, at, place)
            else:
                at, place = self._fold_run(seen.encode(), raw if part is piece else part.encode(), at, place)

    def _fold_run(self, seen: bytes, raw: bytes, at: int, place: int) -> tuple[int, int]:
        """Fold what stays as many characters: one entry for all of them, and what is inside is counted when it is asked for."""
        if len(raw) != len(seen):
            self._note(at, at + len(seen), place, place + len(raw), run=True)
        self.data += seen
        self._unseen = 0
        return at + len(seen), place + len(raw)

    def _fold_tokens(self, piece: str, at: int, place: int) -> tuple[int, int]:
        out: list[bytes] = []
        folds, done = _folds(), 0
        for token in (_ESCAPES if piece.isascii() else _tokens()).finditer(piece):
            if token.start() > done:
                raw = piece[done : token.start()].encode()
                out.append(opened(raw))
                at, place, self._unseen = at + len(raw), place + len(raw), 0
            done = token.end()
            said = token[0]
            known = folds.get(said)
            if known is not None:
                seen, width = known
                self._unseen = 0
            else:
                raw, seen = said.encode(), self._seen(said).encode()
                width = len(raw)
            if known is not None or seen != raw:
                self._note(at, at + len(seen), place, place + width, run=False)
            out.append(seen)
            at, place = at + len(seen), place + width
        if done < len(piece):
            raw = piece[done:].encode()
            out.append(opened(raw))
            at, place, self._unseen = at + len(raw), place + len(raw), 0
        self.data += b"".join(out)
        return at, place

    def _note(self, start: int, end: int, text_start: int, text_end: int, *, run: bool) -> None:
        self._starts.append(start)
        self._ends.append(end)
        self._text_starts.append(text_start)
        self._text_ends.append(text_end)
        self._runs.append(run)

    def _inside(self, found: int, at: int) -> int:
        """The place of ``data[at]`` in a run: as many characters from its beginning."""
        first = at
        while self.data[first] & 0xC0 == 0x80:
            first -= 1
        before = len(self.data[self._starts[found] : first].translate(None, GO_ON))
        said = self.text[self._text_starts[found] : self._text_ends[found]].decode()
        return self._text_starts[found] + len(said[:before].encode()) + at - first

    def _seen(self, said: str) -> str:
        """What one character or escape looks like."""
        code = _code(said)
        # Half of a surrogate pair stays escaped: no ASCII character has such a pair.
        seen = said if code is None or 0xD800 <= code <= 0xDFFF else _table().get(code, chr(code))
        if seen:
            self._unseen = 0
            return seen
        self._unseen += len(said)
        return said if self._unseen > INVISIBLE_CHARACTERS else ""


def _code(said: str) -> int | None:
    """The character that stands there, or that an escape spells; none for a number beyond Unicode."""
    if len(said) == 1:
        return ord(said)
    if said[0] == "\\":
        code = int(said[2:].strip("{}"), 16) if said[1] == "u" else ord(said[1])
        return code if code <= sys.maxunicode else None
    name = said[1:].rstrip(";")
    if name[0] != "#":
        return ord(_NAMED[name])
    code = int(f"0{name[1:]}", 0) if name[1] in "xX" else int(name[1:])
    return code if 0 < code <= sys.maxunicode else None


@cache
def _table() -> dict[int, str]:
    """By code point, what a character that is folded looks like."""
    table = {ord(char): plain for chars, plains in _LOOK_ALIKES.items() for char, plain in zip(chars, plains, strict=True)}
    table |= dict.fromkeys(_CONTROLS, "")
    for first, last in _SPANS:
        for code in range(first, last):
            plain = _plain(chr(code), table)
            if plain is not None:
                table[code] = plain
    return table


@cache
def _folds() -> dict[str, tuple[bytes, int]]:
    """What those that are folded to something look like, and how many bytes they have themselves."""
    return {chr(code): (plain.encode(), len(chr(code).encode())) for code, plain in _table().items() if plain}


@cache
def _tokens() -> re.Pattern[str]:
    """All that may have to be folded: any character beyond the basic plane, for a class of these alone would be slow."""
    folds = "".join(re.escape(chr(code)) for code in sorted(_table()) if code < 0x10000)
    return re.compile(rf"[{folds}\U00010000-\U0010ffff]|{_ESCAPES.pattern}")


@cache
def _alike() -> list[int]:
    """By unit of UTF-16, what it looks like: of a dict, each key that it lacks would cost an exception.

    What becomes no character, or several, and all beyond the basic plane, is ``_UNEVEN``: a text with one is folded by tokens.
    """
    table, uneven = _table(), ord(_UNEVEN)
    alike = list(range(0x10000))
    for code, plain in table.items():
        if code < 0x10000:
            alike[code] = ord(plain) if len(plain) == 1 else uneven
    alike[0xD800:0xE000] = [uneven] * 0x800
    return alike


@cache
def _often() -> tuple[Any, str]:
    """The codes of those that are often met, and by code what each looks like."""
    return codecs.charmap_build(_OFTEN), "".join(chr(_alike()[ord(char)]) for char in _OFTEN)


def _as_seen(part: str) -> str:
    """Each character as it looks; with ``_UNEVEN`` where some cannot be told by themselves."""
    coded, looks = _often()
    known = codecs.charmap_encode(part, "ignore", coded)[0]
    if len(known) == len(part):
        return codecs.charmap_decode(known, "strict", looks)[0]
    if len(part) < _FEW_CHARACTERS:
        return _UNEVEN if _BEYOND.search(part) else part.translate(_alike())
    return _alike_units().take(np.frombuffer(part.encode("utf-16-le"), "<u2")).tobytes().decode("utf-16-le")


@cache
def _alike_units() -> npt.NDArray[np.uint16]:
    """The same for many at once."""
    return np.array(_alike(), "<u2")


def _plain(char: str, look_alikes: dict[int, str]) -> str | None:  # noqa: PLR0911 -- a list of rules, the first that fits
    code, category = ord(char), unicodedata.category(char)
    if code in look_alikes or category == "Cn":
        return look_alikes.get(code)
    if 0xE0020 <= code <= 0xE007E:
        return chr(code - 0xE0000)
    if _is_invisible(code, category):
        return ""
    if 0x80 <= code <= 0x9F and code != _NEXT_LINE:
        return f"\x1b{chr(code - 0x40)}"
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    if category == "Zs" or code == 0x2800:
        return " "
    if category in {"Zl", "Zp"} or code == _NEXT_LINE:
        return "\n"
    if category == "Pd" and char not in _NOT_A_DASH:
        return "-"
    kind = unicodedata.decomposition(char).partition(" ")[0]
    if kind.startswith("<") and char not in _KEPT:
        return _of_form(unicodedata.normalize("NFKC", char), kind, category, look_alikes)
    name = unicodedata.name(char, "")
    if small := _SMALL_CAPITAL.fullmatch(name):
        return small[1].lower()
    dark = _DARK_LETTER.fullmatch(name)
    return dark[1] if dark else None


def _is_invisible(code: int, category: str) -> bool:
    selects = 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF
    combines = category in {"Mn", "Me"} and any(code in marks for marks in _COMBINING)
    return (category == "Cf" and code not in _SEEN) or code in _UNSEEN or combines or selects


def _of_form(said: str, kind: str, category: str, look_alikes: dict[int, str]) -> str | None:
    """What a compatibility form stands for: one character, a ligature or a number; "№" and "㎎" are words of their own."""
    if len(said) == 1:
        said = look_alikes.get(ord(said), said)
    if not said.isascii() or said == "\\":
        return None
    several = len(said) > 1
    return said if not several or (said.isalnum() and (kind == "<circle>" or category in {"Ll", "Nl", "Lu", "Lt"})) else None
