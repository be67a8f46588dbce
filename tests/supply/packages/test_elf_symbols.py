"""Which build a program of llama.cpp is, as its table of symbols says it; nothing where that says nothing."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.supply.packages.elf_symbols import number
from wardstead.supply.packages.servers import program

NAME = b"LLAMA_BUILD_NUMBER"


def elf(build: int, *, kind: int = 2, held: int = 1, name: bytes = NAME, before: bytes = b"\0X_") -> bytes:
    """A file with one symbol, whose name ends a longer one's, as linkers put them together."""
    names = before + name + b"\0"
    symbols = bytes(24) + struct.pack("<IBBHQQ", len(before), 0x11, 0, 1, 0x4010, 4)
    parts = [(0, 0, b""), (held, 0x4000, bytes(16) + struct.pack("<i", build)), (3, 0, names), (kind, 0, symbols)]
    data, table = bytearray(64), b""
    for what, address, content in parts:
        table += struct.pack("<IIQQQQIIQQ", 0, what, 0, address, len(data), len(content), 2, 0, 1, 24)
        data += content
    data[:64] = b"\x7fELF\x02\x01\x01".ljust(40, b"\0") + struct.pack("<QIHHHHHH", len(data), 0, 64, 0, 0, 64, len(parts), 2)
    return bytes(data + table)


@pytest.mark.parametrize("kind", [2, 11])
def test_a_build_is_read_where_it_is_kept(kind: int) -> None:
    assert number(elf(5882, kind=kind), NAME) == 5882
    assert program(elf(5882, kind=kind), "bin/llama-server").version == "b5882"


def test_room_for_a_number_or_one_that_counts_a_few_commits_is_no_build() -> None:
    assert number(elf(5882, held=8), NAME) is None, "it is filled in by the program when it runs"
    for build in (0, 1, 50, -1):
        assert program(elf(build), "libllama-common.so").version == ""
    assert program(elf(5882, name=b"LLAMA_BUILD_NUMBERS"), "llama-server").version == ""
    assert program(b"\x7fELF", "libllama.so.0.0.4711").version == "b4711"


@given(st.integers(0, 600), st.binary(max_size=8))
def test_no_damage_breaks_it(at: int, put: bytes) -> None:
    whole = elf(5882)
    for data in (whole[:at] + put + whole[at + len(put) :], whole[:at]):
        assert number(data, NAME) is None or isinstance(number(data, NAME), int)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no compiler here")
@pytest.mark.parametrize("flags", [(), ("-shared", "-fPIC"), ("-static",)])
def test_what_a_compiler_makes_of_it_is_read(flags: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int LLAMA_BUILD_NUMBER = 6123;\nint main(void) { return LLAMA_BUILD_NUMBER == 0; }\n")
    made = tmp_path / "a.out"
    subprocess.run(["gcc", *flags, "-o", made, tmp_path / "a.c"], check=True)
    assert number(made.read_bytes(), NAME) == 6123
    subprocess.run(["strip", made], check=True)
    assert number(made.read_bytes(), NAME) == (6123 if "-shared" in flags else None)
