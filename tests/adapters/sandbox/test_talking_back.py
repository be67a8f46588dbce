"""What a model server that was taken over may say to those who ask it: it holds nobody up, and nobody falls over it."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wardstead.adapters.sandbox.launcher import GuestVoice, Pulse, health, probe, works
from wardstead.isolation.probes import CATALOGUE
from wardstead.kernel.errors import PeerError

Says = Callable[[socket.socket], object]
Guest = Callable[[str, Says], Path]


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    """Gives the folder of a guest that answers each connection to its socket as it is told to."""
    listeners = []

    def listening(name: str, says: Says) -> Path:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / name))
        listener.listen(4)
        listeners.append(listener)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    if name == "model.sock":
                        connection.recv(4096)  # the question
                    says(connection)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        return tmp_path

    yield listening
    for one in listeners:
        one.close()


def dribble(first: bytes, piece: bytes) -> Says:
    def says(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(100):
            time.sleep(0.05)
            connection.sendall(piece)

    return says


@pytest.mark.parametrize(
    "answer", [b"[" * 200_000 + b"\n", b"\xff\n", b'{"a":\n', b"9" * 10_000 + b"\n", b" " * (2 << 20)], ids=lambda one: one[:6]
)
def test_nonsense_is_a_typed_error(guest: Guest, answer: bytes) -> None:
    folder = guest("probe.sock", lambda connection: connection.sendall(answer))
    with pytest.raises(PeerError):
        probe(folder, timeout_s=10)


@pytest.mark.quiet
def test_an_answer_that_never_ends_is_given_up_in_time(guest: Guest) -> None:
    folder = guest("probe.sock", dribble(b"", b"["))
    began = time.monotonic()
    with pytest.raises(PeerError):
        probe(folder, timeout_s=0.3)
    assert time.monotonic() - began < 2


def test_a_slow_answer_that_comes_in_time_is_taken(guest: Guest) -> None:
    said = json.dumps([{"id": name, "open": False, "detail": "closed"} for name in CATALOGUE]).encode() + b"\n"

    def says(connection: socket.socket) -> None:
        for at in range(0, len(said), 500):
            connection.sendall(said[at : at + 500])
            time.sleep(0.001)

    assert not [one.id for one in probe(guest("probe.sock", says), timeout_s=10) if one.open]


@pytest.mark.quiet
@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 ", b"x" * 4096])
def test_a_health_that_is_never_said_is_a_no_in_time(guest: Guest, first: bytes) -> None:
    folder = guest("model.sock", dribble(first, b"2"))
    began = time.monotonic()
    assert health(folder / "model.sock", timeout_s=0.3) is False
    assert time.monotonic() - began < 2


@pytest.mark.quiet
def test_headers_that_never_end_hold_nobody_up(guest: Guest) -> None:
    folder = guest("model.sock", dribble(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"))
    began = time.monotonic()
    assert health(folder / "model.sock") is True
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("line", "ready"),
    [
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 200", True),
        (b"HTTP/1.0 200 OK", True),
        (b"HTTP/1.1 503 Service Unavailable", False),
        (b"HTTP/1.1 2000 OK", False),
        (b"200 OK", False),
        (b"", False),
    ],
)
def test_only_a_200_is_ready(guest: Guest, line: bytes, ready: bool) -> None:
    folder = guest("model.sock", lambda connection: connection.sendall(line + b"\r\n\r\n"))
    assert health(folder / "model.sock") is ready


def test_a_server_that_answers_health_and_nothing_else_no_longer_works(guest: Guest) -> None:
    path = guest("model.sock", lambda _connection: time.sleep(5)) / "model.sock"
    assert not works(path, 0.2)
    pulse = Pulse(path, every_s=0.01, patience_s=0.2)
    deadline = time.monotonic() + 10
    while not pulse.stopped and time.monotonic() < deadline:
        time.sleep(0.01)
    assert pulse.stopped


def test_any_answer_is_a_sign_of_life(guest: Guest) -> None:
    folder = guest("model.sock", lambda connection: connection.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n"))
    assert works(folder / "model.sock", 5)


def test_what_a_server_prints_is_told_escaped_while_it_starts_and_dropped_afterwards() -> None:
    told: list[str] = []
    reading, writing = os.pipe()
    voice = GuestVoice(os.fdopen(reading, "rb"), told.append)
    os.write(writing, b"loading \x1b[31mred\n" + b"x" * 2000 + b"\n")
    deadline = time.monotonic() + 10
    while len(told) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert told[0] == "loading \N{REPLACEMENT CHARACTER}[31mred"
    assert max(map(len, told)) <= 500
    voice.hush()
    os.write(writing, b'{"level": "error", "message": "a prompt"}\n')
    os.close(writing)
    time.sleep(0.1)
    assert len(told) == 6
