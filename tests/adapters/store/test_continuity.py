"""What somebody who can write the database, and not the keys, can do to the ledger is seen before anything is started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update
from tests.adapters.store.deployment import Deployment, unguarded

from wardstead.adapters.store.ledger.continuity import LedgerCut, begin_signed, keep_signed, require_continuity
from wardstead.adapters.store.migrate import upgrade
from wardstead.adapters.store.tables.ledger import checkpoint, entry, leaf, ledger_key, tile
from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.checkpoint import open_checkpoint


@pytest.fixture
def signed(deployment: Deployment) -> Deployment:
    """Three exchanges, all of them signed, in a database at the newest revision."""
    journal = deployment.journal()
    for _ in range(3):
        deployment.exchange(journal)
    journal.close()
    deployment.record()
    at_revision(deployment, "0004_signed")
    require(deployment)
    return deployment


def at_revision(deployment: Deployment, revision: str) -> None:
    with deployment.engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})


def signing(deployment: Deployment) -> tuple[VerifyingKey, Callable[[], SigningKey]]:
    return deployment.ledger_key.verifying, lambda: deployment.ledger_key


def require(deployment: Deployment) -> None:
    copy = deployment.folder / "state" / "checkpoint"
    require_continuity(deployment.engine, *signing(deployment), copy=copy, signed=deployment.signed)


def forget_the_tree(deployment: Deployment) -> None:
    """Two entries, and all that the recorder ever derived: it would begin anew."""
    with unguarded(deployment.engine) as connection:
        for table in (leaf, tile, checkpoint):
            connection.execute(delete(table))
        connection.execute(delete(entry).where(entry.c.id.in_([3, 4])))
    (deployment.folder / "state" / "checkpoint").unlink()


def pretend_an_older_version(deployment: Deployment) -> None:
    forget_the_tree(deployment)
    at_revision(deployment, "0002_ledger")


def pretend_a_version_without_a_ledger(deployment: Deployment) -> None:
    drop_the_checkpoints(deployment)
    at_revision(deployment, "0001_directory")


def drop_the_checkpoints(deployment: Deployment) -> None:
    with deployment.engine.begin() as connection:
        connection.execute(text("DROP TABLE checkpoint"))


def edit_and_resign_with_another_key(deployment: Deployment) -> None:
    forget_the_tree(deployment)
    mine = SigningKey("ledger.test", bytes(range(32)))
    (deployment.folder / "state" / "checkpoint").write_text(mine.sign_note("ledger.test\n0\n" + "A" * 43 + "=\n"))


ATTACKS = [
    forget_the_tree,
    pretend_an_older_version,
    pretend_a_version_without_a_ledger,
    drop_the_checkpoints,
    edit_and_resign_with_another_key,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_ledger_that_was_rewritten_without_the_keys_is_not_started(
    signed: Deployment, attack: Callable[[Deployment], None]
) -> None:
    attack(signed)
    with pytest.raises(IntegrityError):
        require(signed)


def test_nor_is_it_signed_anew_by_the_recorder(signed: Deployment) -> None:
    forget_the_tree(signed)
    with pytest.raises(LedgerCut):
        signed.record()
    assert "truncated" in [one.code for one in signed.reader.verify(clock=lambda: 0, known=[signed.signed.read_text()]).problems]


def test_the_checkpoint_among_the_keys_is_the_newest(signed: Deployment) -> None:
    kept = open_checkpoint(signed.signed.read_text(), signed.ledger_key.verifying)
    assert kept.size == 6
    assert signed.signed.parent.stat().st_mode & 0o777 == 0o700
    assert signed.signed.read_text() == signed.reader.checkpoint()


def test_without_the_checkpoint_among_the_keys_nothing_is_started(signed: Deployment) -> None:
    signed.signed.unlink()
    with pytest.raises(IntegrityError, match="gone"):
        require(signed)
    with pytest.raises(IntegrityError, match="gone"):
        signed.record()


def test_one_of_another_key_is_none(signed: Deployment) -> None:
    keep_signed(
        signed.signed, SigningKey("ledger.test", bytes(range(32))).sign_note(signed.signed.read_text().split("\n\n")[0] + "\n")
    )
    with pytest.raises(IntegrityError, match="not what was signed"):
        require(signed)


def test_a_database_of_an_older_version_is_believed_once(signed: Deployment) -> None:
    at_revision(signed, "0002_ledger")
    signed.signed.unlink()
    require(signed)
    assert open_checkpoint(signed.signed.read_text(), signed.ledger_key.verifying).size == 6
    pretend_an_older_version(signed)
    with pytest.raises(LedgerCut):
        require(signed)


def test_a_database_of_a_version_without_a_ledger_is_believed_once(deployment: Deployment, tmp_path: Path) -> None:
    with deployment.engine.begin() as connection:
        for table in (checkpoint, tile, leaf, ledger_key, entry):
            connection.execute(text(f"DROP TABLE {table.name}"))
    at_revision(deployment, "0001_directory")
    deployment.signed.unlink()
    require(deployment)
    assert open_checkpoint(deployment.signed.read_text(), deployment.ledger_key.verifying).size == 0


def test_an_older_copy_is_gone_on_from_by_whoever_can_write_the_keys(signed: Deployment) -> None:
    older = signed.known()[0]
    journal = signed.journal("later")
    signed.exchange(journal)
    journal.close()
    signed.record()
    with signed.engine.begin() as connection:
        connection.execute(delete(leaf).where(leaf.c.idx >= 6))
        connection.execute(delete(entry).where(entry.c.id > 6))
        connection.execute(delete(checkpoint).where(checkpoint.c.size > 6))
        connection.execute(update(tile).values(hashes=text("substr(hashes, 1, 192)")))
    (signed.folder / "state" / "checkpoint").write_text(older)
    with pytest.raises(LedgerCut, match="keys/ledger/checkpoint"):
        require(signed)
    signed.signed.write_text(older)
    require(signed)


def test_a_new_deployment_begins_with_nothing_signed_and_what_is_noted_stays(deployment: Deployment) -> None:
    first = deployment.signed.read_text()
    begin_signed(deployment.signed, SigningKey("ledger.test", bytes(range(32))))
    assert deployment.signed.read_text() == first
    assert open_checkpoint(first, deployment.ledger_key.verifying).size == 0


def test_an_empty_database_is_none_of_ours(deployment: Deployment, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="empty"):
        require(deployment)


def test_a_migrated_database_is_at_the_revision_that_is_asked_for(tmp_path: Path, deployment: Deployment) -> None:
    from wardstead.adapters.store.base import open_engine

    engine = open_engine(f"sqlite:///{tmp_path / 'new.db'}")
    upgrade(engine)
    require_continuity(engine, *signing(deployment), copy=tmp_path / "none", signed=deployment.signed)
    deployment.signed.unlink()
    with pytest.raises(IntegrityError, match="gone"):
        require_continuity(
            engine,
            deployment.ledger_key.verifying,
            lambda: deployment.ledger_key,
            copy=tmp_path / "none",
            signed=deployment.signed,
        )
