"""Admissions of models in the database. Each act raises the directory's version, so every worker looks anew, and is recorded.

What is read here is not trusted to admit anything: whoever serves verifies the signed statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select, update

from wardstead.adapters.store.directory.directory import Actor, DirectoryStore
from wardstead.adapters.store.tables.admissions import model_act, model_admission
from wardstead.adapters.store.tables.ledger import IS_ACT, entry
from wardstead.kernel.clock import Clock
from wardstead.kernel.errors import CallerError, IntegrityError
from wardstead.supply.admission import Admission, Basis, Candidate, State

Revise = Callable[[Admission], Admission]
_OLDEST_FIRST = select(model_admission).order_by(model_admission.c.id)


class NoSuchAdmission(CallerError):
    """Nobody added such a model, or it is over."""

    code = "no_such_admission"


class AdmissionStore:
    """Over the directory's store. Blocking."""

    def __init__(self, directory: DirectoryStore, *, clock: Clock) -> None:
        """Acts are recorded as the directory's are."""
        self._directory, self._clock = directory, clock

    def all(self) -> list[Admission]:
        """Every one, the oldest first."""
        with self._directory.reading() as connection:
            return [_admission(row) for row in connection.execute(_OLDEST_FIRST).mappings()]

    def of(self, model: str) -> list[Admission]:
        """Those of one model, the oldest first."""
        with self._directory.reading() as connection:
            return [_admission(row) for row in connection.execute(_of(model)).mappings()]

    def waiting(self) -> list[Admission]:
        """What is on its way, the oldest first."""
        asked = _OLDEST_FIRST.where(model_admission.c.state == State.CANDIDATE.value)
        with self._directory.reading() as connection:
            return [_admission(row) for row in connection.execute(asked).mappings()]

    def report(self, admission_id: str) -> bytes:
        """The report of its scan; empty where there is none."""
        return self._column("report", admission_id)

    def bom(self, admission_id: str) -> bytes:
        """Its AIBOM; empty where there is none."""
        return self._column("bom", admission_id)

    def add(self, candidate: Candidate, *, actor: Actor | None = None) -> None:
        """A new candidate. One of the same model that was on its way is withdrawn, unless this is an override."""
        now = self._clock()

        def change(connection: Connection, act: str) -> None:
            old = (model_admission.c.model == candidate.model) & (model_admission.c.state == State.CANDIDATE.value)
            values = {"state": State.WITHDRAWN.value, "why": "it was added anew", "changed_ms": now}
            if candidate.basis is Basis.REVIEW:
                connection.execute(update(model_admission).where(old).values(values))
            row = {"id": candidate.id, "model": candidate.model, "state": State.CANDIDATE.value, "why": "", "changed_ms": now}
            connection.execute(insert(model_admission).values(**row, candidate=msgspec.json.encode(candidate)))
            _note(connection, act, candidate.model)

        override = candidate.basis is Basis.OVERRIDE
        details = {
            "model": candidate.model, "admission": candidate.id, "up_to": candidate.ceiling, "basis": candidate.basis.value,
            "files": {one.path: one.sha256 for one in candidate.files}, "reason": candidate.added.reason,
            **({"lasts_ms": candidate.lasts_ms} if override else {}),
        }  # fmt: skip
        self._directory.record_and_change(change, actor, "model.override-ask" if override else "model.add", details)

    def revise(
        self, admission_id: str, revise: Revise, action: str, details: Mapping[str, object], *, actor: Actor | None = None,
        **kept: bytes,
    ) -> Admission:  # fmt: skip
        """Put what ``revise`` makes of it in its place, with ``report`` or ``bom`` where given. It may refuse by raising.

        One that is signed by it takes the place of the model's earlier ones, unless it is an override.
        """

        def change(connection: Connection, act: str) -> Admission:
            row = connection.execute(select(model_admission).where(model_admission.c.id == admission_id)).mappings().first()
            if row is None:
                raise NoSuchAdmission("there is no such admission", next_step="'wardstead model list'")
            before = _admission(row)
            after = msgspec.structs.replace(revise(before), changed_ms=self._clock())
            connection.execute(update(model_admission).where(model_admission.c.id == admission_id).values(_values(after) | kept))
            if after.state is State.ADMITTED and before.state is State.CANDIDATE and not after.override:
                _replace_others(connection, after)
            _note(connection, act, after.candidate.model)
            return after

        return self._directory.record_and_change(change, actor, action, {"admission": admission_id, **details})

    def acts(self, model: str, limit: int, before: int | None = None) -> list[tuple[int, str]]:
        """The newest acts about a model: each its entry's number and its id. ``before``: those with a lower number.

        There are none of before this was kept (0033).
        """
        asked = select(entry.c.id, entry.c.exchange).join(model_act, model_act.c.exchange == entry.c.exchange)
        asked = asked.where(model_act.c.model == model, IS_ACT).order_by(entry.c.id.desc()).limit(limit)
        if before is not None:
            asked = asked.where(entry.c.id < before)
        with self._directory.reading() as connection:
            return [(int(row.id), str(row.exchange)) for row in connection.execute(asked)]

    def _column(self, name: str, admission_id: str) -> bytes:
        asked = select(model_admission.c[name]).where(model_admission.c.id == admission_id)
        with self._directory.reading() as connection:
            found = connection.execute(asked).scalar_one_or_none()
        return b"" if found is None else bytes(found)


def _note(connection: Connection, act: str, model: str) -> None:
    if act:
        connection.execute(insert(model_act).values(exchange=act, model=model))


def sign_anew(connection: Connection, signed: Callable[[bytes], bytes]) -> None:
    """Put every statement into another envelope, within a write transaction: another key signs from now on."""
    there = select(model_admission.c.id, model_admission.c.envelope).where(model_admission.c.envelope.is_not(None))
    for row in connection.execute(there).all():
        values = {"envelope": signed(bytes(row.envelope))}
        connection.execute(update(model_admission).where(model_admission.c.id == row.id).values(**values))


def _of(model: str) -> Any:
    return _OLDEST_FIRST.where(model_admission.c.model == model)


def _replace_others(connection: Connection, by: Admission) -> None:
    signed = [State.ADMITTED.value, State.SUSPENDED.value]
    others = (model_admission.c.model == by.candidate.model) & (model_admission.c.id != by.candidate.id)
    connection.execute(
        update(model_admission).where(others & model_admission.c.state.in_(signed))
        .values(state=State.REPLACED.value, why=f"by {by.candidate.id}", changed_ms=by.changed_ms)
    )  # fmt: skip


def _values(one: Admission) -> dict[str, Any]:
    return {
        "state": one.state.value, "candidate": msgspec.json.encode(one.candidate), "envelope": one.envelope or None,
        "signed_ms": one.signed_ms, "expires_ms": one.expires_ms, "why": one.why, "changed_ms": one.changed_ms,
    }  # fmt: skip


def _admission(row: RowMapping) -> Admission:
    try:
        candidate = msgspec.json.decode(bytes(row["candidate"]), type=Candidate)
        state = State(row["state"])
    except (ValueError, msgspec.MsgspecError):
        raise IntegrityError("what is kept of a model's admission is not ours", where=str(row["model"])) from None
    return Admission(
        candidate, state, bytes(row["envelope"] or b""), row["signed_ms"], row["expires_ms"], row["why"], row["changed_ms"]
    )
