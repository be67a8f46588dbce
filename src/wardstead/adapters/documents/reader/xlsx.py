"""Excel workbooks. Source: ECMA-376 part 1, SpreadsheetML (18). Cells come as they are stored; dates as dates."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from .ooxml import near_white, read_rest, relations
from .reading import Path, Reading, name_of, too_large
from .xml_input import Begin, End, events
from .zip_input import Zip

_MESSAGES: Final = ("promptTitle", "prompt", "errorTitle", "error")
_COMMENTS: Final = frozenset({"comments", "threadedComment"})
_BUILT_IN_DATES: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_CODE: Final = re.compile(r"\"[^\"]*\"|\\.|\[[^\]]*\]")
_EPOCH: Final = dt.datetime(1899, 12, 30)  # noqa: DTZ001 -- a cell has no time zone
_EPOCH_1904: Final = dt.datetime(1904, 1, 1)  # noqa: DTZ001 -- as above


class _Sheet(NamedTuple):
    name: str
    part: str
    hidden: str


class _Book(NamedTuple):
    strings: list[str]
    dates: set[int]
    """Which cell styles show a number as a date."""
    white: set[int]
    """Which write white on white."""
    epoch: dt.datetime
    shown: set[int]
    """The strings that stand in a cell: programs leave others behind."""


def read(reading: Reading, archive: Zip, path: Path, depth: int, main: str) -> None:
    """The sheets in their order, each with its comments, and all the rest of the package."""
    parts = relations(archive, main, path)
    sheets, epoch = _sheets(reading, archive.read(main), {one.id: one.part for one in parts}, path)
    beside = {one.kind: one.part for one in parts}
    strings = list(_strings(archive.read(beside["sharedStrings"]), path)) if "sharedStrings" in beside else []
    formats = _styles(archive.read(beside["styles"]), path) if "styles" in beside else _Formats()
    book = _Book(strings, formats.dates, formats.white, epoch, set())
    done = {main, beside.get("sharedStrings", ""), beside.get("styles", "")}
    for sheet in sheets:
        if not sheet.part or sheet.part in done:
            continue
        done.add(sheet.part)
        place = (*path, f'sheet "{name_of(sheet.name)}"')
        _read_sheet(reading, archive.read(sheet.part), place, sheet.hidden, book)
        for one in relations(archive, sheet.part, path):
            if one.kind in _COMMENTS and one.part not in done:
                done.add(one.part)
                said = "\n".join(_strings(archive.read(one.part), path, "text"))
                reading.add((*place, "comments"), said, "comment", "comment")
    if not any(sheet.part for sheet in sheets):
        reading.add(path, "\n".join(strings), "strings")
    else:
        left = [text for number, text in enumerate(strings) if number not in book.shown]
        reading.add((*path, "strings"), "\n".join(left), "strings", "strings that no cell shows")
    read_rest(reading, archive, path, depth, done)


def _sheets(reading: Reading, data: bytes, parts: Mapping[str, str], path: Path) -> tuple[list[_Sheet], dt.datetime]:
    """The sheets in their order, and the day from which dates count. ``parts``: by their relations' ids."""
    found: list[_Sheet] = []
    names: list[str] = []
    epoch = _EPOCH
    in_name = False
    for event in events(data, path):
        if isinstance(event, Begin):
            at = event.attributes
            if event.name == "sheet":
                part = next((parts[value] for value in at.values() if value in parts), "")
                state = at.get("state", "visible")
                found.append(_Sheet(at.get("name", ""), part, "" if state == "visible" else "hidden sheet"))
            elif event.name == "workbookPr" and at.get("date1904") in {"1", "true"}:
                epoch = _EPOCH_1904
            elif event.name == "definedName":
                in_name = True
                names.append(at.get("name", "") + " = ")
        elif isinstance(event, End):
            in_name = in_name and event.name != "definedName"
        elif in_name:
            names[-1] += event.text
    reading.add((*path, "names"), "\n".join(names), "names", "defined names")
    return found, epoch


def _strings(data: bytes, path: Path, item: str = "si") -> Iterator[str]:
    """The shared strings, in their order; of comments, their texts."""
    pieces: list[str] = []
    in_text = in_phonetic = False
    for event in events(data, path):
        if isinstance(event, Begin):
            in_text = in_text or event.name in {"t", "text"}
            in_phonetic = in_phonetic or event.name == "rPh"
        elif isinstance(event, End):
            if event.name in {"t", "text"}:
                in_text = False
            if event.name == "rPh":
                in_phonetic = False
            if event.name == item:
                yield "".join(pieces)
                pieces = []
        elif in_text and not in_phonetic:
            pieces.append(event.text)
    if pieces:
        yield "".join(pieces)


