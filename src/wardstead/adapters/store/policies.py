"""Access policies in the database: which version is in force, all that were, and what is proposed.

An activation raises the directory's version in its own transaction, so every worker loads the policies anew, and an intent
that was decided by those before is refused and decided again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, insert, inspect, select, update
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from wardstead.access.policyset import AccessPolicies, PolicyFiles, decode_files
from wardstead.access.ports import Principal
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import directory_epoch, why
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.tables.policies import policy_activation, policy_proposal, policy_set
from wardstead.adapters.store.transactions import explained, read_transaction, write_transaction
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import BackendError, CallerError
from wardstead.kernel.ids import PrincipalId, uuid7

Audit = Callable[[Connection, str, str, Mapping[str, object]], object]
Everybody = Callable[[Connection], Iterable[Principal]]
"""All people, as the transaction that activates sees them."""
OPEN: Final = "open"


class UnknownVersion(CallerError):
    """No version of the policies has that name, or several begin so."""

    code = "unknown_policy_version"


class UnknownProposal(CallerError):
    """There is no such proposal."""

    code = "unknown_proposal"


class ProposalClosed(CallerError):
    """It was put in force, withdrawn, or proposed for what is not in force any more."""

    code = "proposal_closed"


class ActivatedMeanwhile(CallerError):
    """Somebody put other policies in force while this was looked at."""

    code = "activated_meanwhile"


class RolesExclude(CallerError):
    """Somebody would have two roles that exclude one another (static separation of duty)."""

    code = "roles_conflict"


@dataclass(frozen=True, slots=True)
class Activation:
    """That a version was put in force: when, by whom and why."""

    version: str
    activated_ms: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """That somebody wants a version in force, in the place of ``before``. ``state``: open, activated or withdrawn."""

    id: str
    version: str
    before: str
    proposed_by: PrincipalId
    proposed_ms: int
    reason: str
    state: str
    decided_by: PrincipalId | None = None
    decided_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Activated:
    """What an activation came to. ``before`` is empty where none was in force; ``changed`` is false where it was already."""

    before: str
    version: str
    changed: bool


@dataclass(frozen=True, slots=True)
class _Act:
    """An activation as it is recorded: by whom and why, under whose key (``actor``), and what more is told of it."""

    by: str
    reason: str
    actor: str = COMMAND_LINE
    told: Mapping[str, object] = field(default_factory=dict)


class PolicyStore:
    """The versions over SQLAlchemy. Blocking."""

    def __init__(self, engine: Engine, turn: Turn, *, clock: Clock, entropy: Entropy, audit: Audit, everybody: Everybody) -> None:
        """``audit`` records each act in its own transaction."""
        self._engine, self._turn, self._clock, self._entropy = engine, turn, clock, entropy
        self._audit, self._everybody = audit, everybody

    def active(self) -> Activation | None:
        """The version in force; ``None`` before the first start, and in a database of an older version of Wardstead."""
        with self._reading() as connection:
            return _active(connection) if _has_table(connection) else None

    def activations(self) -> list[Activation]:
        """Every activation, the newest first."""
        with self._reading() as connection:
            if not _has_table(connection):
                return []
            return [_activation(row) for row in connection.execute(_NEWEST)]

    def files(self, version: str) -> PolicyFiles:
        """The files of a version. Raises ``UnknownVersion``."""
        with self._reading() as connection:
            row = connection.execute(select(policy_set.c.files).where(policy_set.c.version == version)).first()
        if row is None:
            raise UnknownVersion(f"there is no version {version[:40]!r} of the policies")
        return decode_files(bytes(row.files))

    def find(self, beginning: str) -> str:
        """The one version, that was active or proposed, whose name begins so. Raises ``UnknownVersion``."""
        known = {one.version for one in self.activations()} | {one.version for one in self.proposals()}
        names = sorted(name for name in known if beginning and name.startswith(beginning))
        if len(names) != 1:
            raise UnknownVersion(
                f"{len(names)} versions of the policies begin with {beginning[:40]!r}" if names
                else f"there is no version {beginning[:40]!r} of the policies",
                next_step="'wardstead access versions' names them",
            )  # fmt: skip
        return names[0]

    def previous(self) -> str:
        """The version that was in force before the present one. Raises ``UnknownVersion`` where there was none."""
        found = self.activations()
        for one in found[1:]:
            if one.version != found[0].version:
                return one.version
        raise UnknownVersion("no other version of the policies was ever active", next_step="'wardstead access versions'")

    def activate(self, policies: AccessPolicies, *, by: str, reason: str, over: str) -> Activated:
        """Put compiled policies in force, everywhere at once, in the place of ``over`` (empty for none).

        Raises ``RolesExclude`` where they forbid what somebody is, ``ActivatedMeanwhile``.
        """
        with self._writing() as connection:
            before = _active(connection)
            if (before.version if before else "") != over:
                raise ActivatedMeanwhile("other policies were put in force meanwhile", next_step="look at them, and try again")
            if before is not None and before.version == policies.version:
                return Activated(before.version, policies.version, changed=False)
            self._put_apart(connection, policies, before, _Act(by, reason))
        return Activated(before.version if before else "", policies.version, changed=True)

    def _put_apart(self, connection: Connection, policies: AccessPolicies, before: Activation | None, act: _Act) -> None:
        for who in self._everybody(connection):
            _require_apart(policies, who)
        self._put(connection, policies, before, act)

    # -- by two people -------------------------------------------------------------------------------------------------

    def propose(
        self, policies: AccessPolicies, *, by: PrincipalId, reason: str, actor: str, told: Mapping[str, object]
    ) -> Proposal:
        """Keep compiled policies for somebody else to put in force. ``told``: how the act names who proposes them."""
        with self._writing() as connection:
            before, now = _active(connection), self._clock()
            keep_version(connection, policies, now)
            made = Proposal(
                uuid7(now, self._entropy(10)), policies.version, before.version if before else "", by, now, reason, OPEN
            )
            connection.execute(insert(policy_proposal), asdict(made))
            details = {**told, "proposal": made.id, "version": made.version, "before": made.before, "reason": reason}
            self._audit(connection, actor, "policy.propose", details)
        return made

    def proposals(self) -> list[Proposal]:
        """All of them, the newest first."""
        query = select(policy_proposal).order_by(policy_proposal.c.id.desc())
        with self._reading() as connection:
            if not inspect(connection).has_table(policy_proposal.name):
                return []
            return [_proposal(row) for row in connection.execute(query)]

    def proposal(self, beginning: str) -> Proposal:
        """The one whose id begins or ends so. Raises ``UnknownProposal``."""
        found = [one for one in self.proposals() if beginning and (one.id.startswith(beginning) or one.id.endswith(beginning))]
        if len(found) != 1:
            raise UnknownProposal(f"there is no proposal {beginning[:40]!r}", next_step="'wardstead access proposals' names them")
        return found[0]

    def activate_proposed(
        self, proposal: Proposal, policies: AccessPolicies, *, by: Principal, reason: str, actor: str, told: Mapping[str, object]
    ) -> Activated:
        """Put in force what somebody proposed, where nothing was put in force since.

        Raises ``ProposalClosed``, ``RolesExclude``.
        """
        with self._writing() as connection:
            before = self._close(connection, proposal, "activated", by)
            if (before.version if before else "") != proposal.before:
                raise ProposalClosed("other policies were put in force since it was made", next_step="have it proposed anew")
            more = {**told, "proposal": proposal.id, "proposed_by": proposal.proposed_by, "proposed_why": proposal.reason}
            self._put_apart(connection, policies, before, _Act(by.name, reason or proposal.reason, actor, more))
        return Activated(proposal.before, policies.version, changed=True)

    def withdraw(self, proposal: Proposal, *, by: Principal, actor: str, told: Mapping[str, object]) -> None:
        """Nobody will put it in force. Raises ``ProposalClosed``."""
        with self._writing() as connection:
            self._close(connection, proposal, "withdrawn", by)
            self._audit(connection, actor, "policy.withdraw", {**told, "proposal": proposal.id, "version": proposal.version})

    def _close(self, connection: Connection, proposal: Proposal, state: str, by: Principal) -> Activation | None:
        row = (policy_proposal.c.id == proposal.id) & (policy_proposal.c.state == OPEN)
        values = {"state": state, "decided_by": by.id, "decided_ms": self._clock()}
        if not connection.execute(update(policy_proposal).where(row).values(values)).rowcount:
            raise ProposalClosed("somebody has decided about it already", next_step="'wardstead access proposals'")
        return _active(connection)

    def begin(self, policies: AccessPolicies, *, by: str, reason: str, unless: str | None = None) -> None:
        """Put in force what a start found: the first version, or one in place of ``unless``, which it is another form of.

        Nothing happens where another was activated meanwhile. Nobody's roles are in its way: it decides already.
        """
        with self._writing() as connection:
            before = _active(connection)
            if (before.version if before else None) == unless:
                self._put(connection, policies, before, _Act(by, reason))

    def _put(self, connection: Connection, policies: AccessPolicies, before: Activation | None, act: _Act) -> None:
        now, version = self._clock(), policies.version
        old = self._files(connection, before.version) if before else PolicyFiles({})
        keep_version(connection, policies, now)
        connection.execute(
            insert(policy_activation).values(version=version, activated_ms=now, by=act.by[:160], reason=act.reason)
        )
        connection.execute(update(directory_epoch).values(version=directory_epoch.c.version + 1))
        details: dict[str, Any] = {
            **act.told, "before": before.version if before else "", "after": version, "reason": act.reason,
            "files": list(policies.files.differing(old)),
        }  # fmt: skip
        self._audit(connection, act.actor, "policy.activate", details)

    @staticmethod
    def _files(connection: Connection, version: str) -> PolicyFiles:
        found = connection.execute(select(policy_set.c.files).where(policy_set.c.version == version)).scalar_one()
        return decode_files(bytes(found))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(), read_transaction(self._engine) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with write_transaction(self._engine, self._turn) as connection:
                yield connection
        except SQLAlchemyError as error:
            said = why(error) if isinstance(error, DatabaseError) else type(error).__name__
            raise BackendError("the policies cannot be activated", why=said, next_step="those before stay in force") from None


def keep_version(connection: Connection, policies: AccessPolicies, now_ms: int) -> None:
    """Keep the files of compiled policies, where they are not kept already."""
    known = connection.execute(select(policy_set.c.version).where(policy_set.c.version == policies.version)).first()
    if known is None:
        values = {"version": policies.version, "files": policies.files.encode(), "validated_ms": now_ms}
        connection.execute(insert(policy_set).values(values))


_NEWEST = select(policy_activation).order_by(policy_activation.c.id.desc())


def active_version(connection: Connection) -> str:
    """The version in force, as a transaction sees it; empty where there is none yet."""
    row = connection.execute(select(policy_activation.c.version).order_by(policy_activation.c.id.desc()).limit(1)).first()
    return str(row.version) if row is not None else ""


def _active(connection: Connection) -> Activation | None:
    row = connection.execute(_NEWEST.limit(1)).first()
    return _activation(row) if row is not None else None


def _activation(row: Row[Any]) -> Activation:
    return Activation(row.version, row.activated_ms, row.by, row.reason)


def _proposal(row: Row[Any]) -> Proposal:
    decided = PrincipalId(row.decided_by) if row.decided_by is not None else None
    return Proposal(
        row.id, row.version, row.before, PrincipalId(row.proposed_by), row.proposed_ms, row.reason, row.state, decided,
        row.decided_ms,
    )  # fmt: skip


def _has_table(connection: Connection) -> bool:
    return bool(inspect(connection).has_table(policy_activation.name))


def _require_apart(policies: AccessPolicies, who: Principal) -> None:
    held = who.roles | {timed.role for timed in who.timed_roles}
    if who.active and (found := policies.rules.conflicts(held)):
        one, other = found[0]
        raise RolesExclude(
            f"{who.name[:80]!r} has the roles {one!r} and {other!r}, which these policies keep apart",
            next_step=f"take one of them away first: 'wardstead user set-roles {who.name[:80]}'",
        )
