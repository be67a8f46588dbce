"""A process in place of one that holds a model, which misbehaves as it is told: ``python fake.py HOW``."""

from __future__ import annotations

import sys
import time

import msgspec


def frame(value: object) -> bytes:
    body = msgspec.msgpack.encode(value)
    return len(body).to_bytes(4, "big") + body


def receive() -> object:
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        sys.exit(0)
    return msgspec.msgpack.decode(sys.stdin.buffer.read(int.from_bytes(head, "big")))


def say(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def person(text: str) -> list[list[object]]:
    at = text.find("Ada")
    return [["person", at, at + 3, 0.9]] if at >= 0 else []


def answer(how: str, number: int, texts: list[str]) -> bytes:
    seen = [person(text) for text in texts]
    match how:
        case "out-of-bounds":
            seen[0] = [["person", 0, len(texts[0]) + 1, 0.9]]
        case "backwards":
            seen[0] = [["person", 3, 5, 0.9], ["person", 0, 2, 0.9]]
        case "undeclared":
            seen[0] = [["shoe-size", 0, 2, 0.9]]
        case "sure-beyond-doubt":
            seen[0] = [["person", 0, 2, 7.5]]
        case "fewer":
            seen = seen[:-1]
        case "other-number":
            number += 1
        case "garbage":
            return b"\x00\x00\x00\x04\xff\xff\xff\xff"
        case "endless":
            return b"\xff\xff\xff\xff" + b"x" * 100_000
        case "half":
            return frame([number, seen, ""])[:-1]
    return frame([number, seen, ""])


def main(how: str) -> None:
    load = receive()
    assert isinstance(load, dict)
    if how == "never-ready":
        time.sleep(600)
    if how == "lacks-its-model":
        say(frame([0, [], "model.onnx is not the file that was admitted\x1b[2J"]))
        sys.exit(1)
    say(frame([0, [], ""]))
    while True:
        job = receive()
        assert isinstance(job, list)
        if how == "crash":
            sys.exit(7)
        if how == "hang" or (how == "slow-for-slow" and "slow" in job[1]):
            time.sleep(600)
        if how == "drip":
            while True:
                say(b"\x00")
                time.sleep(0.02)
        say(answer(how, job[0], job[1]))


if __name__ == "__main__":
    main(sys.argv[1])
