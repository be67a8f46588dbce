"""What ``classify`` found in files, as a table and as JSON. As SARIF: ``classify_sarif``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from rich.markup import escape
from rich.table import Table

from wardstead.cli.output import err, out
from wardstead.inspection.classify import Classification, Found
from wardstead.inspection.extraction import ARROW, Extracted, Part
from wardstead.kernel.errors import WardsteadError
from wardstead.kernel.labels import Label, join_all
from wardstead.kernel.text import harmless


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read: its parts, each with what it holds."""

    name: str
    extracted: Extracted
    parts: tuple[tuple[Part, Classification], ...]

    @property
    def label(self) -> Label:
        """Of all parts together."""
        return join_all([one.label for _, one in self.parts])

    @property
    def plain(self) -> bool:
        """Whether places in it are places in the file."""
        return self.extracted.kind == "text"

    @property
    def failed(self) -> tuple[str, ...]:
        """Detectors that did not work on some part."""
        return tuple(dict.fromkeys(name for _, one in self.parts for name in one.failed))

    def findings(self) -> Iterator[tuple[Part, Found, Lines]]:
        """Everything that was found, in the order of the document."""
        for part, classification in self.parts:
            lines = Lines(part.text)
            for found in classification.findings:
                yield part, found, lines


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that was not."""

    name: str
    error: WardsteadError


@dataclass(frozen=True, slots=True)
class Passed:
    """What lies in a folder and was passed over, as it is no file: a link, a pipe, a device."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Classified:
    """What came of one file or of several."""

    files: tuple[Read | Unread, ...]
    several: bool
    passed: tuple[Passed, ...] = ()

    @property
    def read(self) -> list[Read]:
        """Those that were read."""
        return [one for one in self.files if isinstance(one, Read)]

    @property
    def unread(self) -> list[Unread]:
        """Those that were not."""
        return [one for one in self.files if isinstance(one, Unread)]

    @property
    def label(self) -> Label:
        """Of all that was read together."""
        return join_all([one.label for one in self.read])

    @property
    def failed(self) -> tuple[str, ...]:
        """The detectors that did not work on some of it."""
        return tuple(dict.fromkeys(name for one in self.read for name in one.failed))


class Lines:
    """Lines and columns, from 1, of places in a text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(at + 1 for at, char in enumerate(text) if char == "\n")]

    def at(self, place: int) -> tuple[int, int]:
        """Line and column."""
        line = bisect_right(self._starts, place)
        return line, place - self._starts[line - 1] + 1


def _inside(part: Part) -> str:
    """Where in the document; empty for the document itself."""
    return ARROW.join(part.path[1:])


def document(scan: Classified) -> dict[str, Any]:
    """As JSON."""
    if not scan.several:
        return _file(scan.read[0])
    files = [_file(one) if isinstance(one, Read) else {"file": one.name, "error": one.error.diagnostics()} for one in scan.files]
    skipped = [{"file": one.name, "kind": one.kind} for one in scan.passed]
    return {"label": scan.label.document(), "files": files, "skipped": skipped}


def _file(read: Read) -> dict[str, Any]:
    return {
        "file": read.name,
        "kind": read.extracted.kind,
        "label": read.label.document(),
        "findings": [_finding(part, found, lines) for part, found, lines in read.findings()],
        "warnings": list(read.extracted.all_warnings()),
        "failed": list(read.failed),
    }


def _finding(part: Part, found: Found, lines: Lines) -> dict[str, Any]:
    line, column = lines.at(found.start)
    return {
        "type": found.type,
        "category": found.category,
        "detector": found.detector,
        "part": _inside(part),
        "hidden": part.hidden,
        "start": found.start,
        "end": found.end,
        "line": line,
        "column": column,
        "label": found.label.document(),
        "prompt": found.prompt.name.lower(),
        "answer": found.answer.name.lower(),
        "also": list(found.also),
        "score": found.score,
        "combinations": list(found.combinations),
    }


def tell(read: Read, *, show: bool) -> None:
    """As a table, and a line with its label. What the name of a combination stands behind, that combination made so."""
    inside = not read.plain
    table = Table(box=None, pad_edge=False)
    for title in (
        *(["part"] if inside else []),
        "line",
        "what",
        "label",
        "in a prompt",
        "in an answer",
        *(["text"] if show else []),
    ):
        table.add_column(title, overflow="fold")
    count = 0
    for part, found, lines in read.findings():
        count += 1
        line, column = lines.at(found.start)
        also = f" [dim](or {', '.join(found.also)})[/]" if found.also else ""
        shown = [escape(harmless(part.text[found.start : found.end]))] if show else []
        done = (found.prompt.name.lower(), found.answer.name.lower())
        hidden = f" [yellow]({part.hidden})[/]" if part.hidden else ""
        where = [f"{escape(_inside(part)) or '[dim]body[/]'}{hidden}"] if inside else []
        raised = f" [dim]({', '.join(found.combinations)})[/]" if found.combinations else ""
        table.add_row(*where, f"{line}:{column}", f"{found.type}{also}", f"{found.label}{raised}", *done, *shown)
    if count:
        out.print(table)
    for warning in read.extracted.all_warnings():
        err.print(f"[yellow]note[/] {escape(warning)}")
    for failed in read.failed:
        err.print(f"[bold red]failed[/] the detector {escape(failed)} did not work: what it looks for may be there")
    out.print(f"{escape(harmless(read.name))}: [bold]{read.label}[/]; {count} finding{'' if count == 1 else 's'}")


def tell_all(scan: Classified, *, show: bool) -> None:
    """Each file that holds something, then a line for each that was not read or passed over, then a summary.

    What is known of the files is the result, and goes to standard output; what is not known of them is an error.
    """
    for read in scan.read:
        if any(one.findings for _, one in read.parts) or read.failed or read.extracted.all_warnings():
            tell(read, show=show)
    for one in scan.unread:
        said = str(one.error).removeprefix(f"{one.name}: ").removeprefix(f"{PurePath(one.name).name}: ")
        err.print(f"[bold red]not read[/] {escape(harmless(f'{one.name}: {said}'))}")
    for passed in scan.passed:
        err.print(f"[yellow]skipped[/] {escape(harmless(passed.name))}: {passed.kind}")
    table = Table(box=None, pad_edge=False)
    table.add_column("label")
    table.add_column("files", justify="right")
    table.add_column("findings", justify="right")
    for label in sorted({one.label for one in scan.read}, key=lambda one: (-one.level.rank, str(one))):
        same = [one for one in scan.read if one.label == label]
        table.add_row(str(label), str(len(same)), str(sum(len(found.findings) for one in same for _, found in one.parts)))
    if scan.unread:
        table.add_row("[red]not read[/]", str(len(scan.unread)), "")
    if scan.passed:
        table.add_row("[yellow]skipped[/]", str(len(scan.passed)), "")
    out.print(table)
