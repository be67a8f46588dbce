"""Recorders over one database: one is elected, another follows, and the former one cannot write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text
from tests import postgres
from tests.adapters.store.deployment import Deployment, deploy

from wardstead.adapters.store.keys.shared_keys import SharedKeys
from wardstead.adapters.store.ledger.continuity import begin_signed
from wardstead.adapters.store.ledger.recorder import Recorder
from wardstead.adapters.store.ledger.tree_store import TreeMoved
from wardstead.crypto.keyring import KeyGone, SubjectKey
from wardstead.crypto.roots import only
from wardstead.kernel.errors import IntegrityError

pytestmark = pytest.mark.skipif(not postgres.INSTALLED, reason="PostgreSQL is not installed")


@pytest.fixture
def two(tmp_path: Path) -> tuple[Deployment, Deployment]:
    """Two folders over one database."""
    url = postgres.shared().database()
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(deploy(tmp_path / name, url))
    begin_signed(made[1].signed, made[1].ledger_key)
    return made[0], made[1]


def end_session(deployment: Deployment, recorder: Recorder) -> None:
    """As if its host were gone: the server ends the session that it is elected by."""
    session = recorder._election._session  # type: ignore[attr-defined]
    pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with deployment.engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_one_is_elected_and_when_it_stands_still_it_writes_nothing_any_more(two: tuple[Deployment, Deployment]) -> None:
    one, other = two
    journal = one.journal()
    former, next_one = one.recorder(), other.recorder()
    assert former._election.won()
    former.open()
    assert not next_one._election.won()
    one.exchange(journal)
    former.step()
    end_session(one, former)
    one.exchange(journal)
    assert next_one._election.won()
    next_one.open()
    # The former one stood still at this place: it knows a tree that nobody has added to since.
    with pytest.raises(TreeMoved):
        former._sequence()
    next_one.step()
    assert one.verify(known=False) == []
    former._election._session.invalidate()  # type: ignore[attr-defined]
    former.close()
    next_one.close()
    journal.close()


def test_keys_are_shared_and_what_is_erased_stays_so(two: tuple[Deployment, Deployment]) -> None:
    one, other = two
    with pytest.raises(IntegrityError, match="key store is gone"):
        SharedKeys(one.engine, only(one.root), os.urandom)
    mine = SharedKeys(one.engine, only(one.root), os.urandom, create=True)
    theirs = SharedKeys(other.engine, only(one.root), os.urandom)
    added = mine.add(SubjectKey("alice", 1, b"wrapped"))
    assert theirs.add(SubjectKey("alice", 1, b"another")) == added, "the first one counts"
    with other.engine.begin() as connection:  # it is no key that could move to another epoch
        connection.execute(text("DELETE FROM wardstead_keys.subject_key"))
    epoch = mine.erase("alice")
    assert theirs.current_kek().epoch == epoch == 2
    with pytest.raises(KeyGone):
        theirs.find("alice")
    mine.close()
    theirs.close()
