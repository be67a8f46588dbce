"""``model rescan``: what serves is scanned anew, now; the recorder does so on a schedule."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from wardstead.bootstrap.models.rescanning import Rescan, rescan, scannable
from wardstead.cli.output import Json, errors, out, reading, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError
from wardstead.kernel.text import harmless
from wardstead.supply.rules import RULES


def rescan_(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="One model; else all that are admitted.", metavar="[NAME]")] = "",
    json: Json = False,
) -> None:
    """Scan admitted models anew; what is new and policy does not let pass suspends. Exit 1 where something is."""
    with errors(as_json=json):
        opened = deployment(context)
        found = [one for one in scannable(opened) if not name or one.candidate.model == name]
        if name and not found:
            raise CallerError(f"{name[:80]!r} is not admitted", next_step="'wardstead model list'")
        done = []
        for admitted in found:
            about = admitted.candidate
            with reading(about.model, sum(file.size_bytes for file in about.files), quiet=json) as read:
                done.append(rescan(opened, admitted, read))
    if json:
        say_json({"models": [_document(one) for one in done]})
    for one in done if not json else ():
        out.print(f"{escape(one.model)}: [bold]{one.verdict}[/], {len(one.new)} that nobody knew of")
        for each in one.new:
            out.print(f"  [bold red]{escape(harmless(each.file))}[/]: {RULES[each.rule].title} [dim]({each.rule})[/]")
        if one.not_scanned:
            out.print(f"  [dim]encrypted, scanned before it was: {escape(harmless(', '.join(one.not_scanned)))}[/]")
    if any(one.new for one in done):
        raise typer.Exit(1)


def _document(one: Rescan) -> dict[str, Any]:
    return {
        "model": one.model, "at": rfc3339(one.at_ms), "scanner": one.scanner, "verdict": one.verdict,
        "new": [each.document() for each in one.new], "not_scanned": list(one.not_scanned),
    }  # fmt: skip
