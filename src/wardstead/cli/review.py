"""``review``: what policy holds for a person, who releases or refuses it, with a reason."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.assurance.review.held import Held, Verdict
from wardstead.bootstrap.acting import Acting, at_the_command_line
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.desks.reviewing import MOST_LISTED, desk_of_command_line
from wardstead.cli.output import Json, confirm, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339

Receipt = Annotated[str, typer.Argument(help="The receipt of the exchange in which it was held.")]
By = Annotated[str, typer.Option("--by", help="Who reviews it; the policies must permit them 'reviewHeld'.")]
Reason = Annotated[str, typer.Option(help="Why: it is recorded, and the person who asked reads it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
app = typer.Typer(help="Requests and answers that policy holds for review.", no_args_is_help=True)


@app.command("list")
def list_held(
    context: typer.Context,
    by: Annotated[str, typer.Option("--by", help="What this person may review alone.")] = "",
    after: Annotated[str, typer.Option("--after", help="Go on behind this receipt, as the page before says it.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many at most.")] = MOST_LISTED,
    json: Json = False,
) -> None:
    """What waits for review, the oldest first: whose, why, until when. No texts."""
    with errors(as_json=json):
        opened = deployment(context)
        reader = _reviewer(opened, by).identity if by else None
        found = desk_of_command_line(opened).waiting(reader, after=after, limit=limit)
    if json:
        say_json({"held": [_document(one) for one in found.held], "after": found.after})
        return
    table = Table("receipt", "since", "until", "person", "held", "label", "findings", box=None, padding=(0, 2, 0, 0))
    for one in found.held:
        kinds = ", ".join(f"{each.count} {each.type}" for each in one.found)
        since, until = rfc3339(one.held_ms), rfc3339(one.deadline_ms)
        table.add_row(one.id, since, until, escape(one.person), one.subject.value, escape(str(one.label)), escape(kinds))
    out.print(table)
    if found.after:
        out.print(f"There may be more: --after {escape(found.after)}")


@app.command("show")
def show(context: typer.Context, receipt: Receipt, json: Json = False) -> None:
    """One of them: whose, why, until when, and what was decided. No texts."""
    with errors(as_json=json):
        opened = deployment(context)
        one, verdict = desk_of_command_line(opened).show(receipt), opened.reviews.find(receipt)
    if json:
        say_json({**_document(one), "decision": _decision(verdict) if verdict is not None else None})
        return
    out.print(f"{one.id}  {escape(one.person)}  {one.subject.value} of {escape(one.model)}  [bold]{escape(str(one.label))}[/]")
    for each in one.found:
        out.print(f"  {each.count} {escape(each.type)}: {each.action}")
    if verdict is None:
        out.print(f"  waits until {rfc3339(one.deadline_ms)}")
    else:
        by = f" by {escape(verdict.by)}: {escape(verdict.reason)}" if verdict.by else ""
        out.print(f"  {verdict.status.value}{by}")


@app.command("reveal")
def reveal(context: typer.Context, receipt: Receipt, by: By, yes: Yes = False, json: Json = False) -> None:
    """Show the texts that are held. Recorded in the ledger before they are shown."""
    with errors(as_json=json):
        opened = deployment(context)
        confirm(f"Show what is held in {receipt}? It is recorded that {by} looked.", yes=yes)
        said = desk_of_command_line(opened).reveal(receipt, _reviewer(opened, by))
    if json:
        say_json({"id": receipt, "texts": [{"who": one.who, "text": one.text} for one in said]})
        return
    for one in said:
        out.print(f"[bold]{escape(one.who)}[/]")
        out.print(one.text, markup=False)


@app.command("release")
def release(context: typer.Context, receipt: Receipt, by: By, reason: Reason, yes: Yes = False, json: Json = False) -> None:
    """Give a held answer to whoever asked, or let a held request be sent once more. Recorded in the ledger."""
    _decide(context, receipt, by, reason, release=True, yes=yes, as_json=json)


@app.command("refuse")
def refuse(context: typer.Context, receipt: Receipt, by: By, reason: Reason, yes: Yes = False, json: Json = False) -> None:
    """Leave it held, for good. Recorded in the ledger."""
    _decide(context, receipt, by, reason, release=False, yes=yes, as_json=json)


def _decide(context: typer.Context, receipt: str, by: str, reason: str, *, release: bool, yes: bool, as_json: bool) -> None:
    with errors(as_json=as_json):
        opened = deployment(context)
        confirm(f"{'Release' if release else 'Refuse'} what is held in {receipt}?", yes=yes)
        desk = desk_of_command_line(opened)
        act = desk.release if release else desk.refuse
        verdict = act(receipt, _reviewer(opened, by), reason)
    say(as_json, {"id": receipt, **_decision(verdict)}, f"{receipt}: {verdict.status.value}")


def _reviewer(opened: Deployment, name: str) -> Acting:
    return at_the_command_line(opened.directory.find(name))


def _document(one: Held) -> dict[str, Any]:
    return {
        "id": one.id,
        "time": rfc3339(one.held_ms),
        "until": rfc3339(one.deadline_ms),
        "user": one.person,
        "model": one.model,
        "held": one.subject.value,
        "label": one.label.document(),
        "findings": [{"type": each.type, "action": each.action, "count": each.count} for each in one.found],
    }


def _decision(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": verdict.status.value,
        "by": verdict.by,
        "reason": verdict.reason,
        "time": rfc3339(verdict.decided_ms),
        "until": rfc3339(verdict.until_ms) if verdict.until_ms else None,
    }
