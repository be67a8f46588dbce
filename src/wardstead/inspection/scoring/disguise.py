"""Letters that others stand for (``1gn0re y0ur ru1es``), as they are read: what scores learn from and look at are words.

By word, and only where the word shows it: digits between letters, or letters of two scripts. A name like ``python3``, a hash and
a word of one script stay as they are.
"""

from __future__ import annotations

import re
from typing import Final

from wardstead.inspection.patterns.folding import folded

_WORD: Final = re.compile(r"\S{1,64}")
_ASCII_LETTER: Final = re.compile(r"[A-Za-z]")
_HINT: Final = re.compile(r"[a-z][013457@$€][a-z]|(?<![a-z0-9])[013457][a-z][013457]")
_IN_SIGNS: Final = re.compile(r"(?<![a-z0-9@$€!|+.])[a-z013457@$€!|+]{3,20}(?![a-z0-9@$€!|+.])")
_WITH_A_SIGN: Final = re.compile(
    _IN_SIGNS.pattern.replace("[a-z013457@$€!|+]{3,20}", "(?=[a-z!|+]*[013457@$€])[a-z013457@$€!|+]{3,20}")
)
"""The same, but for words without any sign: they stay as they are, and most have none."""
_THREE_DIGITS: Final = re.compile(r"[0-9]{3}")
_LETTERS: Final = str.maketrans("013457@€$!|+", "oieastaesilt")
WRITTEN: Final = (_IN_SIGNS.pattern, _HINT.pattern, sorted(_LETTERS.items()))
"""What weights depend on."""


def of_one_script(text: str) -> str:
    """Letters that look like Latin ones become those, in words that hold Latin ones."""
    return text if text.isascii() else _WORD.sub(lambda word: _latin(word[0]), text)


def without_signs(lowered: str) -> str:
    """Digits and signs that stand for letters become those. ``lowered`` is in small letters."""
    out: list[str] = []
    done = 0
    # What is read otherwise holds a hint: what is not beside one, most of a text, need not be looked at word by word.
    for hint in _HINT.finditer(lowered):
        if hint.start() >= done:
            begin, end = lowered.rfind(" ", done, hint.start()) + 1 or done, lowered.find(" ", hint.end())
            end = len(lowered) if end < 0 else end
            out += [lowered[done:begin], _WITH_A_SIGN.sub(lambda word: _read(word[0]), lowered[begin:end])]
            done = end
    return "".join([*out, lowered[done:]]) if out else lowered


def _latin(word: str) -> str:
    return folded(word) if not word.isascii() and _ASCII_LETTER.search(word) else word


def _read(word: str) -> str:
    return word.translate(_LETTERS) if _HINT.search(word) and not _THREE_DIGITS.search(word) else word
