"""PDF, by PDFium. What a page shows is what its picture shows: text that leaves no mark there is hidden, however it was done."""

from __future__ import annotations

import ctypes
import html
import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from .reading import Path, Reading, encrypted, name_of, unreadable, unsupported

_PICTURE_PIXELS: Final = 1000
_MIN_CONTRAST: Final = 20
"""Of 255: less than this between the lightest and the darkest point of a text's box is no writing."""
_TINY_POINTS: Final = 2.0
_TOO_LARGE: Final = 1e6
_NOTE_KEYS: Final = (b"Contents", b"T", b"Subj", b"RC", b"TU")
_SOFT_HYPHEN: Final = "\x02"
"""What PDFium puts where a word is broken at the end of a line."""
_XMP: Final = (b"<x:xmpmeta", b"</x:xmpmeta>")
_SAID_IN_XMP: Final = re.compile(r">([^<>]+)<|=[\x22\x27]([^\x22\x27<>]+)[\x22\x27]")
_NAMESPACE: Final = re.compile(r"https?://|adobe:|uuid:|xmp\.[id]id:")
_MAX_PAGES: Final = 5000
_MAX_TEXT_UNITS: Final = 1 << 20


def read(reading: Reading, data: bytes, path: Path, depth: int) -> None:
    """Pages, annotations, form fields, metadata, outline, scripts, embedded files."""
    document = _open(data, path)
    try:
        pages = len(document)
        if pages > _MAX_PAGES:
            raise unreadable(f"it has more than {_MAX_PAGES} pages", path)
        textless = sum(_read_page(reading, document, number, path) for number in range(pages))
        if pages and textless == pages:
            raise unsupported("its pages are images without text", path, "Have their text recognised first (OCR), and send that")
        _beside(reading, document, path)
        reading.add((*path, "metadata"), _packet(data), "metadata", "metadata")
        _embedded(reading, document, path, depth)
    finally:
        document.close()


def _open(data: bytes, path: Path) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD:
            raise encrypted(path) from None
        raise unreadable("it is a broken PDF", path) from None


def _read_page(reading: Reading, document: pypdfium2.PdfDocument, number: int, path: Path) -> bool:
    """Whether the page shows images and no text."""
    place = (*path, f"page {number + 1}")
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        raise unreadable("the page is broken", place) from None
    text_page = page.get_textpage()
    unseen = _unseen(page, text_page) if text_page.count_chars() else {}
    shown: list[str] = []
    hidden: dict[str, list[str]] = {}
    for reason, text in _runs(text_page, unseen):
        (hidden.setdefault(reason, []) if reason else shown).append(text)
    text = "".join(shown)
    reading.add(place, text, "page")
    for reason, pieces in hidden.items():
        reading.add(place, "".join(pieces), "page", reason)
    images = sum(1 for one in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3))
    if images:
        reading.warn(place, "it shows images, which were not read")
    filled = _annotations(reading, page, place)
    text_page.close()
    page.close()
    return bool(images) and not text.strip() and not filled


def _runs(text_page: Any, unseen: dict[int, str]) -> Iterator[tuple[str, str]]:
    """Stretches of text, each with why it is not seen; ``unseen`` has the reasons by character."""
    count = text_page.count_chars()
    if not unseen:
        yield "", text_page.get_text_bounded(errors="replace").replace(_SOFT_HYPHEN, "") if count else ""
        return
    reason = unseen.get(0, "")
    piece: list[str] = []
    for index in range(count):
        char = chr(min(pdfium.FPDFText_GetUnicode(text_page, index), 0x10FFFF))
        # What PDFium adds by itself (spaces, line ends) goes with what came before.
        now = unseen.get(index, "") if not char.isspace() else reason
        if now != reason:
            yield reason, "".join(piece)
            if reason:
                yield reason, "\n"
            reason, piece = now, []
        piece.append(char.replace(_SOFT_HYPHEN, ""))
    yield reason, "".join(piece)


