"""A session that takes the place of another one of the same person, who has proved more, or anew, who they are."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, update

from wardstead.adapters.store.tables.directory import credential
from wardstead.adapters.store.tables.federation import federated_session
from wardstead.kernel.ids import CredentialId


def in_place_of(old: CredentialId) -> Callable[[Connection, CredentialId], None]:
    """For ``DirectoryStore.open_session``: the old one ends; what came of a provider's session still ends with that."""

    def change(connection: Connection, new: CredentialId) -> None:
        came = update(federated_session).where(federated_session.c.credential == old).values(credential=new)
        connection.execute(came)
        connection.execute(delete(credential).where(credential.c.id == old))

    return change
