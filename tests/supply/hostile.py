"""Files made to hurt: the corpus' own, damaged in every way."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from bench.supply.corpus import corpus

from wardstead.supply.scan import look
from wardstead.supply.sources import Memory

SEEDS = sorted({(name, data) for case in corpus() for name, data in case.files.items() if len(data) < 1 << 16})
NUMBERS = (0, 1, 0x7F, 0xFF, 1 << 15, (1 << 31) - 1, (1 << 32) - 1, 1 << 62, (1 << 63) - 1, (1 << 64) - 1)


def damaged(source: random.Random, data: bytes) -> bytes:
    """One to four damages."""
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(data) + 1)
        match source.randrange(7):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + source.randbytes(source.randint(1, 8)) + data[at:]
            case 2:
                until = min(len(data), at + source.randint(1, 16))
                data = data[:at] + data[until:]
            case 3:
                data = data[:at] + bytes([source.randrange(256)]) + data[at + 1 :]
            case 4:
                number = struct.pack("<Q", source.choice(NUMBERS))[: source.choice((1, 2, 4, 8))]
                data = data[:at] + number + data[at + len(number) :]
            case 5:
                piece = data[at : at + source.randint(1, 200)]
                data = data[:at] + piece * source.randint(2, 40) + data[at:]
            case 6:
                data += source.choice(SEEDS)[1]
    return data


def files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Without an end; each with a name of its own or of another."""
    source = random.Random(seed)
    while True:
        name, data = source.choice(SEEDS)
        if source.random() < 0.1:
            name = source.choice(SEEDS)[0]
        yield name, damaged(source, data)


def examine(name: str, data: bytes) -> None:
    """A verdict is given, and whatever it says can be written."""
    kind, findings = look(Memory(data, name))
    assert isinstance(kind, str)
    for one in findings:
        assert one.document()["title"]
        assert one.offset is None or one.offset >= 0
        assert one.offset is None or one.file != name or one.offset <= len(data)