def _unseen(page: Any, text_page: Any) -> dict[int, str]:
    """By character: why it cannot be seen. What is drawn in one go (a text object) is judged as one."""
    picture = _Picture(page)
    found: dict[int, str] = {}
    together: list[int] = []
    boxes: list[_Box] = []
    last = 0
    for index in range(text_page.count_chars()):
        drawn = pdfium.FPDFText_GetTextObject(text_page, index)
        if not drawn:
            continue  # PDFium's own: a space or a line end
        now = ctypes.addressof(drawn.contents)
        if now != last:
            _judge(picture, together, boxes, found)
            together, boxes, last = [], [], now
        box = pdfium.FS_RECTF()
        if pdfium.FPDFText_GetLooseCharBox(text_page, index, box):
            boxes.append(_Box(box.left, box.bottom, box.right, box.top))
        together.append(index)
    _judge(picture, together, boxes, found)
    return found


def _judge(picture: _Picture, together: list[int], boxes: list[_Box], found: dict[int, str]) -> None:
    reason = picture.reason(boxes) if together else ""
    if reason:
        found.update(dict.fromkeys(together, reason))


class _Box(NamedTuple):
    """In the page's own coordinates, as high as the writing may be."""

    left: float
    bottom: float
    right: float
    top: float


class _Picture:
    """A page as it looks, in greys."""

    def __init__(self, page: Any) -> None:
        width, height = page.get_size()
        self._scale = min(1.5, _PICTURE_PIXELS / max(width, height, 1.0))
        # Annotations are left out: a note over a text does not hide it from a printer.
        bitmap = page.render(scale=self._scale, grayscale=True, may_draw_forms=False, draw_annots=False)
        self._width, self._height, self._stride = bitmap.width, bitmap.height, bitmap.stride
        self._points = bytes(bitmap.buffer)
        self._page = page.raw
        bitmap.close()

    def reason(self, boxes: list[_Box]) -> str:
        """Why text in these boxes, one for each character, is not seen; empty where it is."""
        if not boxes:
            return "outside the page"
        if max(max(min(box.top - box.bottom, _TOO_LARGE), min(box.right - box.left, _TOO_LARGE)) for box in boxes) < _TINY_POINTS:
            return "tiny text"
        place = self._place(boxes)
        if place is None:
            return "outside the page"
        left, top, right, bottom = place
        rows = [self._points[y * self._stride + left : y * self._stride + right] for y in range(top, bottom)]
        lightest, darkest = max(map(max, rows)), min(map(min, rows))
        return "" if lightest - darkest >= _MIN_CONTRAST else "not visible on the page"

    def _place(self, boxes: list[_Box]) -> tuple[int, int, int, int] | None:
        """Where in the picture they lie together; ``None`` where they do not."""
        xs = min(box.left for box in boxes), max(box.right for box in boxes)
        ys = min(box.bottom for box in boxes), max(box.top for box in boxes)
        corners = [self._device(x, y) for x in xs for y in ys]
        x0, x1 = min(x for x, _ in corners), max(x for x, _ in corners) + 1
        y0, y1 = min(y for _, y in corners), max(y for _, y in corners) + 1
        x0, x1, y0, y1 = max(x0, 0), min(x1, self._width), max(y0, 0), min(y1, self._height)
        return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def _device(self, x: float, y: float) -> tuple[int, int]:
        to_x, to_y = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDF_PageToDevice(self._page, 0, 0, self._width, self._height, 0, x, y, to_x, to_y)
        return to_x.value, to_y.value


