"""What ``classify`` found in files, as a table and as JSON. As SARIF: ``classify_sarif``."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from msgspec.structs import replace
from rich.markup import escape
from rich.table import Table

from wardstead.cli.output import err, out
from wardstead.inspection.classify import Classification, Found
from wardstead.inspection.extraction import ARROW, Extracted, Part
from wardstead.kernel.errors import WardsteadError
from wardstead.kernel.labels import Label, join_all
from wardstead.kernel.text import harmless


@dataclass(frozen=True, slots=True)
class Place:
    """A finding, and where: in which part, and from and to which line and column (from 1). ``text``: what was found."""

    part: Part
    found: Found
    start: tuple[int, int]
    end: tuple[int, int]
    text: str


@dataclass(frozen=True, slots=True)
class Read:
    """What is said of a file that was read: its texts are none of that. ``more``: by type, what is not among ``findings``."""

    name: str
    kind: str
    label: Label
    findings: tuple[Place, ...]
    more: Mapping[str, int]
    failed: tuple[str, ...]
    """Detectors that did not work on some part."""
    warnings: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """Whether places in it are places in the file."""
        return self.kind == "text"

    @property
    def total(self) -> int:
        """How many findings there are, those that are not given included."""
        return len(self.findings) + sum(self.more.values())


def read(name: str, extracted: Extracted, classify: Callable[[str, int], Classification], most: int) -> Read:
    """Of what was extracted from a file, the first ``most`` findings with their places, in the order of the document."""
    findings: list[Place] = []
    more, labels, failed = Counter[str](), [], dict[str, None]()
    for part in extracted.parts:
        result = classify(part.text, most - len(findings))
        lines, where = Lines(part.text), replace(part, text="")
        findings += [
            Place(where, one, lines.at(one.start), lines.at(one.end), part.text[one.start : one.end]) for one in result.findings
        ]
        more.update(result.more)
        labels.append(result.label)
        failed.update(dict.fromkeys(result.failed))
    return Read(name, extracted.kind, join_all(labels), tuple(findings), more, tuple(failed), extracted.all_warnings())


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
        self._starts = array("Q", [0])
        at = text.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = text.find("\n", at + 1)

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
        "kind": read.kind,
        "label": read.label.document(),
        "findings": [_finding(one) for one in read.findings],
        "more": dict(sorted(read.more.items())),
        "warnings": list(read.warnings),
        "failed": list(read.failed),
    }


def _finding(place: Place) -> dict[str, Any]:
    found, (line, column) = place.found, place.start
    return {
        "type": found.type,
        "category": found.category,
        "detector": found.detector,
        "part": _inside(place.part),
        "hidden": place.part.hidden,
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
    for place in read.findings:
        part, found, (line, column) = place.part, place.found, place.start
        also = f" [dim](or {', '.join(found.also)})[/]" if found.also else ""
        shown = [escape(harmless(place.text))] if show else []
        done = (found.prompt.name.lower(), found.answer.name.lower())
        hidden = f" [yellow]({part.hidden})[/]" if part.hidden else ""
        where = [f"{escape(_inside(part)) or '[dim]body[/]'}{hidden}"] if inside else []
        raised = f" [dim]({', '.join(found.combinations)})[/]" if found.combinations else ""
        table.add_row(*where, f"{line}:{column}", f"{found.type}{also}", f"{found.label}{raised}", *done, *shown)
    if read.findings:
        out.print(table)
    if read.more:
        err.print(f"[yellow]more[/] {counted(read.more)}: --most N lists more of them")
    for warning in read.warnings:
        err.print(f"[yellow]note[/] {escape(warning)}")
    for failed in read.failed:
        err.print(f"[bold red]failed[/] the detector {escape(failed)} did not work: what it looks for may be there")
    out.print(f"{escape(harmless(read.name))}: [bold]{read.label}[/]; {read.total:,} finding{'' if read.total == 1 else 's'}")


def counted(more: Mapping[str, int]) -> str:
    """How many of each type are not listed, the most frequent first."""
    types = ", ".join(f"{kind} {count:,}" for kind, count in sorted(more.items(), key=lambda one: (-one[1], one[0])))
    return f"{sum(more.values()):,} findings that are not listed ({types})"


def tell_all(scan: Classified, *, show: bool) -> None:
    """Each file that holds something, then a line for each that was not read or passed over, then a summary.

    What is known of the files is the result, and goes to standard output; what is not known of them is an error.
    """
    for read in scan.read:
        if read.total or read.failed or read.warnings:
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
        table.add_row(str(label), str(len(same)), f"{sum(one.total for one in same):,}")
    if scan.unread:
        table.add_row("[red]not read[/]", str(len(scan.unread)), "")
    if scan.passed:
        table.add_row("[yellow]skipped[/]", str(len(scan.passed)), "")
    out.print(table)
