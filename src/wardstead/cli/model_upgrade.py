"""``model upgrade-check``: what would change if another model took the place of one, and what is asked before it may."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from wardstead.bootstrap.models.upgrading import asked_of, candidate_of, checked
from wardstead.cli.output import Json, errors, out, reading, say_json
from wardstead.cli.state import deployment, folder
from wardstead.kernel.text import harmless
from wardstead.supply.admission_policy import Requirement
from wardstead.supply.rules import RULES
from wardstead.supply.upgrade import Upgrade


def upgrade_check(
    context: typer.Context,
    old: Annotated[Path, typer.Argument(help="A file or folder; or the name of a model that was admitted.", metavar="OLD")],
    new: Annotated[Path, typer.Argument(help="A file or folder.", metavar="NEW")],
    up_to: Annotated[str, typer.Option("--up-to", help="The level of data that it is to be admitted for.")] = "",
    json: Json = False,
) -> None:
    """Say what would change: files, template, licence, findings, facts, and what policy asks. Exit 1 where it may not pass."""
    with errors(as_json=json):
        opened = deployment(context) if (folder(context) / "wardstead.yaml").exists() else None
        known = candidate_of(opened, str(old)) if opened is not None else None
        with reading(f"{old.name} and {new.name}", quiet=json) as read:
            found = checked(opened, known or old, new, read)
        asked = asked_of(opened, up_to or (known.ceiling if known else "")) if opened is not None else None
    if json:
        say_json(_document(str(old), str(new), found, asked))
    else:
        _tell(found, asked)
    if found.new:
        raise typer.Exit(1)


def _document(old: str, new: str, found: Upgrade, asked: Requirement | None) -> dict[str, Any]:
    return {
        "old": old, "new": new, "same": found.same,
        "verdict": {"before": found.verdict_before.value, "after": found.verdict.value},
        "files": {"added": found.added, "removed": found.removed, "changed": found.changed},
        "findings": {"new": [one.document() for one in found.new], "gone": [one.document() for one in found.gone]},
        "licences": {"before": found.licences_before, "after": found.licences},
        "template_changes": found.template_changes,
        "other": [{"kind": one.kind, "place": one.place, "before": one.before, "after": one.after} for one in found.other],
        "asks": None if asked is None else {
            "up_to": asked.up_to, "scan": asked.scan, "approvals": asked.approvals, "bom": asked.bom,
            "publisher": asked.publisher, "advisories": asked.advisories, "valid_days": asked.valid_days,
        },
    }  # fmt: skip


def _tell(found: Upgrade, asked: Requirement | None) -> None:
    for mark, style, names in (("+", "green", found.added), ("-", "red", found.removed), ("~", "yellow", found.changed)):
        for name in names:
            out.print(f"[{style}]{mark}[/] {escape(harmless(name))}")
    if found.template_changes:
        out.print("[yellow]~[/] the chat template: read it; it decides what the model is told")
    if found.licences != found.licences_before:
        before, after = (", ".join(each) or "none" for each in (found.licences_before, found.licences))
        out.print(f"[yellow]~[/] licences: {escape(harmless(before))} → {escape(harmless(after))}")
    for one in found.new:
        out.print(f"[bold red]new[/] {escape(harmless(one.file))}: {RULES[one.rule].title} [dim]({one.rule})[/]")
    for one in found.gone:
        out.print(f"[green]gone[/] {escape(harmless(one.file))}: {RULES[one.rule].title} [dim]({one.rule})[/]")
    for change in found.other:
        values = " → ".join(each for each in (change.before, change.after) if each)
        out.print(f"[yellow]~[/] {escape(harmless(change.place))} [dim]{escape(harmless(values[:200]))}[/]")
    if asked is not None:
        needs = [f"a scan that is {'not blocked' if asked.scan == 'suspicious' else 'clean'}", "a review"]
        needs += [f"{asked.approvals} approval{'s' if asked.approvals > 1 else ''}, not by whoever adds it"]
        needs += ["an AIBOM"] if asked.bom else []
        needs += ["a trusted publisher's signature"] if asked.publisher else []
        out.print(f"to be admitted up to {asked.up_to}: {', '.join(needs)}; begin with 'wardstead model add'")
    said = "nothing would change" if found.same else f"{found.verdict_before} before, [bold]{found.verdict}[/] after"
    out.print(said)
