"""Word documents. Source: ECMA-376 part 1, WordprocessingML (17) and DrawingML (20)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .ooxml import near_white, read_rest, relations
from .reading import Path, Reading
from .xml_input import Begin, End, Event, events
from .zip_input import Zip

_BESIDE: Final = (
    (re.compile(r"(header|footer)\d*\.xml"), ""),
    (re.compile(r"(footnotes|endnotes)\d*\.xml"), ""),
    (re.compile(r"(comments)[A-Za-z]*\d*\.xml"), "comment"),
    (re.compile(r"(glossary)/document\d*\.xml"), "building blocks"),
)
"""By their names beside the main part. What has another name is read as a part that is not shown."""
_TINY_HALF_POINTS: Final = 4
_OFF: Final = frozenset({"0", "false", "off"})


def read(reading: Reading, archive: Zip, path: Path, depth: int, main: str) -> None:
    """The body (the part ``main``), what stands beside it, and all the rest of the package."""
    folder = main.rpartition("/")[0] + "/"
    sheet = next((one.part for one in relations(archive, main, path) if one.kind == "styles"), "")
    done = {main, sheet}
    styles = _styles(archive.read(sheet), path) if sheet else {}
    _part(reading, archive.read(main), path, "body", hidden="", styles=styles)
    for name in archive.names:
        if not name.startswith(folder) or name in done:
            continue
        for pattern, hidden in _BESIDE:
            found = pattern.fullmatch(name.removeprefix(folder))
            if found:
                done.add(name)
                place = (*path, name.removeprefix(folder).removesuffix(".xml"))
                _part(reading, archive.read(name), place, found[1].rstrip("s"), hidden=hidden, styles=styles)
    read_rest(reading, archive, path, depth, done)


def _part(reading: Reading, data: bytes, path: Path, kind: str, *, hidden: str, styles: Mapping[str, str]) -> None:
    story = _Story(styles)
    for event in events(data, path):
        story.take(event)
    seen = "".join(story.seen)
    reading.add(path, seen, kind, hidden)
    reading.add(path, "\n".join(one for one in story.instead if one not in seen), kind, "an alternative that is not shown")
    for reason, texts in story.hidden.items():
        reading.add(path, "".join(texts), kind, reason)


def _styles(data: bytes, path: Path) -> dict[str, str]:
    """By style: why what is written in it is not seen."""
    reasons: dict[str, str] = {}
    parents: dict[str, str] = {}
    style = ""
    for event in events(data, path):
        if isinstance(event, Begin):
            if event.name == "style":
                style = event.attributes.get("styleId", "")
            elif event.name == "basedOn":
                parents[style] = event.attributes.get("val", "")
            elif style and (reason := _reason(event)):
                reasons.setdefault(style, reason)
        elif isinstance(event, End) and event.name == "style":
            style = ""
    for child, parent in parents.items():
        seen, one = {child}, parent
        while one and one not in seen:
            if one in reasons:
                reasons.setdefault(child, reasons[one])
            seen.add(one)
            one = parents.get(one, "")
    return reasons


def _reason(event: Begin) -> str:
    """Why text with this property is not seen."""
    value = event.attributes.get("val", "")
    match event.name:
        case "vanish" | "specVanish" | "webHidden" if value not in _OFF:
            return "hidden text"
        case "color" if near_white(value):
            return "white text"
        case "sz" if value.isdigit() and int(value) <= _TINY_HALF_POINTS:
            return "tiny text"
    return ""


class _Story:
    """Takes a part's events; sorts its text into what is seen and what is not, by reason."""

    def __init__(self, styles: Mapping[str, str]) -> None:
        self.seen: list[str] = []
        self.hidden: dict[str, list[str]] = {}
        self.instead: list[str] = []
        """What older programs show in the place of something: as a rule, the same."""
        self._styles = styles
        self._deleted = self._fallback = 0
        self._in_text = self._in_run = False
        self._field = False
        self._cells = 0
        self._run = self._paragraph = ""
        self._shaded = [False]
        """Whether the cell, paragraph or run around has a colour behind it, against which white can be read."""

    def take(self, event: Event) -> None:
        """One event."""
        if isinstance(event, Begin):
            self._begin(event)
        elif isinstance(event, End):
            self._end(event.name)
        elif self._in_text and not self._fallback:
            self._write(event.text)
        elif self._in_text:
            self.instead.append(event.text)

    def _begin(self, event: Begin) -> None:
        name = event.name
        match name:
            case "Fallback":
                self._fallback += 1
            case "del" | "moveFrom":
                self._deleted += 1
            case "tc" | "p" | "r" | "body":
                self._open(name)
            case "shd" | "highlight":
                self._shade(event)
            case "pStyle" | "rStyle":
                self._style(event)
            case "t" | "delText" | "instrText" | "delInstrText":
                self._in_text, self._field = True, "nstrText" in name
            case "tab" | "br" | "cr" if self._in_run:
                self._write("\t" if name == "tab" else "\n")
            case "docPr":
                self._alternative(event)
            case "alias":
                self._put(event.attributes.get("val", "") + "\n", "title of a field")
            case "fldSimple":
                self._put(event.attributes.get("instr", "") + "\n", "code of a field")
            case _:
                if self._in_run:
                    self._run = self._run or _reason(event)

    def _open(self, name: str) -> None:
        self._shaded.append(self._shaded[-1])
        self._cells += name == "tc"
        if name == "p":
            self._paragraph = ""
        elif name == "r":
            self._run, self._in_run = "", True

    def _style(self, event: Begin) -> None:
        reason = self._styles.get(event.attributes.get("val", ""), "")
        if event.name == "pStyle":
            self._paragraph = reason
        else:
            self._run = self._run or reason

    def _shade(self, event: Begin) -> None:
        fill = event.attributes.get("fill", event.attributes.get("val", "auto") if event.name == "highlight" else "auto")
        self._shaded[-1] = fill not in {"auto", "none", "white"} and not near_white(fill)

    def _alternative(self, event: Begin) -> None:
        said = " ".join(event.attributes[name] for name in ("title", "descr") if event.attributes.get(name))
        if said:
            self._put(said + "\n", "alternative text of a picture")

    def _end(self, name: str) -> None:
        match name:
            case "Fallback":
                self._fallback -= 1
            case "del" | "moveFrom":
                self._deleted -= 1
            case "t" | "delText" | "instrText" | "delInstrText":
                self._in_text = self._field = False
            case "tc" | "p" | "r" | "body":
                if len(self._shaded) > 1:
                    self._shaded.pop()
                if name == "p":
                    self._write_everywhere(" " if self._cells else "\n")
                elif name == "tc":
                    self._cells -= 1
                    self._write_everywhere("\t")
                elif name == "r":
                    self._run, self._in_run = "", False
            case "tr":
                self._write_everywhere("\n")

    def _write(self, text: str) -> None:
        reason = self._run or self._paragraph
        if self._deleted or self._field:
            reason = "deleted, in tracked changes" if self._deleted else "code of a field"
        if reason == "white text" and self._shaded[-1]:
            reason = ""
        self._put(text, reason)

    def _put(self, text: str, reason: str) -> None:
        (self.hidden.setdefault(reason, []) if reason else self.seen).append(text)

    def _write_everywhere(self, text: str) -> None:
        if not self._fallback:
            self.seen.append(text)
            for texts in self.hidden.values():
                texts.append(text)
