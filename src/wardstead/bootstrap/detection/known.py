"""What a deployment knows of its own: where its dictionaries and indexes are, and how indexes are made.

Dictionaries are files that people keep (``policies/dictionaries``); indexes are made by commands (``policies/known``) under a
key of their own. A file that was altered, or made under another key, is refused: the deployment does not start without it.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from wardstead.adapters.keys.folder import KNOWN
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.keys.key_files import new_key
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection import known_list
from wardstead.bootstrap.reading import DICTIONARY_BYTES, INDEX_BYTES, POLICY_BYTES, SAMPLE_BYTES, read_regular, read_text
from wardstead.inspection.known.keyed import Header, Index, read_index, write_index
from wardstead.inspection.known.passages import KnownDocuments, index_document
from wardstead.inspection.known.ports import Windowed
from wardstead.inspection.known.terms import Dictionary, TermMatcher, load_dictionaries
from wardstead.inspection.known.values import ValueMatcher, index_values
from wardstead.inspection.ports import TextDetector
from wardstead.kernel.errors import BackendError, CallerError, ConfigurationError
from wardstead.kernel.text import harmless

_COLUMN = re.compile(r"(?!.*\d{3})[^\W\d][\w .()/#-]{0,39}")
"""What the name of a column looks like, and most values do not: no ``@``, no long numbers."""
_SHOWN_COLUMNS = 20
_KINDS = ("document", "values")


class Written(msgspec.Struct, frozen=True):
    """An index file: where it is, what it holds, and how many values were left out."""

    file: Path
    header: Header
    size_bytes: int
    short: int = 0
    long: int = 0


class Listed(msgspec.Struct, frozen=True):
    """One thing that is known, for a list of all."""

    kind: str
    name: str
    type: str
    category: str
    count: int
    size_bytes: int
    file: Path


def windowed(deployment: Deployment) -> tuple[Windowed, ...]:
    """What finds the deployment's terms and values. Raises ``ConfigurationError`` or ``IntegrityError``."""
    terms, values = dictionaries(deployment), [index for _, index in indexes(deployment) if index.header.kind == "values"]
    found: list[Windowed] = [TermMatcher(terms)] if terms else []
    return (*found, *([ValueMatcher(values, _key(deployment))] if values else []))


def documents(deployment: Deployment) -> tuple[TextDetector, ...]:
    """What finds passages of the deployment's documents. Raises ``IntegrityError``."""
    found = [index for _, index in indexes(deployment) if index.header.kind == "document"]
    return (KnownDocuments(found, _key(deployment)),) if found else ()


def dictionaries(deployment: Deployment) -> tuple[Dictionary, ...]:
    """The dictionaries of the deployment. Raises ``ConfigurationError`` with file and line."""
    folder = _dictionaries(deployment)
    files = sorted(one for one in folder.glob("*") if one.suffix in {".txt", ".yaml", ".yml"}) if folder.is_dir() else []
    limits = {".txt": DICTIONARY_BYTES}
    return load_dictionaries({one.name: read_text(one, limits.get(one.suffix, POLICY_BYTES)) for one in files})


def indexes(deployment: Deployment) -> tuple[tuple[Path, Index], ...]:
    """The indexes of the deployment, by file. Raises ``IntegrityError``, also where one is gone."""
    files = _index_files(deployment)
    known_list.require_all(deployment, files)
    return tuple((one, read_index(_bytes(one, INDEX_BYTES), _key(deployment), str(one))) for one in files)


def listed(deployment: Deployment) -> list[Listed]:
    """All that is known."""
    folder = _dictionaries(deployment)
    found = []
    for one in dictionaries(deployment):
        path = folder / one.known.id.removeprefix("dictionary:")
        found.append(
            Listed("dictionary", path.name, one.known.type, one.known.category, len(one.terms), path.stat().st_size, path)
        )
    for path, index in indexes(deployment):
        header = index.header
        found.append(Listed(header.kind, header.name, header.type, header.category, header.count, path.stat().st_size, path))
    return found


def import_values(deployment: Deployment, file: Path, *, name: str, kind: str, category: str, column: str = "") -> Written:
    """Index the values of ``file``: one a line, or a ``column`` of a CSV file, by its name or its number from 1."""
    _require_rule(deployment, kind, category)
    values = _column(file, column) if column else (line.strip() for line in read_text(file, SAMPLE_BYTES).splitlines())
    made = index_values(values, _named(name), kind, category, _key(deployment, make=True))
    if not len(made.index.digests):
        raise CallerError(
            "nothing is left to look for", where=str(file),
            why=f"{made.short} values are too short, {made.long} too long", next_step="see docs/how-to/your-own-data.md",
        )  # fmt: skip
    written = _write(deployment, made.index)
    return msgspec.structs.replace(written, short=made.short, long=made.long)


def fingerprint(
    deployment: Deployment, files: Sequence[Path], *, name: str, kind: str, category: str, without: Sequence[Path] = ()
) -> Written:
    """Index a document, in one or several versions, without what the texts ``without`` share with it."""
    _require_rule(deployment, kind, category)
    texts, others = [_text(deployment, one) for one in files], [_text(deployment, one) for one in without]
    return _write(deployment, index_document(texts, _named(name), kind, category, _key(deployment, make=True), without=others))


