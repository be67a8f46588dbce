"""What the kernel's interpreter of classic BPF would answer to one system call (``linux/bpf_common.h``, ``linux/seccomp.h``)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from wardstead.isolation.seccomp import Instruction

LOAD, JUMP_EQUAL, JUMP_GREATER, JUMP_AT_LEAST, JUMP_BITS, RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06


def evaluate(instructions: Sequence[Instruction], arch: int, number: int, arguments: Sequence[int] = ()) -> int:
    """The verdict."""
    given = [*arguments, *(0 for _ in range(6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *(one & 0xFFFFFFFFFFFFFFFF for one in given))
    accumulator, at = 0, 0
    while True:
        one = instructions[at]
        at += 1
        if one.code == RETURN:
            return one.k
        if one.code == LOAD:
            (accumulator,) = struct.unpack_from("<I", data, one.k)
            continue
        taken = {
            JUMP_EQUAL: accumulator == one.k,
            JUMP_GREATER: accumulator > one.k,
            JUMP_AT_LEAST: accumulator >= one.k,
            JUMP_BITS: bool(accumulator & one.k),
        }[one.code]
        at += one.jt if taken else one.jf
