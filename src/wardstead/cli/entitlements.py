"""``user``, ``group`` and ``elevation``: what is known of people, whom they belong to, and roles that they have for a time."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.access.ports import GranteeKind
from wardstead.bootstrap.identity import entitlements
from wardstead.bootstrap.identity.entitlements import Asked
from wardstead.cli.output import Json, errors, out, say, say_json
from wardstead.cli.people import Name
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339

Until = Annotated[str | None, typer.Option("--until", help="When it ends: 8h, 90d, 2027-03-01, or a time with its zone.")]
Group = Annotated[str, typer.Argument(help="The group's name.")]
By = Annotated[str, typer.Option("--by", help="Who answers for it; the policies must permit it to them.")]
IsGroup = Annotated[bool, typer.Option("--group", help="The member is a group, not a person.")]
groups = typer.Typer(help="Groups of people, which may be in one another.", no_args_is_help=True)
elevations = typer.Typer(help="Roles that are asked for, approved by somebody else, and end.", no_args_is_help=True)


def show(context: typer.Context, name: Name, json: Json = False) -> None:
    """Everything that decides what somebody may do: roles, groups, attributes, clearance."""
    with errors(as_json=json):
        who = deployment(context).directory.find(name)
    timed = [{"role": one.role, "from": _time(one.from_ms), "until": _time(one.until_ms)} for one in who.timed_roles]
    known = [
        {"name": one.name, "value": one.value, "until": _time(one.expires_ms), "source": one.source} for one in who.attributes
    ]
    said = {
        "user": who.name, "id": who.id, "active": who.active, "clearance": who.clearance.document(), "roles": sorted(who.roles),
        "timed_roles": timed, "groups": sorted(who.groups), "attributes": known,
    }  # fmt: skip
    if json:
        say_json(said)
        return
    out.print(
        f"[bold]{escape(who.name)}[/]  {'active' if who.active else 'switched off'}  cleared for {escape(str(who.clearance))}"
    )
    out.print(f"  roles: {escape(', '.join(sorted(who.roles))) or 'none'}")
    for one in who.timed_roles:
        out.print(f"  role: {escape(one.role)}  {_time(one.from_ms) or 'now'} to {_time(one.until_ms) or 'no end'}")
    if who.groups:
        out.print(f"  groups: {escape(', '.join(sorted(who.groups)))}")
    for fact in who.attributes:
        out.print(f"  {escape(fact.name)}: {escape(fact.value)}{f'  until {_time(fact.expires_ms)}' if fact.expires_ms else ''}")


def set_attribute(
    context: typer.Context,
    name: Name,
    attribute: Annotated[str, typer.Argument(help="As access.yaml declares it; 'signal' for a risk.")],
    values: Annotated[list[str] | None, typer.Argument(help="The values; none: it is unknown.")] = None,
    until: Until = None,
    add: Annotated[bool, typer.Option("--add", help="Beside the values that there are.")] = False,
    source: Annotated[str, typer.Option(help="Who says so.")] = "administrator",
    json: Json = False,
) -> None:
    """Set what is known of somebody: department, training, device …"""
    with errors(as_json=json):
        given = entitlements.set_attribute(
            deployment(context), name, attribute, values or [], until=until, add=add, source=source[:64]
        )
    say(
        json,
        {"user": name, "attribute": attribute, "values": given},
        f"{escape(name)}: {escape(attribute)} = {escape(', '.join(given))}",
    )


def give_role(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Argument(help="The role.")],
    until: Until = None,
    begin: Annotated[str | None, typer.Option("--from", help="When it begins (now).")] = None,
    json: Json = False,
) -> None:
    """Give somebody a role that ends, or begins later; those of 'set-roles' stay."""
    with errors(as_json=json):
        given = entitlements.give_role(deployment(context), name, role, begin=begin, until=until)
    said = {"user": name, "role": role, "from": _time(given.from_ms), "until": _time(given.until_ms)}
    say(json, said, f"{escape(name)}: {escape(role)} until {_time(given.until_ms) or 'no end'}")


def take_role(
    context: typer.Context, name: Name, role: Annotated[str, typer.Argument(help="The role.")], json: Json = False
) -> None:
    """End a role that somebody has for a time, at once."""
    with errors(as_json=json):
        deployment(context).entitlements.take_role(name, role)
    say(json, {"user": name, "role": role}, f"{escape(name)}: {escape(role)} ended")


@groups.command("create")
def create(context: typer.Context, group: Group, json: Json = False) -> None:
    """A new group, with nobody in it."""
    with errors(as_json=json):
        entitlements.create_group(deployment(context), group)
    say(json, {"group": group}, f"made the group {escape(group)}")


@groups.command("remove")
def remove(context: typer.Context, group: Group, json: Json = False) -> None:
    """Remove a group: what was shared with it is shared with nobody."""
    with errors(as_json=json):
        deployment(context).entitlements.remove_group(group)
    say(json, {"group": group}, f"removed the group {escape(group)}")


@groups.command("add")
def add(
    context: typer.Context, group: Group, member: Annotated[str, typer.Argument(help="Whom.")], is_group: IsGroup = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Put a person, or a group, into a group."""
    with errors(as_json=json):
        deployment(context).entitlements.add_member(group, _kind(is_group), member)
    say(json, {"group": group, "member": member}, f"{escape(member)} is in {escape(group)}")


