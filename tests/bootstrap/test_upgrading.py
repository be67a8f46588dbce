"""A deployment of an earlier version: what it lacks is no alteration, and a start brings it up to date."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from wardstead.adapters.store.migrate import upgrade
from wardstead.bootstrap.deployment import Deployment
from wardstead.kernel.errors import ConfigurationError, IntegrityError

LAST_WITHOUT_CONVERSATIONS = "0004_signed"


def made_earlier(deployment: Deployment) -> None:
    """As the version before conversations left it."""
    with deployment.engine.begin() as connection:
        revisions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
        assert revisions != [LAST_WITHOUT_CONVERSATIONS]
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": LAST_WITHOUT_CONVERSATIONS})
        connection.execute(text("DROP TABLE conversation"))


def test_what_an_earlier_version_lacks_is_said_and_what_to_do(deployment: Deployment) -> None:
    assert deployment.conversations.list(owner=None) == []
    made_earlier(deployment)
    with pytest.raises(ConfigurationError, match="earlier version") as caught:
        deployment.conversations.list(owner=None)
    assert "wardstead up" in caught.value.next_step


def test_a_table_that_is_gone_from_a_present_database_is_an_alteration(deployment: Deployment) -> None:
    upgrade(deployment.engine)
    with deployment.engine.begin() as connection:
        connection.execute(text("DROP TABLE conversation"))
    with pytest.raises(IntegrityError, match="no such table"):
        deployment.conversations.list(owner=None)
