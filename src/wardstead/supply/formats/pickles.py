"""Files that are pickles: of Python, joblib, dill, and PyTorch's older format, one or several after another."""

from __future__ import annotations

from typing import Final

from wardstead.supply.formats.pickle_machine import Machine, instructions
from wardstead.supply.formats.pickle_values import Budget, Rules
from wardstead.supply.ports import Malformed, Seen, Source, Steps

_MOST: Final = 10_000
"""Pickles after one another."""
_MAGIC: Final = 0x1950A86A20F9469CFC6C
"""With which PyTorch's older format begins (``torch/serialization.py``)."""
_ELEMENTS: Final = {
    f"{kind}Storage": size
    for size, kinds in {
        1: "Char Byte Bool Untyped QInt8 QUInt8", 2: "Half Short BFloat16", 4: "Float Int QInt32", 8: "Double Long ComplexFloat",
        16: "ComplexDouble",
    }.items()
    for kind in kinds.split()
}  # fmt: skip
_PADDING: Final = 4096


def looks_like_one(head: bytes) -> bool:
    """Whether it begins as pickles of protocol 2 and later do."""
    return head[:1] == b"\x80" and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}


def check(source: Source, rules: Rules = Rules()) -> Steps:  # noqa: B008 -- a frozen value
    """Every pickle of a file."""
    budget, count, calls, clean = Budget(), 0, 0, True
    if not source.size:
        raise Malformed("it is empty", 0)
    for machine in instructions(source, 0, rules, budget):
        try:
            for step in machine.run():
                clean = False
                yield step
        except Malformed as error:
            if not count or machine.calls:
                raise
            yield Seen("trailing-data", f"what follows the pickle is none: {error.what}", error.offset)
            return
        count += 1
        calls += machine.calls
        if count == 1 and machine.value == _MAGIC:
            yield from _older(source, machine, budget)
            return
        if count > _MOST:
            raise Malformed(f"it has more than {_MOST:,} pickles after one another")
        if _only_padding(source, machine):
            break
    if calls and clean:
        yield Seen(
            "pickle", f"{count} pickle{'' if count == 1 else 's'}, which look{'s' if count == 1 else ''} up {calls:,} names"
        )


def maybe(source: Source) -> Steps:
    """A file of no known format, or of one that can be a pickle besides: what it holds is told if something in it is called.

    ``pickle.load`` calls as it reads: what comes behind need not be a pickle any more. Those that call nothing may come before
    one that does, and instructions that come to nothing before one that harms.
    """
    if _calls(source):
        yield Seen("wrong-name", "it is a pickle, and its name does not say so")
        yield from check(source)


def _calls(source: Source) -> bool:
    """Whether a pickle, or one of those that follow one another, names what it calls, or is too long to say."""
    budget, begins = Budget(), looks_like_one(source.read(0, 2))
    for number, machine in enumerate(instructions(source, 0, Rules(persistent=True), budget)):
        try:
            for _ in machine.run():
                pass
        except Malformed:
            return budget.left <= 0 or bool(machine.calls if begins and not number else machine.made)
        if machine.calls or number > _MOST:
            return True
    return False


def _only_padding(source: Source, machine: Machine) -> bool:
    at = machine.end
    rest = source.read(at, _PADDING + 1)
    return len(rest) <= _PADDING and not any(rest)


def _older(source: Source, first: Machine, budget: Budget) -> Steps:
    """PyTorch's format until 1.6: four pickles more, then the bytes of every storage."""
    at, last, calls, clean = first.end, first, 0, True
    for number, machine in enumerate(instructions(source, at, Rules(persistent=True), budget)):
        for step in machine.run():
            clean = False
            yield step
        calls += machine.calls
        at = machine.end
        if number == 2:
            last = machine
        if number == 3:
            break
    expected = 0
    for kind, count in last.storages.values():
        if kind not in _ELEMENTS or not isinstance(count, int) or count < 0:
            raise Malformed(f"a storage is of the type {str(kind)[:40]!r}", at)
        expected += 8 + count * _ELEMENTS[kind]
    if source.read(at + expected, 1):
        yield Seen("trailing-data", "bytes after the last storage", at + expected)
    if clean:
        yield Seen("pickle", f"PyTorch's older format, which looks up {calls:,} names")
