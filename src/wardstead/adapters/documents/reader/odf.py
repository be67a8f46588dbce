"""OpenDocument text, sheets and slides. Source: OASIS OpenDocument 1.3 part 3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .ooxml import near_white
from .reading import Path, Reading, name_of
from .xml_input import Begin, End, Event, events, labelled
from .zip_input import Zip

_FORM_ONLY: Final = frozenset({"settings.xml", "META-INF/manifest.xml", "mimetype", "manifest.rdf"})
_REASONS: Final = {
    "tracked-changes": "deleted, in tracked changes",
    "annotation": "comment",
    "notes": "speaker notes",
    "title": "alternative text of a picture",
    "desc": "alternative text of a picture",
    "scripts": "script",
    "hidden-text": "hidden text",
    "hidden-paragraph": "hidden text",
}
_LINES: Final = frozenset({"p", "h", "table-row", "line-break", "list-item"})


def read(reading: Reading, archive: Zip, path: Path, depth: int) -> None:
    """The content, headers and footers (they stand among the styles), metadata, and files inside."""
    images = 0
    styles = _styles(archive, path)
    for name in archive.names:
        folder, _, last = name.rpartition("/")
        place = (*path, name_of(name)) if folder or last != "content.xml" else path
        if name in _FORM_ONLY or folder.startswith(("META-INF", "Configurations2", "Thumbnails")):
            continue
        if last in {"content.xml", "styles.xml"}:
            _read_story(reading, archive.read(name), place, "body" if last == "content.xml" else "header", styles)
        elif last == "meta.xml":
            reading.add((*path, "metadata"), labelled(archive.read(name), place), "metadata", "metadata")
        elif folder.endswith("Pictures"):
            images += 1
        elif name.endswith("settings.xml"):
            continue
        elif folder.startswith(("Basic", "Scripts")):
            reading.warn(path, "it holds macros, which were not read")
        else:
            reading.inside(archive.read(name), place, depth)
    if images:
        reading.warn(path, f"it holds {images} images, which were not read")


def encrypted(manifest: bytes, path: Path) -> bool:
    """Whether the manifest says that a part is encrypted."""
    return any(isinstance(event, Begin) and event.name == "encryption-data" for event in events(manifest, path))


def _styles(archive: Zip, path: Path) -> dict[str, str]:
    """By style: why what is written in it is not seen."""
    found: dict[str, str] = {}
    for part in ("styles.xml", "content.xml"):
        style = ""
        for event in events(archive.read(part), path) if archive.has(part) else ():
            if isinstance(event, End):
                style = "" if event.name == "style" else style
            elif isinstance(event, Begin) and event.name == "style":
                style = event.attributes.get("name", "")
            elif isinstance(event, Begin) and style and (reason := _reason(event)):
                found.setdefault(style, reason)
    return found


def _reason(event: Begin) -> str:
    at = event.attributes
    if event.name == "text-properties":
        if at.get("display") == "none":
            return "hidden text"
        if near_white(at.get("color", "").lstrip("#")) and at.get("background-color", "transparent") == "transparent":
            return "white text"
        if re.fullmatch(r"[0-2](?:\.\d+)?pt", at.get("font-size", "")):
            return "tiny text"
    if event.name in {"table-properties", "drawing-page-properties"}:
        return "hidden sheet" if at.get("display") == "false" else "hidden slide" if at.get("visibility") == "hidden" else ""
    return ""


class _Story:
    """Takes the events of a part; sorts its text by why it is not seen."""

    def __init__(self, styles: Mapping[str, str]) -> None:
        self.texts: dict[str, list[str]] = {"": []}
        self._styles = styles
        self._reasons = [""]
        self._in_body = 0

    def take(self, event: Event) -> None:
        """One event."""
        if isinstance(event, Begin):
            self._begin(event)
        elif isinstance(event, End):
            self._end(event.name)
        elif self._in_body:
            self._put(event.text)

    def _begin(self, event: Begin) -> None:
        name, at = event
        if name in {"body", "master-styles"}:
            self._in_body += 1
        reason = self._reasons[-1] or _REASONS.get(name, "") or self._styles.get(at.get("style-name", ""), "")
        if name in {"table-row", "table-column"} and at.get("visibility") in {"collapse", "filter"}:
            reason = reason or "hidden rows or columns"
        if at.get("display") in {"none", "condition"} and name in {"section", "span", "p"}:
            reason = reason or "hidden text"
        self._reasons.append(reason)
        match name:
            case "s":
                self._put(" " * min(int(at["c"]) if at.get("c", "").isdigit() and len(at["c"]) < 5 else 1, 100))
            case "tab":
                self._put("\t")
            case "line-break":
                self._put("\n")
            case "table-cell" if self._in_body and at.get("formula"):
                self.texts.setdefault("formulas", []).append(at["formula"] + "\n")
            case "a" if self._in_body and at.get("href"):
                self.texts.setdefault("addresses behind links", []).append(at["href"] + "\n")
            case "table" if self._in_body and at.get("name"):
                self._put(f"[{at['name']}]\n")

    def _end(self, name: str) -> None:
        if name in _LINES:
            self._put("\n")
        elif name == "table-cell":
            texts = self.texts.get(self._reasons[-1], [])
            if texts and texts[-1] == "\n":
                texts.pop()
            self._put("\t")
        if name in {"body", "master-styles"}:
            self._in_body -= 1
        if len(self._reasons) > 1:
            self._reasons.pop()

    def _put(self, text: str) -> None:
        if self._in_body:
            self.texts.setdefault(self._reasons[-1], []).append(text)


def _read_story(reading: Reading, data: bytes, path: Path, kind: str, styles: Mapping[str, str]) -> None:
    story = _Story(styles)
    for event in events(data, path):
        story.take(event)
    for reason, texts in story.texts.items():
        reading.add(path, "".join(texts), kind, reason)
