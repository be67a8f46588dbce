"""The detector of names with its real model, in a real process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from wardstead.adapters.models.names import InstalledModel, NamesDetector
from wardstead.adapters.models.pool import WorkerPool
from wardstead.adapters.models.worker import Load, Worker
from wardstead.bootstrap.detection.detectors import names, names_model
from wardstead.config.sections import NamesSection
from wardstead.kernel.errors import ConfigurationError, DetectorFailed


@pytest.fixture(scope="module")
def detector() -> Iterator[NamesDetector]:
    one = names(NamesSection(timeout_s=60))
    yield one
    one.close()


def found(detector: NamesDetector, text: str) -> list[tuple[str, str]]:
    return [(span.type, text[span.start : span.end]) for span in detector.detect([text])[0]]


def pid(detector: NamesDetector) -> int:
    return detector.pool._idle[0]._process.pid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My name is Helena Brandt and I need a new card.", [("person", "Helena Brandt")]),
        ("Please ask Dr. Ramirez about it", [("person", "Dr. Ramirez")]),
        ("the patient john kowalski came in on monday", [("person", "john kowalski")]),
        ("Ship it to 221 Baker Street, London, please", [("postal-address", "221 Baker Street, London")]),
        ("I grew up in Toronto with two brothers", [("location", "Toronto")]),
        ("def main(argv): return sum(x for x in argv)", []),
        ("", []),
        ("   \n\t ", []),
    ],
)
def test_it_finds_people_and_places(detector: NamesDetector, text: str, expected: list[tuple[str, str]]) -> None:
    assert found(detector, text) == expected


def test_a_long_text_is_the_same_as_its_parts(detector: NamesDetector) -> None:
    filler = "The meeting was moved to the next week because nobody had read the report in time. "
    text = filler * 40 + "It was written by Margaret Oyelaran, who left. " + filler * 40
    at = text.index("Margaret")
    spans = [span for span in detector.detect([text])[0] if span.type == "person"]
    assert [(span.start, text[span.start : span.end]) for span in spans] == [(at, "Margaret Oyelaran")]


def test_a_name_is_found_whole_wherever_it_lies_across_windows(detector: NamesDetector) -> None:
    for shift in range(400, 640, 16):
        words = "word " * 400
        text = words[:shift] + " we met Margaret Oyelaran there " + words
        at = text.index("Margaret")
        people = [span for span in detector.detect([text])[0] if span.type == "person" and span.end > at]
        assert (people[0].start, people[0].end) == (at, at + len("Margaret Oyelaran")), shift


def test_half_a_character_changes_no_place(detector: NamesDetector) -> None:
    text = "x\ud800y 😀 Margaret Oyelaran"
    assert ("person", "Margaret Oyelaran") in found(detector, text)


def test_the_process_can_reach_nothing(detector: NamesDetector) -> None:
    detector.detect(["warm up"])
    status = Path(f"/proc/{pid(detector)}/status").read_text()
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    links = {str(path.readlink()) for path in Path(f"/proc/{pid(detector)}/fd").iterdir()}
    assert not {link for link in links if "socket:" in link}
    environment = Path(f"/proc/{pid(detector)}/environ").read_bytes()
    assert b"HOME" not in environment


def test_a_process_that_is_killed_while_idle_is_replaced(detector: NamesDetector) -> None:
    detector.detect(["before"])
    before = pid(detector)
    os.kill(before, signal.SIGKILL)
    time.sleep(0.1)
    assert found(detector, "in between: Margaret Oyelaran") == [("person", "Margaret Oyelaran")]
    assert pid(detector) != before
    assert found(detector, "and after: Margaret Oyelaran") == [("person", "Margaret Oyelaran")]


def failing(load: Load) -> str:
    one = NamesDetector(WorkerPool("names", lambda: Worker(load, timeout_s=60)), version="1")
    with pytest.raises(DetectorFailed) as failed:
        one.detect(["Ada"])
    one.close()
    return failed.value.why


def test_a_changed_file_is_a_missing_model(tmp_path: Path) -> None:
    load = names_model().load({})
    path, sha256 = load.files["model"]
    changed = tmp_path / "model.onnx"
    changed.write_bytes(Path(path).read_bytes()[:-1] + b"\x00")
    assert "not the file that was admitted" in failing(Load("names", {**load.files, "model": (str(changed), sha256)}))


def test_a_missing_file_and_a_file_that_is_no_model_are_named(tmp_path: Path) -> None:
    load = names_model().load({})
    assert "gone.json" in failing(Load("names", {**load.files, "config": ("/nowhere/gone.json", "0" * 64)}))
    _, sha256 = load.files["config"]
    path = load.files["config"][0]
    assert "cannot be loaded" in failing(Load("names", {**load.files, "model": (path, sha256)}))


def test_too_little_memory_is_a_failed_verdict() -> None:
    load = names_model().load({})
    assert failing(Load("names", load.files, memory_bytes=64 << 20))


def test_a_package_that_is_not_installed_is_a_wrong_configuration() -> None:
    with pytest.raises(ConfigurationError, match="not installed"):
        msgspec.structs.replace(names_model(), package="no_such_package_of_ours").load({})


def test_the_licence_asks_for_what_the_notice_says() -> None:
    model = names_model()
    assert isinstance(model, InstalledModel)
    notice = (Path(__file__).parents[3] / "NOTICE").read_text()
    assert model.licence == "CC-BY-4.0"
    assert "National Design Studio" in notice
    assert "creativecommons.org/licenses/by/4.0" in notice


def test_a_process_ends_with_the_one_that_started_it() -> None:
    import subprocess
    import sys

    script = (
        "import os, sys, time\n"
        "from wardstead.bootstrap.detection.detectors import names\n"
        "from wardstead.config.sections import NamesSection\n"
        "one = names(NamesSection(timeout_s=60))\n"
        "one.detect(['Ada'])\n"
        "print(one.pool._idle[0]._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, signal.SIGSTOP)  # it cannot see its pipe close
        parent.kill()
        parent.wait()
        os.kill(child, signal.SIGCONT)
        deadline = time.monotonic() + 20
        while Path(f"/proc/{child}/cmdline").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        gone = not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes()
        assert gone
