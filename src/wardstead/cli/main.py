"""``wardstead``: the command line. Exit codes: 0 clean, 1 findings, 2 usage, 3 configuration, 4 unreachable, 5 integrity."""

from __future__ import annotations

import os
import resource
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from wardstead import __version__
from wardstead.cli.tree import Root

DEFECT = 70
"""Something failed that nobody foresaw (sysexits.h: EX_SOFTWARE): never to be taken for findings."""
_STANDARD_ERROR = 2
app = typer.Typer(
    cls=Root,
    name="wardstead",
    help="Makes a locally deployed language model safe to rely on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"wardstead {__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Option("-C", "--deployment", envvar="WARDSTEAD_DEPLOYMENT", help="The deployment folder.", metavar="DIR")
    ] = Path("deployment"),
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Makes a locally deployed language model safe to rely on."""
    del version
    context.obj = directory


def _open_standard_streams() -> None:
    """Those that whoever started us closed: the next file that is opened would be one of them, and what is printed go into it."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin, sys.stdout, sys.stderr = (
        stream or os.fdopen(number, mode)
        for number, (stream, mode) in enumerate([(sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w")])
    )


def run() -> None:
    """The entry point."""
    _open_standard_streams()
    # What commands write (logs, the database, exports) is for their owner: a folder's mode alone does not travel with a copy.
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # nor does a crash write down what memory holds; children inherit it
    try:
        app()
    except Exception as error:  # noqa: BLE001 -- the last net: a defect is not one of the documented outcomes
        traceback.print_exception(error)
        sys.exit(DEFECT)
