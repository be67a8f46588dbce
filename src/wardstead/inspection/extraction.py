"""What is read out of a document before it is inspected: its text by part, with its place, and what readers do not see.

Hidden text (comments, deleted passages, white on white, metadata …) is read and marked: it is where instructions to a model
are hidden, and where people forget what they meant to remove.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, Protocol

import msgspec

from wardstead.kernel.errors import BackendError, CallerError
from wardstead.kernel.text import harmless

ARROW: Final = " > "
"""Between the steps of a path inside a document."""
_NAME_CHARACTERS: Final = 120
_BEGINS: Final = re.compile(r'^\[document "([^"\n]*)" ([0-9a-f]{16})\]\n', re.MULTILINE)
USUAL: Final = frozenset(
    {
        "metadata", "addresses behind links", "names of the files", "master of slides", "outline", "title of the page",
        "head of the page", "style sheet", "script", "header fields that are not shown", "an alternative that is not shown",
        "properties that are not shown", "a part of the file that is not shown", "formulas", "defined names",
    }
)  # fmt: skip
"""What nearly every document of its kind holds beside what it shows: worth a record, not a notice."""


class DocumentLimits(msgspec.Struct, frozen=True):
    """What one document may cost. Sizes in bytes; ``depth`` and ``members`` count documents inside documents."""

    max_bytes: int = 16 << 20
    max_expanded_bytes: int = 64 << 20
    """All that is unpacked on the way, taken together. Its text may have a quarter as many characters."""
    timeout_s: float = 20.0
    depth: int = 6
    members: int = 2000
    memory_bytes: int = 1 << 30


class Part(msgspec.Struct, frozen=True):
    """One part's text. ``path`` leads to it: ``("mail.eml", "report.docx", "page 3")``."""

    path: tuple[str, ...]
    text: str
    kind: str = "text"
    hidden: str = ""
    """Why somebody who reads the document does not see it; empty for what they see."""
    warnings: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The path in one line."""
        return ARROW.join(self.path)


class Extracted(msgspec.Struct, frozen=True):
    """A document's texts. ``kind`` is what its content says that it is; ``warnings`` concern all of it."""

    name: str
    kind: str
    parts: tuple[Part, ...] = ()
    warnings: tuple[str, ...] = ()
    sandboxed: bool = True
    """Whether what read it was isolated. Plain text needs no reader, and counts as such."""

    def visible(self) -> str:
        """What a reader of the document sees, the parts in order; where there are several, each under its place."""
        shown = [part for part in self.parts if not part.hidden and part.text]
        if len(shown) == 1:
            return shown[0].text
        return "\n\n".join(f"[{ARROW.join(part.path[1:]) or part.kind}]\n{part.text}" for part in shown)

    def hidden(self) -> str:
        """What they do not see, each part under its place and the reason."""
        parts = [part for part in self.parts if part.hidden and part.text]
        return "\n\n".join(f"[{ARROW.join(part.path[1:])}: {part.hidden}]\n{part.text}" for part in parts)

    def hidden_reasons(self) -> tuple[str, ...]:
        """Why parts are hidden, each reason once. Those that are not ``USUAL`` deserve a notice."""
        return tuple(dict.fromkeys(part.hidden for part in self.parts if part.hidden and part.text))

    def all_warnings(self) -> tuple[str, ...]:
        """Those of the document and of its parts, each once."""
        found = [*self.warnings, *(f"{part.place}: {one}" for part in self.parts for one in part.warnings)]
        return tuple(dict.fromkeys(found))


def enclosed(text: str, name: str, data: bytes) -> str:
    """``text`` between lines that name its document, as a model reads it.

    The mark in both lines is a digest of the document: nobody can write a document that contains its own, and so end it early.
    """
    mark = hashlib.sha256(data).hexdigest()[:16]
    shown = shown_name(name)
    return f'[document "{shown}" {mark}]\n{text}\n[end of document "{shown}" {mark}]'


def own_text(text: str) -> tuple[int, int]:
    """Where a document's own text begins and ends in what ``enclosed`` made of it; all of ``text`` where it made none."""
    found = _BEGINS.match(text)
    if found is not None:
        end = len(text) - len(_end(found))
        if found.end() <= end and text.endswith(_end(found)):
            return found.end(), end
    return 0, len(text)


def apart(text: str) -> list[tuple[bool, str]]:
    """The pieces of a text in which documents stand, in their order: whether it is a document, and the piece itself."""
    pieces: list[tuple[bool, str]] = []
    at = 0
    while found := _BEGINS.search(text, at):
        end = _end(found)
        until = text.find(end, found.end() - 1)
        if until < 0:
            break
        if found.start() > at:
            pieces.append((False, text[at : found.start()].removesuffix("\n")))
        pieces.append((True, text[found.start() : until + len(end)]))
        at = until + len(end) + 1  # and the line break after it
    if at < len(text) or not pieces:
        pieces.append((False, text[at:]))
    return pieces


def _end(begins: re.Match[str]) -> str:
    return f'\n[end of document "{begins[1]}" {begins[2]}]'


def shown_name(name: str) -> str:
    """A document's name, fit to be shown: it is somebody's text, and no path of ours."""
    return harmless(name)[:_NAME_CHARACTERS].replace('"', "'") or "document"


class Extractor(Protocol):
    """Reads documents. Safe for threads; blocks for up to ``limits.timeout_s`` seconds."""

    def require(self) -> None:
        """Raises ``DocumentReaderUnavailable`` where documents could not be read here."""
        ...

    def extract(self, data: bytes, name: str, limits: DocumentLimits) -> Extracted:
        """The texts in ``data``. What it is is decided by its content; ``name`` is only shown, and compared.

        Raises ``UnreadableDocument``, ``DocumentTooLarge``, ``EncryptedDocument``, ``UnsupportedDocument``, and
        ``DocumentReaderUnavailable`` where the sandbox for it cannot be made.
        """
        ...


class UnreadableDocument(CallerError):
    """It is broken, or not what it claims to be."""

    code = "unreadable_document"


class DocumentTooLarge(CallerError):
    """It is, or unpacks to, more than the limits allow; or takes too long."""

    code = "document_too_large"


class EncryptedDocument(CallerError):
    """It, or a document inside it, asks for a password."""

    code = "encrypted_document"


class UnsupportedDocument(CallerError):
    """No reader for what it is: what cannot be inspected is not taken."""

    code = "unsupported_document"


class DocumentReaderUnavailable(BackendError):
    """The sandbox in which documents are read cannot be made: none is read."""

    code = "document_reader_unavailable"
