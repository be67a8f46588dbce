"""Turns among processes, and among the threads of one."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from wardstead.adapters.locks import Turn


def taking_turns(turns: list[Turn]) -> int:
    """How many were inside at once, at most, when a thread for each took turns."""
    inside, most = [0], [0]

    def take(turn: Turn) -> None:
        for _ in range(20):
            with turn:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                inside[0] -= 1

    threads = [threading.Thread(target=take, args=[turn]) for turn in turns]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return most[0]


def test_threads_that_share_a_turn_take_it_one_after_the_other(tmp_path: Path) -> None:
    assert taking_turns([Turn(tmp_path / "turn")] * 4) == 1


def test_turns_on_one_file_exclude_each_other(tmp_path: Path) -> None:
    shared = Turn(tmp_path / "turn")
    assert taking_turns([shared, shared, Turn(tmp_path / "turn"), Turn(tmp_path / "turn")]) == 1


def test_a_turn_that_could_not_be_had_is_nobody_s(tmp_path: Path) -> None:
    turn = Turn(tmp_path / "turn")
    turn.close()
    for _ in range(2):  # the second would wait for ever, were the first still in
        with pytest.raises(OSError, match="Bad file descriptor"), turn:
            pass
