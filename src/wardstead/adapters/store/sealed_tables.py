"""Which rows are sealed: those of every table that is not named here, with the reason. A new table is sealed by being there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from sqlalchemy import LargeBinary, Table

from wardstead.adapters.store.base import metadata
from wardstead.adapters.store.tables import (  # noqa: F401 -- the tables register themselves
    access,
    admissions,
    break_glass,
    conversations,
    directory,
    erasures,
    federation,
    known_time,
    ledger,
    policies,
    provisioning,
    resources,
    reviews,
    root,
    row_seals,
    second_factors,
)

UNSEALED: Final[Mapping[str, str]] = {
    "entry": "the tree commits to it; 'worker' says who owes an outcome, and an entry without one is counted as open",
    "leaf": "recomputed from the entries, and signed",
    "tile": "recomputed from the leaves",
    "checkpoint": "signed; 'time_ms' serves to tell how long entries have waited, and proves nothing",
    "cosignature": "signed by its witness",
    "time_stamp": "signed by its authority",
    "ledger_key": "its entry is in the tree, and the key is sealed in its context",
    "mention": "each entry's content says the same under seal: 'ledger verify --contents' compares",
    "said_in": "written with each exchange; a share of a conversation holds for its owner's exchanges alone",
    "fingerprint": "some for each text; one that is gone cannot be told from one that was forgotten in time",
    "incarnation": "which workers live: an outcome that is owed is seen in the tree",
    "sequencer": "which recorder began last: what two of them wrote is seen in the tree",
    "policy_ask": "who waits until workers are ready: what is in force is decided by 'policy_activation', which is sealed",
    "policy_answer": "which workers are ready: as much",
    "root_gateway": "who runs, every few seconds; whoever asks for a root key in it is held against the gateways that there are",
    "root_rotation": "where a replacement of the root key stands; the keys themselves tell by which of them what is wrapped",
    "row_seal": "the seals themselves",
    "row_seal_head": "it has a tag of its own",
}
"""Tables whose rows have no seal here, and what stands in its place, or what is given up."""
UNSEALED_COLUMNS: Final[Mapping[tuple[str, str], str]] = {
    ("credential", "last_used_ms"): "written down every few seconds, and read by people alone",
    ("resource_part", "sealed"): "a ciphertext that opens in its place and under its label alone, and is never written anew",
}
"""Columns of sealed tables that their seals leave out."""

DECIDING: Final = frozenset(
    {
        "attribute", "authenticator", "break_glass", "break_glass_opening", "credential", "directory_epoch", "federated_person",
        "group_member", "known_time", "legal_hold", "model_admission", "passkey", "password", "people_group", "policy_activation",
        "policy_set", "principal", "recovery_code", "role_member", "share", "timed_role",
    }
)  # fmt: skip
"""What it is decided by who may sign in and do what: whole before a worker takes a snapshot of it."""


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table whose rows are sealed. ``binary``: which of its columns hold bytes."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    binary: frozenset[str]
    at: tuple[int, ...]
    """Where the columns of the key are among the others."""

    @property
    def all_rows(self) -> str:
        """The statement that reads them all."""
        return f"SELECT {_names(self.columns)} FROM {self.name}"  # noqa: S608 -- names of our own

    @property
    def one_row(self) -> str:
        """The statement that reads one by its key."""
        return f"{self.all_rows} WHERE {' AND '.join(f'{_quoted(name)} = ?' for name in self.key)}"

    def as_of(self, columns: Sequence[str]) -> SealedTable:
        """The same as its rows were sealed by an earlier version."""
        if tuple(columns) == self.columns:
            return self
        return replace(self, columns=tuple(columns), at=tuple(columns.index(name) for name in self.key))

    def key_of(self, row: Sequence[Any]) -> str:
        """By what a row is found."""
        return key_text([row[place] for place in self.at])


def key_text(values: Sequence[Any]) -> str:
    """A primary key as text."""
    return json.dumps([one.hex() if isinstance(one, bytes) else one for one in values], ensure_ascii=False, separators=(",", ":"))


@cache
def sealed_tables() -> Mapping[str, SealedTable]:
    """Every sealed table, by name."""
    return {str(name): _sealed(table) for name, table in sorted(metadata.tables.items()) if name not in UNSEALED}


def _sealed(table: Table) -> SealedTable:
    columns = tuple(str(one.name) for one in table.columns if (table.name, one.name) not in UNSEALED_COLUMNS)
    key = tuple(str(one.name) for one in table.primary_key.columns)
    binary = frozenset(str(one.name) for one in table.columns if isinstance(one.type, LargeBinary))
    return SealedTable(str(table.name), key, columns, binary, tuple(columns.index(name) for name in key))


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _quoted(name: str) -> str:
    """``by`` and ``before`` are words of SQL."""
    return f'"{name}"'
