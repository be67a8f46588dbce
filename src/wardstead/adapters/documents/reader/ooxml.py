"""What Word, Excel and PowerPoint files share: a zip of XML parts, metadata, links, embedded files, macros."""

from __future__ import annotations

import posixpath
import re
from typing import Final, NamedTuple

from .reading import Path, Reading, name_of
from .xml_input import Begin, events, labelled, texts
from .zip_input import Zip

_FORM_ONLY: Final = re.compile(
    r"(?:^|/)(?:theme|_xmlsignatures|slideLayouts|slideMasters|notesMasters|handoutMasters)/|"
    r"(?:^|/)(?:styles|fontTable|settings|webSettings|stylesWithEffects|presProps|viewProps|tableStyles|calcChain)\.xml$"
)
"""Parts that hold the form of the document. Their texts (names of styles) are nobody's content, but masters may hold some."""
_MASTERS: Final = re.compile(r"(?:^|/)(?:slideLayouts|slideMasters|notesMasters|handoutMasters)/[^/]+\.xml$")
_EMBEDDED: Final = re.compile(r"(?:^|/)(?:embeddings|activeX)/[^/]+$|(?:^|/)afchunk[^/]*$", re.IGNORECASE)
_IMAGE: Final = re.compile(r"\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|webp|svg|wdp)$", re.IGNORECASE)
_METADATA: Final = re.compile(r"^docProps/[^/]+\.xml$")
_SAYING: Final = ("title", "descr")
_DRAWN: Final = re.compile(r"(?:^|/)(?:charts|diagrams)/[^/]+\.xml$")


class Relation(NamedTuple):
    """That a part refers to another: by which id, as what, and which."""

    id: str
    kind: str
    part: str


def relations(archive: Zip, part: str, path: Path) -> list[Relation]:
    """The parts that ``part`` refers to; those of the package itself for an empty name. Their names decide nothing."""
    folder, _, name = part.rpartition("/")
    rels = archive.find(f"{folder}/_rels/{name}.rels".lstrip("/"))
    found: list[Relation] = []
    if not rels:
        return found
    for event in events(archive.read(rels), path):
        if isinstance(event, Begin) and event.name == "Relationship" and event.attributes.get("TargetMode") != "External":
            target = event.attributes.get("Target", "")
            full = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            named = archive.find(full)
            if named:
                kind = event.attributes.get("Type", "").rpartition("/")[2]
                found.append(Relation(event.attributes.get("Id", ""), kind, named))
    return found


def main_part(archive: Zip, path: Path) -> tuple[str, str]:
    """The part that the file is about, and the name of its root: ``document``, ``workbook``, ``presentation``. Empty: none."""
    for one in relations(archive, "", path):
        if one.kind == "officeDocument":
            root = next((event.name for event in events(archive.read(one.part), path) if isinstance(event, Begin)), "")
            return one.part, root
    return "", ""


def read_rest(reading: Reading, archive: Zip, path: Path, depth: int, done: set[str]) -> None:
    """Every part that was not read yet: nothing in the file is left out because nobody thought of it."""
    links: list[str] = []
    images = 0
    for name in archive.names:
        if name in done or name == "[Content_Types].xml":
            continue
        if name.endswith(".rels"):
            links += _external(archive.read(name), path)
        elif "vbaproject" in name.lower():
            reading.warn(path, "it holds macros, which were not read")
        elif _EMBEDDED.search(name) and not name.endswith(".xml"):
            reading.inside(archive.read(name), (*path, name_of(name.rpartition("/")[2])), depth)
        elif _IMAGE.search(name):
            images += 1
        elif name.lower().endswith((".xml", ".vml")):
            _read_xml(reading, archive, name, path)
        else:
            reading.warn(path, f"the part {name_of(name)} was not read")
    if images:
        reading.warn(path, f"it holds {images} images, which were not read")
    reading.add((*path, "links"), "\n".join(dict.fromkeys(links)), "links", "addresses behind links")


def _read_xml(reading: Reading, archive: Zip, name: str, path: Path) -> None:
    place = (*path, name_of(name))
    if _METADATA.match(name):
        reading.add((*path, "metadata"), labelled(archive.read(name), place), "metadata", "metadata")
    elif _DRAWN.search(name):
        reading.add(place, texts(archive.read(name), place), "drawing")
    elif _MASTERS.search(name):
        reading.add(place, texts(archive.read(name), place), "master", "master of slides")
    elif not _FORM_ONLY.search(name):
        data = archive.read(name)
        said = [texts(data, place), *said_in_attributes(data, place)]
        reading.add(place, "\n".join(filter(None, said)), "part", "a part of the file that is not shown")


def said_in_attributes(data: bytes, path: Path) -> list[str]:
    """What stands in attributes that hold words: descriptions of shapes, and the values that a pivot table remembers."""
    found: list[str] = []
    for event in events(data, path):
        if isinstance(event, Begin):
            names = ("v",) if event.name == "s" else _SAYING
            found += [event.attributes[name] for name in names if event.attributes.get(name)]
    return found


def _external(data: bytes, path: Path) -> list[str]:
    relations = [one for one in events(data, path) if isinstance(one, Begin) and one.name == "Relationship"]
    return [one.attributes.get("Target", "") for one in relations if one.attributes.get("TargetMode") == "External"]


def near_white(colour: str) -> bool:
    """Whether ``RRGGBB`` (or ``AARRGGBB``) cannot be told from white paper."""
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})?[0-9A-Fa-f]{6}", colour):
        return False
    return all(int(colour[-6:][at : at + 2], 16) >= 0xF4 for at in (0, 2, 4))
