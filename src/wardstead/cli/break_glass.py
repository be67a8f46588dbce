"""``user break-glass``: accounts for emergencies, and who opens them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.acting import at_the_command_line
from wardstead.bootstrap.identity import break_glass
from wardstead.bootstrap.identity.entitlements import HOUR_MS
from wardstead.cli.output import Json, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339

Name = Annotated[str, typer.Argument(help="The account.")]
Id = Annotated[str, typer.Argument(help="The opening's id.")]
By = Annotated[str, typer.Option("--by", help="In whose name; the record also says who ran the command.")]
accounts = typer.Typer(help="Accounts for emergencies: sealed, opened by two people.", no_args_is_help=True)


@accounts.command("seal")
def seal(
    context: typer.Context,
    name: Name,
    role: Annotated[list[str], typer.Option("--role", help="A role that it has while it is open.")],
    approver: Annotated[list[str], typer.Option("--approved-by", help="A role whose holders open it.")],
    hours: Annotated[float, typer.Option("--max-hours", help="For how long it may be opened.")] = 4.0,
    json: Json = False,
) -> None:
    """Make an account one for emergencies: its roles and sessions end, and it signs in only while it is open."""
    with errors(as_json=json):
        made = break_glass.seal(deployment(context), name, role, hours, approver)
    said = {"user": name, "roles": sorted(made.roles), "approved_by": sorted(made.approvers), "max_hours": hours}
    say(json, said, f"{escape(name)} is sealed")


@accounts.command("ask")
def ask(
    context: typer.Context,
    name: Name,
    by: By,
    reason: Annotated[str, typer.Option(help="Why: it is recorded.")],
    hours: Annotated[float, typer.Option(help="For how long.")] = 1.0,
    json: Json = False,
) -> None:
    """Ask that one be opened."""
    with errors(as_json=json):
        opened = deployment(context)
        made = break_glass.ask(opened, name, at_the_command_line(opened.directory.find(by)), reason, hours)
    say(json, {"id": made.id, "user": name, "state": made.state}, f"{made.id}: {escape(by)} asks to open {escape(name)}")


@accounts.command("open")
def open_it(context: typer.Context, opening: Id, by: By, json: Json = False) -> None:
    """Open it, as somebody else than who asked: it seals itself when its time is over."""
    _settle(context, opening, by, approve=True, json=json)


@accounts.command("refuse")
def refuse(context: typer.Context, opening: Id, by: By, json: Json = False) -> None:
    """Leave it sealed."""
    _settle(context, opening, by, approve=False, json=json)


@accounts.command("close")
def close(context: typer.Context, name: Name, json: Json = False) -> None:
    """Seal one again at once: its sessions end."""
    with errors(as_json=json):
        break_glass.close(deployment(context), name)
    say(json, {"user": name, "open": False}, f"{escape(name)} is sealed")


@accounts.command("list")
def show(context: typer.Context, json: Json = False) -> None:
    """Every account for emergencies, and who had which opened and why, the newest first."""
    with errors(as_json=json):
        opened = deployment(context)
        known, asked = break_glass.accounts(opened), break_glass.openings(opened)
    rows: list[dict[str, Any]] = [
        {
            "user": one.name, "open_until": _time(one.until_ms), "roles": sorted(one.sealed.roles),
            "approved_by": sorted(one.sealed.approvers), "max_hours": one.sealed.max_ms / HOUR_MS,
        }
        for one in known
    ]  # fmt: skip
    openings = [_opening(one) for one in asked]
    if json:
        say_json({"accounts": rows, "openings": openings})
        return
    table = Table("account", "open until", "roles", "opened by", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(
            escape(row["user"]), row["open_until"] or "sealed", ", ".join(row["roles"]), ", ".join(row["approved_by"])
        )  # fmt: skip
    out.print(table)
    for one in openings:
        said = f"{one['id']} {one['user']}: {one['state']}, asked by {one['asked_by']}: {one['reason']}"
        out.print(f"[dim]{escape(said)}[/]")


def _settle(context: typer.Context, opening: str, by: str, *, approve: bool, json: bool) -> None:
    with errors(as_json=json):
        opened = deployment(context)
        done = break_glass.settle(opened, opening, at_the_command_line(opened.directory.find(by)), approve=approve)
    until = _time(done.until_ms)
    told = f"{done.id}: {done.state}{f' until {until}' if until else ''}"
    say(json, {"id": done.id, "state": done.state, "until": until}, told)


def _opening(one: break_glass.Told) -> dict[str, Any]:
    made = one.opening
    return {
        "id": made.id, "user": one.account, "state": made.state, "asked_by": one.requested_by, "decided_by": one.decided_by,
        "reason": made.reason, "hours": made.duration_ms / HOUR_MS, "until": _time(made.until_ms),
        "asked": rfc3339(made.requested_ms),
    }  # fmt: skip


def _time(moment_ms: int | None) -> str | None:
    return rfc3339(moment_ms) if moment_ms is not None else None
