"""What encrypted weights cost at a start: decrypting and hashing against hashing alone, on the same file, in turns.

``python -m bench.weights [MIB]``
"""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from wardstead.adapters.sandbox.weights import blocks, decrypted
from wardstead.crypto.segments import SEGMENT, seal_segments

ROUNDS = 5


def seconds(act: Callable[[], object]) -> float:
    """CPU time, user and system."""
    began = time.process_time()
    act()
    return time.process_time() - began


def hashed(content: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for block in content:
        found.update(block)
    return found.hexdigest()


def main() -> None:
    """Measure and print."""
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    key = os.urandom(32)
    with tempfile.TemporaryDirectory() as folder:
        plain, sealed = Path(folder) / "w", Path(folder) / "w.encrypted"
        block = os.urandom(SEGMENT)
        with plain.open("wb") as file:
            for number in range(mib):
                file.write(number.to_bytes(8, "big") + block[8:])
        with plain.open("rb") as source, sealed.open("wb") as target:
            sealing = seconds(lambda: target.writelines(seal_segments(key, iter(lambda: source.read(SEGMENT), b""), os.urandom)))
        assert hashed(blocks(plain)) == hashed(decrypted(sealed, key))
        rounds = [
            (seconds(lambda: hashed(blocks(plain))), seconds(lambda: hashed(decrypted(sealed, key)))) for _ in range(ROUNDS)
        ]
    alone, both = (statistics.median(column) for column in zip(*rounds, strict=True))
    table = Table("what", "MB/s", "of hashing alone", title=f"{mib} MiB, CPU time, medians of {ROUNDS} rounds in turns")
    for what, took in (("hashing", alone), ("decrypting and hashing", both), ("encrypting, once", sealing)):
        table.add_row(what, f"{mib * 1.048576 / took:,.0f}", f"{alone / took:.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
