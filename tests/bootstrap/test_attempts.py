"""What threads do now and then is tried again, whatever keeps it from being done."""

from __future__ import annotations

import logging
import threading

import pytest
from sqlalchemy.exc import OperationalError

from wardstead.bootstrap.attempts import attempt
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.models import guarding, rescanning
from wardstead.kernel.errors import BackendError

FAILURES = (
    OperationalError("SELECT 1", {}, Exception("the server was restarted")),
    OSError(5, "Input/output error"),
    BackendError("the disk is full"),
)


@pytest.mark.parametrize("error", FAILURES, ids=lambda one: type(one).__name__)
def test_what_fails_is_logged_and_passes(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise error

    with caplog.at_level(logging.WARNING):
        attempt(fails, "it cannot be done now")
    assert [one.message for one in caplog.records] == ["it cannot be done now"]
    assert "SELECT" not in str(caplog.records[0].__dict__["fields"])


def test_a_defect_of_ours_is_not_taken_for_a_failure() -> None:
    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        attempt(fails, "it cannot be done now")


@pytest.mark.parametrize("error", FAILURES, ids=lambda one: type(one).__name__)
def test_who_guards_the_models_looks_again_after_the_database_failed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    stop, looked = threading.Event(), list[str]()

    def look(what: str) -> None:
        looked.append(what)
        if len(looked) > 1:
            stop.set()
        raise error

    for module in (guarding, rescanning):
        monkeypatch.setattr(module, "EVERY_S", 0.001)
    monkeypatch.setattr(guarding.Guard, "look", lambda _guard: look("files"))
    monkeypatch.setattr(rescanning, "due", lambda _deployment: look("scans"))
    guarding.keep_guarding(deployment, stop)
    assert looked == ["files", "files"]
    looked.clear()
    stop.clear()
    rescanning.keep_rescanning(deployment, stop)
    assert looked == ["scans", "scans"]
