"""What a scan says of what was found, and of what could not be looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.inspection.reference import DETECTORS

from wardstead.cli import classify, classify_report
from wardstead.cli.classify_detectors import show_patterns
from wardstead.cli.classify_report import Classified, Passed, Unread, document, read, tell
from wardstead.cli.classify_sarif import sarif
from wardstead.inspection.classify import Classification, Found
from wardstead.inspection.extraction import Extracted, Part
from wardstead.inspection.policy import FLOWS
from wardstead.kernel.errors import CallerError
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import Label, label

TEXT = "Ms Okafor has diabetes"


def found(kind: str, at: str, detector: str, *combinations: str) -> Found:
    level: Label = label("restricted" if combinations else "internal")
    start = TEXT.index(at)
    actions = dict.fromkeys(FLOWS, Action.ALLOW)
    return Found(kind, "health", detector, start, start + len(at), level, actions, score=0.9, combinations=combinations)


def scan(*failed: str, findings: tuple[Found, ...] = (), unread: tuple[Unread, ...] = ()) -> Classified:
    part = Part(("my notes ü.txt",), TEXT)
    classification = Classification(findings=findings, failed=failed)
    one = read("my notes ü.txt", Extracted("my notes ü.txt", "text", (part,)), lambda _text, _most: classification, 10)
    return Classified((one, *unread), several=False)


PERSON = found("person", "Okafor", "names")
ILLNESS = found("medical-term", "diabetes", "medical-terms", "person-with-a-condition")


def test_a_detector_that_did_not_work_is_no_clean_scan() -> None:
    assert scan("names").failed == ("names",)
    assert document(scan("names"))["failed"] == ["names"]
    (run,) = sarif(scan("names"))["runs"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "names" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_a_scan_in_which_all_worked_says_so() -> None:
    assert scan().failed == ()
    assert sarif(scan())["runs"][0]["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_a_sarif_rule_is_what_is_found_and_its_detector_a_property() -> None:
    twice = found("person", "Ms Okafor", "prose")
    (run,) = sarif(scan(findings=(PERSON, twice, ILLNESS)))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [(one["id"], one["name"]) for one in rules] == [("medical-term", "MedicalTerm"), ("person", "Person")]
    assert rules[1]["properties"]["detectors"] == ["names", "prose"]
    assert rules[0]["defaultConfiguration"] == {"level": "error"}
    assert all(one["shortDescription"]["text"] and one["fullDescription"]["text"] and one["help"]["text"] for one in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert [one["properties"]["detector"] for one in run["results"]] == ["names", "prose", "medical-terms"]
    assert "person-with-a-condition" in run["results"][2]["message"]["text"]


def test_sarif_lists_what_was_not_read_and_what_was_skipped() -> None:
    unread = Unread("gone\udcff.txt", CallerError("the file cannot be read", where="gone\udcff.txt"))
    given = scan(unread=(unread,))
    (run,) = sarif(Classified(given.files, several=True, passed=(Passed("pipe", "a named pipe"),)))["runs"]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert [(one["descriptor"]["id"], one["level"]) for one in notes] == [("bad_request", "error"), ("skipped", "note")]
    assert [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in notes] == ["gone%FF.txt", "pipe"]
    assert notes[0]["message"]["text"].isprintable()
    described = {one["id"] for one in run["tool"]["driver"]["notifications"]}
    assert described == {"bad_request", "skipped"}


def test_the_table_names_the_combination_that_raised_a_label(capsys: pytest.CaptureFixture[str]) -> None:
    with classify_report.out.capture() as captured:
        tell(scan(findings=(PERSON, ILLNESS)).read[0], show=False)
    person, illness = (line for line in captured.get().splitlines() if line.startswith("1:"))
    assert "person-with-a-condition" in illness
    assert "person-with-a-condition" not in person
    assert "my notes ü.txt: public; 2 findings" in captured.get()
    assert capsys.readouterr().err == ""


def test_what_is_not_listed_is_counted_by_type_wherever_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    parts = tuple(Part(("one.zip", name), TEXT) for name in ("a", "b", "c"))
    left: list[int] = []

    def classified(_text: str, most: int) -> Classification:
        left.append(most)
        two = (PERSON, ILLNESS)
        return Classification(label("restricted"), two[:most], more={one.type: 1 for one in two[most:]})

    one = read("one.zip", Extracted("one.zip", "zip", parts), classified, 3)
    assert left == [3, 1, 0]
    assert (len(one.findings), one.total, one.more) == (3, 6, {"medical-term": 2, "person": 1})
    assert document(Classified((one,), several=False))["more"] == {"medical-term": 2, "person": 1}
    (run,) = sarif(Classified((one,), several=False))["runs"]
    assert len(run["results"]) == 3
    assert run["artifacts"][0]["properties"]["more"] == {"medical-term": 2, "person": 1}
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert (note["descriptor"]["id"], note["level"]) == ("more", "warning")
    with classify_report.err.capture() as captured:
        tell(one, show=False)
    assert "3 findings that are not listed (medical-term 2, person 1): --most N" in captured.get()
    assert "one.zip: restricted; 6 findings" in capsys.readouterr().out


def test_a_folder_that_may_not_be_read_is_an_error_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tests may be root, who may read everything: so it is ``scandir`` that says no."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "open.txt").write_text("hello")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    unread: list[Unread] = []
    assert list(classify._sources([tmp_path], [], unread)) == [tmp_path / "open.txt"]
    assert [(one.name, one.error.code) for one in unread] == [(str(tmp_path / "closed"), "cannot_read")]
    unread.clear()
    assert list(classify._sources([tmp_path / "closed"], [], unread)) == []
    assert len(unread) == 1


def test_the_types_that_patterns_find_are_listed_under_their_categories(capsys: pytest.CaptureFixture[str]) -> None:
    patterns = [one for one in DETECTORS if one.type in {"payment-card", "iban", "email"}]
    show_patterns(patterns)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if line.strip()][1:] == [
        ["payment", "iban,", "payment-card"], ["personal", "email"],
    ]  # fmt: skip
