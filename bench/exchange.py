"""``python -m bench.exchange``: the CPU time of what is ours of an exchange, in one process, without a socket or a disk.

A deployment as ``init`` makes it is opened, and whole exchanges are driven by hand: from a request's bytes to the sealed outcome
and the bytes for the client, with everything that inspects, decides and seals. What stands around it (HTTP, the ledger's thread,
the recorder) is not in it: ``make bench`` has that. Another process on the machine can only make the figures worse: the least of
the rounds is shown.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from bench import targets
from bench.cpu import cpu_us
from bench.run import LOAD
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.processes.worker import KeyUses, inspectors_of, worlds_of
from wardstead.gateway.pipeline.commands import CallModel, Compute, ReadBody, ReadModel, Recall, Refresh
from wardstead.gateway.pipeline.exchange import Exchange
from wardstead.gateway.pipeline.steps import Incoming
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.kernel.ids import ExchangeId, uuid7
from wardstead.ledger.ports import Remembered

ROUNDS, EXCHANGES, CHUNKS = 7, 100, 100
SAID = (
    "The quarterly report shows that revenue grew by twelve percent while costs stayed flat. Two risks remain: renewal "
    "concentration, and a pending change in the data residency rules."
)
ANSWER = json.dumps(
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}], "usage": {}}
).encode()


class Ready:
    """A deployment's world and its key, ready for exchanges."""

    def __init__(self, folder: Path) -> None:
        targets.initialise(folder, 1, 1, tls=False)
        self.deployment = Deployment(folder, {})
        self.key = people.create_key(self.deployment, "bench", [], [], None).key
        self.world = worlds_of(self.deployment, KeyUses(lambda _uses: None), inspectors_of(self.deployment))()
        self.world.inspector.warm()

    def exchange(self, body: bytes, answer: Iterator[bytes]) -> None:
        """One, driven to its end. Raises ``SystemExit`` where it did not answer."""
        now = now_ms()
        incoming = Incoming(
            ExchangeId(uuid7(now, os.urandom(10))), OpenAIDialect(), "/v1/chat/completions", self.key, None, now, {}, "127.0.0.1"
        )
        one = Exchange(incoming, self.world, sealer=self.deployment.sealer, clock=now_ms)
        road = one.run()
        results: dict[type[Any], Callable[[Any], Any]] = {
            ReadBody: lambda _: body,
            Compute: lambda command: command.work(),
            Recall: lambda _: Remembered(),
            Refresh: lambda _: self.world,
            CallModel: lambda _: 200,
            ReadModel: lambda _: next(answer, b""),
        }
        command = next(road)
        try:
            while True:
                result = results.get(type(command))
                command = road.send(result(command) if result is not None else None)
        except StopIteration:
            pass
        if one.outcome != "completed":
            raise SystemExit(f"an exchange ended with {one.outcome!r}")


def chunk(number: int) -> bytes:
    """A piece of a streamed answer: four characters or so, like those of the mock model server."""
    said = {"index": 0, "delta": {"content": f"T{number} "}, "finish_reason": None}
    return b"data: " + json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": [said]}).encode() + b"\n\n"


def measured(ready: Ready) -> dict[str, float]:
    """By what was asked: CPU time in microseconds."""
    plain = (LOAD / "body.json").read_bytes()
    asked = json.loads(plain)
    stream = json.dumps(asked | {"stream": True}).encode()
    numbers = count()

    def another() -> bytes:
        return plain.replace(b"Headcount: 212", b"Headcount: %d" % next(numbers))

    chunks = [chunk(number) for number in range(CHUNKS)]
    last = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    same = cpu_us(lambda: ready.exchange(plain, iter([ANSWER])), EXCHANGES, rounds=ROUNDS)
    fresh = cpu_us(lambda: ready.exchange(another(), iter([ANSWER])), EXCHANGES, rounds=ROUNDS)
    none = cpu_us(lambda: ready.exchange(stream, iter([chunks[0], last])), EXCHANGES // 2, rounds=ROUNDS)
    many = cpu_us(lambda: ready.exchange(stream, iter([*chunks, last])), EXCHANGES // 10, rounds=ROUNDS)
    return {"the same question": same, "another question": fresh, "a chunk": (many - none) / (CHUNKS - 1)}


def main() -> int:
    """Measure, show."""
    argparse.ArgumentParser(prog="python -m bench.exchange", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        ready = Ready(Path(name) / "deployment")
        print(json.dumps({what: round(took, 1) for what, took in measured(ready).items()}, indent=2))
        ready.deployment.engine.dispose()
    return 0


if __name__ == "__main__":
    main()