def _annotations(reading: Reading, page: Any, path: Path) -> bool:
    """Notes, links, form fields. Whether a field was filled in, which the page shows."""
    notes: list[str] = []
    fields: list[str] = []
    links: list[str] = []
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        note = pdfium.FPDFPage_GetAnnot(page, index)
        if not note:
            continue
        kind = pdfium.FPDFAnnot_GetSubtype(note)
        notes += [_string(partial(pdfium.FPDFAnnot_GetStringValue, note, key)) for key in _NOTE_KEYS]
        value = _string(partial(pdfium.FPDFAnnot_GetStringValue, note, b"V"))
        hidden = pdfium.FPDFAnnot_GetFlags(note) & (pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW)
        (notes if hidden else fields).append(value if kind == pdfium.FPDF_ANNOT_WIDGET else "")
        links.append(_address(page, note))
        pdfium.FPDFPage_CloseAnnot(note)
    reading.add((*path, "annotations"), _lines(notes), "annotation", "annotation")
    reading.add((*path, "fields"), _lines(fields), "field")
    reading.add((*path, "links"), _lines(links), "links", "addresses behind links")
    return any(one.strip() for one in fields)


def _address(page: Any, note: Any) -> str:
    link = pdfium.FPDFAnnot_GetLink(note)
    action = pdfium.FPDFLink_GetAction(link) if link else None
    if not action:
        return ""
    document = pdfium.FPDFPage_GetDocument(page) if hasattr(pdfium, "FPDFPage_GetDocument") else page.pdf
    size = pdfium.FPDFAction_GetURIPath(document, action, None, 0)
    if not 0 < size <= _MAX_TEXT_UNITS:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAction_GetURIPath(document, action, buffer, size)
    return buffer.raw[: size - 1].decode("utf-8", "replace")


def _string(ask: Any) -> str:
    """A string that PDFium writes as UTF-16 into a buffer of ours. ``ask`` gives its size in bytes."""
    size = ask(None, 0)
    if not 2 < size <= _MAX_TEXT_UNITS * 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    ask(ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace")


def _lines(texts: list[str]) -> str:
    return "\n".join(dict.fromkeys(text for text in texts if text.strip()))


def _packet(data: bytes) -> str:
    """What the metadata says that PDFium does not read: XMP (ISO 16684-1), which stands uncompressed to be found by others."""
    said: list[str] = []
    end = 0
    while (start := data.find(_XMP[0], end)) >= 0 and (end := data.find(_XMP[1], start)) >= 0:
        packet = data[start:end].decode("utf-8", "replace")
        said += [one for pair in _SAID_IN_XMP.findall(packet) for one in pair]
    return "\n".join(html.unescape(one.strip()) for one in said if one.strip() and not _NAMESPACE.match(one))


def _beside(reading: Reading, document: pypdfium2.PdfDocument, path: Path) -> None:
    """Metadata, the outline, scripts."""
    said = [f"{key}: {value}" for key, value in document.get_metadata_dict(skip_empty=True).items()]
    reading.add((*path, "metadata"), "\n".join(said), "metadata", "metadata")
    outline = [bookmark.get_title() for bookmark, _ in zip(document.get_toc(max_depth=10), range(10_000), strict=False)]
    reading.add((*path, "outline"), "\n".join(outline), "outline", "outline")
    scripts = []
    for index in range(min(pdfium.FPDFDoc_GetJavaScriptActionCount(document), 1000)):
        script = pdfium.FPDFDoc_GetJavaScriptAction(document, index)
        if script:
            scripts.append(_string(partial(pdfium.FPDFJavaScriptAction_GetScript, script)))
            pdfium.FPDFDoc_CloseJavaScriptAction(script)
    if scripts:
        reading.warn(path, "it holds scripts")
    reading.add((*path, "scripts"), _lines(scripts), "script", "script")
    if pdfium.FPDF_GetFormType(document) in {pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND}:
        reading.warn(path, "it holds an XFA form, which was not read")


def _embedded(reading: Reading, document: pypdfium2.PdfDocument, path: Path, depth: int) -> None:
    for index in range(document.count_attachments()):
        one = document.get_attachment(index)
        before = len(reading.pieces)
        data = bytes(one.get_data())
        reading.expanded(len(data), len(data), path)
        reading.inside(data, (*path, name_of(one.get_name() or "embedded file")), depth)
        for piece in reading.pieces[before:]:
            piece.hidden = piece.hidden or "file embedded in a PDF"
