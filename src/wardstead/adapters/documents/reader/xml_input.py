"""XML from strangers, by expat: no document type, so no entities and nothing that grows; as events, so nothing recurses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from xml.parsers import expat

from .reading import Path, unreadable

MAX_DEPTH = 512
_BLOCK = 1 << 16


class Begin(NamedTuple):
    """An element begins. Names are without their namespace."""

    name: str
    attributes: Mapping[str, str]


class End(NamedTuple):
    """An element ends."""

    name: str


class Text(NamedTuple):
    """Characters between tags; a long text may come in several pieces."""

    text: str


Event = Begin | End | Text


class _DocumentType(Exception):
    """A document type is declared."""


class _TooDeep(Exception):
    """Elements nest too deeply."""


class _Handlers:
    def __init__(self, parser: expat.XMLParserType) -> None:
        self.events: list[Event] = []
        self._depth = 0
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeep
        self.events.append(Begin(_local(name), {_local(key): value for key, value in attributes.items()}))

    def _end(self, name: str) -> None:
        self._depth -= 1
        self.events.append(End(_local(name)))

    def _text(self, text: str) -> None:
        self.events.append(Text(text))

    def _doctype(self, *_: Any) -> None:
        raise _DocumentType


def events(data: bytes, path: Path) -> Iterator[Event]:
    """What is in it, in its order. Raises ``Problem``: not well-formed, nests too deeply, declares a document type."""
    parser = expat.ParserCreate(namespace_separator=" ")
    handlers = _Handlers(parser)
    try:
        for at in range(0, len(data), _BLOCK):
            parser.Parse(data[at : at + _BLOCK], False)
            yield from handlers.events
            handlers.events.clear()
        parser.Parse(b"", True)
        yield from handlers.events
    except _DocumentType:
        raise unreadable("its XML declares a document type, and so perhaps entities that grow", path) from None
    except _TooDeep:
        raise unreadable(f"its XML nests more than {MAX_DEPTH} deep", path) from None
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise unreadable(f"its XML is broken ({type(error).__name__})", path) from None


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def labelled(data: bytes, path: Path) -> str:
    """Every text in it, a line each, with the name of what holds it: for metadata."""
    lines, names = [], [""]
    for event in events(data, path):
        if isinstance(event, Begin):
            names.append(event.name)
        elif isinstance(event, End):
            names.pop()
        elif event.text.strip():
            lines.append(f"{names[-1]}: {event.text.strip()}")
    return "\n".join(lines)


def texts(data: bytes, path: Path) -> str:
    """Every text in it, a line each."""
    return "\n".join(event.text.strip() for event in events(data, path) if isinstance(event, Text) and event.text.strip())
