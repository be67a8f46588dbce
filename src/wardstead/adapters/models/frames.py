"""What is said between us and a process that holds a model: frames, each four bytes of length (big-endian) and MessagePack."""

from __future__ import annotations

import os
import select
import time
from typing import Final, NoReturn, TypeVar

import msgspec

LONGEST: Final = 16 << 20
"""Bytes of a frame, either way."""
_HEAD: Final = 4
T = TypeVar("T")


class Broken(Exception):
    """The other side is gone, too slow, or does not keep to this. ``args[0]`` says which; it never quotes a text."""


class Job(msgspec.Struct, frozen=True, array_like=True):
    """Texts to look at."""

    number: int
    texts: list[str]


class WireSpan(msgspec.Struct, frozen=True, array_like=True):
    """Something in a text: see ``Span``."""

    type: str
    start: int
    end: int
    score: float


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What is in each text of a job; job 0 says that all is loaded. ``failed``: why there is nothing to be said."""

    number: int
    seen: list[list[WireSpan]] = []
    failed: str = ""


def packed(value: msgspec.Struct) -> bytes:
    """A frame. Raises ``Broken`` for one that is too long."""
    body = msgspec.msgpack.encode(value)
    if len(body) > LONGEST:
        raise Broken("there is too much of it")
    return len(body).to_bytes(_HEAD, "big") + body


def unpacked(body: bytes, kind: type[T]) -> T:
    """What a frame holds. Raises ``Broken``."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _garbage()


def send(fd: int, frame: bytes, deadline_s: float) -> None:
    """Write all of a frame to a pipe that does not block, by the deadline (of the monotonic clock). Raises ``Broken``."""
    left = memoryview(frame)
    while left:
        _wait(fd, select.POLLOUT, deadline_s)
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            continue
        except OSError:
            raise Broken("it has ended") from None


def receive(fd: int, deadline_s: float) -> bytes:
    """Read one frame's body from a pipe that does not block. Raises ``Broken``."""
    length = int.from_bytes(_exactly(fd, _HEAD, deadline_s), "big")
    if length > LONGEST:
        _garbage()
    return _exactly(fd, length, deadline_s)


def _exactly(fd: int, count: int, deadline_s: float) -> bytes:
    got = bytearray()
    while len(got) < count:
        _wait(fd, select.POLLIN, deadline_s)
        try:
            piece = os.read(fd, min(count - len(got), 1 << 20))
        except BlockingIOError:
            continue
        except OSError:
            piece = b""
        if not piece:
            raise Broken("it has ended")
        got += piece
    return bytes(got)


def _wait(fd: int, event: int, deadline_s: float) -> None:
    poll = select.poll()
    poll.register(fd, event)
    left_ms = (deadline_s - time.monotonic()) * 1000
    if left_ms <= 0 or not poll.poll(left_ms):
        raise Broken("it took too long")


def _garbage() -> NoReturn:
    raise Broken("it answers what is no answer")
