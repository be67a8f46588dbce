"""Stand-ins: ``Email-K7QX2Z`` takes an original's place on its way to the model, and gives it back on the way to its person.

A stand-in is random; nothing of it is derived from the original, so without the vault it says no more than what kind of thing
it stands for. Each has a code of its own, and a code has one length: a stand-in is never a part of another one.

INVARIANT: what a restorer gives equals ``whole`` of the whole text, however it was cut (tests/inspection/test_pseudonyms.py).
INVARIANT: it holds back at most one stand-in, and only while what has arrived may be the beginning of one.
INVARIANT: nothing is restored inside an address: whoever makes a model write one would be sent the original.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from wardstead.inspection.within_addresses import Place
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.labels import PUBLIC, STANDARD, Label, Levels

CODE_LENGTH: Final = 6
ALPHABET: Final = "BCDFGHJKMNPQRSTVWXZ23456789"
"""No vowels, so that no code is a word; nothing that is mistaken for something else."""
CAPACITY: Final = 10_000
_ATTEMPTS: Final = 8
_NEUTRAL: Final = "Item"
_SEPARATORS: Final = "-_ \N{NO-BREAK SPACE}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{MINUS SIGN}"
_PLAIN: Final = str.maketrans(dict.fromkeys(_SEPARATORS, "-") | {chr(65 + n): chr(97 + n) for n in range(26)})
"""Models write stand-ins in small letters, and with other dashes. One character for one: places stay what they are."""
_CODE: Final = re.compile(f"-([{ALPHABET.lower()}]{{{CODE_LENGTH}}})")


class StandIn(msgspec.Struct, frozen=True):
    """``text`` stands for ``original``, which has ``label``."""

    text: str
    original: str
    label: Label = PUBLIC


class _Kept(msgspec.Struct, frozen=True):
    """A stand-in as a sealed vault writes it."""

    text: str
    original: str
    level: str | int
    """Its name; older vaults have its rank among the standard levels."""
    compartments: list[str]


class Vault:
    """The stand-ins of one conversation of one person; a ``Pseudonyms``. Not for several threads at a time."""

    __slots__ = ("_by_code", "_by_original", "_entropy", "_fits", "_longest", "_prefixes", "changed")

    def __init__(self, entropy: Entropy, fits: Callable[[str], bool], kept: Iterable[StandIn] = ()) -> None:
        """``fits``: whether a new stand-in may be used (it stands in no text, and no detector finds it). ``kept``: of before."""
        self._entropy, self._fits = entropy, fits
        self._by_original: dict[str, StandIn] = {}
        self._by_code: dict[str, StandIn] = {}
        self._prefixes: set[str] = set()
        self._longest = 0
        for one in kept:
            self._add(one)
        self.changed = False

    def __bool__(self) -> bool:
        """Whether it holds any."""
        return bool(self._by_code)

    def stand_in(self, kind: str, original: str, label: Label) -> str:
        """See ``Pseudonyms.stand_in``. Where none can be made, it is redacted."""
        original = self.restorer(None).whole(original)  # what stands for something already stands for that
        known = self._by_original.get(original)
        if known is not None:
            if not known.label.dominates(label):
                joined = StandIn(known.text, original, known.label.join(label))
                self._by_original[original] = self._by_code[_code(known.text)] = joined
                self.changed = True
            return known.text
        name = "".join(part.capitalize() for part in re.findall("[a-z]+", kind)) or "Something"
        for attempt in range(_ATTEMPTS if len(self._by_code) < CAPACITY else 0):
            # A detector that takes every ``Person-…`` for a person does not mind this one.
            text = f"{name if attempt < _ATTEMPTS // 2 else _NEUTRAL}-{self._draw()}"
            if _code(text) not in self._by_code and self._fits(text):
                self._add(StandIn(text, original, label))
                self.changed = True
                return text
        return f"[redacted:{kind}]"

    def restorer(self, clearance: Label | None) -> Restorer:
        """What restores one text for somebody with this clearance (``None``: whatever the label)."""
        return Restorer(self, clearance)

    def dump(self) -> bytes:
        """Everything, to be sealed."""
        return msgspec.json.encode(
            [_Kept(text=one.text, original=one.original, **one.label.document()) for one in self._by_code.values()]
        )

    def find(self, plain: str, dash: int, code: str) -> StandIn | None:
        """The stand-in whose dash is at ``plain[dash]``."""
        one = self._by_code.get(code)
        name = None if one is None else one.text[: -CODE_LENGTH - 1].translate(_PLAIN)
        return one if name is not None and plain.endswith(name, 0, dash) else None

    def begun(self, plain: str) -> int:
        """How many characters at the end of ``plain`` may be the beginning of a stand-in."""
        for size in range(min(self._longest, len(plain)), 0, -1):
            if plain[-size:] in self._prefixes:
                return size
        return 0

    def _add(self, one: StandIn) -> None:
        self._by_original[one.original] = one
        self._by_code[_code(one.text)] = one
        plain = one.text.translate(_PLAIN)
        self._prefixes.update(plain[:size] for size in range(1, len(plain)))
        self._longest = max(self._longest, len(plain) - 1)

    def _draw(self) -> str:
        """A code of random characters, each equally likely."""
        drawn = ""
        limit = 256 - 256 % len(ALPHABET)
        while len(drawn) < CODE_LENGTH:
            drawn += "".join(ALPHABET[byte % len(ALPHABET)] for byte in self._entropy(16) if byte < limit)
        return drawn[:CODE_LENGTH]


def load_stand_ins(data: bytes, levels: Levels = STANDARD) -> list[StandIn]:
    """What ``Vault.dump`` wrote. Raises ``IntegrityError`` for anything else."""
    try:
        kept = msgspec.json.decode(data, type=list[_Kept])
        return [StandIn(one.text, one.original, levels.stored(_level_name(one.level), one.compartments)) for one in kept]
    except (msgspec.MsgspecError, ValueError, IndexError):  # what it holds is said to nobody
        raise IntegrityError(
            "the stand-ins of this conversation cannot be read as they were written", next_step="begin another conversation"
        ) from None


def _level_name(kept: str | int) -> str:
    return STANDARD.names[kept] if isinstance(kept, int) else kept


def _code(text: str) -> str:
    return text[-CODE_LENGTH:].translate(_PLAIN)


class Restorer:
    """Puts originals back into one text that arrives in pieces, in any case and with any dash that models write."""

    __slots__ = ("_clearance", "_held", "_place", "_vault")

    def __init__(self, vault: Vault, clearance: Label | None) -> None:
        """Made by ``Vault.restorer``. What ``clearance`` does not dominate stays a stand-in."""
        self._vault, self._clearance, self._held, self._place = vault, clearance, "", Place()

    def feed(self, piece: str) -> str:
        """What may go on because of ``piece``."""
        if not self._vault:
            return piece
        text = self._held + piece
        plain = text.translate(_PLAIN)
        out, done = self._replace(text, plain, str, self._place)
        # A stand-in is whole before anything is looked for behind it: its last letter may be another's first.
        keep = len(text) - self._vault.begun(plain[done:])
        self._held = text[keep:]
        self._place.read(text[done:keep])
        return "".join([*out, text[done:keep]])

    def finish(self) -> str:
        """The text is over."""
        rest, self._held = self._held, ""
        return rest  # a proper beginning of a stand-in holds none

    def whole(self, text: str, write: Callable[[str], str] = str) -> str:
        """A whole text; ``write`` says how an original is written into it."""
        if not self._vault:
            return text
        out, done = self._replace(text, text.translate(_PLAIN), write, Place())
        return "".join([*out, text[done:]])

    def _replace(self, text: str, plain: str, write: Callable[[str], str], place: Place) -> tuple[list[str], int]:
        """The text up to the end of the last stand-in in it, and where that is; ``place`` has read what is given."""
        out: list[str] = []
        done = 0
        for found in _CODE.finditer(plain):
            one = self._vault.find(plain, found.start(), found[1])
            if one is None:
                continue
            start = found.end() - len(one.text)
            if start < done:
                continue
            place.read(text[done:start])
            shown = not place.inside and (self._clearance is None or self._clearance.dominates(one.label))
            given = write(one.original) if shown else text[start : found.end()]
            place.read(given)
            out += [text[done:start], given]
            done = found.end()
        return out, done
