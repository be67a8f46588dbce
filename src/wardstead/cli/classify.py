"""``classify``: what texts and documents hold, how sensitive that makes them, and what would happen to it.

``classify FILE|-`` is a group's default command. Further commands (``classify test`` …) live in modules of their own,
``cli/classify_NAME.py``, and join in ``cli/main.py``: ``classify.app.command("test")(classify_test.test)``. A file that is
called like one of them is given as ``./test``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.progress import Progress
from typer.core import TyperGroup

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.inspection import classifier
from wardstead.bootstrap.identity.people import clearance
from wardstead.bootstrap.policy.asking import FOLDER
from wardstead.bootstrap.policy.classification import classification_named, not_active
from wardstead.bootstrap.reading import kind_of, read_bounded, read_regular
from wardstead.cli.classify_policy import Which, tell_not_active
from wardstead.cli.classify_report import Classified, Passed, Read, Unread, document, read, tell, tell_all
from wardstead.cli.classify_sarif import sarif
from wardstead.cli.output import Json, err, errors, say_json
from wardstead.cli.state import deployment
from wardstead.inspection.classify import Classifier
from wardstead.kernel.errors import CallerError, WardsteadError

MUCH: Final = 256 * 1024
"""From so many bytes on, the time to compile a scanner is won back."""
MOST: Final = 1 << 30
"""No more bytes are read of one file, or of standard input. What is no plain text has ``documents.max_bytes`` besides."""

MOST_FINDINGS: Final = 10_000
"""So many are listed where nobody says how many: a text of 100 MB may hold millions."""


class NothingToRead(CallerError):
    """A folder without files."""

    code = "nothing_to_read"


class CannotRead(CallerError):
    """What was named is no regular file, is too large, or may not be read."""

    code = "cannot_read"


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
    subcommand_metavar="FILE…|-",
    help="Explain what texts and documents hold: [bold]classify FILE…[/], or [bold]classify -[/] for standard input; "
    "[bold]classify file --help[/] tells of the options.",
)


@app.command(_FILES)
def classify(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(help="Texts, documents, or folders of them; - for standard input.", metavar="FILE…|-")
    ],
    fail_on: Annotated[
        str,
        typer.Option(
            help="Exit 1 when one of them has this level, or a higher one, or a detector did not work.", metavar="LEVEL"
        ),
    ] = "",
    show: Annotated[bool, typer.Option("--show", help="Show what was found, too.")] = False,
    skip_unread: Annotated[
        bool, typer.Option("--skip-unread", help="Of several files, pass over those that cannot be read (they are listed).")
    ] = False,
    most: Annotated[
        int, typer.Option("--most", min=0, help="List so many findings of all files together; what is more is counted by type.")
    ] = MOST_FINDINGS,
    sarif_: Annotated[bool, typer.Option("--sarif", help="Answer with SARIF 2.1.0 on standard output.")] = False,
    which: Which = FOLDER,
    json: Json = False,
) -> None:
    """Explain what texts and documents hold: each finding, its label, and what happens to it in prompts and in answers.

    By the policy in the folder, also where that is not active.
    """
    with errors(as_json=json):
        place = deployment(context)
        limit = clearance(place, fail_on, ()) if fail_on else None
        passed: list[Passed] = []
        unread: list[Unread] = []
        sources = list(_sources(files, passed, unread))
        several = sarif_ or len(sources) > 1 or any(map(_is_folder, files))
        policy = classification_named(place, which)
        explain = classifier(place, scan=sum(map(_size_bytes, sources)) >= MUCH, policy=policy)
        inactive = which == FOLDER and not_active(place)
        results = [*unread, *_results(place, explain, sources, most, several=several)]
    scan = Classified(tuple(results), several=several, passed=tuple(passed))
    if sarif_:
        say_json(sarif(scan, policy.levels))
    elif json:
        say_json(document(scan))
    elif several:
        tell_all(scan, show=show)
    else:
        tell(scan.read[0], show=show)
    tell_not_active(inactive=inactive)
    # What a detector did not look for may be there: nobody may take that for clean.
    if limit is not None and (scan.label.level.rank >= limit.level.rank or scan.failed):
        raise typer.Exit(1)
    if scan.unread and not skip_unread:
        raise typer.Exit(max(one.error.exit_code for one in scan.unread))


def _sources(files: Iterable[Path], passed: list[Passed], unread: list[Unread]) -> Iterator[Path]:
    """The files themselves, and those in folders, in their order. In folders links are not followed, and of pipes, devices
    and sockets there is nothing to read: they are ``passed``. Folders that cannot be read are ``unread``."""
    for path in files:
        if str(path) == "-" or not _is_folder(path):
            yield path
            continue
        before = len(unread)
        found = list(_below(path, passed, unread))
        if not found and len(unread) == before:
            raise NothingToRead("there is no file in this folder", where=str(path), why=_why_none(passed))
        yield from found


def _is_folder(path: Path) -> bool:
    """Also of what may not be looked at, or has no possible name: ``Path.is_dir`` raises then."""
    return os.path.isdir(path)  # noqa: PTH112


def _below(folder: Path, passed: list[Passed], unread: list[Unread]) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        where, why = str(error.filename), error.strerror or ""
        unread.append(Unread(where, CannotRead("the folder cannot be read", where=where, why=why)))

    for at, folders, names in os.walk(folder, onerror=refused):
        folders.sort()
        for name in sorted([*names, *(one for one in folders if os.path.islink(Path(at, one)))]):  # noqa: PTH114
            one = Path(at, name)
            try:
                kind = kind_of(one.lstat().st_mode)
            except OSError:
                kind = ""  # reading it says why
            if kind:
                passed.append(Passed(str(one), kind))
            else:
                yield one


def _size_bytes(path: Path) -> int:
    """Of a file that can be looked at; why another cannot is said when it is read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _why_none(passed: list[Passed]) -> str:
    return f"links, pipes and devices are passed over: {len(passed)} here" if passed else ""


def _results(place: Deployment, explain: Classifier, sources: list[Path], most: int, *, several: bool) -> Iterator[Read | Unread]:
    with Progress(console=err, transient=True, disable=not several or not err.is_terminal) as progress:
        task = progress.add_task("reading", total=len(sources))
        for path in sources:
            progress.update(task, description=escape(path.name))
            try:
                result = _read(place, explain, path, most)
                most -= len(result.findings)
                yield result
            except WardsteadError as error:
                if not several:
                    raise
                yield Unread(str(path), error)
            progress.advance(task)


def _read(place: Deployment, explain: Classifier, path: Path, most: int) -> Read:
    if str(path) == "-":
        name = "standard input"
        data = read_bounded(sys.stdin.buffer, name, MOST, CannotRead)
    else:
        name, data = str(path), read_regular(path, MOST, CannotRead)
    extracted = place.extractor.extract(data, path.name if str(path) != "-" else name, place.settings.documents.limits())
    return read(name, extracted, explain.classify, max(0, most))
