"""E-mail: RFC 5322 and MIME messages, and Outlook's ``.msg`` ([MS-OXMSG])."""

from __future__ import annotations

import email
import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from typing import Any, Final

import olefile

from . import html
from .plain import decode
from .reading import Path, Reading, encrypted, name_of, unreadable, unsupported

_SHOWN: Final = ("from", "to", "cc", "bcc", "reply-to", "date", "subject")
_MAX_PARTS: Final = 5000


def read_eml(reading: Reading, data: bytes, path: Path, depth: int) -> None:
    """The header, every text, and every attachment; a message in a message is a document in a document."""
    message = email.message_from_bytes(data)
    _headers(reading, message, path)
    stack: list[tuple[Message, str]] = [(message, "")]
    count = 0
    while stack:
        part, hidden = stack.pop()
        count += 1
        if count > _MAX_PARTS:
            raise unreadable("it has too many parts", path)
        payload = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(payload, list):
            for inner in _messages(payload):
                reading.inside(inner.as_bytes(), (*path, name_of(_name(part) or "message")), depth)
        elif isinstance(payload, list):
            stack += reversed(_children(part, _messages(payload), hidden))
            for name in ("preamble", "epilogue"):
                said = getattr(part, name, None) or ""
                if "multi-part message in MIME" not in said:
                    reading.add(path, said, "body", "text around the parts of the message")
        else:
            _leaf(reading, part, path, depth, hidden)


def _messages(payload: list[Any]) -> list[Message]:
    return [one for one in payload if isinstance(one, Message)]


def _children(part: Message, payload: list[Message], hidden: str) -> list[tuple[Message, str]]:
    if part.get_content_type() != "multipart/alternative" or len(payload) < 2:
        return [(one, hidden) for one in payload]
    # RFC 2046 section 5.1.4: the last is the richest, and what programs show.
    return [(one, hidden or "an alternative that is not shown") for one in payload[:-1]] + [(payload[-1], hidden)]


def _leaf(reading: Reading, part: Message, path: Path, depth: int, hidden: str) -> None:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes) or not data:
        return
    name = _name(part)
    kind = part.get_content_type()
    if name or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
        reading.inside(data, (*path, name_of(name or f"part ({kind})")), depth)
    elif kind == "text/html":
        reading.expanded(len(data), len(data), path)
        before = len(reading.pieces)
        html.read(reading, data, path, depth)
        for piece in reading.pieces[before:]:
            piece.hidden = hidden or piece.hidden
    else:
        text, guessed = decode(data, str(part.get_content_charset() or ""))
        if guessed:
            reading.warn(path, f"its encoding was guessed: {guessed}")
        reading.add(path, text, "body", hidden)


def _headers(reading: Reading, message: Message, path: Path) -> None:
    shown: list[str] = []
    others: list[str] = []
    for name, value in message.items():
        line = f"{name}: {_decoded(str(value))}"
        (shown if name.lower() in _SHOWN else others).append(line)
    reading.add(path, "\n".join(shown), "header")
    reading.add(path, "\n".join(others), "header", "header fields that are not shown")


def _decoded(value: str) -> str:
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    return "".join(one if isinstance(one, str) else decode(one, charset or "")[0] for one, charset in pieces)


def _name(part: Message) -> str:
    try:
        return _decoded(part.get_filename() or "")
    except (ValueError, LookupError, TypeError):  # RFC 2231 names in encodings that there are not
        return "attachment"


_PROPERTY: Final = re.compile(r"^__substg1\.0_([0-9A-F]{4})([0-9A-F]{4})$")
_FIELDS: Final = {"0C1A": "From", "0C1F": "From", "0E04": "To", "0E03": "Cc", "0E02": "Bcc", "0037": "Subject"}
_BODY, _HTML, _RTF, _FILE, _LONG_NAME, _NAME = "1000", "1013", "1009", "3701", "3707", "3704"


def read_ole(reading: Reading, data: bytes, path: Path, depth: int) -> None:
    """A message; any other OLE file is an Office document of before 2007, or an encrypted one."""
    try:
        with olefile.OleFileIO(data) as ole:
            if ole.exists("__properties_version1.0"):
                _read_storage(reading, ole, [], path, depth)
                return
            kind = "encrypted" if ole.exists("EncryptedPackage") else "old"
    except (OSError, ValueError, IndexError, TypeError, KeyError, AttributeError) as error:
        raise unreadable(f"it is a broken OLE file ({type(error).__name__})", path) from None
    if kind == "encrypted":
        raise encrypted(path)
    raise unsupported(
        "it is an Office file of the format before 2007, for which there is no reader", path,
        "Save it as .docx, .xlsx or .pptx, or as PDF",
    )  # fmt: skip


def _read_storage(reading: Reading, ole: olefile.OleFileIO, at: list[str], path: Path, depth: int) -> None:
    entries = [entry for entry in ole.listdir(streams=True, storages=True) if entry[: len(at)] == at]
    values = {}
    for entry in entries:
        found = _PROPERTY.match(entry[-1])
        if len(entry) == len(at) + 1 and found and ole.get_type(entry) == olefile.STGTY_STREAM:
            values[found[1]] = _value(reading, ole, entry, found[2], path)
    lines = [f"{title}: {_text(values[tag])}" for tag, title in _FIELDS.items() if tag in values]
    reading.add(path, "\n".join(lines), "header")
    page = values.get(_HTML)
    plain = values.get(_BODY)
    if page is not None:
        html.read(reading, page if isinstance(page, bytes) else page.encode(), path, depth)
    if plain is not None:
        reading.add(path, _text(plain), "body", "an alternative that is not shown" if page is not None else "")
    known = {*_FIELDS, _HTML, _BODY, _RTF}
    others = [value for tag, value in values.items() if tag not in known and isinstance(value, str)]
    reading.add(path, "\n".join(others), "header", "properties that are not shown")
    for entry in entries:
        if len(entry) == len(at) + 1 and entry[-1].startswith("__attach_version1.0_"):
            _attachment(reading, ole, entry, path, depth)


def _attachment(reading: Reading, ole: olefile.OleFileIO, at: list[str], path: Path, depth: int) -> None:
    values = {}
    for entry in ole.listdir(streams=True, storages=True):
        found = _PROPERTY.match(entry[-1])
        if entry[:-1] == at and found and found[1] in {_FILE, _LONG_NAME, _NAME}:
            is_stream = ole.get_type(entry) == olefile.STGTY_STREAM
            values[found[1]] = _value(reading, ole, entry, found[2], path) if is_stream else entry
    name = name_of(_text(values.get(_LONG_NAME) or values.get(_NAME) or "attachment"))
    content = values.get(_FILE)
    if isinstance(content, list):
        reading.member((*path, name))
        if depth >= reading.limits.depth:
            raise unreadable("messages are nested too deeply", path)
        _read_storage(reading, ole, content, (*path, name), depth + 1)
    elif isinstance(content, bytes):
        reading.inside(content, (*path, name), depth)


def _value(reading: Reading, ole: olefile.OleFileIO, entry: list[str], kind: str, path: Path) -> str | bytes:
    data = ole.openstream(entry).read()
    reading.expanded(len(data), len(data), path)
    if kind == "001F":
        return str(data.decode("utf-16-le", "replace"))
    return decode(data)[0] if kind == "001E" else bytes(data)


def _text(value: str | bytes | list[str]) -> str:
    return value if isinstance(value, str) else decode(value)[0] if isinstance(value, bytes) else ""
