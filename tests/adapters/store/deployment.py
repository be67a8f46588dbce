"""A small deployment's ledger in a temporary folder."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine

from wardstead.adapters.store.base import directory_epoch, metadata, open_engine
from wardstead.adapters.store.engine.reserve import Reserve
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.adapters.store.ledger.continuity import begin_signed
from wardstead.adapters.store.ledger.journal import Journal
from wardstead.adapters.store.ledger.ledger_keys import SigningKeys
from wardstead.adapters.store.ledger.ledger_reader import LedgerReader
from wardstead.adapters.store.ledger.recorder import Recorder
from wardstead.adapters.store.tables import ledger as ledger_tables  # noqa: F401 - the tables register themselves
from wardstead.crypto.keyring import KeyRing
from wardstead.crypto.roots import only
from wardstead.crypto.signing import SigningKey
from wardstead.kernel.ids import ExchangeId, uuid7
from wardstead.ledger.ports import Refusal
from wardstead.ledger.sealing import ExchangeSeal, Sealer

VERSION = 7


def now_ms() -> int:
    return int(time.time() * 1000)


@dataclass
class Deployment:
    """Engine, keys and folders, and short words for what tests do with them."""

    folder: Path
    engine: Engine
    keys: SubjectKeys
    root: bytes
    ledger_key: SigningKey
    ring: KeyRing = field(init=False)
    sealer: Sealer = field(init=False)

    def __post_init__(self) -> None:
        self.ring = KeyRing(only(self.root), self.keys, os.urandom)
        self.sealer = Sealer(self.ring, os.urandom)

    @property
    def signed(self) -> Path:
        return self.folder / "keys" / "ledger" / "checkpoint"

    @property
    def reader(self) -> LedgerReader:
        return LedgerReader(self.engine, self.ledger_key.verifying)

    def reserve(self, size_bytes: int = 1024 * 1024) -> Reserve:
        return Reserve(self.folder / "state" / "reserve", monotonic_s=time.monotonic, size_bytes=size_bytes)

    def journal(self, incarnation: str = "worker-1", **options: object) -> Journal:
        return Journal(
            self.engine,
            incarnation=incarnation,
            run_dir=self.folder / "run",
            reserve=options.pop("reserve", None) or self.reserve(),
            clock=now_ms,
            **options,
        )

    def recorder(self) -> Recorder:
        return Recorder(
            self.engine,
            SigningKeys.of(self.ledger_key),
            state_dir=self.folder / "state",
            signed=self.signed,
            run_dir=self.folder / "run",
            reserve=self.reserve(),
            clock=now_ms,
            monotonic_s=time.monotonic,
        )

    def record(self) -> None:
        """Have everything sequenced and signed."""
        recorder = self.recorder()
        recorder.open()
        recorder.step()
        recorder.close()

    def seal(self, subject: str = "alice") -> tuple[ExchangeId, ExchangeSeal]:
        exchange = ExchangeId(uuid7(now_ms(), os.urandom(10)))
        return exchange, self.sealer.begin(subject, exchange)

    def exchange(self, journal: Journal, subject: str = "alice", *, finish: bool = True) -> ExchangeId:
        """One exchange, durable."""
        exchange, seal = self.seal(subject)
        assert commit(journal, seal, b'{"question":1}') is None
        if finish:
            assert conclude(journal, seal, b'{"answer":2}') is None
        return exchange

    def known(self) -> list[str]:
        return [(self.folder / "state" / "checkpoint").read_text()]

    def verify(self, *, known: bool = True) -> list[str]:
        """The codes of the problems that verification finds."""
        report = self.reader.verify(clock=now_ms, known=self.known() if known else ())
        return [problem.code for problem in report.problems]


@contextmanager
def unguarded(engine: Engine) -> Iterator[Connection]:
    """A transaction in which no row must be where another points to."""
    server = engine.dialect.name == "postgresql"
    off, on = "PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON"
    if server:
        off, on = "SET session_replication_role = replica", "SET session_replication_role = origin"
    with engine.connect() as connection:
        connection.exec_driver_sql(off)
        connection.commit()
        yield connection
        connection.commit()
        connection.exec_driver_sql(on)
        connection.commit()


class Answer:
    """A ``done`` that can be waited for."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._refusal: Refusal | None = None

    def __call__(self, refusal: Refusal | None) -> None:
        self._refusal = refusal
        self._event.set()

    def wait(self) -> Refusal | None:
        assert self._event.wait(20), "the journal did not answer"
        return self._refusal


def commit(journal: Journal, seal: ExchangeSeal, content: bytes, version: int = VERSION) -> Refusal | None:
    answer = Answer()
    journal.commit_intent(seal.intent(content, now_ms()), directory_version=version, done=answer)
    return answer.wait()


def conclude(journal: Journal, seal: ExchangeSeal, content: bytes) -> Refusal | None:
    answer = Answer()
    journal.commit_outcome(seal.outcome(content, "answered", now_ms()), done=answer)
    return answer.wait()


def deploy(folder: Path, url: str = "") -> Deployment:
    """A deployment in ``folder``, made when it is not there; its database at ``url``, or in the folder."""
    for name in ("keys", "state", "run"):
        (folder / name).mkdir(exist_ok=True, mode=0o700)
    root = bytes(range(32))
    engine = open_engine(url or f"sqlite:///{folder / 'state' / 'wardstead.db'}")
    metadata.create_all(engine)
    with engine.begin() as connection:
        if connection.execute(directory_epoch.select()).first() is None:
            connection.execute(directory_epoch.insert().values(id=1, version=VERSION))
    keys = SubjectKeys(folder / "keys" / "keys.db", only(root), os.urandom, create=True)
    made = Deployment(folder, engine, keys, root, SigningKey("ledger.test", bytes(32)))
    begin_signed(made.signed, made.ledger_key)
    return made
