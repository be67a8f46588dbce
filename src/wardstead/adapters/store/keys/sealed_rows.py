"""Whether all that is sealed beside the ledger opens where it stands: documents, stand-ins, reviewers' notes, authenticators."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, Engine, select

from wardstead.adapters.store.content.marks import label_of
from wardstead.adapters.store.content.resources import part_name
from wardstead.adapters.store.content.reviews import note_name
from wardstead.adapters.store.directory.second_factors import secret_name
from wardstead.adapters.store.ledger.ledger_reader import Contents
from wardstead.adapters.store.tables.conversations import conversation
from wardstead.adapters.store.tables.directory import principal
from wardstead.adapters.store.tables.resources import resource, resource_part
from wardstead.adapters.store.tables.reviews import review
from wardstead.adapters.store.tables.second_factors import authenticator
from wardstead.adapters.store.transactions import explained
from wardstead.assurance.library.kept import Kind
from wardstead.crypto.keyring import KeyGone, KeyRing
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.labels import Levels
from wardstead.ledger.sealing import open_kept
from wardstead.ledger.verify import Problem

_Sealed = tuple[str, str, bytes]
"""Whose it is, under which name it opens, the ciphertext."""


def open_everything(engine: Engine, ring: KeyRing, levels: Levels) -> Contents:
    """Open each of them."""
    found = Contents()
    with explained(), engine.connect() as connection:
        for source in _SOURCES:
            for subject, name, sealed in source(connection, levels):
                try:
                    open_kept(ring, subject, name, sealed)
                except KeyGone:
                    found.erased += 1
                except IntegrityError as error:
                    found.problems.append(Problem("content-altered", name, error.what))
                else:
                    found.opened += 1
    return found


def _stand_ins(connection: Connection, _levels: Levels) -> Iterator[_Sealed]:
    query = select(conversation.c.owner, conversation.c.id, conversation.c.vault).where(conversation.c.vault.is_not(None))
    for row in connection.execute(query):
        yield row.owner, row.id, row.vault


def _parts(connection: Connection, levels: Levels) -> Iterator[_Sealed]:
    query = select(resource, resource_part.c.part, resource_part.c.sealed, principal.c.subject).join(
        resource_part, resource_part.c.resource == resource.c.id
    )
    for row in connection.execute(query.join(principal, principal.c.id == resource.c.owner)):
        label = label_of(row.level, row.compartments, levels)
        yield row.subject, part_name(Kind(row.type), row.id, row.part, label), row.sealed


def _notes(connection: Connection, levels: Levels) -> Iterator[_Sealed]:
    for row in connection.execute(select(review).where(review.c.note.is_not(None))):
        yield row.owner, note_name(row.exchange, label_of(row.level, row.compartments, levels)), row.note


def _secrets(connection: Connection, _levels: Levels) -> Iterator[_Sealed]:
    query = select(principal.c.subject, principal.c.id, authenticator.c.secret)
    for row in connection.execute(query.join(authenticator, authenticator.c.principal == principal.c.id)):
        yield row.subject, secret_name(row.id), row.secret


_SOURCES: tuple[Callable[[Connection, Levels], Iterator[_Sealed]], ...] = (_stand_ins, _parts, _notes, _secrets)
