"""``classify detectors``: what looks at texts, and whether it works."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.detection.detectors import reports
from wardstead.bootstrap.detection.inspection import pattern_detectors
from wardstead.cli.output import Json, err, errors, out, say_json
from wardstead.cli.state import deployment
from wardstead.inspection.contract import Checkup, State
from wardstead.inspection.patterns.catalogue import Detector
from wardstead.kernel.text import harmless

_COLOURS: Final = {State.READY: "green", State.DEGRADED: "yellow", State.BROKEN: "red"}


def detectors(context: typer.Context, json: Json = False) -> None:
    """Try every detector beyond the patterns: does it work, does it keep the contract, how long does it take. Exit 1 if not."""
    with errors(as_json=json):
        found = deployment(context)
        patterns = pattern_detectors(found)
        results = reports(found)
    if json:
        tried = [msgspec.to_builtins(one) for one in results]
        say_json({"patterns": len(patterns), "pattern_types": _by_category(patterns), "detectors": tried})
    else:
        show(results)
        show_patterns(patterns)
    if any(one.state is not State.READY for one in results):
        raise typer.Exit(1)


def _by_category(patterns: Sequence[Detector]) -> dict[str, list[str]]:
    """The types that patterns find, under their categories: both are what a policy's rules name."""
    found: dict[str, set[str]] = {}
    for one in patterns:
        found.setdefault(one.category, set()).add(one.type)
    return {category: sorted(found[category]) for category in sorted(found)}


def show_patterns(patterns: Sequence[Detector]) -> None:
    """What patterns find, by category."""
    table = Table(box=None, pad_edge=False)
    for title in ("category", "types that patterns find"):
        table.add_column(title, overflow="fold")
    for category, types in _by_category(patterns).items():
        table.add_row(escape(category), escape(", ".join(types)))
    out.print()
    out.print(table)
    err.print(f"{len(patterns)} patterns, which were tried when they were loaded")


def show(results: list[Checkup]) -> None:
    """A line for each detector; how long it takes, where that was measured."""
    measured = any(one.ms for one in results)
    table = Table(box=None, pad_edge=False)
    for title in ("detector", "state", *(["ms for 2 KB"] if measured else []), "finds"):
        table.add_column(title, overflow="fold")
    for one in results:
        why = f": {escape(harmless(one.why))}" if one.why else ""
        state = f"[{_COLOURS[one.state]}]{one.state.value}[/]{why}"
        took = [f"{one.ms:.2f}" if one.ms else ""] if measured else []
        table.add_row(escape(one.id), state, *took, escape(", ".join(one.types)))
    out.print(table)
