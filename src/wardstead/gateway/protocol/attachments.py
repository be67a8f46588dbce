"""Takes documents out of the parts of a message.

Sources: OpenAI's API reference, "Create chat completion" (content parts of type ``file``) and "Responses" (``input_file``);
Anthropic's, "Messages" (content blocks of type ``document``).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from wardstead.gateway.protocol.documents import Enclosed
from wardstead.gateway.protocol.fields import BadField, mapping, text, word
from wardstead.inspection.extraction import DocumentTooLarge

_ID_CHARACTERS: Final = 64
_DATA_URL: Final = re.compile(r"data:[\w.+-]*/?[\w.+-]*(?:;[\w.+-]+=[\w.+-]+)*;base64,")


def file_part(part: dict[str, Any], where: str, limit: int) -> Enclosed:
    """The document in OpenAI's ``file`` or ``input_file`` part. Raises ``CallerError``."""
    place = where
    if part.get("type") == "file":
        _only(part, {"type", "file"}, where)
        part, place = mapping(part.get("file"), f"{where}.file"), f"{where}.file"
        _only(part, {"file_data", "filename", "file_id", "format"}, place)
    else:
        _only(part, {"type", "file_data", "filename", "file_id", "file_url", "detail"}, place)
    if part.get("file_url") is not None:
        raise BadField("files are not fetched from elsewhere", where=place, next_step="Send the document itself in file_data")
    if part.get("file_id") is not None:
        if part.get("file_data") is not None:
            raise BadField("takes either a file_id or file_data", where=place)
        return _kept(part["file_id"], f"{place}.file_id")
    name = text(part.get("filename") or "document", f"{place}.filename")
    return Enclosed(name, decoded(part.get("file_data"), f"{place}.file_data", limit))


def source_block(block: dict[str, Any], where: str, limit: int) -> Enclosed:
    """The document in Anthropic's ``document`` block. Raises ``CallerError``."""
    _only(block, {"type", "source", "title", "context", "citations", "cache_control"}, where)
    name = text(block.get("title") or "document", f"{where}.title")
    source = mapping(block.get("source"), f"{where}.source")
    _only(source, {"type", "media_type", "data", "content", "url", "file_id"}, f"{where}.source")
    match word(source.get("type")):
        case "base64":
            return Enclosed(name, decoded(source.get("data"), f"{where}.source.data", limit))
        case "text":
            return Enclosed(name, str(text(source.get("data"), f"{where}.source.data")).encode())
        case "content" if isinstance(source.get("content"), str):
            return Enclosed(name, str(source["content"]).encode())
        case "file":
            return _kept(source.get("file_id"), f"{where}.source.file_id")
        case _:
            raise BadField(
                "must be base64, text, content that is one text, or a file that is kept here", where=f"{where}.source.type",
                next_step="Send the document itself",
            )  # fmt: skip


def _kept(value: Any, where: str) -> Enclosed:
    """A document that is kept here, by its id."""
    name = str(text(value, where))
    if not 0 < len(name) <= _ID_CHARACTERS:
        raise BadField("must be the id of a file", where=where)
    return Enclosed("document", kept=name)


def decoded(value: Any, where: str, limit: int) -> bytes:
    """Base64, alone or in a data URL. Raises ``CallerError``; ``limit`` bounds the bytes."""
    written = text(value, where)
    found = _DATA_URL.match(written[:300])
    start = found.end() if found else 0
    if (len(written) - start) * 3 // 4 > limit + 3:
        raise DocumentTooLarge(f"the document is larger than {limit} bytes", where=where, next_step="Send the part that matters")
    try:
        data = base64.b64decode(re.sub(r"[\r\n]", "", written[start:]), validate=True)
    except (binascii.Error, ValueError):
        raise BadField("must be base64, or a data URL with it", where=where) from None
    if not data:
        raise BadField("must not be empty", where=where)
    return data


def _only(value: dict[str, Any], known: set[str], where: str) -> None:
    unknown = set(value) - known
    if unknown:
        raise BadField("is not a field of a document", where=f"{where}.{min(unknown)[:80]}")
