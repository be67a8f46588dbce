"""``config``: check, show, schema."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import typer

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.inspection import inspector
from wardstead.bootstrap.policy.policies import waiting
from wardstead.bootstrap.policy.shipped import lacking_actions
from wardstead.bootstrap.processes.model_servers import require_model_files
from wardstead.bootstrap.warnings import levels_without_meaning, written_by_others
from wardstead.cli.output import Json, err, errors, say_json
from wardstead.cli.state import folder
from wardstead.config import json_schema

app = typer.Typer(help="The configuration.", no_args_is_help=True)


@app.command("check")
def check(context: typer.Context, json: Json = False) -> None:
    """Check configuration, policies, detectors and keys without starting anything. Exit 3 when something is wrong."""
    from wardstead.bootstrap.detection.scores import (
        outdated_thresholds,  # numpy takes long to import, and other commands need it not
    )
    from wardstead.bootstrap.identity.federation import Federation  # as much, for its HTTP client
    from wardstead.bootstrap.identity.synchronising import check_sources

    with errors(as_json=json):
        found = Deployment(folder(context))
        folder_policies = found.folder_policies()
        point = folder_policies.point
        Federation(found)
        check_sources(found)
        classified = found.folder_classification()
        version = inspector(found, policy=classified).version
        require_model_files(found)
        models = [model.name for model in found.settings.models]
        known = frozenset(classified.compartments)
        seers = classified.seers()
        roles = point.roles | folder_policies.rules.roles.keys()
        outdated = outdated_thresholds(found)
        open_to_others = written_by_others(found)
        warnings = waiting(found) + lacking_actions(found, point) + levels_without_meaning(found, classified.levels)
    warnings += [f"no policy permits anybody to {action}" for action in sorted(point.unpermitted - point.unknown_actions)]
    warnings += [
        f"the threshold of {kind} does not count: it was measured with other weights; run 'wardstead classify calibrate'"
        for kind in outdated
    ]
    warnings += [
        f"the model {model.name} is cleared for {one}, a compartment that no rule of the classification policy gives"
        for model in found.settings.models
        for one in sorted(set(model.clearance.compartments) - known)
    ]
    warnings += [
        f"seen_by of the classification policy names the role {one!r}, which no access policy knows: nobody has it"
        for one in sorted(seers - roles)
    ]
    warnings += [f"others than its owner may write {path}: run 'chmod go-w {path}'" for path in open_to_others]
    if json:
        versions = {"policy": point.version, "inspection": version}
        say_json({"ok": True, "models": models, **versions, "warnings": warnings})
    else:
        err.print(f"[green]ok[/]: models {', '.join(models) or 'none'}")
        err.print(
            f"[dim]policy {point.version}, inspection {short(version)}; each intent records them in full, as --json has them[/]"
        )
        for warning in warnings:
            err.print(f"[yellow]warning[/]: {warning}")


def short(version: str) -> str:
    """An inspection's version for people: the classification policy's own, and a digest of the whole."""
    return f"{version.partition('/')[0]} ({sha256(version.encode()).hexdigest()[:12]})"


@app.command("show")
def show(context: typer.Context, json: Json = True) -> None:
    """The settings in force, defaults and environment included, as JSON."""
    with errors(as_json=json):
        settings = Deployment(folder(context)).settings
    say_json(msgspec.to_builtins(settings))


@app.command("schema")
def schema(json: Json = True) -> None:
    """The JSON Schema of wardstead.yaml."""
    del json  # there is no other form
    say_json(json_schema())
