"""EPUB books: a zip of XHTML. Source: W3C, EPUB 3.3."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote

from . import html
from .reading import Path, Reading, name_of
from .xml_input import Begin, events, labelled
from .zip_input import Zip


def read(reading: Reading, archive: Zip, path: Path, depth: int) -> None:
    """The chapters in the order of the spine, then every other page; metadata."""
    packages = [name for name in archive.names if name.endswith(".opf")]
    pages: list[str] = []
    for package in packages:
        data = archive.read(package)
        reading.add((*path, "metadata"), labelled(data, path), "metadata", "metadata")
        pages += [name for name in _spine(data, package, path) if archive.has(name)]
    images = 0
    for name in dict.fromkeys([*pages, *archive.names]):
        place = (*path, name_of(name))
        if name in pages or re.search(r"\.x?html?$", name, re.IGNORECASE):
            html.read(reading, archive.read(name), place, depth)
        elif re.search(r"\.(?:png|jpe?g|gif|webp|svg)$", name, re.IGNORECASE):
            images += 1
        elif not re.search(r"(?:^mimetype|\.opf|\.ncx|\.css|\.[to]tf|\.woff2?|container\.xml)$", name, re.IGNORECASE):
            reading.inside(archive.read(name), place, depth)
    if images:
        reading.warn(path, f"it holds {images} images, which were not read")


def _spine(data: bytes, package: str, path: Path) -> list[str]:
    files: dict[str, str] = {}
    order: list[str] = []
    for event in events(data, path):
        if isinstance(event, Begin) and event.name == "item":
            target = unquote(event.attributes.get("href", ""))
            files[event.attributes.get("id", "")] = posixpath.normpath(posixpath.join(posixpath.dirname(package), target))
        elif isinstance(event, Begin) and event.name == "itemref":
            order.append(event.attributes.get("idref", ""))
    return [files[one] for one in order if one in files]
