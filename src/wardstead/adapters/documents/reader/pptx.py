"""PowerPoint presentations. Source: ECMA-376 part 1, PresentationML (19) and DrawingML (20, 21)."""

from __future__ import annotations

from .ooxml import read_rest, relations
from .reading import Path, Reading
from .xml_input import Begin, End, events
from .zip_input import Zip


def read(reading: Reading, archive: Zip, path: Path, depth: int, main: str) -> None:
    """The slides in their order, each with its notes and comments, and all the rest of the package."""
    slides, size = _slides(archive, main, path)
    done = {main, *slides}
    for number, name in enumerate(slides, 1):
        place = (*path, f"slide {number}")
        _read_slide(reading, archive.read(name), place, "slide", size=size)
        for beside in relations(archive, name, path):
            hidden = {"notesSlide": "speaker notes", "comments": "comment"}.get(beside.kind)
            if hidden and beside.part not in done:
                done.add(beside.part)
                _read_slide(reading, archive.read(beside.part), (*place, beside.kind), beside.kind, hidden=hidden, size=None)
    read_rest(reading, archive, path, depth, done)


def _slides(archive: Zip, main: str, path: Path) -> tuple[list[str], tuple[int, int] | None]:
    """The slides' parts in the order of the show, and how large a slide is."""
    parts = {one.id: one.part for one in relations(archive, main, path) if one.kind == "slide"}
    found: list[str] = []
    size = None
    for event in events(archive.read(main), path):
        if isinstance(event, Begin) and event.name == "sldId":
            # Two attributes share the local name; the relation's is the one that names a part.
            part = next((parts[value] for value in event.attributes.values() if value in parts), "")
            if part and part not in found:
                found.append(part)
        elif isinstance(event, Begin) and event.name == "sldSz":
            size = _number(event, "cx"), _number(event, "cy")
    return found + [one for one in parts.values() if one not in found], size


def _number(event: Begin, name: str) -> int:
    value = event.attributes.get(name, "0")
    return int(value) if value.lstrip("-").isdigit() and len(value) < 16 else 0


class _Slide:
    """Takes a slide's events: its text, what lies outside of it, what describes its pictures."""

    def __init__(self, size: tuple[int, int] | None) -> None:
        self.seen: list[str] = []
        self.outside: list[str] = []
        self.alternative: list[str] = []
        self.hidden = False
        self._size = size
        self._into = self.seen
        self._placed = self._in_text = False

    def begin(self, event: Begin) -> None:
        """An element begins."""
        at = event.attributes
        match event.name:
            case "sld":
                self.hidden = at.get("show") in {"0", "false"}
            case "sp" | "graphicFrame" | "pic":
                self._placed, self._into = False, self.seen
            case "off" if self._size is not None and not self._placed:
                self._placed = True
                self._into = self.outside if _beyond(event, self._size) else self.seen
            case "t" | "text":
                self._in_text = True
            case "br":
                self._into.append("\n")
            case "cNvPr":
                self.alternative += [at[name] for name in ("title", "descr") if at.get(name)]

    def end(self, name: str) -> None:
        """An element ends."""
        if name in {"t", "text"}:
            self._in_text = False
        elif name in {"p", "tr", "cm"}:
            self._into.append("\n")
        elif name == "tc":
            self._into.append("\t")

    def text(self, text: str) -> None:
        """Characters."""
        if self._in_text:
            self._into.append(text)


def _read_slide(reading: Reading, data: bytes, path: Path, kind: str, *, hidden: str = "", size: tuple[int, int] | None) -> None:
    slide = _Slide(size)
    for event in events(data, path):
        if isinstance(event, Begin):
            slide.begin(event)
        elif isinstance(event, End):
            slide.end(event.name)
        else:
            slide.text(event.text)
    hidden = hidden or ("hidden slide" if slide.hidden else "")
    reading.add(path, "".join(slide.seen), kind, hidden)
    reading.add(path, "".join(slide.outside), kind, hidden or "outside the slide")
    reading.add(path, "\n".join(slide.alternative), kind, "alternative text of a picture")


def _beyond(event: Begin, size: tuple[int, int]) -> bool:
    x, y = _number(event, "x"), _number(event, "y")
    return x >= size[0] > 0 or y >= size[1] > 0 or x <= -size[0] or y <= -size[1]