class _Formats:
    """Takes the events of the style sheet: which cell formats (by number) are dates, and which are white on white."""

    def __init__(self) -> None:
        self.dates: set[int] = set()
        self.white: set[int] = set()
        self._codes: dict[str, str] = {}
        self._white_fonts: set[int] = set()
        self._filled: set[int] = set()
        self._in = ""
        self._counts = {"fonts": -1, "fills": -1, "cellXfs": -1}

    def begin(self, event: Begin) -> None:
        """An element begins."""
        at = event.attributes
        match event.name, self._in:
            case (("fonts" | "fills" | "cellXfs"), _):
                self._in = event.name
            case "numFmt", _:
                self._codes[at.get("numFmtId", "")] = at.get("formatCode", "")
            case ("font", "fonts") | ("fill", "fills"):
                self._counts[self._in] += 1
            case "color", "fonts" if near_white(at.get("rgb", "")):
                self._white_fonts.add(self._counts["fonts"])
            case "patternFill", "fills" if at.get("patternType", "none") != "none":
                self._filled.add(self._counts["fills"])
            case "xf", "cellXfs":
                self._format(at)

    def _format(self, at: Mapping[str, str]) -> None:
        self._counts["cellXfs"] += 1
        number = self._counts["cellXfs"]
        if _is_date(at.get("numFmtId", "0"), self._codes):
            self.dates.add(number)
        if _int(at.get("fontId", "")) in self._white_fonts and _int(at.get("fillId", "")) not in self._filled:
            self.white.add(number)

    def end(self, name: str) -> None:
        """An element ends."""
        if name == self._in:
            self._in = ""


def _styles(data: bytes, path: Path) -> _Formats:
    formats = _Formats()
    for event in events(data, path):
        if isinstance(event, Begin):
            formats.begin(event)
        elif isinstance(event, End):
            formats.end(event.name)
    return formats


def _is_date(number: str, codes: dict[str, str]) -> bool:
    if number in codes:
        return re.search("[ymdhs]", _CODE.sub("", codes[number]).lower().split(";")[0].replace("general", "")) is not None
    return _int(number) in _BUILT_IN_DATES


def _int(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 10 else -1


class _Rows:
    """Takes a sheet's events; sorts its cells into what is seen and what is not."""

    def __init__(self, book: _Book) -> None:
        self.texts: dict[str, list[str]] = {"": []}
        self.size = 0
        self._book = book
        self._row_hidden = False
        self._columns: list[tuple[int, int]] = []
        self._type, self._style, self._column = "n", -1, 0
        self._value: list[str] = []
        self._formula: list[str] = []
        self._in = ""

    def begin(self, event: Begin) -> None:
        """An element begins."""
        at = event.attributes
        match event.name:
            case "col" if at.get("hidden") in {"1", "true"}:
                self._columns.append((_int(at.get("min", "")), _int(at.get("max", ""))))
            case "row":
                self._row_hidden = at.get("hidden") in {"1", "true"}
            case "c":
                self._type, self._style = at.get("t", "n"), _int(at.get("s", ""))
                self._column = _column(at.get("r", ""))
                self._value, self._formula = [], []
            case "dataValidation":
                said = [at[name] for name in _MESSAGES if at.get(name)]
                self.texts.setdefault("messages beside cells", []).extend(f"{one}\n" for one in said)
            case "v" | "t" | "f" | "oddHeader" | "oddFooter":
                self._in = event.name

    def text(self, text: str) -> None:
        """Characters."""
        if self._in in {"v", "t"}:
            self._value.append(text)
        elif self._in == "f":
            self._formula.append(text)
        elif self._in:
            self.texts[""].append(text)

    def end(self, name: str) -> None:
        """An element ends."""
        if name == self._in:
            self._in = ""
        if name == "c":
            self._put(self._shown(), "\t")
            if self._formula:
                self.texts.setdefault("formulas", []).append("=" + "".join(self._formula) + "\n")
        elif name in {"row", "headerFooter"}:
            for texts in self.texts.values():
                texts.append("\n")

    def _put(self, text: str, after: str) -> None:
        if not text:
            return
        self.size += len(text)
        self.texts.setdefault(self._reason(), []).append(text + after)

    def _reason(self) -> str:
        if self._row_hidden or any(low <= self._column <= high for low, high in self._columns):
            return "hidden rows or columns"
        return "white text" if self._style in self._book.white else ""

    def _shown(self) -> str:
        value = "".join(self._value)
        if self._type == "s":
            number = _int(value)
            self._book.shown.add(number)
            return self._book.strings[number] if 0 <= number < len(self._book.strings) else ""
        if self._type == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(value, value)
        if self._type == "n" and self._style in self._book.dates:
            return _date(value, self._book.epoch)
        return value


def _column(reference: str) -> int:
    number = 0
    for char in reference[:4]:
        if not char.isalpha() or not char.isascii():
            break
        number = number * 26 + ord(char.upper()) - 64
    return number


def _date(value: str, epoch: dt.datetime) -> str:
    try:
        moment = epoch + dt.timedelta(seconds=round(float(value) * 86400))
    except (ValueError, OverflowError):
        return value
    if moment.time() == dt.time():
        return moment.date().isoformat()
    return moment.time().isoformat() if 0 <= float(value) < 1 else moment.isoformat(" ")


def _read_sheet(reading: Reading, data: bytes, path: Path, hidden: str, book: _Book) -> None:
    rows = _Rows(book)
    for event in events(data, path):
        if isinstance(event, Begin):
            rows.begin(event)
        elif isinstance(event, End):
            rows.end(event.name)
            # A string that is stored once may stand in a million cells: what they say together is bounded while it grows.
            if rows.size > reading.limits.text:
                raise too_large(f"it holds more than {reading.limits.text} characters of text", path)
        else:
            rows.text(event.text)
    for reason, texts in rows.texts.items():
        reading.add(path, "".join(texts), "sheet", reason or hidden)
