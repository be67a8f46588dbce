"""Whatever a process with a model does, the answer is right or the verdict is *failed*, in time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wardstead.adapters.models.names import NamesDetector
from wardstead.adapters.models.pool import BATCH_CHARS, WorkerPool
from wardstead.adapters.models.worker import Load, Worker
from wardstead.kernel.errors import DetectorFailed

FAKE = Path(__file__).parent / "fake.py"
LOAD = Load("names", {})


class Fakes:
    """A pool of fakes, and how often one was started."""

    def __init__(self, how: str, *, workers: int = 1, timeout_s: float = 1.0, queue: int = 64, loading_s: float = 20.0) -> None:
        self.started: list[Worker] = []
        self.how, self.loading_s = how, loading_s
        self.pool = WorkerPool("names", self.start, workers=workers, timeout_s=timeout_s, queue=queue)

    def start(self) -> Worker:
        worker = Worker(LOAD, timeout_s=self.loading_s, command=(sys.executable, str(FAKE), self.how))
        self.started.append(worker)
        return worker

    def running(self) -> int:
        return sum(worker._process.poll() is None for worker in self.started)


@pytest.fixture
def fakes() -> Iterator[list[Fakes]]:
    made: list[Fakes] = []
    yield made
    for one in made:
        one.pool.close()
        assert one.running() == 0


def detector(fakes: list[Fakes], how: str, **settings: float) -> tuple[NamesDetector, Fakes]:
    one = Fakes(how, **settings)  # type: ignore[arg-type]
    fakes.append(one)
    return NamesDetector(one.pool, version="1"), one


def test_one_process_answers_for_all_texts_and_is_kept(fakes: list[Fakes]) -> None:
    names, one = detector(fakes, "well")
    for turn in range(3):
        assert [[span.start for span in spans] for spans in names.detect([f"{turn} Ada", "", "nobody"])] == [[2], [], []]
    assert len(one.started) == 1


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("crash", "ended"),
        ("hang", "too long"),
        ("half", "too long"),
        ("drip", "too long|no answer"),
        ("garbage", "no answer"),
        ("endless", "no answer"),
        ("fewer", "other texts"),
        ("other-number", "another question"),
        ("out-of-bounds", "cannot be"),
        ("backwards", "cannot be"),
        ("undeclared", "cannot be"),
        ("sure-beyond-doubt", "cannot be"),
    ],
)
def test_what_a_process_does_wrong_is_a_failed_verdict_in_time(fakes: list[Fakes], how: str, why: str) -> None:
    names, one = detector(fakes, how, timeout_s=0.5)
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(DetectorFailed, match=why) as failed:
            names.detect(["Ada is here, my secret friend"])
        assert "secret" not in str(failed.value.diagnostics())
        assert time.monotonic() - began < 10
    if why != "cannot be":
        assert len(one.started) == 2, "a process that failed is replaced"
        assert one.running() == 0, "and ended"


def test_a_model_that_is_missing_says_so_and_is_not_tried_again_at_once(fakes: list[Fakes]) -> None:
    names, one = detector(fakes, "lacks-its-model")
    for _ in range(5):
        with pytest.raises(DetectorFailed, match="not the file that was admitted") as failed:
            names.detect(["Ada"])
        assert "\x1b" not in failed.value.why
        assert failed.value.code == "detector_failed"
    assert len(one.started) == 0, "it was never ready"
    assert one.pool._refused[0] > time.monotonic()


def test_loading_has_a_limit_of_its_own(fakes: list[Fakes]) -> None:
    names, _ = detector(fakes, "never-ready", loading_s=0.5)
    with pytest.raises(DetectorFailed, match="too long"):
        names.detect(["Ada"])


def test_a_program_that_is_not_there_is_a_failed_verdict() -> None:
    pool = WorkerPool("names", lambda: Worker(LOAD, timeout_s=5, command=("/nowhere/python",)))
    with pytest.raises(DetectorFailed, match="could not be started"):
        pool.ask(["Ada"])


def test_after_a_failure_the_next_one_is_answered(fakes: list[Fakes]) -> None:
    names, one = detector(fakes, "slow-for-slow", timeout_s=0.5)
    with pytest.raises(DetectorFailed, match="too long"):
        names.detect(["slow"])
    assert names.detect(["Ada"])[0][0].type == "person"
    assert len(one.started) == 2


def test_threads_share_the_processes_and_each_gets_its_own_answer(fakes: list[Fakes]) -> None:
    names, one = detector(fakes, "well", workers=3, timeout_s=20)
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(20):
            text = "x" * ((number * 7 + turn) % 50) + f"Ada {number} {turn}"
            if names.detect([text])[0][0].start != text.find("Ada"):
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert 1 <= len(one.started) <= 3


def test_those_who_wait_too_long_or_are_too_many_are_told(fakes: list[Fakes]) -> None:
    names, _ = detector(fakes, "hang", timeout_s=1.0, queue=2)
    said: list[str] = []

    def work(number: int) -> None:
        try:
            names.detect([f"Ada {number}"])
        except DetectorFailed as error:
            said.append(error.why)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(said) == 8
    assert said.count("too many wait for it") >= 4
    assert {why for why in said if "many" not in why} <= {"it took too long", "it is too busy"}


def test_a_closed_pool_answers_nobody(fakes: list[Fakes]) -> None:
    names, one = detector(fakes, "well")
    names.detect(["Ada"])
    names.close()
    assert one.running() == 0
    with pytest.raises(DetectorFailed, match="closed"):
        names.detect(["Grace and Ada"])


def test_what_was_seen_before_is_not_asked_again(fakes: list[Fakes]) -> None:
    names, one = detector(fakes, "well")
    first = names.detect(["Ada was here"])
    one.how = "crash"
    one.pool.close()
    assert names.detect(["Ada was here"]) == first


def test_more_than_it_may_look_at_is_a_failed_verdict(fakes: list[Fakes]) -> None:
    one = Fakes("well")
    fakes.append(one)
    names = NamesDetector(one.pool, version="1", max_chars=10_000)
    with pytest.raises(DetectorFailed, match="too long"):
        names.detect([" ".join(map(str, range(5000)))])
    assert not one.started


def test_many_texts_go_in_jobs_of_bounded_size(fakes: list[Fakes]) -> None:
    names, one = detector(fakes, "well", timeout_s=20)
    texts = [f"{number} {'y' * 300} Ada" for number in range(4 * BATCH_CHARS // 300)]
    assert all(spans[0].start == text.find("Ada") for text, spans in zip(texts, names.detect(texts), strict=True))
    assert one.started[0]._number > 3
