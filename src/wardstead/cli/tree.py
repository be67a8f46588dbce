"""Every command by its words, and where it is written. A module is imported when one of its commands is asked for:
what one command needs, the others do not wait for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

_Branch = tuple[str, Mapping[str, str]]
"""A group, and the commands and groups beside those of its own module."""
TREE: Final[Mapping[str, str | _Branch]] = {
    "init": "running:init",
    "up": "running:up",
    "down": "running:down",
    "status": "running:status",
    "doctor": "doctor:doctor",
    "chat": "chat:chat",
    "user": ("people:users", {
        "show": "entitlements:show",
        "set-attribute": "entitlements:set_attribute",
        "give-role": "entitlements:give_role",
        "take-role": "entitlements:take_role",
        "break-glass": "break_glass:accounts",
        "erase": "erasing:erase",
        "hold": "erasing:hold",
        "release": "erasing:release",
        "erasures": "erasing:erasures",
        "mentions": "erasing:mentions",
        "erase-mentioned": "erasing:erase_mentioned",
    }),
    "key": "keys:app",
    "certificate": "certificates:app",
    "tls": "tls:app",
    "keys": "root_keys:app",
    "share": "share:app",
    "group": "entitlements:groups",
    "elevation": "entitlements:elevations",
    "access": ("access:app", {
        "check": "access_ask:check",
        "test": "access_ask:examples",
        "explain": "access_ask:explain",
        "who-can": "access_ask:who_can",
        "diff": "access_ask:diff",
    }),
    "ledger": "ledger:app",
    "retention": "retention:app",
    "backup": "backup:app",
    "conversation": "conversations:app",
    "collection": "library:collections",
    "document": "library:documents",
    "template": "library:templates",
    "review": "review:app",
    "config": "config:app",
    "isolation": "doctor:isolation",
    "classify": ("classify:app", {
        "test": "classify_policy:examples",
        "policies": "classify_policy:policies",
        "use": "classify_policy:use",
        "import-values": "classify_known:import_values",
        "fingerprint": "classify_known:fingerprint",
        "known": "classify_known:list_known",
        "forget": "classify_known:forget",
        "calibrate": "classify_calibrate:calibrate",
        "detectors": "classify_detectors:detectors",
        "what-if": "classify_what_if:what_if",
    }),
    "model": ("model:app", {
        "encrypt": "model_weights:encrypt",
        "decrypt": "model_weights:decrypt",
        "bom": "model_bom:bom",
        "bom-score": "model_bom:score",
        "bom-diff": "model_bom:diff",
        "sign-files": "model_signature:sign_files_",
        "add": "model_admission:add",
        "review": "model_admission:review",
        "approve": "model_admission:approve",
        "refuse": "model_admission:refuse",
        "evidence": "model_admission:evidence_",
        "sign": "model_admission:sign",
        "override": "model_admission:override",
        "agree": "model_admission:agree",
        "list": "model_admission:show_all",
        "show": "model_admission:show",
        "rescan": "model_rescan:rescan_",
        "upgrade-check": "model_upgrade:upgrade_check",
        "suspend": "model_admission:suspend",
        "resume": "model_admission:resume",
        "withdraw": "model_admission:withdraw",
    }),
    "advisories": "advisories:app",
    "packages": "packages:app",
}  # fmt: skip


def _written(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"wardstead.cli.{module}"), name)


def _add(group: typer.Typer, name: str, written: Any) -> None:
    if isinstance(written, typer.Typer):
        group.add_typer(written, name=name)
    else:
        group.command(name)(written)


@cache
def _load(name: str) -> Any:
    one = TREE[name]
    place, beside = one if isinstance(one, tuple) else (one, {})
    written = _written(place)
    if isinstance(written, typer.Typer):
        for word, other in beside.items():
            _add(written, word, _written(other))
    root = typer.Typer(callback=lambda: None)
    _add(root, name, written)
    return cast("TyperGroup", get_command(root)).commands[name]


class _Commands(Mapping[str, Any]):
    def __getitem__(self, name: str) -> Any:
        return _load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(TREE)

    def __len__(self) -> int:
        return len(TREE)


class Root(TyperGroup):
    """``wardstead`` itself."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast("dict[str, Any]", _Commands())
