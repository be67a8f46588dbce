"""Certificates of services, and names in those of outside authorities: credentials like keys, known by digests."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from wardstead.access.credentials import certificate_digest, name_digest
from wardstead.access.ports import Bounds, CertificateSummary, CredentialKind, PeerCertificate
from wardstead.adapters.store.directory.credential_rows import bounds_document, bounds_of, credential_values, split
from wardstead.adapters.store.directory.directory import Actor, DirectoryStore
from wardstead.adapters.store.tables.directory import credential, principal
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import CredentialId, uuid7

_OURS = credential.c.kind == CredentialKind.CERTIFICATE.value


class UnknownCertificate(CallerError):
    """There is no such certificate."""

    code = "unknown_certificate"


class NameGiven(CallerError):
    """The name in outside certificates is somebody's already."""

    code = "name_taken"


class CertificateStore:
    """Over the directory's store. Blocking."""

    def __init__(self, directory: DirectoryStore, *, pepper: bytes, clock: Clock, entropy: Entropy) -> None:
        """Acts are recorded as the directory's are."""
        self._directory, self._pepper, self._clock, self._entropy = directory, pepper, clock, entropy

    def put(
        self, name: str, issued: PeerCertificate, *, bounds: Bounds, scopes: Iterable[str] = (), actor: Actor | None = None
    ) -> str:
        """Know a certificate as somebody's until it expires; its id."""
        mark = certificate_digest(self._pepper, issued.fingerprint)
        return self._put(
            name, mark, f"serial {issued.serial}", until_ms=issued.until_ms, bounds=bounds, scopes=scopes,
            action="certificate.issue", actor=actor,
        )  # fmt: skip

    def trust(self, name: str, known_by: str, *, bounds: Bounds, scopes: Iterable[str] = (), actor: Actor | None = None) -> str:
        """Know whoever has an outside certificate with this name as somebody; its id. Raises ``NameGiven``."""
        mark = name_digest(self._pepper, known_by)
        return self._put(
            name, mark, known_by, until_ms=None, bounds=bounds, scopes=scopes, action="certificate.trust", actor=actor
        )

    def list(self) -> list[CertificateSummary]:
        """All of them, oldest first."""
        query = select(credential, principal.c.name.label("person")).join(principal, principal.c.id == credential.c.principal)
        with self._directory.reading() as connection:
            return [
                CertificateSummary(
                    row["id"], row["person"], row["known_by"], split(row["scopes"]), row["created_ms"], row["expires_ms"],
                    row["last_used_ms"], bounds_of(row),
                )
                for row in connection.execute(query.where(_OURS).order_by(credential.c.id)).mappings()
            ]  # fmt: skip

    def find(self, said: str) -> CertificateSummary:
        """By id, serial number or name. Raises ``UnknownCertificate``."""
        for one in self.list():
            if said in {one.id, one.known_by, one.known_by.removeprefix("serial ")}:
                return one
        raise UnknownCertificate(f"there is no certificate {said[:80]!r}", next_step="'wardstead certificate list' names them")

    def revoke(self, certificate_id: str, *, actor: Actor | None = None) -> None:
        """It names nobody from now on."""
        gone = self.find(certificate_id)
        change = delete(credential).where((credential.c.id == gone.id) & _OURS)
        details = {"id": gone.id, "known_by": gone.known_by, "name": gone.person}
        self._directory.carry_out(lambda connection: connection.execute(change), actor, "certificate.revoke", details)

    def _put(
        self, name: str, mark: bytes, known_by: str, *, until_ms: int | None, bounds: Bounds, scopes: Iterable[str],
        action: str, actor: Actor | None,
    ) -> str:  # fmt: skip
        who, now = self._directory.find(name), self._clock()
        made = CredentialId(uuid7(now, self._entropy(10)))
        values = credential_values(
            key_id=made, kind=CredentialKind.CERTIFICATE, prefix="", key_digest=mark, csrf=b"", who=who.id, scopes=scopes,
            now=now, expires_ms=until_ms, bounds=bounds,
        )  # fmt: skip

        def change(connection: Connection) -> None:
            try:
                connection.execute(insert(credential).values(known_by=known_by, **values))
            except IntegrityError:
                raise NameGiven(f"{known_by[:80]!r} is somebody's already", next_step="'wardstead certificate list'") from None

        details = {"id": made, "name": name, "known_by": known_by, "scopes": sorted(scopes), **bounds_document(bounds)}
        self._directory.carry_out(change, actor, action, details)
        return made
