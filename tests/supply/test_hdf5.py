"""HDF5 as the library itself writes it (``hdf5/make.py``): many or long links and attributes lie in heaps, and are read there."""

from __future__ import annotations

import lzma
import random
from pathlib import Path

import pytest
from tests.supply.hostile import examine

from wardstead.supply.ports import Severity
from wardstead.supply.scan import look
from wardstead.supply.sources import Memory

FILES = Path(__file__).parent / "hdf5"
RULES = {
    "bad-keras": {"layer-code"},
    "bad-attributes": {"layer-code"},
    "bad-links": {"config-path"},
    "bad-pickled": {"pickle-code"},
    "bad-objects": {"packed"},
}
NAMES = sorted(one.name.removesuffix(".h5.xz") for one in FILES.glob("*.xz"))


def _read(name: str) -> bytes:
    return lzma.decompress((FILES / f"{name}.h5.xz").read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_in_a_heap_is_judged(name: str) -> None:
    kind, findings = look(Memory(_read(name), f"{name}.h5"))
    assert kind == "hdf5"
    assert {one.rule for one in findings if one.severity is Severity.BLOCK} == RULES.get(name, set()), findings


@pytest.mark.parametrize("name", ["bad-keras", "bad-links", "bad-attributes"])
def test_a_heap_that_is_damaged_is_refused_or_read_and_never_believed(name: str) -> None:
    data, chance = _read(name), random.Random(20261127)
    marks = [at for mark in (b"FRHP", b"FHDB", b"FHIB", b"BTHD", b"BTIN", b"BTLF") if (at := data.find(mark)) >= 0]
    for number in range(60):
        damaged = bytearray(data)
        at = marks[number % len(marks)] + chance.randrange(150)
        damaged[at] = chance.randrange(256)
        examine(f"{name}.h5", bytes(damaged))
    for at in marks:
        _, findings = look(Memory(data[:at] + b"XXXX" + data[at + 4 :], "model.h5"))
        assert "unparsed" in {one.rule for one in findings}
