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
from wardstead.cli import (
    access,
    access_ask,
    advisories,
    backup,
    break_glass,
    certificates,
    chat,
    classify,
    classify_calibrate,
    classify_detectors,
    classify_known,
    classify_policy,
    classify_what_if,
    config,
    conversations,
    entitlements,
    erasing,
    keys,
    ledger,
    library,
    model,
    model_admission,
    model_bom,
    model_weights,
    packages,
    people,
    review,
    root_keys,
    running,
    share,
)
from wardstead.cli.output import DEFECT

app = typer.Typer(
    name="wardstead",
    help="Makes a locally deployed language model safe to rely on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(people.users, name="user")
people.users.add_typer(break_glass.accounts, name="break-glass")
people.users.command("erase")(erasing.erase)
people.users.command("hold")(erasing.hold)
people.users.command("release")(erasing.release)
people.users.command("erasures")(erasing.erasures)
app.add_typer(keys.app, name="key")
app.add_typer(certificates.app, name="certificate")
app.add_typer(root_keys.app, name="keys")
app.add_typer(share.app, name="share")
app.add_typer(entitlements.groups, name="group")
app.add_typer(entitlements.elevations, name="elevation")
app.add_typer(access.app, name="access")
access.app.command("check")(access_ask.check)
access.app.command("test")(access_ask.examples)
access.app.command("explain")(access_ask.explain)
access.app.command("who-can")(access_ask.who_can)
access.app.command("diff")(access_ask.diff)
app.add_typer(ledger.app, name="ledger")
app.add_typer(backup.app, name="backup")
app.add_typer(conversations.app, name="conversation")
app.add_typer(library.collections, name="collection")
app.add_typer(library.documents, name="document")
app.add_typer(library.templates, name="template")
app.add_typer(review.app, name="review")
app.add_typer(config.app, name="config")
app.add_typer(running.isolation, name="isolation")
app.add_typer(classify.app, name="classify")
app.add_typer(model.app, name="model")
app.add_typer(advisories.app, name="advisories")
app.add_typer(packages.app, name="packages")
model.app.command("encrypt")(model_weights.encrypt)
model.app.command("decrypt")(model_weights.decrypt)
model.app.command("bom")(model_bom.bom)
model.app.command("bom-score")(model_bom.score)
model.app.command("bom-diff")(model_bom.diff)
model.app.command("add")(model_admission.add)
model.app.command("review")(model_admission.review)
model.app.command("approve")(model_admission.approve)
model.app.command("evidence")(model_admission.evidence_)
model.app.command("sign")(model_admission.sign)
model.app.command("override")(model_admission.override)
model.app.command("agree")(model_admission.agree)
model.app.command("list")(model_admission.show_all)
model.app.command("show")(model_admission.show)
model.app.command("suspend")(model_admission.suspend)
model.app.command("resume")(model_admission.resume)
model.app.command("withdraw")(model_admission.withdraw)
classify.app.command("test")(classify_policy.examples)
classify.app.command("policies")(classify_policy.policies)
classify.app.command("use")(classify_policy.use)
classify.app.command("import-values")(classify_known.import_values)
classify.app.command("fingerprint")(classify_known.fingerprint)
classify.app.command("known")(classify_known.list_known)
classify.app.command("calibrate")(classify_calibrate.calibrate)
classify.app.command("detectors")(classify_detectors.detectors)
classify.app.command("what-if")(classify_what_if.what_if)
for command in (running.init, running.up, running.down, running.status, running.doctor, chat.chat):
    app.command()(command)


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


def run() -> None:
    """The entry point."""
    # What commands write (logs, the database, exports) is for their owner: a folder's mode alone does not travel with a copy.
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # nor does a crash write down what memory holds; children inherit it
    try:
        app()
    except Exception as error:  # noqa: BLE001 -- the last net: a defect is not one of the documented outcomes
        traceback.print_exception(error)
        sys.exit(DEFECT)
