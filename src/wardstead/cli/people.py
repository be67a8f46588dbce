"""``user``: who may come in, and what they are."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.identity import people
from wardstead.cli.output import Json, err, errors, out, say, say_json
from wardstead.cli.state import deployment

Name = Annotated[str, typer.Argument(help="The person's name.")]
Force = Annotated[bool, typer.Option("--force", help="Also of the last active administrator.")]
Level = Annotated[str, typer.Option("--level", help="Clearance: one of the classification policy's levels.")]
COMPARTMENT = "A compartment of the clearance; may be given several times"
users = typer.Typer(help="People: who they are and what they may do.", no_args_is_help=True)


@users.command("add")
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[list[str] | None, typer.Option("--role", help="A role; may be given several times (user).")] = None,
    level: Level = people.USUAL_LEVEL,
    compartment: Annotated[list[str] | None, typer.Option(help=f"{COMPARTMENT} (personal).")] = None,
    json: Json = False,
) -> None:
    """Add a person, with a one-time secret for the console."""
    with errors(as_json=json):
        found = deployment(context)
        person = people.add(found, name, role or ["user"], level, compartment if compartment is not None else ["personal"])
        secret = secrets.token_urlsafe(18)
        found.passwords.set_password(name, secret, must_change=True)
    if json:
        say_json({"id": person.id, "user": name, "secret": secret})
    else:
        out.print(f"{escape(name)}: one-time secret [bold]{escape(secret)}[/] (shown once)")


@users.command("list")
def list_users(context: typer.Context, json: Json = False) -> None:
    """Everybody."""
    with errors(as_json=json):
        everybody = deployment(context).directory.list_principals()
    rows = [
        {
            "user": one.name,
            "id": one.id,
            "active": one.active,
            "clearance": one.clearance.document(),
            "roles": sorted(one.roles),
        }
        for one in everybody
    ]
    if json:
        say_json({"users": rows})
        return
    table = Table("name", "roles", "clearance", "active", box=None, padding=(0, 2, 0, 0))
    for one in everybody:
        table.add_row(escape(one.name), ", ".join(sorted(one.roles)), str(one.clearance), "yes" if one.active else "no")
    out.print(table)


@users.command("disable")
def disable(context: typer.Context, name: Name, force: Force = False, json: Json = False) -> None:
    """Switch an account off: every session ends, every key stops working, at once."""
    with errors(as_json=json):
        people.disable(deployment(context), name, force=force)
    say(json, {"user": name, "active": False}, f"{escape(name)} is switched off")


@users.command("enable")
def enable(context: typer.Context, name: Name, json: Json = False) -> None:
    """Switch an account on again."""
    with errors(as_json=json):
        deployment(context).directory.set_active(name, True)
    say(json, {"user": name, "active": True}, f"{escape(name)} is switched on")


@users.command("set-roles")
def set_roles(
    context: typer.Context,
    name: Name,
    roles: Annotated[list[str], typer.Argument(help="The roles, and no others.")],
    force: Force = False,
    json: Json = False,
) -> None:
    """Give somebody these roles."""
    with errors(as_json=json):
        people.set_roles(deployment(context), name, roles, force=force)
    say(json, {"user": name, "roles": sorted(roles)}, f"{escape(name)}: {escape(', '.join(sorted(roles)))}")


@users.command("set-clearance")
def set_clearance(
    context: typer.Context,
    name: Name,
    level: Level,
    compartment: Annotated[list[str] | None, typer.Option(help=f"{COMPARTMENT} (none).")] = None,
    json: Json = False,
) -> None:
    """Clear somebody for a level and these compartments, and no others."""
    with errors(as_json=json):
        given = people.clear(deployment(context), name, level, compartment or [])
    say(json, {"user": name, "clearance": given.document()}, f"{escape(name)} is cleared for {escape(str(given))}")


@users.command("reset-password")
def reset_password(context: typer.Context, name: Name, json: Json = False) -> None:
    """A new one-time secret; every session of the person ends."""
    secret = secrets.token_urlsafe(18)
    with errors(as_json=json):
        deployment(context).passwords.set_password(name, secret, must_change=True)
    if json:
        say_json({"user": name, "secret": secret})
    else:
        out.print(f"{escape(name)}: one-time secret [bold]{escape(secret)}[/] (shown once)")


@users.command("reset-second-factor")
def reset_second_factor(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why: it is recorded.")],
    json: Json = False,
) -> None:
    """Take somebody's authenticator, recovery codes and passkeys away; every session of theirs ends."""
    from wardstead.bootstrap.identity import second_factors  # what draws and checks codes is not imported for other commands

    with errors(as_json=json):
        had = second_factors.reset(deployment(context), name, reason)
    said = {"user": name, "authenticator": had.codes_since_ms is not None, "passkeys": had.passkeys}
    say(json, said, f"{escape(name)} has no second factor any more, and signs in with the password alone")


@users.command("sync")
def sync(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    leavers: Annotated[int, typer.Option(min=0, help="So many people may lose everything, whatever their share.")] = 0,
    json: Json = False,
) -> None:
    """Read the LDAP directories of wardstead.yaml now, and carry out what they say."""
    from wardstead.bootstrap.identity.synchronising import synchronise  # other commands need it not

    with errors(as_json=json):
        found = deployment(context)
        reports = [synchronise(found, one, dry_run=dry_run, leavers=leavers) for one in found.settings.identity.directories]
    if json:
        say_json({"directories": [asdict(one) for one in reports], "dry_run": dry_run})
        return
    for one in reports:
        done = f"{len(one.added)} added, {len(one.changed)} changed, {len(one.ended)} ended"
        out.print(f"{escape(one.source)}: {one.people} people; {done}{' (nothing was written)' if dry_run else ''}")
        for name, why in sorted(one.refused.items()):
            err.print(f"{escape(name)}: {escape(why)}")


@users.command("link")
def link(
    context: typer.Context,
    name: Name,
    subject: Annotated[str, typer.Option(help="What the identity provider calls them in its tokens ('sub').")],
    provider: Annotated[str, typer.Option(help="The provider's id in wardstead.yaml.")],
    json: Json = False,
) -> None:
    """Let an identity provider vouch for a person who is known here."""
    from wardstead.bootstrap.identity.federation import (
        Federation,  # its HTTP client takes long to import, and other commands need it not
    )

    with errors(as_json=json):
        Federation(deployment(context)).link(name, subject, provider)
    done = {"user": name, "provider": provider, "subject": subject}
    say(json, done, f"{escape(provider)} vouches for {escape(name)} from now on")


@users.command("unlink")
def unlink(context: typer.Context, name: Name, json: Json = False) -> None:
    """No identity provider vouches for a person any more; sessions that came of it end."""
    from wardstead.bootstrap.identity.federation import Federation  # as above

    with errors(as_json=json):
        links = Federation(deployment(context)).unlink(name)
    say(json, {"user": name, "links": links}, f"no provider vouches for {escape(name)} any more (there were {links} links)")
