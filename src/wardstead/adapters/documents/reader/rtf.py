"""Rich Text Format. Source: Microsoft, "Rich Text Format Specification" 1.9.1.

No library that was tried tells hidden and deleted text, or annotations, from the rest; the format is small.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from .reading import Path, Reading, unreadable

_TOKEN: Final = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|([^\\{}\r\n]+)|[\r\n]"
)
_SKIPPED: Final = frozenset(
    [
        "fonttbl",
        "colortbl",
        "stylesheet",
        "listtable",
        "listoverridetable",
        "rsidtbl",
        "generator",
        "pict",
        "themedata",
        "colorschememapping",
        "datastore",
        "latentstyles",
        "xmlnstbl",
        "objdata",
        "blipuid",
        "mmathPr",
        "pgptbl",
        "revtbl",
        "nonshppict",
        "filetbl",
    ]
)
"""Destinations that hold no text."""
_DESTINATIONS: Final = {
    "info": "metadata", "annotation": "comment", "atnid": "comment", "atnauthor": "comment", "fldinst": "code of a field",
    "userprops": "metadata", "docvar": "metadata", "bkmkstart": "bookmark", "bkmkend": "bookmark", "template": "metadata",
}  # fmt: skip
_CHARACTERS: Final = {
    "par": "\n", "line": "\n", "sect": "\n", "page": "\n", "tab": "\t", "cell": "\t", "row": "\n", "emdash": "—", "endash": "–",
    "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•",
}  # fmt: skip
_SYMBOLS: Final = {b"~": "\xa0", b"_": "-", b"{": "{", b"}": "}", b"\\": "\\", b"\n": "\n", b"\r": "\n"}
_MAX_GROUPS: Final = 1000
_TINY_HALF_POINTS: Final = 4


class _State(NamedTuple):
    """What a group's text is: by its destination, and by its character properties."""

    destination: str = ""
    hidden: str = ""
    skipped: bool = False
    after_unicode: int = 1


def read(reading: Reading, data: bytes, path: Path, _depth: int) -> None:
    """The text, and what is not shown of it by reason."""
    texts: dict[str, list[str]] = {}
    for reason, text in _runs(data, path):
        texts.setdefault(reason, []).append(text)
    reading.add(path, "".join(texts.pop("", [])), "body")
    for reason, pieces in texts.items():
        reading.add(path, "".join(pieces), "body", reason)
    if b"\\objdata" in data:
        reading.warn(path, "it holds embedded objects, which were not read")
    if b"\\pict" in data:
        reading.warn(path, "it holds images, which were not read")


def _runs(data: bytes, path: Path) -> Iterator[tuple[str, str]]:  # noqa: C901, PLR0912 -- one loop over tokens
    encoding = _encoding(data)
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    states = [_State()]
    state = states[0]
    skip = 0
    first_in_group = star = False
    for token in _TOKEN.finditer(data):
        word, number, byte, symbol, brace, raw = token.groups()
        if brace == b"{":
            states.append(state)
            if len(states) > _MAX_GROUPS:
                raise unreadable("its groups nest too deeply", path)
            first_in_group, star, skip = True, False, 0
            continue
        if brace == b"}":
            state = states.pop() if len(states) > 1 else state
            skip = 0
            continue
        if symbol == b"*":
            star = True
            continue
        text = ""
        if word is not None:
            name = word.decode("ascii")
            if name == "bin":
                raise unreadable("it holds raw binary data", path)
            if first_in_group and (name in _SKIPPED or name in _DESTINATIONS or star):
                state = state._replace(
                    destination=_DESTINATIONS.get(name, "a part of the file that is not shown"),
                    skipped=state.skipped or name in _SKIPPED,
                )
            elif name == "u" and number is not None:
                text = chr(int(number) % 65536)
                skip = state.after_unicode
            elif name == "uc" and number is not None:
                state = state._replace(after_unicode=min(int(number), 100))
            elif name in _CHARACTERS:
                text = _CHARACTERS[name]
            else:
                state = _property(state, name, number)
        elif byte is not None or raw is not None:
            data_bytes = bytes([int(byte, 16)]) if byte is not None else raw
            taken = min(skip, len(data_bytes))
            skip -= taken
            text = decoder.decode(data_bytes[taken:])
        elif symbol is not None:
            text = _SYMBOLS.get(symbol, "")
        first_in_group = first_in_group and word is None and not text.strip()
        if text and not state.skipped:
            yield state.destination or state.hidden, text


def _property(state: _State, name: str, number: bytes | None) -> _State:
    off = number == b"0"
    reasons = {"v": "hidden text", "webhidden": "hidden text", "deleted": "deleted, in tracked changes"}
    if name in reasons:
        return state._replace(hidden="" if off else reasons[name])
    if name == "plain":
        return state._replace(hidden="")
    if name == "fs" and number is not None:
        tiny = int(number) <= _TINY_HALF_POINTS
        return state._replace(hidden="tiny text" if tiny else "" if state.hidden == "tiny text" else state.hidden)
    return state


def _encoding(data: bytes) -> str:
    found = re.search(rb"\\ansicpg(\d{3,5})", data[:4096])
    name = f"cp{found[1].decode()}" if found else "cp1252"
    try:
        codecs.lookup(name)
    except LookupError:
        return "cp1252"
    return name