def _text(deployment: Deployment, file: Path) -> str:
    """What a reader of the document sees."""
    return deployment.extractor.extract(_bytes(file, SAMPLE_BYTES), file.name, deployment.settings.documents.limits()).visible()


def _column(file: Path, column: str) -> Iterator[str]:
    lines = read_text(file, SAMPLE_BYTES).splitlines(keepends=True)
    if not lines:
        return
    delimiter = max(",;\t|", key=lines[0].count)
    rows = csv.reader(lines, delimiter=delimiter)
    head = next(rows)
    at = _place_of(column, head, str(file))
    if column.isdecimal():
        yield head[at]
    for row in rows:
        if 0 <= at < len(row):
            yield row[at]


def _place_of(column: str, head: list[str], where: str) -> int:
    """Where a column is, by its name or else its number from 1."""
    if column in head and not column.isdecimal():
        return head.index(column)
    if column.isdecimal() and 0 < int(column) <= len(head):
        return int(column) - 1
    shown = [repr(harmless(one)) for one in head[:_SHOWN_COLUMNS]]
    more = f" and {len(head) - _SHOWN_COLUMNS} more" if len(head) > _SHOWN_COLUMNS else ""
    # A file without a head begins with values, and no error may tell those.
    why = f"its columns are {', '.join(shown)}{more}" if all(map(_COLUMN.fullmatch, head)) else f"it has {len(head)} columns"
    raise CallerError(
        f"there is no column {harmless(column[:40])!r}", where=where, why=why,
        next_step="give a column's name as the first line has it, or its number from 1 where the first line is values already",
    )  # fmt: skip


def _require_rule(deployment: Deployment, kind: str, category: str) -> None:
    """Raises ``ConfigurationError`` where the classification policy says nothing of it: the next start would fail."""
    for one in (kind, category):
        if not 2 <= len(one) <= 40 or not all(char in "abcdefghijklmnopqrstuvwxyz0123456789-" for char in one):
            raise CallerError(f"not a usable name: {one[:40]!r}", why="2 to 40 of a-z, 0-9 and -")
    deployment.folder_classification().treatment(kind, category)


def _named(name: str) -> str:
    if (
        not 2 <= len(name) <= 40
        or name.startswith("-")
        or not all(char in "abcdefghijklmnopqrstuvwxyz0123456789-" for char in name)
    ):
        raise CallerError(f"not a usable name: {name[:40]!r}", where="name", why="2 to 40 of a-z, 0-9 and -")
    return name


def _write(deployment: Deployment, index: Index) -> Written:
    header = index.header
    path = _indexes(deployment) / f"{header.kind}-{header.name}.index"
    data = write_index(index, _key(deployment))
    details = {"kind": header.kind, "name": header.name, "type": header.type, "category": header.category, "count": header.count}
    deployment.admin_record.record_admin(COMMAND_LINE, "known.write", {**details, "sha256": sha256(data).hexdigest()})
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_durably(path, [data])
    known_list.write(deployment, {one.name for one in _index_files(deployment)} | known_list.wanted(deployment))
    return Written(path, header, len(data))


def begin(deployment: Deployment) -> None:
    """At a start of a deployment that was made before there was a list of indexes: those that it has are wanted from now on."""
    files = _index_files(deployment)
    if files and not known_list.wanted(deployment):
        known_list.write(deployment, (one.name for one in files))


def forget(deployment: Deployment, name: str) -> list[str]:
    """Look for the values or the document called so no more; what was removed. Raises ``CallerError`` where there is none."""
    files = {one.name for one in _index_files(deployment)} | known_list.wanted(deployment)
    meant = sorted(files & {f"{kind}-{name}.index" for kind in _KINDS})
    if not meant:
        raise CallerError(
            f"nothing is known by the name {harmless(name[:40])!r}", where="name", next_step="see 'wardstead classify known'"
        )
    deployment.admin_record.record_admin(COMMAND_LINE, "known.forget", {"name": name, "files": meant})
    known_list.write(deployment, files - set(meant))
    for one in meant:
        (_indexes(deployment) / one).unlink(missing_ok=True)
    return meant


def _dictionaries(deployment: Deployment) -> Path:
    return deployment.places.policies / "dictionaries"


def _index_files(deployment: Deployment) -> list[Path]:
    return sorted(_indexes(deployment).glob("*.index"))


def _indexes(deployment: Deployment) -> Path:
    return deployment.places.policies / "known"


def _key(deployment: Deployment, *, make: bool = False) -> bytes:
    """What keys the digests. Made with the first index."""
    if make and not deployment.keys.has(KNOWN):
        if next(_indexes(deployment).glob("*.index"), None) is not None:
            raise ConfigurationError(
                "the key of the indexes is gone", where=str(deployment.places.keys / KNOWN),
                next_step="restore it from a backup, or make all indexes again",
            )  # fmt: skip
        deployment.keys.make(KNOWN, new_key(os.urandom))
    return deployment.keys.key(KNOWN)


def _bytes(path: Path, limit: int) -> bytes:
    return read_regular(path, limit, BackendError)
