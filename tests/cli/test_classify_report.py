"""What a report says where something could not be looked at."""

from __future__ import annotations

from wardstead.cli.classify_report import Read, Report, document, sarif
from wardstead.inspection.classify import Classification
from wardstead.inspection.documents import Extracted, Part


def report(*failed: str) -> Report:
    part = Part(("my notes ü.txt",), "words")
    return Report(
        (Read("my notes ü.txt", Extracted("my notes ü.txt", "text", (part,)), ((part, Classification(failed=failed)),)),),
        several=False,
    )


def test_a_detector_that_did_not_work_is_no_clean_scan() -> None:
    assert report("names").failed == ("names",)
    assert document(report("names"))["failed"] == ["names"]
    (run,) = sarif(report("names"))["runs"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "names" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_a_scan_in_which_all_worked_says_nothing_of_it() -> None:
    assert report().failed == ()
    assert "invocations" not in sarif(report())["runs"][0]
