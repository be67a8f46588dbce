"""How commands speak: results on standard output, as JSON where asked for; the rest on standard error. No traceback."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)
from rich.text import Text
from sqlalchemy.exc import DatabaseError

from wardstead.bootstrap.deployment import explained
from wardstead.bootstrap.kept.saving import save
from wardstead.isolation.posture import State
from wardstead.kernel.errors import BackendError, CallerError, WardsteadError
from wardstead.kernel.text import harmless

Json = Annotated[bool, typer.Option("--json", help="Answer with JSON on standard output.")]
INTERRUPTED = 130
"""Ended by Ctrl-C: 128 and the signal's number, as shells have it."""
COLOURS: Final = {State.GREEN: "green", State.AMBER: "yellow", State.RED: "bold red"}
"""How a state of the posture is shown."""


class _Harmless(Console):
    """Shows what others wrote and does not obey it: control characters are marked, and no word becomes a picture."""

    def render_str(self, text: str, **options: Any) -> Text:
        """See ``Console.render_str``, through which every text goes."""
        shown = "\n".join(harmless(line) for line in text.split("\n"))
        return super().render_str(shown, **{**options, "emoji": False})


out = _Harmless(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
err = _Harmless(stderr=True, highlight=False, soft_wrap=True)


def say_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()


def save_json(path: Path, value: Any) -> None:
    """One JSON document in a new file. Raises ``FileInTheWay``."""
    save(path, (json.dumps(value, indent=2) + "\n").encode())


def say(as_json: bool, value: Any, text: str) -> None:
    """``value`` as JSON on standard output where asked for, else ``text`` on standard error."""
    if as_json:
        say_json(value)
    else:
        err.print(text)


@contextmanager
def reading(name: str, total: int | None = None, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """For a terminal, while files are read: how much of how much, and how fast. It is told of bytes as they are read."""
    columns = (TextColumn("[progress.description]{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as progress:
        yield partial(progress.advance, progress.add_task(escape(name), total=total))


def step(text: str) -> None:
    """A line of progress."""
    err.print(f"[dim]·[/] {escape(text)}")


def fail(error: WardsteadError, *, as_json: bool) -> NoReturn:
    """Say what went wrong and what to do, and end with the error's exit code."""
    said = error.diagnostics()
    if as_json:
        say_json({"error": said})
        raise typer.Exit(error.exit_code)
    err.print(
        f"[bold red]error[/] [dim]{said['code']}[/] {escape(error.where + ': ' if error.where else '')}{escape(error.what)}"
    )
    for name, title in (("why", "why   "), ("next_step", "next  "), ("decision", "decision "), ("receipt", "receipt  ")):
        if name in said:
            err.print(f"  [dim]{title}[/]{escape(said[name])}")
    raise typer.Exit(error.exit_code)


def isolation_banner() -> None:
    """Shout that nothing isolates the model server."""
    err.print("[bold white on red] ISOLATION IS OFF: the model server runs with your rights, your files and your network [/]")


@contextmanager
def errors(*, as_json: bool = False) -> Iterator[None]:
    """Turn what went wrong into a message and an exit code."""
    try:
        yield
    except WardsteadError as error:
        fail(error, as_json=as_json)
    except DatabaseError as error:
        fail(explained(error), as_json=as_json)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # nobody reads what we say
        where = str(error.filename or "")
        fail(BackendError("the system refused", where=where, why=error.strerror or str(error)), as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be taken back; ``--yes`` answers. On standard error: output may go into a file."""
    if yes:
        return
    err.print(f"{question} [y/N]: ", end="", markup=False)
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if not answer:
        err.print()
        fail(CallerError("nobody answered, and nothing was done", next_step="say --yes where nobody can be asked"), as_json=False)
    if answer.strip().casefold() not in {"y", "yes"}:
        raise typer.Exit(2)
