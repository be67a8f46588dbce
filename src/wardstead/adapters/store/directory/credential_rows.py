"""Credentials as the database keeps them: keys, sessions and certificates in one table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, RowMapping, delete

from wardstead.access.ports import UNBOUND, Bounds, Credential, CredentialKind
from wardstead.access.strength import strength_of
from wardstead.adapters.store.tables.directory import credential
from wardstead.adapters.store.tables.second_factors import sign_in_step
from wardstead.kernel.ids import CredentialId, PrincipalId


def credential_of(row: RowMapping) -> Credential:
    """The credential that a row is."""
    kind = CredentialKind(row["kind"])
    return Credential(
        CredentialId(row["id"]),
        kind,
        bytes(row["digest"]),
        PrincipalId(row["principal"]),
        frozenset(split(row["scopes"])),
        row["expires_ms"],
        bytes(row["csrf_digest"]),
        # A key proves who made it, whenever that was: it is never fresh.
        row["authenticated_ms"] if kind is CredentialKind.SESSION else None,
        bounds_of(row),
        strength_of(split(row["means"])),
    )


def bounds_of(row: RowMapping) -> Bounds:
    """What a credential is for."""
    return Bounds(*(frozenset(split(row[name])) for name in Bounds.__slots__))


def bounds_document(bounds: Bounds) -> dict[str, list[str]]:
    """As the record has it: what binds."""
    return {name: sorted(getattr(bounds, name)) for name in Bounds.__slots__ if getattr(bounds, name)}


def credential_values(
    *,
    key_id: str,
    kind: CredentialKind,
    prefix: str,
    key_digest: bytes,
    csrf: bytes,
    who: str,
    scopes: Iterable[str],
    now: int,
    expires_ms: int | None,
    authenticated_ms: int | None = None,
    bounds: Bounds = UNBOUND,
    means: Iterable[str] = (),
) -> dict[str, Any]:
    """The row of a credential."""
    return {
        "id": key_id,
        "kind": kind.value,
        "prefix": prefix,
        "digest": key_digest,
        "csrf_digest": csrf,
        "principal": who,
        "scopes": ",".join(sorted(scopes)),
        "created_ms": now,
        "expires_ms": expires_ms,
        "authenticated_ms": authenticated_ms,
        "means": ",".join(sorted(means)),
        **{name: ",".join(sorted(getattr(bounds, name))) for name in Bounds.__slots__},
    }


def end_sessions(connection: Connection, who: str) -> None:
    """End somebody's sessions, and sign-ins that have begun."""
    sessions = (credential.c.principal == who) & (credential.c.kind == CredentialKind.SESSION.value)
    connection.execute(delete(credential).where(sessions))
    connection.execute(delete(sign_in_step).where(sign_in_step.c.principal == who))


def split(text: str) -> tuple[str, ...]:
    """A column that holds several names."""
    return tuple(part for part in text.split(",") if part)
