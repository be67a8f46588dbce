"""What the ledger costs: ``python -m bench.ledger [--entries N] [--seconds S] [--folder DIR] [--database URL]...``.

Durable appends beside what the disk itself can sync, in one run on one folder, by writers that wait for each entry and in
batches; what encryption costs an exchange; proofs over a tree of N entries (a million) in tiles, made by the product and verified
by the product and by ``wardstead-verify``; whole ledgers, verified from outside. PostgreSQL is measured beside, by a server of
its own where one is installed; ``--database``, said once for each row of it, names empty databases of another.
Compare ratios, not runs.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue

from sqlalchemy import Engine, insert
from tests import postgres

from wardstead.adapters.store.base import directory_epoch, metadata, open_engine
from wardstead.adapters.store.engine.reserve import Reserve
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.adapters.store.ledger.continuity import begin_signed
from wardstead.adapters.store.ledger.exported import LedgerExport
from wardstead.adapters.store.ledger.journal import Journal
from wardstead.adapters.store.ledger.ledger_keys import SigningKeys
from wardstead.adapters.store.ledger.recorder import Recorder
from wardstead.adapters.store.tables import ledger as ledger_tables
from wardstead.auditor import verify
from wardstead.crypto import merkle
from wardstead.crypto.keyring import KeyRing
from wardstead.crypto.roots import only
from wardstead.crypto.signing import SigningKey
from wardstead.kernel.ids import ExchangeId, uuid7
from wardstead.ledger.ports import Refusal
from wardstead.ledger.sealing import ExchangeSeal, Sealer
from wardstead.ledger.tiles import TileId, append_leaves, node_from

BODY_BYTES = 3000
WRITERS = (1, 64)
BATCHES = (64, 256)
ROOT = bytes(32)
KEY = SigningKey("ledger.bench", bytes(32))


def now_ms() -> int:
    return int(time.time() * 1000)


def syncs_per_second(folder: Path, seconds: float, *, preallocated: bool) -> float:
    """4 KiB written and ``fdatasync``ed, one after the other."""
    path, block = folder / "syncs", os.urandom(4096)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if preallocated:
        os.posix_fallocate(fd, 0, 64 << 20)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        os.pwrite(fd, block, (count % 16384) * 4096)
        os.fdatasync(fd)
        count += 1
    rate = count / (time.perf_counter() - began)
    os.close(fd)
    path.unlink()
    return rate


@contextmanager
def ledger(folder: Path, url: str = "") -> Iterator[tuple[Engine, Sealer]]:
    """An empty one."""
    for name in ("state", "run", "keys"):
        (folder / name).mkdir()
    engine = open_engine(url or f"sqlite:///{folder / 'state' / 'wardstead.db'}")
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(directory_epoch).values(id=1, version=1))
    keys = SubjectKeys(folder / "keys" / "keys.db", only(ROOT), os.urandom, create=True)
    begin_signed(folder / "keys" / "ledger" / "checkpoint", KEY)
    yield engine, Sealer(KeyRing(only(ROOT), keys, os.urandom), os.urandom)
    keys.close()
    engine.dispose()


def reserve(folder: Path) -> Reserve:
    return Reserve(folder / "state" / "reserve", monotonic_s=time.monotonic, size_bytes=64 << 20)


def appends(folder: Path, writers: int, seconds: float, url: str = "") -> tuple[float, float, float]:
    """Entries per second, p50 and p99 in ms: so many writers, each of which waits for its entry before it writes the next.

    Entries are sealed (encrypted, key wrapped) within the time; an intent and its outcome take turns.
    """
    with ledger(folder, url) as (engine, sealer):
        answered: SimpleQueue[int] = SimpleQueue()
        journal = Journal(engine, incarnation="bench", run_dir=folder / "run", reserve=reserve(folder), clock=now_ms)
        seals = [sealer.begin(f"s{writer}", ExchangeId("begin")) for writer in range(writers)]  # everybody has a key
        owed, begun, latencies = [False] * writers, [0.0] * writers, list[float]()

        def done(writer: int) -> Callable[[Refusal | None], None]:
            def told(refusal: Refusal | None) -> None:
                if refusal is not None:
                    raise SystemExit(f"refused: {refusal}")
                answered.put(writer)

            return told

        def write(writer: int) -> None:
            begun[writer] = time.perf_counter()
            content = os.urandom(BODY_BYTES)
            if owed[writer]:
                journal.commit_outcome(seals[writer].outcome(content, "completed", now_ms()), done=done(writer))
            else:
                seals[writer] = sealer.begin(f"s{writer}", ExchangeId(uuid7(now_ms(), os.urandom(10))))
                journal.commit_intent(seals[writer].intent(content, now_ms()), directory_version=1, done=done(writer))
            owed[writer] = not owed[writer]

        began = time.perf_counter()
        for writer in range(writers):
            write(writer)
        while time.perf_counter() - began < seconds:
            writer = answered.get()
            latencies.append((time.perf_counter() - begun[writer]) * 1000)
            write(writer)
        taken = time.perf_counter() - began
        journal.close()
    return len(latencies) / taken, statistics.median(latencies), statistics.quantiles(latencies, n=100)[98]


def batches(folder: Path, size: int, seconds: float, url: str = "") -> tuple[float, float, float]:
    """As ``appends``, but by one that hands over so many at once, sealed before, and then waits for all of them."""
    with ledger(folder, url) as (engine, sealer):
        sealer.begin("s", ExchangeId("begin"))
        answered: SimpleQueue[Refusal | None] = SimpleQueue()
        journal = Journal(engine, incarnation="bench", run_dir=folder / "run", reserve=reserve(folder), clock=now_ms)
        latencies, seals = list[float](), list[ExchangeSeal]()
        while sum(latencies) < seconds * 1000:
            if seals:  # their outcomes, then
                drafts = [one.outcome(os.urandom(BODY_BYTES), "completed", now_ms()) for one in seals]
                commits, seals = [partial(journal.commit_outcome, one) for one in drafts], []
            else:
                seals = [sealer.begin("s", ExchangeId(uuid7(now_ms(), os.urandom(10)))) for _ in range(size)]
                drafts = [one.intent(os.urandom(BODY_BYTES), now_ms()) for one in seals]
                commits = [partial(journal.commit_intent, one, directory_version=1) for one in drafts]
            began = time.perf_counter()
            for commit in commits:
                commit(done=answered.put)
            refused = next((one for one in [answered.get() for _ in commits] if one is not None), None)
            latencies.append((time.perf_counter() - began) * 1000)
            if refused is not None:
                raise SystemExit(f"refused: {refused}")
        journal.close()
    return len(latencies) * size / sum(latencies) * 1000, statistics.median(latencies), max(latencies)


def encryption(folder: Path, count: int = 2000) -> None:
    """What sealing adds to an exchange of two entries: keys, encryption, padding, commitments; CPU."""
    with ledger(folder) as (_, sealer):
        content = os.urandom(BODY_BYTES)

        def sealed(number: int) -> None:
            seal = sealer.begin(f"s{number % 64}", ExchangeId(uuid7(now_ms(), os.urandom(10))))
            seal.intent(content, now_ms())
            seal.outcome(content, "completed", now_ms())

        for number in range(64):
            sealed(number)  # everybody has a key
        took = each_us(sealed, count)
        hashed = each_us(lambda _: [sha256(content).digest() for _ in range(2)], count)
    print(
        f"\nEncryption of an exchange, two entries of {BODY_BYTES} bytes: {took:.0f} µs of CPU (hashing them alone {hashed:.0f})."
    )


def each_us(work: Callable[[int], object], count: int) -> float:
    began = time.process_time()
    for number in range(count):
        work(number)
    return (time.process_time() - began) / count * 1e6


def proofs(entries: int, count: int = 2000) -> None:
    """Proofs over a tree in tiles."""
    began = time.process_time()
    leaves = [merkle.leaf_hash(number.to_bytes(8, "big")) for number in range(entries)]
    tiles: dict[TileId, bytes] = {}

    def read(level: int, index: int) -> bytes:
        return tiles.get((level, index), b"")

    for start in range(0, entries, 1024):
        tiles.update(append_leaves(start, leaves[start : start + 1024], read))
    grown = time.process_time() - began
    node, drawn = node_from(read), random.Random(1)
    root = merkle.tree_root(entries, node)
    places = [drawn.randrange(entries) for _ in range(count)]
    olds = [drawn.randrange(1, entries) for _ in range(count)]
    paths = [merkle.inclusion_proof(one, entries, node) for one in places]
    links = [merkle.consistency_proof(one, entries, node) for one in olds]
    roots = [merkle.tree_root(one, node) for one in olds]
    print(f"\nProofs over {entries:,} entries, CPU (tree and tiles grown in {grown:.1f} s):\n")
    print("| proof | bytes (mean) | make µs | verify µs | wardstead-verify µs |\n| --- | --- | --- | --- | --- |")
    made = each_us(lambda n: merkle.inclusion_proof(places[n], entries, node), count)
    ours = each_us(lambda n: merkle.verify_inclusion(leaves[places[n]], places[n], entries, paths[n], root), count)
    theirs = each_us(lambda n: verify.root_by_path(leaves[places[n]], places[n], entries, paths[n]), count)
    print(f"| inclusion | {32 * statistics.mean(map(len, paths)):.0f} | {made:.0f} | {ours:.0f} | {theirs:.0f} |")
    made = each_us(lambda n: merkle.consistency_proof(olds[n], entries, node), count)
    ours = each_us(lambda n: merkle.verify_consistency(olds[n], entries, links[n], roots[n], root), count)
    theirs = each_us(lambda n: verify.roots_by_proof(olds[n], entries, roots[n], links[n]), count)
    print(f"| consistency | {32 * statistics.mean(map(len, links)):.0f} | {made:.0f} | {ours:.0f} | {theirs:.0f} |")


def from_outside(folder: Path) -> None:
    """A ledger that was written, sequenced and exported, and how fast somebody else verifies it."""
    with ledger(folder) as (engine, sealer):
        rows = []
        for _ in range(10_000):
            exchange = ExchangeId(uuid7(now_ms(), os.urandom(10)))
            seal = sealer.begin("s", exchange)
            rows += [seal.intent(os.urandom(BODY_BYTES), now_ms()), seal.outcome(os.urandom(BODY_BYTES), "completed", now_ms())]
        values = [
            {"exchange": one.exchange, "kind": one.kind.value, "header": one.header, "body": one.body, "subject": one.subject,
             "time_ms": one.time_ms, "outcome": one.outcome}
            for one in rows
        ]  # fmt: skip
        with engine.begin() as connection:
            connection.execute(insert(ledger_tables.entry), values)
        recorder = Recorder(
            engine, SigningKeys.of(KEY), state_dir=folder / "state", signed=folder / "keys" / "ledger" / "checkpoint",
            run_dir=folder / "run", reserve=reserve(folder), clock=now_ms, monotonic_s=time.monotonic,
        )  # fmt: skip
        began = time.process_time()
        recorder.open()
        recorder.step()
        sequenced = time.process_time() - began
        recorder.close()
        path = folder / "export.jsonl"
        began = time.process_time()
        LedgerExport(engine, KEY.verifying).write(path)
        exported = time.process_time() - began
        began = time.process_time()
        report = verify.verify_file(path, verify.Trust(verify.Key.parse(KEY.verifying.text(), verify.SIGNED)))
        verified = time.process_time() - began
        if not report.ok:
            raise SystemExit(f"the export does not verify: {report.problems[:3]}")
    count = len(rows)
    print(
        f"\n{count:,} entries of {BODY_BYTES} bytes, CPU: sequenced and signed {count / sequenced:,.0f}/s, exported "
        f"{count / exported:,.0f}/s ({path.stat().st_size / count:,.0f} bytes each), wardstead-verify {count / verified:,.0f}/s"
    )


@contextmanager
def databases(given: list[str]) -> Iterator[list[str]]:
    """Those that were given, else of a server that is started for this."""
    if given or not postgres.INSTALLED:
        yield given
        return
    server = postgres.Server(("fsync=on", "full_page_writes=on", "synchronous_commit=on"))
    try:
        yield [server.database() for _ in range(len(WRITERS) + len(BATCHES))]
    finally:
        server.close()


def durable(folder: Path, seconds: float, urls: list[str], syncs: float) -> None:
    """Both ways of writing, on each store."""
    kinds = [(appends, "writers", one) for one in WRITERS] + [(batches, "in a batch", one) for one in BATCHES]
    print("| store | | durable entries/s | of the disk's syncs | p50 ms | p99 ms (batches: the longest) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number, (measure, name, size) in enumerate(kinds):
        for store, url in (("SQLite", ""), *(("PostgreSQL", one) for one in urls[number : number + 1])):
            place = folder / f"{store}-{number}"
            place.mkdir()
            rate, middle, late = measure(place, size, seconds, url)
            print(f"| {store} | {size} {name} | {rate:,.0f} | {rate / syncs:.2f} | {middle:.2f} | {late:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.ledger")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--folder", default=None, help="on the disk that is measured (the system's temporary folder)")
    parser.add_argument("--database", action="append", default=[], metavar="URL", help="an empty PostgreSQL database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        folder = Path(place)
        load = os.getloadavg()[0]
        plain = syncs_per_second(folder, given.seconds / 2, preallocated=False)
        ahead = syncs_per_second(folder, given.seconds / 2, preallocated=True)
        print(f"Load average {load:.1f} on {os.cpu_count()} cores.")
        print(f"The disk syncs 4 KiB {plain:,.0f} times a second, {ahead:,.0f} where space is set aside.\n")
        with databases(given.database) as urls:
            durable(folder, given.seconds, urls, plain)
        (folder / "sealing").mkdir()
        encryption(folder / "sealing")
        (folder / "outside").mkdir()
        from_outside(folder / "outside")
    proofs(given.entries)


if __name__ == "__main__":
    main()
