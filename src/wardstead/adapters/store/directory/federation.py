"""People whom identity providers vouch for, in the database; every change is an act of administration, recorded with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select
from sqlalchemy.exc import IntegrityError

from wardstead.access.federation import Assertion, Managed, NotAdmitted, Standing
from wardstead.access.ports import BREAK_GLASS, Credential, Principal
from wardstead.access.provisioning import Source
from wardstead.access.strength import PROVIDER
from wardstead.adapters.identity.openid import EndedThere
from wardstead.adapters.store.directory.directory import Actor, DirectoryStore, OpenedSession
from wardstead.adapters.store.directory.provisioning import is_provisioned, linked_by_name
from wardstead.adapters.store.directory.standings import put_standing, standing_changes
from wardstead.adapters.store.tables.directory import credential, principal
from wardstead.adapters.store.tables.federation import federated_person, federated_session, taken_once
from wardstead.kernel.clock import Clock
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import CredentialId, PrincipalId


class TakenBefore(CallerError):
    """What was sent was taken once already."""

    code = "taken_before"


class AlreadyLinked(CallerError):
    """Somebody else is who the provider means by that subject."""

    code = "already_linked"


@dataclass(frozen=True, slots=True)
class Link:
    """Whom a provider means by a subject."""

    issuer: str
    subject: str
    name: str


class FederationStore:
    """Blocking: called in a thread. The hot path never comes here."""

    def __init__(self, directory: DirectoryStore, *, clock: Clock) -> None:
        """Over the directory, whose version every change raises."""
        self._directory, self._clock = directory, clock

    def take_once(self, digest: bytes, until_ms: int) -> None:
        """Raises ``TakenBefore`` for what was taken already. Forgets what has expired."""
        with self._directory.writing("a sign-in cannot be noted") as connection:
            self._take(connection, digest, until_ms)

    def _take(self, connection: Connection, digest: bytes, until_ms: int) -> None:
        connection.execute(delete(taken_once).where(taken_once.c.until_ms < self._clock()))
        try:
            connection.execute(insert(taken_once).values(digest=digest, until_ms=until_ms))
        except IntegrityError:
            raise TakenBefore("this was used already", next_step="Sign in again") from None

    def person(self, issuer: str, subject: str) -> Principal | None:
        """Whom the provider means."""
        query = select(federated_person.c.principal).where(_is(issuer, subject))
        with self._directory.reading() as connection:
            found = connection.execute(query).scalar()
        return self._directory.load().principals.get(PrincipalId(found)) if found is not None else None

    def links(self) -> list[Link]:
        """Everybody whom a provider vouches for, by name."""
        query = select(federated_person.c.issuer, federated_person.c.subject, principal.c.name).join(
            principal, principal.c.id == federated_person.c.principal
        )
        with self._directory.reading() as connection:
            return [Link(*row) for row in connection.execute(query.order_by(principal.c.name, federated_person.c.issuer))]

    def link(self, name: str, issuer: str, subject: str, *, actor: Actor | None = None) -> None:
        """From now on ``subject`` of ``issuer`` is this person. Raises ``UnknownPerson``, ``AlreadyLinked``."""
        who = self._directory.find(name)
        values = {"issuer": issuer, "subject": subject, "principal": who.id, "linked_ms": self._clock()}

        def change(connection: Connection) -> None:
            try:
                connection.execute(insert(federated_person).values(values))
            except IntegrityError:
                raise AlreadyLinked("somebody is linked to that subject already", next_step="unlink them first") from None

        self._directory.carry_out(change, actor, "federation.link", {"name": name, "issuer": issuer})

    def unlink(self, name: str, *, actor: Actor | None = None) -> int:
        """No provider vouches for this person any more; the sessions that came of it end. How many links there were."""
        who = self._directory.find(name)
        own = federated_person.c.principal == who.id

        def change(connection: Connection) -> int:
            came = select(federated_session.c.credential)
            sessions = and_(credential.c.principal == who.id, credential.c.id.in_(came))
            connection.execute(delete(credential).where(sessions))
            return connection.execute(delete(federated_person).where(own)).rowcount

        return self._directory.carry_out(change, actor, "federation.unlink", {"name": name})

    def admit(
        self, assertion: Assertion, found: Standing, managed: Managed, *,
        provider: str, create: bool, compatible: Callable[[frozenset[str]], None], sources: Iterable[Source] = (),
    ) -> Principal:  # fmt: skip
        """The person that this is, as their groups make them. Raises ``NotAdmitted``. ``compatible`` raises for roles that nobody
        may have together. Of somebody whom one of ``sources`` provisions, that decides, and not the groups of a sign-in.

        Nobody is taken for somebody who is known here because they are called the same: whoever may choose names at the
        provider would choose the administrator's. Unless the configuration says that a source and the provider are one.
        """
        who = self.person(assertion.issuer, assertion.subject) or self._provisioned(assertion, sources, provider)
        actor = Actor(f"provider {provider}", f"provider {provider}")
        if who is not None and self._is_provisioned(who):
            return _admitted(who, who.roles)
        if who is None:
            _require_role(found.roles)
            compatible(found.roles)
            who = self._known_from_now_on(assertion, found, actor, create=create)
        _admitted(who, found.roles)
        details: dict[str, object] = {"name": who.name}
        now, known = self._clock(), who
        with self._directory.reading() as connection:
            same = not standing_changes(connection, known.id, found, managed)
        if not same:

            def change(connection: Connection) -> None:
                details.update(put_standing(connection, known.id, found, managed, compatible=compatible, now_ms=now))

            self._directory.carry_out(change, actor, "principal.standing", details)
        return self._directory.find(who.name)

    def _provisioned(self, assertion: Assertion, sources: Iterable[Source], provider: str) -> Principal | None:
        """Somebody of a source that knows people by the name that the provider says; linked from now on."""
        with self._directory.reading() as connection:
            found = linked_by_name(connection, assertion.issuer, sources, assertion.name)
        who = self._directory.load().principals.get(PrincipalId(found)) if found is not None else None
        if who is not None:
            actor = Actor(f"provider {provider}", f"provider {provider}")
            self.link(who.name, assertion.issuer, assertion.subject, actor=actor)
        return who

    def _is_provisioned(self, who: Principal) -> bool:
        with self._directory.reading() as connection:
            return is_provisioned(connection, who.id)

    def _known_from_now_on(self, assertion: Assertion, standing: Standing, actor: Actor, *, create: bool) -> Principal:
        if not create:
            raise NotAdmitted(
                "your account is not linked to anybody here",
                next_step=f"ask an administrator, who says 'wardstead user link NAME --subject {assertion.subject[:80]}'",
            )
        if any(one.name == assertion.name for one in self._directory.list_principals()):
            raise NotAdmitted(
                f"somebody here is called {assertion.name[:80]!r} already, and is not linked to your account",
                next_step=f"ask an administrator: if it is you, 'wardstead user link NAME --subject {assertion.subject[:80]}'",
            )
        made = self._directory.create_principal(assertion.name, roles=standing.roles, clearance=standing.clearance, actor=actor)
        self.link(assertion.name, assertion.issuer, assertion.subject, actor=actor)
        return made

    def open_session(
        self, who: Principal, assertion: Assertion, means: Iterable[str] = (PROVIDER,), *, in_place_of: Credential | None = None
    ) -> OpenedSession:
        """A console session that the provider can end. ``in_place_of``: one that ends with it, for this one has proved more."""

        def note(connection: Connection, session: CredentialId) -> None:
            if in_place_of is not None:
                connection.execute(delete(credential).where(credential.c.id == in_place_of.id))
            connection.execute(
                insert(federated_session).values(
                    credential=session, issuer=assertion.issuer, subject=assertion.subject, session=assertion.session
                )
            )

        return self._directory.open_session(who, authenticated_ms=assertion.authenticated_ms, means=means, also=note)

    def came_of(self, session: CredentialId) -> str:
        """The issuer whose session this one came of; empty where it came of none."""
        query = select(federated_session.c.issuer).where(federated_session.c.credential == session)
        with self._directory.reading() as connection:
            return str(connection.execute(query).scalar() or "")

    def end_sessions(self, ended: EndedThere, *, provider: str) -> int:
        """End what came of that session at the provider, or of all of that subject's. How many there were.

        Raises ``TakenBefore`` for what was said before. It is noted in the same transaction: the provider may say again what
        could not be done.
        """
        conditions = [federated_session.c.issuer == ended.issuer]
        conditions += [federated_session.c.subject == ended.subject] if ended.subject else []
        conditions += [federated_session.c.session == ended.session] if ended.session else []
        came = select(federated_session.c.credential).where(*conditions)
        actor = Actor(f"provider {provider}", f"provider {provider}")

        def change(connection: Connection) -> int:
            self._take(connection, ended.used, ended.used_until_ms)
            return connection.execute(delete(credential).where(credential.c.id.in_(came))).rowcount

        return self._directory.carry_out(change, actor, "federation.logout", {"issuer": ended.issuer})


def _require_role(roles: frozenset[str]) -> None:
    if not roles:
        raise NotAdmitted(
            "your account is known to the identity provider, and has no role here",
            next_step="ask an administrator: one of your groups has to be given a role in the configuration",
        )


def _admitted(who: Principal, roles: frozenset[str]) -> Principal:
    if who.kind == BREAK_GLASS:
        raise NotAdmitted("your account is for emergencies", next_step="sign in as yourself")
    if not who.active:
        raise NotAdmitted("your account is switched off", next_step="ask an administrator")
    _require_role(roles)
    return who


def _is(issuer: str, subject: str) -> ColumnElement[bool]:
    return and_(federated_person.c.issuer == issuer, federated_person.c.subject == subject)
