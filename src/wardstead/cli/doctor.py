"""``doctor``, ``isolation check``."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.processes.doctor import Sandboxes, examine, look_inside
from wardstead.cli import classify_detectors
from wardstead.cli.output import COLOURS, Json, errors, out, say_json
from wardstead.cli.state import deployment
from wardstead.cli.tls import show
from wardstead.isolation.posture import Check, State

isolation = typer.Typer(help="How model servers are isolated.", no_args_is_help=True)


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Probe the running sandbox from inside, try every detector, say how models are admitted, and what every way offers by TLS.

    Exit 1 when something is open, does not work, or does not serve by policy.
    """
    with errors(as_json=as_json):
        found = examine(deployment(context))
    if as_json:
        say_json(found.document())
    else:
        _show_sandboxes(found.sandboxes)
        for one in found.admission:
            _show_check(one)
        if found.detectors:
            classify_detectors.show(found.detectors)
        for check in (found.detectors_fault, found.backup, found.key_service):
            if check is not None:
                _show_check(check)
        show(found.transit)
    if not found.sound:
        raise typer.Exit(1)


@isolation.command("check")
def isolation_check(context: typer.Context, as_json: Json = False) -> None:
    """The probes' results: what a compromised model server could do. Exit 1 when something is open."""
    with errors(as_json=as_json):
        found = look_inside(deployment(context))
    if as_json:
        say_json(found.document())
    else:
        _show_sandboxes(found)
    if not found.closed:
        raise typer.Exit(1)


def _show_check(one: Check) -> None:
    out.print(f"[{COLOURS[one.state]}]{one.state}[/] {escape(one.title)} [dim]{escape(one.evidence)}[/]")
    if one.state is State.RED and one.next_step:
        out.print(f"  next: {escape(one.next_step)}")


def _show_sandboxes(found: Sandboxes) -> None:
    for name, probes in found.probes.items():
        closed = sum(not one.open for one in probes)
        out.print(f"[bold]{escape(name)}[/] ({found.mode.value}): {closed} of {len(probes)} probes closed, tried from inside")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for one in probes:
            mark = "[green]closed[/]" if not one.open else f"[{COLOURS[State(one.severity.value)]}]open[/]"
            table.add_row(mark, escape(one.title), f"[dim]{escape(one.detail)}[/]")
        out.print(table)
    for check in found.silent:
        _show_check(check)
