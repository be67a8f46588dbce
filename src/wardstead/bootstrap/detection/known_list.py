"""Which indexes there have to be. One that is not there any more, and was not forgotten by a command, is missed.

The list lies beside the database, not beside the indexes: a folder that is lost does not take it along. It is in no backup:
a restored deployment has the indexes of its backup, and knows of no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.reading import POLICY_BYTES, read_regular
from wardstead.kernel.errors import IntegrityError


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    indexes: tuple[str, ...]


def wanted(deployment: Deployment) -> frozenset[str]:
    """The files' names. Raises ``IntegrityError``."""
    path = _path(deployment)
    if not path.exists():
        return frozenset()
    try:
        return frozenset(msgspec.json.decode(read_regular(path, POLICY_BYTES, IntegrityError), type=_List).indexes)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise IntegrityError(
            "the list of indexes was altered", where=str(path),
            next_step="see with 'ls policies/known' that all are there, and remove the list: the next import writes it anew",
        ) from None  # fmt: skip


def require_all(deployment: Deployment, there: Iterable[Path]) -> None:
    """Raises ``IntegrityError`` where one is missing."""
    missing = sorted(wanted(deployment) - {one.name for one in there})
    if missing:
        raise IntegrityError(
            "an index is gone: what was imported would be looked for no more",
            where=str(deployment.places.policies / "known" / missing[0]),
            next_step="restore it from a backup, make it again, or say 'wardstead classify forget NAME'",
        )  # fmt: skip


def write(deployment: Deployment, names: Iterable[str]) -> None:
    """Keep the list."""
    write_durably(_path(deployment), [msgspec.json.encode(_List(tuple(sorted(names))))])


def _path(deployment: Deployment) -> Path:
    return deployment.places.state / "known.json"
