"""``classify``: what a text holds, how sensitive that makes it, and what would happen to it.

``classify FILE|-`` is a group's default command. Further commands (``classify test`` …) live in modules of their own,
``cli/classify_NAME.py``, and join in ``cli/main.py``: ``classify.app.command("test")(classify_test.test)``. A file that is
called like one of them is given as ``./test``.
"""

from __future__ import annotations

import codecs
import sys
from bisect import bisect_right
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from wardstead import __version__
from wardstead.bootstrap.inspection import classifier
from wardstead.cli.output import Json, err, errors, out, say_json
from wardstead.cli.state import deployment
from wardstead.inspection.classify import Classification, Found
from wardstead.kernel.errors import CallerError
from wardstead.kernel.labels import Label, label
from wardstead.kernel.text import harmless

MUCH: Final = 256 * 1024
"""From so many characters on, the time to compile a scanner is won back."""
_BOMS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class NotText(CallerError):
    """The input is not text in an encoding that says what it is."""

    code = "not_text"


class _WithFiles(TyperGroup):
    """A group that takes what is not one of its commands for a file, or an option of the command for files."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Put the default command's name where none stands."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [_FILES, *args]
        return super().parse_args(ctx, args)


_FILES: Final = "file"
app = typer.Typer(
    cls=_WithFiles,
    no_args_is_help=True,
    subcommand_metavar="FILE|-",
    help="Explain what a text holds: [bold]classify FILE[/], or [bold]classify -[/] for standard input; "
    "[bold]classify file --help[/] tells of the options.",
)


@app.command(_FILES)
def classify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file of text, or - for standard input.", metavar="FILE|-")],
    fail_on: Annotated[str, typer.Option(help="Exit 1 when the text has this level, or a higher one.", metavar="LEVEL")] = "",
    show: Annotated[bool, typer.Option("--show", help="Show what was found, too.")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Answer with SARIF 2.1.0 on standard output.")] = False,
    json: Json = False,
) -> None:
    """Explain what a text holds: each finding, its label, and what happens to it in prompts and in answers."""
    with errors(as_json=json):
        limit = label(fail_on) if fail_on else None
        name, text = _read(file)
        result = classifier(deployment(context), scan=len(text) >= MUCH).classify(text)
    lines = _Lines(text)
    if sarif:
        say_json(_sarif(name, result, lines))
    elif json:
        findings = [_document(found, lines) for found in result.findings]
        say_json({"file": name, "label": _label(result.label), "findings": findings})
    else:
        _tell(name, text if show else None, result, lines)
    if limit is not None and result.label.level >= limit.level:
        raise typer.Exit(1)


def _read(path: Path) -> tuple[str, str]:
    data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    name = "standard input" if str(path) == "-" else str(path)
    encoding = next((encoding for bom, encoding in _BOMS.items() if data.startswith(bom)), "utf-8")
    try:
        return name, data.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotText(
            f"this is not {encoding.upper()} text", where=f"{name}: byte {error.start}", next_step="Convert it: iconv -t utf-8"
        ) from None


class _Lines:
    """Lines and columns, from 1, of places in a text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(at + 1 for at, char in enumerate(text) if char == "\n")]

    def at(self, place: int) -> tuple[int, int]:
        """Line and column."""
        line = bisect_right(self._starts, place)
        return line, place - self._starts[line - 1] + 1


def _label(one: Label) -> dict[str, Any]:
    return {"level": one.level_name, "compartments": sorted(one.compartments)}


def _document(found: Found, lines: _Lines) -> dict[str, Any]:
    line, column = lines.at(found.start)
    return {
        "type": found.type,
        "category": found.category,
        "detector": found.detector,
        "start": found.start,
        "end": found.end,
        "line": line,
        "column": column,
        "label": _label(found.label),
        "prompt": found.prompt.name.lower(),
        "answer": found.answer.name.lower(),
        "also": list(found.also),
    }


def _tell(name: str, text: str | None, result: Classification, lines: _Lines) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("line", "what", "label", "in a prompt", "in an answer", *(["text"] if text is not None else [])):
        table.add_column(title, overflow="fold")
    for found in result.findings:
        line, column = lines.at(found.start)
        also = f" [dim](or {', '.join(found.also)})[/]" if found.also else ""
        shown = [escape(harmless(text[found.start : found.end]))] if text is not None else []
        done = (found.prompt.name.lower(), found.answer.name.lower())
        table.add_row(f"{line}:{column}", f"{found.type}{also}", str(found.label), *done, *shown)
    if result.findings:
        out.print(table)
    err.print(f"{escape(name)}: [bold]{result.label}[/]; {len(result.findings)} findings")


_LEVELS: Final = ("note", "note", "warning", "error")
"""SARIF's word for each level."""


def _sarif(name: str, result: Classification, lines: _Lines) -> dict[str, Any]:
    """OASIS SARIF 2.1.0: one run, a rule for each detector that found something."""
    rules = sorted({(found.detector, found.type, found.category) for found in result.findings})
    return {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "wardstead",
                        "version": __version__,
                        "rules": [
                            {"id": rule, "name": kind, "shortDescription": {"text": f"{kind} ({category})"}}
                            for rule, kind, category in rules
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "properties": {"label": _label(result.label)},
                "results": [_sarif_result(name, found, lines) for found in result.findings],
            }
        ],
    }


def _sarif_result(name: str, found: Found, lines: _Lines) -> dict[str, Any]:
    (line, column), (end_line, end_column) = lines.at(found.start), lines.at(found.end)
    region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    return {
        "ruleId": found.detector,
        "level": _LEVELS[found.label.level],
        "message": {"text": f"{found.type}: {found.label}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": name},
                    "region": {**region, "charOffset": found.start, "charLength": found.end - found.start},
                }
            }
        ],
    }
