"""A deployment whose ledger was altered does not look fine."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from wardstead.bootstrap import verifying
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.verifying import keep_verifying, verified_check, verify_now
from wardstead.isolation.posture import State


def test_the_posture_says_what_the_last_verification_found(deployment: Deployment) -> None:
    assert verified_check(deployment).state is State.AMBER
    verify_now(deployment)
    assert verified_check(deployment).state is State.GREEN
    with deployment.engine.begin() as connection:
        connection.execute(text("UPDATE entry SET subject = 'somebody else' WHERE id = 1"))
    assert verify_now(deployment)["ok"] is False
    check = verified_check(deployment)
    assert check.state is State.RED
    assert "row-altered" in check.evidence


def test_a_result_that_cannot_be_read_is_none(deployment: Deployment) -> None:
    for junk in (b"", b"[]", b"{}", b"\xff", b'{"ok": true}'):
        (deployment.places.signed.parent / "verified.json").write_bytes(junk)
        assert verified_check(deployment).state is State.AMBER


def test_it_goes_on_until_it_is_told_to_stop(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    seen: list[bool] = []

    def once(found: Deployment) -> None:
        seen.append(verify_now(found)["ok"])
        stop.set()

    monkeypatch.setattr(verifying, "FIRST_S", 0.0)
    monkeypatch.setattr(verifying, "verify_now", once)
    # In a thread of its own: it lowers its thread's priority.
    thread = threading.Thread(target=keep_verifying, args=(deployment, stop))
    thread.start()
    thread.join(30)
    assert seen == [True]
