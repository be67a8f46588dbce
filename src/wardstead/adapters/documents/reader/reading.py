"""One document being read, with all that is inside it: what was found so far, and what it may still cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Path = tuple[str, ...]
_NAME_CHARACTERS = 120


class Problem(Exception):
    """Why a document is not read. ``code`` is one of ``unreadable``, ``too_large``, ``encrypted``, ``unsupported``."""

    def __init__(self, code: str, what: str, path: Path, next_step: str = "") -> None:
        super().__init__(what)
        self.code, self.what, self.path, self.next_step = code, what, path, next_step


def unreadable(what: str, path: Path) -> Problem:
    """It is broken."""
    return Problem("unreadable", what, path, "Open it in the program that made it, and save it anew")


def too_large(what: str, path: Path) -> Problem:
    """It would cost more than it may."""
    return Problem("too_large", what, path, "Send the part that matters, or have the operator raise the limits under documents")


def encrypted(path: Path) -> Problem:
    """It asks for a password."""
    return Problem("encrypted", "it is encrypted: what cannot be read cannot be inspected", path, "Save it without a password")


def unsupported(what: str, path: Path, next_step: str) -> Problem:
    """There is no reader for it."""
    return Problem("unsupported", what, path, next_step)


@dataclass(slots=True)
class Piece:
    """A part's text, and why its reader does not see it (empty where they do)."""

    path: Path
    text: str
    kind: str
    hidden: str = ""


@dataclass(slots=True)
class Limits:
    """Sizes in bytes, text in characters; ``ratio`` is how many times a member may grow once it is large."""

    expanded: int
    text: int
    members: int
    depth: int
    ratio: int = 250
    ratio_from: int = 8 << 20


@dataclass(slots=True)
class Reading:
    """Everything that was found, in the order of the document."""

    limits: Limits
    read_inside: Callable[[Reading, bytes, Path, int], None]
    """Reads a document that was found inside another one."""
    pieces: list[Piece] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _expanded: int = 0
    _members: int = 0
    _text: int = 0

    def add(self, path: Path, text: str, kind: str, hidden: str = "") -> None:
        """One part's text; what is empty is no part. Raises ``Problem``."""
        text = tidy(text)
        if not text:
            return
        self._text += len(text)
        if self._text > self.limits.text:
            raise too_large(f"it holds more than {self.limits.text} characters of text", path)
        self.pieces.append(Piece(path, text, kind, hidden))

    def warn(self, path: Path, what: str) -> None:
        """Something that whoever looks at the result ought to know. After a hundred, nothing more is said."""
        said = f"{' > '.join(path)}: {what}"
        if said not in self.warnings and len(self.warnings) < 100:
            self.warnings.append(said)

    def room(self) -> int:
        """How many bytes may still be unpacked."""
        return self.limits.expanded - self._expanded

    def expanded(self, size: int, packed: int, path: Path) -> None:
        """So many bytes came out of ``packed``. Raises ``Problem``."""
        self._expanded += size
        if self._expanded > self.limits.expanded:
            raise too_large(f"it unpacks to more than {self.limits.expanded} bytes", path)
        if size > self.limits.ratio_from and size > self.limits.ratio * max(packed, 1):
            raise too_large(f"it unpacks to more than {self.limits.ratio} times its size", path)

    def member(self, path: Path) -> None:
        """One more file in an archive, or attachment. Raises ``Problem``."""
        self._members += 1
        if self._members > self.limits.members:
            raise too_large(f"it holds more than {self.limits.members} files", path)

    def inside(self, data: bytes, path: Path, depth: int) -> None:
        """Read a document that was found inside. Raises ``Problem``."""
        self.member(path)
        if depth >= self.limits.depth:
            raise too_large(f"documents are nested more than {self.limits.depth} deep", path)
        self.read_inside(self, data, path, depth + 1)


def tidy(text: str) -> str:
    """Without trailing spaces, runs of empty lines, and what no text may hold: half of a surrogate pair, NUL."""
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", " ").replace("\r\n", "\n").replace("\r", "\n")
    out: list[str] = []
    for line in text.split("\n"):
        kept = line.rstrip()
        if kept or (out and out[-1]):
            out.append(kept)
    return "\n".join(out).strip("\n")


def name_of(path: str) -> str:
    """A file's name inside an archive, as a name and nothing else: it is never opened."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in path).strip()
    return shown if len(shown) <= _NAME_CHARACTERS else "…" + shown[-_NAME_CHARACTERS:]