@groups.command("take")
def take(
    context: typer.Context, group: Group, member: Annotated[str, typer.Argument(help="Whom.")], is_group: IsGroup = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Take a person, or a group, out of a group."""
    with errors(as_json=json):
        deployment(context).entitlements.remove_member(group, _kind(is_group), member)
    say(json, {"group": group, "member": member}, f"{escape(member)} is no longer in {escape(group)}")


@groups.command("list")
def list_groups(context: typer.Context, json: Json = False) -> None:
    """Every group with its members."""
    with errors(as_json=json):
        opened = deployment(context)
        names = {one.id: one.name for one in opened.directory.list_principals()}
        found = opened.entitlements.groups()
    rows: list[dict[str, Any]] = [
        {
            "group": group,
            "people": [names.get(member, member) for kind, member in members if kind == "principal"],  # type: ignore[call-overload]
            "groups": [member for kind, member in members if kind == "group"],
        }
        for group, members in found.items()
    ]
    if json:
        say_json({"groups": rows})
        return
    table = Table("group", "people", "groups", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(escape(row["group"]), escape(", ".join(row["people"])), escape(", ".join(row["groups"])))
    out.print(table)


@elevations.command("request")
def request(
    context: typer.Context,
    role: Annotated[str, typer.Argument(help="The role.")],
    by: By,
    reason: Annotated[str, typer.Option(help="Why: it is recorded.")],
    hours: Annotated[float, typer.Option(help="For how long.")] = 1.0,
    json: Json = False,
) -> None:
    """Ask for a role for some hours."""
    with errors(as_json=json):
        made = entitlements.request_role(deployment(context), by, role, hours, reason)
    say(json, {"id": made.id, "user": by, "role": role, "state": made.state}, f"{made.id}: {escape(by)} asks for {escape(role)}")


@elevations.command("approve")
def approve(context: typer.Context, request: Annotated[str, typer.Argument(help="Its id.")], by: By, json: Json = False) -> None:
    """Approve a request of somebody else: they have the role from now on, until it ends."""
    _decide(context, request, by, approving=True, json=json)


@elevations.command("refuse")
def refuse(context: typer.Context, request: Annotated[str, typer.Argument(help="Its id.")], by: By, json: Json = False) -> None:
    """Refuse a request."""
    _decide(context, request, by, approving=False, json=json)


def _decide(context: typer.Context, request_id: str, by: str, *, approving: bool, json: bool) -> None:
    with errors(as_json=json):
        made = entitlements.decide_role(deployment(context), request_id, by, approve=approving)
    say(json, {"id": made.id, "role": made.role, "state": made.state}, f"{made.id}: {escape(made.role)} {made.state}")


@elevations.command("list")
def list_requests(context: typer.Context, json: Json = False) -> None:
    """Who asked for which role, and what became of it: the newest first."""
    with errors(as_json=json):
        found = entitlements.requests(deployment(context))
    if json:
        say_json({"requests": [_asked(one) for one in found]})
        return
    table = Table("id", "person", "role", "hours", "state", "by", "reason", box=None, padding=(0, 2, 0, 0))
    for one in found:
        said = _asked(one)
        table.add_row(
            *(escape(str(said[name] or "")) for name in ("id", "user", "role", "hours", "state", "decided_by", "reason"))
        )
    out.print(table)


def _asked(one: Asked) -> dict[str, Any]:
    made = one.request
    return {
        "id": made.id, "user": one.person, "role": made.role, "hours": made.duration_ms / entitlements.HOUR_MS,
        "reason": made.reason, "requested": rfc3339(made.requested_ms), "state": made.state, "decided_by": one.decided_by,
        "decided": _time(made.decided_ms),
    }  # fmt: skip


def _kind(is_group: bool) -> GranteeKind:
    return GranteeKind.GROUP if is_group else GranteeKind.PRINCIPAL


def _time(moment_ms: int | None) -> str | None:
    return rfc3339(moment_ms) if moment_ms is not None else None
